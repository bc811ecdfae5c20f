package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

// convTranspose is the gradient of a convolution with respect to its input:
// Y[n,m,i·stride+k·dilation-pad] += W[c,m,k]·X[n,c,i], on top of B[m]. With a stride it enlarges
// images. ONNX ConvTranspose-1; -11 and -22 only extend defaults and types. Zeiler et al. 2010,
// "Deconvolutional Networks".
type convTranspose struct {
	window
	group      int
	outPad     []int // output_padding: further pixels at the ends; nil: none
	outSpatial []int // output_shape, which determines the pads; nil: computed from these
}

func newConvTranspose(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &convTranspose{readWindow(a), readGroup(a), a.Ints("output_padding"), a.Ints("output_shape")}
	op.ceil = false
	for _, v := range append(append([]int(nil), op.outPad...), op.outSpatial...) {
		if v < 0 || v > maxSpan {
			a.Fail("attributes %q and %q must lie between 0 and %d", "output_padding", "output_shape", maxSpan)
		}
	}
	return op, a.Err()
}

// Infer: X [N C spatial…], W [C M/group kernel…], B [M] → Y [N M spatial…].
func (op *convTranspose) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	x, w := in[0].Shape, in[1].Shape
	dims, err := spatial(in[0])
	if err != nil {
		return nil, err
	}
	if dims == nil {
		return []ir.Fact{ir.Tensor(in[0].DType, ir.Shape{})}, nil
	}
	for _, v := range [][]int{op.outPad, op.outSpatial} {
		if v != nil && len(v) != len(dims) {
			return nil, fmt.Errorf("output_padding and output_shape must have %d elements, one has %d", len(dims), len(v))
		}
	}
	m, weights := ir.Unknown, op.kernel
	if w.Ranked {
		if m, err = op.checkWeights(x, w); err != nil {
			return nil, err
		}
		weights = sizes(w.Dims[2:])
	}
	if err := channelVector(fact(in, 2), "bias", m); err != nil {
		return nil, err
	}
	out := []ir.Dim{x.Dims[0], m}
	for i, d := range dims {
		if !d.Known() || weights == nil || weights[i] < 0 {
			out = append(out, ir.Unknown)
			continue
		}
		spans, err := op.spans(len(dims), weights)
		if err != nil {
			return nil, err
		}
		_, n, err := op.grow(spans, i, d.N)
		if err != nil {
			return nil, err
		}
		out = append(out, ir.Dim{N: n})
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(out...))}, nil
}

// checkWeights checks W [C M/group kernel…] against X [N C spatial…] and returns
// M.
func (op *convTranspose) checkWeights(x, w ir.Shape) (ir.Dim, error) {
	if w.Rank() != x.Rank() {
		return ir.Unknown, fmt.Errorf("weights must have the rank of the input: weights %s, input %s", w, x)
	}
	c, wc := x.Dims[1], w.Dims[0]
	if c.Known() && (wc.Known() && wc.N != c.N || c.N%op.group != 0) {
		return ir.Unknown, fmt.Errorf("weights %s with group %d do not match the channels of the input %s", w, op.group, x)
	}
	for _, k := range w.Dims[2:] {
		if k.N == 0 || k.N > maxSpan {
			return ir.Unknown, fmt.Errorf("weights %s: spatial dimensions must be between 1 and %d", w, maxSpan)
		}
	}
	if !w.Dims[1].Known() {
		return ir.Unknown, nil
	}
	m, err := tensor.Count([]int{w.Dims[1].N, op.group})
	return ir.Dim{N: m}, err
}

// grow returns the size of the output along spatial dimension i for an input of
// size in, and the span with its actual padding.
func (op *convTranspose) grow(spans []span, i, in int) (span, int, error) {
	s := spans[i]
	full := int64(in-1)*int64(s.stride) + s.extent()
	if op.outPad != nil {
		full += int64(op.outPad[i])
	}
	same := op.auto == "SAME_UPPER" || op.auto == "SAME_LOWER"
	out := full - int64(s.before) - int64(s.after)
	if same || op.outSpatial != nil {
		if out = int64(in) * int64(s.stride); op.outSpatial != nil {
			out = int64(op.outSpatial[i])
		}
		// If the output is longer than full, its end stays zero.
		need := int(max(full-out, 0))
		s.after = need / 2
		if op.auto == "SAME_UPPER" {
			s.after = need - need/2
		}
		s.before = need - s.after
	}
	if out < 1 || in < 1 {
		return s, 0, fmt.Errorf("an input of size %d gives an output of size %d along spatial dimension %d; both must be 1 or more", in, out, i)
	}
	if out > maxSpan {
		return s, 0, limit.Errorf("an output of size %d along spatial dimension %d takes too much memory", out, i)
	}
	return s, int(out), nil
}

func (op *convTranspose) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalConvTranspose[float32](op, c) },
		func(c *Call) error { return evalConvTranspose[float64](op, c) })
}

// backwards returns the window of the convolution whose gradient this is: its input is Y, its
// output X, of which dims are the spatial dimensions. weights is the size of the kernel.
func (op *convTranspose) backwards(dims, weights []int) (*slide, error) {
	spans, err := op.spans(len(dims), weights)
	if err != nil {
		return nil, err
	}
	s := newSlide(len(dims))
	for i, n := range dims {
		j := 3 - len(dims) + i
		s.out[j] = n
		if s.span[j], s.in[j], err = op.grow(spans, i, n); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// evalConvTranspose accumulates each plane of the output in float64.
func evalConvTranspose[T real](op *convTranspose, c *Call) error {
	x, w := c.In[0], c.In[1]
	s, err := op.backwards(x.Shape()[2:], w.Shape()[2:])
	if err != nil {
		return err
	}
	m := w.Dim(1) * op.group
	y, err := c.New(x.DType(), append([]int{x.Dim(0), m}, s.in[3-s.rank:]...)...)
	if err != nil {
		return err
	}
	if c.Out[0] = y; y.Len() == 0 {
		return nil // whatever the sizes of the batch and of X
	}
	scratch, err := c.New(tensor.Float64, s.inSize())
	if err != nil {
		return err
	}
	acc := tensor.Data[float64](scratch)
	src, weights, dst := tensor.Data[T](x), tensor.Data[T](w), tensor.Data[T](y)
	cg, mg := x.Dim(1)/op.group, w.Dim(1)
	for n := range x.Dim(0) {
		for o := range m {
			clear(acc)
			if b := c.input(2); b != nil {
				for i := range acc {
					acc[i] = float64(tensor.Data[T](b)[o])
				}
			}
			for i := range cg {
				ci := o/mg*cg + i
				if err := c.Run.Check(); err != nil {
					return err
				}
				scatterPlane(s, acc, src[(n*x.Dim(1)+ci)*s.outSize():], weights[(ci*mg+o%mg)*s.taps():])
			}
			for i, v := range acc {
				dst[(n*m+o)*len(acc)+i] = T(v)
			}
		}
	}
	return nil
}

// scatterPlane adds the kernel w, scaled by each pixel of x, to acc. s is the convolution from acc
// to x.
func scatterPlane[T real](s *slide, acc []float64, x, w []T) {
	kd, kh, kw := s.span[0].kernel, s.span[1].kernel, s.span[2].kernel
	for kz := range kd {
		z0, z1 := s.span[0].inside(kz, s.in[0], s.out[0])
		for ky := range kh {
			y0, y1 := s.span[1].inside(ky, s.in[1], s.out[1])
			for kx := range kw {
				x0, x1 := s.span[2].inside(kx, s.in[2], s.out[2])
				v := float64(w[(kz*kh+ky)*kw+kx])
				for iz := z0; iz < z1; iz++ {
					oz := s.span[0].at(iz, kz)
					for iy := y0; iy < y1; iy++ {
						oy := s.span[1].at(iy, ky)
						out := acc[(oz*s.in[1]+oy)*s.in[2]:][:s.in[2]]
						o := s.span[2].at(x0, kx)
						for _, p := range x[(iz*s.out[1]+iy)*s.out[2]:][x0:x1] {
							out[o] += v * float64(p)
							o += s.span[2].stride
						}
					}
				}
			}
		}
	}
}
