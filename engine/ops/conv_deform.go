package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// deformConv is a convolution whose taps are displaced by offsets, which are an input and differ
// from pixel to pixel, and weighted by a mask. Taps between pixels are interpolated bilinearly;
// pixels outside the image are 0. ONNX DeformConv-19; -22 extends the types. Dai et al. 2017,
// "Deformable Convolutional Networks"; Zhu et al. 2019, "Deformable ConvNets v2" (the mask).
type deformConv struct {
	window
	group, offsetGroup int
}

func newDeformConv(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &deformConv{readWindow(a), readGroup(a), a.Int("offset_group", 1)}
	if op.offsetGroup < 1 {
		a.Fail("attribute %q is %d, it must be at least 1", "offset_group", op.offsetGroup)
	}
	return op, a.Err()
}

// Infer: X [N C H W], W [M C/group kH kW], offset [N 2·og·kH·kW oH oW], B [M],
// mask [N og·kH·kW oH oW] → Y [N M oH oW], og the number of offset groups.
func (op *deformConv) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	for i, f := range in {
		if f.Given() && f.Shape.Ranked && i != 3 && f.Shape.Rank() != 4 {
			return nil, fmt.Errorf("input %d must have rank 4, it has shape %s", i, f.Shape)
		}
	}
	c := conv{op.window, op.group}
	out, err := c.Infer([]ir.Fact{in[0], in[1], fact(in, 3)})
	if err != nil || !out[0].Shape.Ranked || !in[1].Shape.Full() {
		return out, err
	}
	if x := in[0].Shape.Dims[1]; x.Known() && x.N%op.offsetGroup != 0 {
		return nil, fmt.Errorf("offset_group %d does not divide the channels of %s", op.offsetGroup, in[0].Shape)
	}
	taps, err := tensor.Count([]int{op.offsetGroup, in[1].Shape.Dims[2].N, in[1].Shape.Dims[3].N, 2})
	if err != nil {
		return nil, err
	}
	y := out[0].Shape.Dims
	if want := ir.ShapeOf(y[0], ir.Dim{N: taps}, y[2], y[3]); !fitsShape(in[2].Shape, want) {
		return nil, fmt.Errorf("offset must have shape %s, it has %s", want, in[2].Shape)
	}
	if want := ir.ShapeOf(y[0], ir.Dim{N: taps / 2}, y[2], y[3]); len(in) > 4 && in[4].Given() && !fitsShape(in[4].Shape, want) {
		return nil, fmt.Errorf("the mask must have shape %s, it has %s", want, in[4].Shape)
	}
	return out, nil
}

func (op *deformConv) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalDeformConv[float32](op, c) }, func(c *Call) error { return evalDeformConv[float64](op, c) })
}

func evalDeformConv[T real](op *deformConv, c *Call) error {
	x, w := c.In[0], c.In[1]
	s, err := op.slide(x.Shape()[2:], w.Shape()[2:])
	if err != nil {
		return err
	}
	m, channels := w.Dim(0), x.Dim(1)
	y, err := c.zeroed(x.DType(), s.shape(x.Dim(0), m)...)
	if err != nil {
		return err
	}
	taps := s.taps()
	scratch, err := c.New(tensor.Float64, channels, taps)
	if err != nil {
		return err
	}
	col := tensor.Data[float64](scratch)
	column := deformColumn[T]{s: s, groups: op.offsetGroup, channels: channels, col: col, x: tensor.Data[T](x), offset: tensor.Data[T](c.In[2])}
	if t := c.input(4); t != nil {
		column.mask = tensor.Data[T](t)
	}
	weights, dst := tensor.Data[T](w), tensor.Data[T](y)
	var bias []T
	if b := c.input(3); b != nil {
		bias = tensor.Data[T](b)
	}
	cg := channels / op.group * taps
	for n := range x.Dim(0) {
		for o := range s.outSize() {
			if err := c.Run.Check(); err != nil {
				return err
			}
			column.gather(n, o)
			for i := range m {
				g := i / (m / op.group)
				sum := dot(col[g*cg:(g+1)*cg], weights[i*cg:])
				if bias != nil {
					sum += float64(bias[i])
				}
				dst[(n*m+i)*s.outSize()+o] = T(sum)
			}
		}
	}
	return nil
}

// deformColumn gathers the input samples of one output pixel, which all output channels multiply with
// their weights.
type deformColumn[T real] struct {
	s                *slide
	groups, channels int       // groups: of channels that share offsets
	col              []float64 // the samples, [channels][taps]
	x, offset, mask  []T       // mask: nil if there is none
}

// gather reads all taps of output pixel o of image n into col.
func (d *deformColumn[T]) gather(n, o int) {
	s, taps := d.s, d.s.taps()
	oy, ox := o/s.out[2], o%s.out[2]
	for g := range d.groups {
		for t := range taps {
			at := (n*d.groups+g)*taps + t
			dy, dx := d.offset[2*at*s.outSize()+o], d.offset[(2*at+1)*s.outSize()+o]
			y := float64(s.span[1].at(oy, t/s.span[2].kernel)) + float64(dy)
			x := float64(s.span[2].at(ox, t%s.span[2].kernel)) + float64(dx)
			weight := 1.0
			if d.mask != nil {
				weight = float64(d.mask[at*s.outSize()+o])
			}
			per := d.channels / d.groups
			for ch := g * per; ch < (g+1)*per; ch++ {
				plane := d.x[(n*d.channels+ch)*s.inSize():][:s.inSize()]
				d.col[ch*taps+t] = weight * bilinear(plane, s.in[1], s.in[2], y, x)
			}
		}
	}
}

// bilinear interpolates between the pixels of a plane; pixels outside are 0.
func bilinear[T real](plane []T, h, w int, y, x float64) float64 {
	if !(y > -1 && y < float64(h) && x > -1 && x < float64(w)) { // also false for NaN
		return 0
	}
	fy, fx := math.Floor(y), math.Floor(x)
	y0, x0 := int(fy), int(fx)
	ly, lx := y-fy, x-fx
	at := func(y, x int) float64 {
		if y < 0 || y >= h || x < 0 || x >= w {
			return 0
		}
		return float64(plane[y*w+x])
	}
	return (1-ly)*((1-lx)*at(y0, x0)+lx*at(y0, x0+1)) + ly*((1-lx)*at(y0+1, x0)+lx*at(y0+1, x0+1))
}
