package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// qGemm is Y = alpha·A'·B' + C on 8-bit integers. Inputs: A and B, each with
// scale and zero point, C int32 with scale a·b, scale and zero point of Y;
// without these, Y is float32.
type qGemm struct {
	transA, transB bool
	alpha          float32
}

func newQGemm(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return qGemm{a.Bool("transA", false), a.Bool("transB", false), a.Float("alpha", 1)}, a.Err()
}

// Infer: A, B, C → Y [M N].
func (op qGemm) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := zeroTypes(in, 0, 2, 3, 5); err != nil {
		return nil, err
	}
	if err := wantType(in, 6, tensor.Types(tensor.Int32)); err != nil {
		return nil, err
	}
	for _, i := range []int{1, 4, 7} {
		if err := wantType(in, i, tensor.FloatTypes); err != nil {
			return nil, err
		}
	}
	d := tensor.Float32
	if zero := fact(in, 8); zero.Given() {
		d = zero.DType
	}
	a, err := op.matrix(in[0], op.transA)
	if err != nil {
		return nil, err
	}
	b, err := op.matrix(in[3], op.transB)
	if err != nil {
		return nil, err
	}
	return productShape(a, b, d)
}

func (op qGemm) matrix(f ir.Fact, transposed bool) (ir.Fact, error) {
	if f.Shape.Ranked && f.Shape.Rank() != 2 {
		return f, fmt.Errorf("needs matrices, one input has shape %v", f.Shape)
	}
	if f.Shape.Ranked && transposed {
		return ir.Tensor(f.DType, ir.ShapeOf(f.Shape.Dims[1], f.Shape.Dims[0])), nil
	}
	return f, nil
}

// Eval accumulates exactly and scales in float32.
func (op qGemm) Eval(c *Call) error {
	a, b := c.In[0], c.In[3]
	var err error
	if op.transA {
		if a, err = permuted(c, a, []int{1, 0}); err != nil {
			return err
		}
	}
	if op.transB {
		if b, err = permuted(c, b, []int{1, 0}); err != nil {
			return err
		}
	}
	sums, err := integerProduct(c, a, c.input(2), b, c.input(5))
	if err != nil {
		return err
	}
	if bias := c.input(6); bias != nil {
		if s, err := tensor.Broadcast(sums.Shape(), bias.Shape()); err != nil || !slices.Equal(s, sums.Shape()) {
			return fmt.Errorf("input 6 has shape %v, it must broadcast to %v", bias.Shape(), sums.Shape())
		}
		w := broadcastWalk(sums.Shape(), sums.Shape(), bias.Shape())
		if err := zipElements(c, w, sums, sums, bias, plus[float64]); err != nil {
			return err
		}
	}
	y := c.input(7)
	if y == nil {
		y = tensor.Scalar[float32](1)
	}
	if c.In[1].Len() != 1 {
		return fmt.Errorf("the scale of A must have one element, its shape is %v", c.In[1].Shape())
	}
	scales, err := productScales(c, c.In[1], c.In[4], y)
	if err != nil {
		return err
	}
	for i := range scales {
		scales[i] *= op.alpha
	}
	n := sums.Dim(1)
	s := scaleMap{outer: sums.Dim(0), n: n, inner: 1, step: 1, block: 1}
	if len(scales) == 1 {
		s.step = 0
	} else if len(scales) != n {
		return fmt.Errorf("there are %d scales for %d columns; there must be one, or one for each column", len(scales), n)
	}
	zero := c.input(8)
	if zero == nil {
		zero = tensor.Scalar[float32](0)
	}
	c.Out[0], err = requantize(c, sums, s, scales, zero)
	return err
}
