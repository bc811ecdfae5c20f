package classify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/visionzoo/vision/engine/tensor"
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

// Workers bounds how many pictures of a Stream are decoded, and how many runs
// are under way, at the same time; the default is GOMAXPROCS. A session opened
// with engine.Threads(1) makes the most of several runs at a time.
func Workers(n int) Option { return func(o *options) { o.workers = n } }

// Stream names what is in many pictures: results in the order of the sources,
// while later pictures are being decoded and encoded and others are in the
// network. A picture that fails comes with its error and its Name, and the rest
// goes on. Once the context is cancelled the last pair is its error, with an
// empty Result. At any time at most 4·workers + 2·batch pictures are held,
// counted from the one that is due next.
//
// The sources are read on a goroutine of the Stream's own. Leaving the loop
// ends everything that was begun.
func Stream(ctx context.Context, m Model, sources iter.Seq[vision.Source], opts ...Option) iter.Seq2[Result, error] {
	o := newOptions(opts)
	return func(yield func(Result, error) bool) {
		if err := o.checkStream(m); err != nil {
			yield(Result{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		s := &stream{ctx: ctx, model: m, options: o, size: o.batch}
		order := s.start(sources, &all)
		for p := range order {
			select {
			case <-p.done:
			case <-ctx.Done():
				yield(Result{}, context.Cause(ctx))
				return
			}
			if ctx.Err() != nil {
				yield(Result{}, context.Cause(ctx))
				return
			}
			if !yield(p.result, p.err) {
				return
			}
		}
		if ctx.Err() != nil { // while nothing was due
			yield(Result{}, context.Cause(ctx))
		}
	}
}

func (o *options) checkStream(m Model) error {
	switch {
	case o.batch < 1:
		return fmt.Errorf("a batch of %d pictures; at least 1 is needed", o.batch)
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
	if d := in.Shape.Dims[0]; d.Known() && d.N != o.batch {
		return fmt.Errorf("the model takes %d pictures at a time, not %d", d.N, o.batch)
	}
	return nil
}

// picture is one on its way through a stream. What runs on other goroutines
// writes it before a channel is closed: encoded after decoding, done at the end.
type picture struct {
	source  vision.Source
	x       *tensor.Tensor
	result  Result
	err     error
	encoded chan struct{}
	done    chan struct{}
}

type stream struct {
	ctx     context.Context
	model   Model
	options options
	size    int // of a batch
}

// start sets the goroutines to work and returns the pictures in order.
func (s *stream) start(sources iter.Seq[vision.Source], all *sync.WaitGroup) <-chan *picture {
	w := s.options.workers
	toDecode := make(chan *picture)
	toGather := make(chan *picture, 2*w+s.size)
	order := make(chan *picture, 3*w+2*s.size)
	toRun := make(chan []*picture)
	all.Go(func() {
		defer close(order)
		defer close(toGather)
		defer close(toDecode)
		for source := range sources {
			p := &picture{source: source, result: Result{Name: source.Name}, encoded: make(chan struct{}), done: make(chan struct{})}
			if !send(s.ctx, order, p) || !send(s.ctx, toGather, p) || !send(s.ctx, toDecode, p) {
				return
			}
		}
	})
	for range w {
		all.Go(func() {
			for p := range toDecode {
				s.encode(p)
				close(p.encoded)
			}
		})
		all.Go(func() {
			for batch := range toRun {
				s.run(batch)
			}
		})
	}
	all.Go(func() {
		defer close(toRun)
		s.gather(toGather, toRun)
	})
	return order
}

// send reports false where the stream has ended.
func send[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *stream) encode(p *picture) {
	start := time.Now()
	img, err := p.source.Open(s.ctx)
	p.result.Decode = time.Since(start)
	if err == nil {
		start = time.Now()
		p.x, _, err = s.model.Encoder().Encode(img)
		p.result.Encode = time.Since(start)
	}
	p.err = err
}

// gather puts pictures of one shape into batches, in order.
func (s *stream) gather(in <-chan *picture, out chan<- []*picture) {
	var batch []*picture
	flush := func() bool {
		if len(batch) == 0 {
			return true
		}
		ready := batch
		batch = nil
		return send(s.ctx, out, ready)
	}
	for p := range in {
		select {
		case <-p.encoded:
		case <-s.ctx.Done():
			return
		}
		if p.err != nil {
			close(p.done)
			continue
		}
		if len(batch) > 0 && !slices.Equal(batch[0].x.Shape(), p.x.Shape()) && !flush() {
			return
		}
		if batch = append(batch, p); len(batch) == s.size && !flush() {
			return
		}
	}
	flush()
}

// run sends a batch through the network. A batch that fails is tried again
// picture by picture, so that the error is that of the picture it belongs to.
func (s *stream) run(batch []*picture) {
	start := time.Now()
	err := s.runTogether(batch)
	if err != nil && len(batch) > 1 && s.ctx.Err() == nil {
		for _, p := range batch {
			s.run([]*picture{p})
		}
		return
	}
	took := time.Since(start) / time.Duration(len(batch))
	for _, p := range batch {
		p.result.Infer, p.err, p.x = took, err, nil
		close(p.done)
	}
}

func (s *stream) runTogether(batch []*picture) error {
	n := len(batch)
	if fixed := s.model.Session().Inputs()[0].Shape; len(fixed.Dims) == 4 && fixed.Dims[0].Known() {
		n = fixed.Dims[0].N // the last batch may be short of it
	}
	x := batch[0].x
	if n > 1 {
		x = stack(batch, n)
	}
	all, err := rows(s.ctx, s.model, x, n)
	if err != nil {
		return err
	}
	for i, p := range batch {
		p.result.Predictions = Rank(Softmax(all[i]), s.model.Labels(), s.options.top)
	}
	return nil
}

// stack makes one tensor of n pictures; what the batch lacks of n stays zero.
func stack(batch []*picture, n int) *tensor.Tensor {
	first := batch[0].x
	x := tensor.New(first.DType(), append([]int{n}, first.Shape()[1:]...)...)
	size := len(first.Bytes())
	for i, p := range batch {
		copy(x.Bytes()[i*size:(i+1)*size], p.x.Bytes())
	}
	return x
}

func newOptions(opts []Option) options {
	o := options{top: 5, batch: 1, workers: runtime.GOMAXPROCS(0)}
	for _, opt := range opts {
		opt(&o)
	}
	o.workers = max(1, o.workers)
	return o
}
