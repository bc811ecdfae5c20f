package classify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"time"

	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/pipeline"
	"github.com/visionzoo/vision/vision"
)

// Result is one picture of a Stream.
type Result struct {
	Name        string // the source's
	Predictions []Prediction
	// Decode and Encode are the picture's own times; Infer is that of the run
	// it was part of, divided by the pictures of that run.
	Decode, Encode, Infer time.Duration
}

// Batch makes a Stream put up to n pictures of one size into each run; the
// default is 1. The network must take batches of any length, or of just n.
func Batch(n int) Option { return func(o *options) { o.batch = n } }

// Workers bounds how many pictures of a Stream are in the network at the same
// time, each in a run of its own; the default is GOMAXPROCS. With fewer, one more
// picture is being decoded and encoded meanwhile. A session opened with
// engine.Threads(1) makes the most of several runs at a time.
func Workers(n int) Option { return func(o *options) { o.workers = n } }

// Stream names what is in many pictures: results in the order of the sources,
// while later pictures are being decoded and encoded and others are in the
// network. A picture that fails comes with its error and its Name, and the rest
// goes on. Once the context is cancelled the last pair is its error, with an
// empty Result. At any time at most workers+1 pictures are decoded, as many
// batches encoded, and 2·workers+4 batches of sources read ahead, counted from
// the one that is due next.
//
// The sources are read on a goroutine of the Stream's own. They may decode into
// memory of the Stream's (vision.Into), and leave out what the model does not look
// at (vision.SeenBy); a picture that is the source's own is left as it is. Leaving the loop ends everything that was begun.
func Stream(ctx context.Context, m Model, sources iter.Seq[vision.Source], opts ...Option) iter.Seq2[Result, error] {
	o, err := newOptions(opts)
	if err == nil {
		err = o.checkStream(m)
	}
	if err == nil && sources == nil {
		err = errors.New("there are no sources; slices.Values makes them of a list, vision.Sources of names")
	}
	return func(yield func(Result, error) bool) {
		if err != nil {
			yield(Result{}, err)
			return
		}
		s := &stream{model: m, options: o, desks: make([]pipeline.Desk, pipeline.Desks(o.workers)), runs: make(pipeline.Gate, o.workers)}
		for batch := range pipeline.Map(ctx, len(s.desks), inBatches(sources, o.batch), s.batch) {
			for _, p := range batch {
				if ctx.Err() != nil {
					break
				}
				if !yield(p.result, p.err) {
					return
				}
			}
		}
		if ctx.Err() != nil {
			yield(Result{}, context.Cause(ctx))
		}
	}
}

// inBatches gathers up to n sources at a time.
func inBatches(sources iter.Seq[vision.Source], n int) iter.Seq[[]vision.Source] {
	return func(yield func([]vision.Source) bool) {
		var batch []vision.Source
		for s := range sources {
			if batch = append(batch, s); len(batch) < n {
				continue
			}
			if !yield(batch) {
				return
			}
			batch = nil
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

func (o *options) checkStream(m Model) error {
	switch {
	case m == nil:
		return errNoModel
	case m.Encoder() == nil:
		return errNoPicture
	case o.batch == 1:
		return nil
	}
	layout := m.Encoder().Recipe().Layout
	in := m.Session().Inputs()[0]
	if layout != "" && layout[0] != 'N' || !in.Shape.Ranked || len(in.Shape.Dims) == 0 {
		return errors.New("the model takes one picture at a time: its input has no batch axis")
	}
	switch d := in.Shape.Dims[0]; {
	case d.Known() && d.N == 1:
		return fmt.Errorf("the model takes one picture at a time, not %d", o.batch)
	case d.Known() && d.N != o.batch:
		return fmt.Errorf("the model takes %d pictures at a time, not %d", d.N, o.batch)
	}
	return nil
}

// stream is what the goroutines of a Stream share.
type stream struct {
	model   Model
	options options
	desks   []pipeline.Desk
	runs    pipeline.Gate
}

// picture is one of a batch.
type picture struct {
	result Result
	err    error
}

// batch brings pictures from their sources to predictions. Those that follow
// one another and are of one shape once encoded share a run.
func (s *stream) batch(ctx context.Context, n int, sources []vision.Source) []picture {
	desk, encoder := &s.desks[n], s.model.Encoder()
	all := make([]picture, len(sources))
	var x *tensor.Tensor
	var group []*picture // those that x begins with
	for i, source := range sources {
		p := &all[i]
		p.result.Name = source.Name
		var img *vision.Image
		if img, p.result.Decode, p.err = desk.Open(ctx, source, vision.SeenBy(encoder)); p.err != nil {
			continue
		}
		shape, err := s.shape(img)
		if err == nil && len(group) > 0 && !slices.Equal(shape, x.Shape()) {
			s.run(ctx, x, group)
			group = nil
		}
		start := time.Now()
		if err == nil {
			x = desk.Input(encoder.DType(), shape)
			_, err = encoder.EncodeInto(x, len(group), img)
		}
		if p.err = err; err == nil {
			p.result.Encode = time.Since(start)
			group = append(group, p)
		}
	}
	s.run(ctx, x, group)
	return all
}

// shape is that of the batch which a picture is to be encoded into.
func (s *stream) shape(img *vision.Image) ([]int, error) {
	shape, err := s.model.Encoder().Shape(img.Width, img.Height)
	if n := s.size(); n > 1 && err == nil {
		shape[0] = n
		_, err = tensor.Count(shape)
	}
	return shape, err
}

// size is how many pictures a batch has room for.
func (s *stream) size() int {
	if n, fixed := s.fixed(); fixed {
		return n
	}
	return s.options.batch
}

// fixed is how many pictures the network takes, where it takes no other number.
func (s *stream) fixed() (int, bool) {
	in := s.model.Session().Inputs()[0].Shape
	if len(in.Dims) == 4 && in.Dims[0].Known() {
		return in.Dims[0].N, true
	}
	return 0, false
}

// run sends the pictures that x begins with through the network. A batch that
// fails is tried again picture by picture, so that the error is that of the
// picture it belongs to.
func (s *stream) run(ctx context.Context, x *tensor.Tensor, group []*picture) {
	if len(group) == 0 {
		return
	}
	err := s.runs.Enter(ctx)
	if err == nil {
		defer s.runs.Leave()
		err = s.runTogether(ctx, x, group)
	}
	if err == nil {
		return
	}
	for i, p := range group {
		if p.err = err; len(group) > 1 && ctx.Err() == nil {
			p.err = s.runTogether(ctx, alone(x, i), group[i:i+1])
		}
	}
}

func (s *stream) runTogether(ctx context.Context, x *tensor.Tensor, group []*picture) error {
	start := time.Now()
	n := len(group)
	if room := s.size(); n < room {
		size := len(x.Bytes()) / room
		if _, fixed := s.fixed(); fixed {
			clear(x.Bytes()[n*size:])
			n = room
		} else {
			x = tensor.View(x.DType(), x.Bytes()[:n*size], append([]int{n}, x.Shape()[1:]...))
		}
	}
	all, err := rows(ctx, s.model, x, n)
	if err != nil {
		return err
	}
	for i, p := range group {
		p.result.Predictions, p.err = ranked(all[i], s.model.Labels(), s.options.top)
		p.result.Infer = time.Since(start) / time.Duration(len(group))
	}
	return nil
}

// alone is a batch as large as x that begins with number i of x.
func alone(x *tensor.Tensor, i int) *tensor.Tensor {
	one := tensor.New(x.DType(), x.Shape()...)
	size := len(x.Bytes()) / x.Dim(0)
	copy(one.Bytes(), x.Bytes()[i*size:(i+1)*size])
	return one
}

func newOptions(opts []Option) (options, error) {
	o := options{top: 5, batch: 1, workers: runtime.GOMAXPROCS(0)}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	switch {
	case o.top < 1:
		return o, fmt.Errorf("the %d most probable classes are asked for; at least 1 is needed", o.top)
	case o.batch < 1:
		return o, fmt.Errorf("a batch of %d pictures; at least 1 is needed", o.batch)
	case o.workers < 1:
		return o, fmt.Errorf("%d workers; at least 1 is needed", o.workers)
	}
	return o, nil
}
