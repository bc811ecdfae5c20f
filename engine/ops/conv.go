package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var convolutions = []Def{
	{Name: "Conv", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Exactly(1), New: newConv},
	{Name: "ConvTranspose", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Exactly(1), New: newConvTranspose},
	{Name: "DeformConv", Since: 19, Types: tensor.FloatTypes, In: Arity{3, 5}, Out: Exactly(1), New: newDeformConv},
	{Name: "Col2Im", Since: 18, Types: tensor.NumericTypes | tensor.Types(tensor.Bool), In: Exactly(3), Out: Exactly(1), New: newCol2Im},
}

// conv is Y[n,m,o] = B[m] + Σ W[m,c,k]·X[n,g·C/G+c, o·stride+k·dilation-pad], summed over the
// channels c and taps k of m's group g, for positions o and taps k in one to three spatial
// dimensions. X is 0 outside the image. ONNX Conv-1; -11 and -22 only extend defaults and types.
type conv struct {
	window
	group int
}

func newConv(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &conv{readWindow(a), readGroup(a)}
	op.ceil = false
	return op, a.Err()
}

// readGroup reads the number of groups that channels are divided into.
func readGroup(a *ir.Attrs) int {
	g := a.Int("group", 1)
	if g < 1 {
		a.Fail("attribute %q is %d, it must be at least 1", "group", g)
		return 1
	}
	return g
}

// Infer: X [N C spatial…], W [M C/group kernel…], B [M] → Y [N M spatial…].
func (op *conv) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	x, w := in[0], in[1]
	dims, err := spatial(x)
	if err != nil {
		return nil, err
	}
	if dims == nil {
		return []ir.Fact{ir.Tensor(x.DType, ir.Shape{})}, nil
	}
	m, weights := ir.Unknown, op.kernel
	if w.Shape.Ranked {
		if err := op.checkWeights(x.Shape, w.Shape); err != nil {
			return nil, err
		}
		m, weights = w.Shape.Dims[0], sizes(w.Shape.Dims[2:])
	}
	if err := channelVector(fact(in, 2), "bias", m); err != nil {
		return nil, err
	}
	if weights == nil {
		return []ir.Fact{ir.Tensor(x.DType, ir.AnyOfRank(len(dims)+2))}, nil
	}
	out, err := op.outDims(dims, weights)
	if err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(x.DType, ir.ShapeOf(append([]ir.Dim{x.Shape.Dims[0], m}, out...)...))}, nil
}

// checkWeights checks W [M C/group kernel…] against X [N C spatial…].
func (op *conv) checkWeights(x, w ir.Shape) error {
	if w.Rank() != x.Rank() {
		return fmt.Errorf("weights must have the rank of the input: weights %s, input %s", w, x)
	}
	c, cg, m := x.Dims[1], w.Dims[1], w.Dims[0]
	if c.Known() && c.N%op.group != 0 || m.Known() && m.N%op.group != 0 {
		return fmt.Errorf("group %d does not divide the channels: input %s, weights %s", op.group, x, w)
	}
	if c.Known() && cg.Known() && c.N/op.group != cg.N {
		return fmt.Errorf("weights %s are for %d×%d channels, the input %s has %d", w, op.group, cg.N, x, c.N)
	}
	for i, k := range w.Dims[2:] {
		if k.N == 0 || k.N > maxSpan {
			return fmt.Errorf("weights %s: spatial dimension %d must be between 1 and %d", w, i, maxSpan)
		}
	}
	return nil
}

// channelVector checks an optional input with one number per channel.
func channelVector(f ir.Fact, what string, c ir.Dim) error {
	if !f.Given() || !f.Shape.Ranked {
		return nil
	}
	if f.Shape.Rank() != 1 || c.Known() && f.Shape.Dims[0].Known() && f.Shape.Dims[0].N != c.N {
		return fmt.Errorf("%s must have shape [%s], it has %s", what, c, f.Shape)
	}
	return nil
}

func (op *conv) Eval(c *Call) error {
	return evalReal(c, func(c *Call) error { return evalConv[float32](op, c) }, func(c *Call) error { return evalConv[float64](op, c) })
}

// evalConv accumulates in float64, so that a fast kernel, whatever its order of
// summation, differs only by its own rounding error.
func evalConv[T real](op *conv, c *Call) error {
	x, w := c.In[0], c.In[1]
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	s, err := op.slide(x.Shape()[2:], w.Shape()[2:])
	if err != nil {
		return err
	}
	y, err := c.New(x.DType(), s.shape(x.Dim(0), w.Dim(0))...)
	if err != nil {
		return err
	}
	if c.Out[0] = y; y.Len() == 0 {
		return nil // nothing to compute; other dimensions may be huge
	}
	s.pointwise()
	k := &convLoop[T]{s: s, cin: x.Dim(1), cout: w.Dim(0), group: op.group, x: tensor.Data[T](x), w: tensor.Data[T](w), y: tensor.Data[T](y)}
	if b := c.input(2); b != nil {
		k.bias = tensor.Data[T](b)
	}
	return k.run(c.Run, x.Dim(0))
}

// factsOf describes tensors as facts, so that Infer can check them.
func factsOf(in []*tensor.Tensor) []ir.Fact {
	out := make([]ir.Fact, len(in))
	for i, t := range in {
		out[i] = ir.TypeOf(t)
	}
	return out
}

// convLoop is direct convolution: it computes an output row of up to four
// channels at a time, tap by tap from rows of the input.
type convLoop[T real] struct {
	s                *slide
	cin, cout, group int
	x, w, bias, y    []T
	acc              [4][]float64 // the sums of a row, for each of the channels
}

func (k *convLoop[T]) run(r *Run, batch int) error {
	for i := range k.acc {
		k.acc[i] = make([]float64, k.s.out[2])
	}
	per := k.cout / k.group
	for n := range batch {
		for g := range k.group {
			for m := 0; m < per; m += 4 {
				for oz := range k.s.out[0] {
					for oy := range k.s.out[1] {
						k.row(n, g, g*per+m, min(4, per-m), oz, oy)
					}
					if err := r.Check(); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// row computes row (oz, oy) of the output channels m to m+count-1 of image n, which belong to group g.
func (k *convLoop[T]) row(n, g, m, count, oz, oy int) {
	s := k.s
	for i := range count {
		b := 0.0
		if k.bias != nil {
			b = float64(k.bias[m+i])
		}
		for j := range k.acc[i] {
			k.acc[i][j] = b
		}
	}
	cg, taps := k.cin/k.group, s.taps()
	kd, kh, kw := s.span[0].kernel, s.span[1].kernel, s.span[2].kernel
	for ci := range cg {
		plane := k.x[(n*k.cin+g*cg+ci)*s.inSize():]
		for kz := range kd {
			z := s.span[0].at(oz, kz)
			if z < 0 || z >= s.in[0] {
				continue
			}
			for ky := range kh {
				y := s.span[1].at(oy, ky)
				if y < 0 || y >= s.in[1] {
					continue
				}
				k.taps(plane[(z*s.in[1]+y)*s.in[2]:], count, (m*cg+ci)*taps+(kz*kh+ky)*kw, cg*taps)
			}
		}
	}
	for i := range count {
		out := k.y[((n*k.cout+m+i)*s.outSize())+(oz*s.out[1]+oy)*s.out[2]:]
		for j, v := range k.acc[i] {
			out[j] = T(v)
		}
	}
}

// taps adds one kernel row. Its weights begin at w, and those of the next output
// channel are step further.
func (k *convLoop[T]) taps(row []T, count, w, step int) {
	p := k.s.span[2]
	for kx := range p.kernel {
		lo, hi := p.inside(kx, k.s.in[2], k.s.out[2])
		if lo >= hi {
			continue
		}
		x := row[lo*p.stride+kx*p.dilation-p.before : (hi-1)*p.stride+kx*p.dilation-p.before+1]
		if count == 4 {
			weights := [4]float64{float64(k.w[w+kx]), float64(k.w[w+kx+step]), float64(k.w[w+kx+2*step]), float64(k.w[w+kx+3*step])}
			addTap4(k.acc[0][lo:hi], k.acc[1][lo:hi], k.acc[2][lo:hi], k.acc[3][lo:hi], x, p.stride, weights)
			continue
		}
		for i := range count {
			addTap(k.acc[i][lo:hi], x, p.stride, float64(k.w[w+kx+i*step]))
		}
	}
}

// addTap sets acc[i] += w·x[stride·i].
func addTap[T real](acc []float64, x []T, stride int, w float64) {
	j := 0
	for i := range acc {
		acc[i] += w * float64(x[j])
		j += stride
	}
}

// addTap4 is addTap for four output channels.
func addTap4[T real](a, b, c, d []float64, x []T, stride int, w [4]float64) {
	b, c, d = b[:len(a)], c[:len(a)], d[:len(a)]
	w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
	j := 0
	for i := range a {
		v := float64(x[j])
		a[i] += w0 * v
		b[i] += w1 * v
		c[i] += w2 * v
		d[i] += w3 * v
		j += stride
	}
}
