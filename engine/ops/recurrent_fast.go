package ops

import (
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// recurrentProducts is kept from run to run: the planned matrix products of one
// direction, and their results.
type recurrentProducts struct {
	x, r   []int       // shapes it was planned for
	inputs kernel.Work // W·x for all steps and sequences
	states kernel.Work // R·h for all gates, or all but the last of a GRU
	last   kernel.Work // of that GRU: R·(reset⊙h) for the last gate
	mem    kernel.Memory
	sums   []float32 // W·x + biases: [steps·batch][gates·hidden]
}

// mostSums bounds the bytes of the sums; longer sequences are left to the reference.
const mostSums = 64 << 20

// EvalFast computes the inputs' share of all gates in one matrix product, and the
// state's share step by step, for the usual activations.
func (op *recurrent) EvalFast(c *Call) (bool, error) {
	v := c.vec(c.In[:3]...)
	if v == nil || !op.usual || op.clip > 0 || op.coupled || c.input(7) != nil || c.In[0].Len() == 0 || c.In[1].Len() == 0 || c.In[2].Len() == 0 {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	p, err := op.products(c)
	if p == nil || err != nil {
		return err != nil, err
	}
	s, err := newSequenceRun[float32](op, c)
	if err != nil {
		return true, err
	}
	l := newFastCell(op, v, s.hidden)
	for d, backward := range op.backward {
		if err := p.start(c, l, d, s); err != nil {
			return true, err
		}
		err := s.direction(d, backward, l.h, l.c, func(row int) error { return l.step(c, p, p.sums[row*l.rows:][:l.rows]) })
		if err != nil {
			return true, err
		}
	}
	return true, nil
}

// products plans the products, or returns those of an earlier run on the same
// shapes. It is nil if there are no kernels for them.
func (op *recurrent) products(c *Call) (*recurrentProducts, error) {
	x, r := c.In[0], c.In[2]
	if p, ok := c.Kept.(*recurrentProducts); ok && slices.Equal(p.x, x.Shape()) && slices.Equal(p.r, r.Shape()) {
		return p, nil
	}
	hidden := r.Dim(2)
	gates := op.gates
	if op.kind == gruCell && !op.linearReset {
		gates--
	}
	bytes, err := tensor.Count([]int{4, x.Dim(0), x.Dim(1), op.gates * hidden})
	if err != nil || bytes > mostSums {
		return nil, nil
	}
	p := &recurrentProducts{x: slices.Clone(x.Shape()), r: slices.Clone(r.Shape())}
	plan := func(w *kernel.Work, m, n, k int) {
		if err == nil {
			*w, err = c.Run.Kernel.Gemm(&kernel.Gemm{M: m, N: n, K: k, RowA: k, RowB: k, RowC: n, TransB: true, Scale: 1, Strict: c.Run.Strict}, nil)
		}
	}
	plan(&p.inputs, x.Dim(0)*x.Dim(1), op.gates*hidden, x.Dim(2))
	plan(&p.states, 1, gates*hidden, hidden)
	plan(&p.last, 1, hidden, hidden)
	if err != nil {
		return nil, nil // the reference computes it
	}
	if err := c.Run.ReserveBytes(int64(bytes)); err != nil {
		return nil, err
	}
	p.sums = make([]float32, bytes/4)
	c.Kept = p
	return p, nil
}

// run computes dst = weights·src.
func (p *recurrentProducts) run(c *Call, w *kernel.Work, dst, src, weights []float32) error {
	p.mem.In, p.mem.Out = unsafe.Pointer(&src[0]), unsafe.Pointer(&dst[0])
	p.mem.More = append(p.mem.More[:0], unsafe.Pointer(&weights[0]))
	return c.do(w, &p.mem)
}

// start computes what direction d takes from the inputs, and the biases.
func (p *recurrentProducts) start(c *Call, l *fastCell, d int, s *sequenceRun[float32]) error {
	n := l.rows * s.input
	if err := p.run(c, &p.inputs, p.sums, s.x, tensor.Data[float32](c.In[1])[d*n:][:n]); err != nil {
		return err
	}
	n = l.rows * l.hidden
	l.r = tensor.Data[float32](c.In[2])[d*n:][:n]
	if c.input(3) == nil {
		return nil
	}
	bias := tensor.Data[float32](c.In[3])[2*d*l.rows:][:2*l.rows]
	sum := slices.Clone(bias[:l.rows])
	both := l.rows
	if l.op.linearReset {
		both -= l.hidden
		copy(l.inner, bias[l.rows+both:])
	}
	l.v.Zip(vec.Add, sum[:both], sum[:both], bias[l.rows:][:both])
	return c.share(len(p.sums)/l.rows, 0.2*float64(l.rows)+5, func(from, to int) {
		for i := from; i < to; i++ {
			row := p.sums[i*l.rows:][:l.rows]
			l.v.Zip(vec.Add, row, row, sum)
		}
	})
}

// fastCell is a cell whose products are computed by kernels.
type fastCell struct {
	op           *recurrent
	v            *vec.Unit
	hidden, rows int
	r            []float32 // [gates·hidden hidden]
	inner        []float32 // GRU with linear_before_reset: the bias that the reset gate multiplies
	h, c         []float32
	gate, work   []float32
}

func newFastCell(op *recurrent, v *vec.Unit, hidden int) *fastCell {
	rows := op.gates * hidden
	return &fastCell{op: op, v: v, hidden: hidden, rows: rows, inner: make([]float32, hidden), h: make([]float32, hidden),
		c: make([]float32, hidden), gate: make([]float32, rows), work: make([]float32, hidden)}
}

// step updates the state; sums is what the gates take from the input.
func (l *fastCell) step(c *Call, p *recurrentProducts, sums []float32) error {
	if err := p.run(c, &p.states, l.gate, l.h, l.r); err != nil {
		return err
	}
	n, v, g := l.hidden, l.v, l.gate
	switch l.op.kind {
	case lstmCell: // gates i, o, f, c
		v.Zip(vec.Add, g, g, sums)
		v.Apply(vec.Sigmoid, g[:3*n], g[:3*n], 0, 0)
		v.Apply(vec.Tanh, g[3*n:], g[3*n:], 0, 0)
		v.Zip(vec.Mul, l.c, l.c, g[2*n:3*n])
		v.Zip(vec.Mul, l.work, g[:n], g[3*n:])
		v.Zip(vec.Add, l.c, l.c, l.work)
		v.Apply(vec.Tanh, l.work, l.c, 0, 0)
		v.Zip(vec.Mul, l.h, g[n:2*n], l.work)
	case gruCell: // gates z, r, h
		v.Zip(vec.Add, g[:2*n], g[:2*n], sums[:2*n])
		v.Apply(vec.Sigmoid, g[:2*n], g[:2*n], 0, 0)
		update, reset, next := g[:n], g[n:2*n], g[2*n:]
		if l.op.linearReset {
			v.Zip(vec.Add, next, next, l.inner)
			v.Zip(vec.Mul, next, next, reset)
		} else {
			v.Zip(vec.Mul, l.work, reset, l.h)
			if err := p.run(c, &p.last, next, l.work, l.r[2*n*n:]); err != nil {
				return err
			}
		}
		v.Zip(vec.Add, next, next, sums[2*n:])
		v.Apply(vec.Tanh, next, next, 0, 0)
		v.Zip(vec.Sub, l.h, l.h, next) // (1-z)·next + z·h = next + z·(h-next)
		v.Zip(vec.Mul, l.h, l.h, update)
		v.Zip(vec.Add, l.h, l.h, next)
	default:
		v.Zip(vec.Add, g, g, sums)
		v.Apply(vec.Tanh, l.h, g, 0, 0)
	}
	return nil
}
