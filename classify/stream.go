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
	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/clock"
	"github.com/visionzoo/vision/internal/pipeline"
	"github.com/visionzoo/vision/internal/printable"
	"github.com/visionzoo/vision/vision"
)

// Result is one picture of a Stream. Its JSON holds the fields file and predictions of
// vision classify --json.
type Result struct {
	Name        string       `json:"file"` // of the source
	Predictions []Prediction `json:"predictions"`
	Scores      []float64    `json:"-"`                 // of all classes, as the network gives them
	Damaged     bool         `json:"damaged,omitempty"` // see vision.Image; only what the model looks at counts
	// Decode and Encode are the picture's own times; Infer is the time of the run
	// that the picture was part of, divided by the number of pictures in that run.
	Decode, Encode, Infer time.Duration `json:"-"`
}

// Batch makes a Stream put up to n pictures of the same input size into each run of
// the network; the default is 1. The network must accept batches of any length, or
// of exactly n.
func Batch(n int) Option { return func(o *options) { o.batch = n } }

// Workers bounds how many runs of the network a Stream has under way at the same
// time; the default is GOMAXPROCS. With fewer, one more picture is decoded and
// encoded meanwhile. Several runs at a time are fastest with a session that was
// opened with one thread: zoo.WithEngine(engine.Threads(1)).
func Workers(n int) Option { return func(o *options) { o.workers = n } }

// Stream classifies many pictures. It yields results in the order of the sources,
// while later pictures are being decoded, encoded and run. A picture that fails
// yields its error with its Name, with which the error begins (if it does when the
// source is opened, as with those of vision), and the rest goes on. If the context is
// cancelled, the last pair is its error with an empty Result. At any time at most
// workers+1 pictures are decoded, as many batches encoded, and 2·workers+4 batches
// of sources read ahead, counted from the one whose result is due next.
//
// The sources are read on a goroutine of the Stream's own. Their Open is called
// with options that let it decode into memory of the Stream's (vision.Into) and
// leave out what the model does not look at (vision.SeenBy); a picture that was
// decoded before, as by vision.ImageSource, is not written to. Leaving the loop ends
// everything that was begun.
func Stream(ctx context.Context, m Model, sources iter.Seq[vision.Source], opts ...Option) iter.Seq2[Result, error] {
	o, err := newOptions(opts)
	if err == nil {
		err = o.checkStream(m)
	}
	if err == nil && ctx == nil {
		err = await.ErrNil
	}
	if err == nil && sources == nil {
		err = errors.New("the sources are nil; slices.Values makes them from a list")
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

// inBatches yields the sources in groups of up to n.
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
	if err := check(m); err != nil || o.batch == 1 {
		return err
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

// picture is one picture of a batch.
type picture struct {
	result Result
	err    error
}

// fail records an error with the picture's name, which those of Open have already.
func (p *picture) fail(err error) {
	p.err = fmt.Errorf("%s: %w", printable.Line(p.result.Name), err)
}

// batch takes pictures from their sources to predictions. Consecutive pictures that
// have the same shape once encoded share a run.
func (s *stream) batch(ctx context.Context, n int, sources []vision.Source) []picture {
	desk, encoder := &s.desks[n], s.model.Encoder()
	all := make([]picture, len(sources))
	var x *tensor.Tensor
	var group []*picture // the pictures at the beginning of x
	for i, source := range sources {
		p := &all[i]
		p.result.Name = source.Name
		var img *vision.Image
		if img, p.result.Decode, p.err = desk.Open(ctx, source, vision.SeenBy(encoder)); p.err != nil {
			continue
		}
		p.result.Damaged = img.Damaged
		shape, err := encoder.BatchShape(s.size(), img.Width, img.Height)
		if err == nil && len(group) > 0 && !slices.Equal(shape, x.Shape()) {
			s.run(ctx, x, group)
			group = nil
		}
		start := clock.Now()
		if err == nil {
			x = desk.Input(encoder.DType(), shape)
			_, err = encoder.EncodeInto(ctx, x, len(group), img)
		}
		if err != nil {
			p.fail(err)
			continue
		}
		p.result.Encode = clock.Since(start)
		group = append(group, p)
	}
	s.run(ctx, x, group)
	return all
}

// size is the number of pictures that a batch has room for.
func (s *stream) size() int {
	if n, fixed := s.fixed(); fixed {
		return n
	}
	return s.options.batch
}

// fixed is the number of pictures per run, if the network accepts only one number.
func (s *stream) fixed() (int, bool) {
	in := s.model.Session().Inputs()[0].Shape
	if len(in.Dims) == 4 && in.Dims[0].Known() {
		return in.Dims[0].N, true
	}
	return 0, false
}

// run runs the network on the pictures at the beginning of x. A batch that fails is
// run again picture by picture, so that the error goes to the picture that caused
// it.
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
		err := err
		if len(group) > 1 && ctx.Err() == nil {
			err = s.runTogether(ctx, alone(x, i), group[i:i+1])
		}
		if err != nil {
			p.fail(err)
		}
	}
}

func (s *stream) runTogether(ctx context.Context, x *tensor.Tensor, group []*picture) error {
	start := clock.Now()
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
		p.result.Scores = all[i]
		if p.result.Predictions, err = ranked(s.model, all[i], s.options.top); err != nil {
			p.fail(err)
		}
		p.result.Infer = clock.Since(start) / time.Duration(len(group))
	}
	return nil
}

// alone is a batch as large as x whose first picture is number i of x.
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
		return o, fmt.Errorf("the %d most probable classes were asked for; ask for at least 1", o.top)
	case o.batch < 1:
		return o, fmt.Errorf("a batch of %d pictures; it must be at least 1", o.batch)
	case o.workers < 1:
		return o, fmt.Errorf("%d workers; there must be at least 1", o.workers)
	}
	return o, nil
}
