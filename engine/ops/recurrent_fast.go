package ops

import (
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// Of the products of a recurrent layer, W·x does not depend on the state, so that it is one matrix
// product for all steps. Only R·h has to be computed step by step, there too as one product for all
// sequences of the batch and all gates; the last gate of a GRU without linear_before_reset needs
// another one, since it multiplies r⊙h. The weights are constants that the plan has packed
// (Multiplier).

// recurrentProducts is kept from run to run: the planned matrix products of each
// direction, and their results.
type recurrentProducts struct {
	x, r   []int // shapes it was planned for
	of     []directionProducts
	packed bool // the weights are
	mem    kernel.Memory
	sums   []float32 // W·x + biases: [steps·batch][gates·hidden]
}

// directionProducts are the products of one direction.
type directionProducts struct {
	inputs kernel.Work // W·x for all steps and sequences
	states kernel.Work // R·h for all sequences and gates, or all but the last of a GRU
	last   kernel.Work // of that GRU: R·(reset⊙h) for the last gate
}

// mostSums bounds the bytes of the sums; longer sequences are left to the reference.
const mostSums = 64 << 20

// Products lists the products of each direction, in the order of directionProducts.
func (op *recurrent) Products(in []ir.Fact) []Product {
	if !op.usualOn(in) || in[1].Const == nil || in[2].Const == nil {
		return nil
	}
	x, open := in[0].Shape.Ints()
	r, _ := in[2].Shape.Ints()
	if !open || slices.Contains(x, 0) || len(r) != 3 || slices.Contains(r, 0) {
		return nil
	}
	var all []Product
	for d := range op.backward {
		all = append(all, op.gemms(x, r, d)...)
	}
	return all
}

// usualOn reports whether the kernels compute this cell on operands of these types.
func (op *recurrent) usualOn(in []ir.Fact) bool {
	for _, f := range in[:3] {
		if f.DType != tensor.Float32 {
			return false
		}
	}
	return op.usual && op.clip == 0 && !op.coupled && !fact(in, 7).Given()
}

// gemms lists the products of direction d for X and R of shapes x and r, in the order of
// directionProducts.
func (op *recurrent) gemms(x, r []int, d int) []Product {
	hidden, rows := r[2], r[1]
	steps, batch, input := x[0], x[1], x[2]
	if op.batchFirst {
		steps, batch = batch, steps
	}
	of := func(m, n, k int) kernel.Gemm {
		return kernel.Gemm{M: m, N: n, K: k, RowA: k, RowB: k, RowC: rows, TransB: true, Scale: 1, Often: steps > 1}
	}
	all := []Product{{of(steps*batch, rows, input), 1, d * rows * input}}
	if op.kind != gruCell || op.linearReset {
		return append(all, Product{of(batch, rows, hidden), 2, d * rows * hidden})
	}
	both := rows - hidden
	return append(all, Product{of(batch, both, hidden), 2, d * rows * hidden}, Product{of(batch, hidden, hidden), 2, (d*rows + both) * hidden})
}

// EvalFast computes the inputs' share of all gates in one matrix product, and the
// states' share step by step, for the usual activations. The sequences of a batch take
// their steps together.
func (op *recurrent) EvalFast(c *Call) (bool, error) {
	v := c.vec(c.In[:3]...)
	if v == nil || !op.usualOn(factsOf(c.In)) || c.In[0].Len() == 0 || c.In[1].Len() == 0 || c.In[2].Len() == 0 {
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
	l := newFastCell(op, v, s)
	for d, backward := range op.backward {
		if err := p.start(c, l, d); err != nil {
			return true, err
		}
		if err := l.direction(c, p, d, backward); err != nil {
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
	bytes, err := tensor.Count([]int{4, x.Dim(0), x.Dim(1), r.Dim(1)})
	if err != nil || bytes > mostSums {
		return nil, nil
	}
	p := &recurrentProducts{x: slices.Clone(x.Shape()), r: slices.Clone(r.Shape()), of: make([]directionProducts, len(op.backward)), packed: len(c.Packed) > 0}
	packed := c.Packed
	for d := range p.of {
		work := []*kernel.Work{&p.of[d].inputs, &p.of[d].states, &p.of[d].last}
		for i, product := range op.gemms(p.x, p.r, d) {
			var w *kernel.GemmWeights
			if p.packed {
				w, packed = packed[0], packed[1:]
			}
			g := product.Gemm
			g.Strict = c.Run.Strict
			if *work[i], err = c.Run.Kernel.Gemm(&g, w); err != nil {
				return nil, nil // the reference computes it
			}
		}
	}
	if err := c.Run.ReserveBytes(int64(bytes)); err != nil {
		return nil, err
	}
	p.sums = make([]float32, bytes/4)
	c.Kept = p
	return p, nil
}

// run computes dst = src·weightsᵀ; weights that were packed are not read.
func (p *recurrentProducts) run(c *Call, w *kernel.Work, dst, src, weights []float32) error {
	p.mem.In, p.mem.Out = unsafe.Pointer(&src[0]), unsafe.Pointer(&dst[0])
	if p.mem.More = p.mem.More[:0]; !p.packed {
		p.mem.More = append(p.mem.More, unsafe.Pointer(&weights[0]))
	}
	return c.do(w, &p.mem)
}

// start computes the part of direction d that does not depend on the state: W·x for all steps, and the
// biases.
func (p *recurrentProducts) start(c *Call, l *fastCell, d int) error {
	s := l.s
	if err := p.run(c, &p.of[d].inputs, p.sums, s.x, tensor.Data[float32](c.In[1])[d*l.rows*s.input:]); err != nil {
		return err
	}
	l.r = tensor.Data[float32](c.In[2])[d*l.rows*l.hidden:]
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
	l.v.Zip(num.Add, sum[:both], sum[:both], bias[l.rows:][:both])
	return c.share(len(p.sums)/l.rows, 0.2*float64(l.rows)+5, func(from, to int) {
		for i := from; i < to; i++ {
			row := p.sums[i*l.rows:][:l.rows]
			l.v.Zip(num.Add, row, row, sum)
		}
	})
}

// fastCell is a cell whose products are computed by kernels, with the states of all
// sequences.
type fastCell struct {
	op           *recurrent
	v            *vec.Unit
	s            *sequenceRun[float32]
	hidden, rows int
	r            []float32 // [gates·hidden hidden]
	inner        []float32 // GRU with linear_before_reset: the bias that the reset gate multiplies
	h, c, work   []float32 // [batch hidden]
	gates        []float32 // [batch gates·hidden]
}

func newFastCell(op *recurrent, v *vec.Unit, s *sequenceRun[float32]) *fastCell {
	rows, states := op.gates*s.hidden, s.batch*s.hidden
	return &fastCell{op: op, v: v, s: s, hidden: s.hidden, rows: rows, inner: make([]float32, s.hidden), h: make([]float32, states),
		c: make([]float32, states), work: make([]float32, states), gates: make([]float32, s.batch*rows)}
}

// direction runs all sequences in direction d, a step of each at a time. Those that have
// ended keep their states.
func (l *fastCell) direction(c *Call, p *recurrentProducts, d int, backward bool) error {
	s, n := l.s, l.hidden
	for b := range s.batch {
		s.begin(d, b, l.h[b*n:][:n], l.c[b*n:][:n])
	}
	const unit = 1.5 // nanoseconds of a gate
	for i := range slices.Max(s.lengths) {
		if err := p.run(c, &p.of[d].states, l.gates, l.h, l.r); err != nil {
			return err
		}
		each := func(part func(b, row int)) error {
			return c.share(s.batch, unit*float64(l.rows), func(from, to int) {
				for b := from; b < to; b++ {
					if i < s.lengths[b] {
						part(b, s.row(s.at(i, b, backward), b))
					}
				}
			})
		}
		if l.op.kind == gruCell && !l.op.linearReset {
			if err := each(func(b, row int) { l.reset(b, p.sums[row*l.rows:]) }); err != nil {
				return err
			}
			if err := p.run(c, &p.of[d].last, l.gates[2*n:], l.work, l.r[2*n*n:]); err != nil {
				return err
			}
		}
		err := each(func(b, row int) {
			l.step(b, p.sums[row*l.rows:])
			if s.y != nil {
				copy(s.y[s.yRow(s.at(i, b, backward), d, b)*n:], l.h[b*n:][:n])
			}
		})
		if err != nil {
			return err
		}
	}
	for b := range s.batch {
		s.end(d, b, l.h[b*n:][:n], l.c[b*n:][:n])
	}
	return nil
}

// reset computes the first two gates of a GRU, and the state of sequence b as its last
// one sees it. sums is what the gates take from the input.
func (l *fastCell) reset(b int, sums []float32) {
	n, v := l.hidden, l.v
	g := l.gates[b*l.rows:][:2*n]
	v.Zip(num.Add, g, g, sums[:2*n])
	v.Apply(vec.Sigmoid, g, g, 0, 0)
	v.Zip(num.Mul, l.work[b*n:][:n], g[n:], l.h[b*n:][:n])
}

// step updates the state of sequence b; sums is what the gates take from the input.
func (l *fastCell) step(b int, sums []float32) {
	n, v, g := l.hidden, l.v, l.gates[b*l.rows:][:l.rows]
	sums = sums[:l.rows]
	h, c, work := l.h[b*n:][:n], l.c[b*n:][:n], l.work[b*n:][:n]
	switch l.op.kind {
	case lstmCell: // gates i, o, f, c
		v.Zip(num.Add, g, g, sums)
		v.Apply(vec.Sigmoid, g[:3*n], g[:3*n], 0, 0)
		v.Apply(vec.Tanh, g[3*n:], g[3*n:], 0, 0)
		v.Zip(num.Mul, c, c, g[2*n:3*n])
		v.Zip(num.Mul, work, g[:n], g[3*n:])
		v.Zip(num.Add, c, c, work)
		v.Apply(vec.Tanh, work, c, 0, 0)
		v.Zip(num.Mul, h, g[n:2*n], work)
	case gruCell: // gates z, r, h
		if l.op.linearReset {
			v.Zip(num.Add, g[:2*n], g[:2*n], sums[:2*n])
			v.Apply(vec.Sigmoid, g[:2*n], g[:2*n], 0, 0)
			v.Zip(num.Add, g[2*n:], g[2*n:], l.inner)
			v.Zip(num.Mul, g[2*n:], g[2*n:], g[n:2*n])
		}
		update, next := g[:n], g[2*n:]
		v.Zip(num.Add, next, next, sums[2*n:])
		v.Apply(vec.Tanh, next, next, 0, 0)
		v.Zip(num.Sub, h, h, next) // (1-z)·next + z·h = next + z·(h-next)
		v.Zip(num.Mul, h, h, update)
		v.Zip(num.Add, h, h, next)
	default:
		v.Zip(num.Add, g, g, sums)
		v.Apply(vec.Tanh, h, g, 0, 0)
	}
}
