package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// legacies lists experimental operators of opsets 1 to 9, which opset 10 removed.
var legacies = []Def{
	{Name: "Affine", Since: 1, Until: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newAffine},
	{Name: "Scale", Since: 1, Until: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newScaleBy},
	{Name: "ParametricSoftplus", Since: 1, Until: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newParametricSoftplus},
	{Name: "ScaledTanh", Since: 1, Until: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newScaledTanh},
	{Name: "ImageScaler", Since: 1, Until: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newImageScaler},
	{Name: "Crop", Since: 1, Until: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newCrop1},
	{Name: "DynamicSlice", Since: 1, Until: 9, Types: tensor.AllTypes, In: Arity{3, 4}, Out: Exactly(1), New: noAttributes(slice{})},
	{Name: "GRUUnit", Since: 1, Until: 9, Types: tensor.FloatTypes, In: Exactly(4), Out: Exactly(1), New: newGRUUnit},
}

// newAffine makes y = alpha·x + beta. ONNX Affine-1.
func newAffine(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha, beta := float64(a.Float("alpha", 1)), float64(a.Float("beta", 0))
	return floats(func(x float64) float64 { return alpha*x + beta }), a.Err()
}

// newScaleBy makes y = scale·x. ONNX Scale-1.
func newScaleBy(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	scale := float64(a.Float("scale", 1))
	return floats(func(x float64) float64 { return scale * x }), a.Err()
}

// newParametricSoftplus makes y = alpha·ln(1 + exp(beta·x)). ONNX
// ParametricSoftplus-1.
func newParametricSoftplus(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha, beta := float64(a.Float("alpha", 1)), float64(a.Float("beta", 1))
	return floats(func(x float64) float64 { return alpha * softplus(beta*x) }), a.Err()
}

// newScaledTanh makes y = alpha·tanh(beta·x). ONNX ScaledTanh-1.
func newScaledTanh(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha, beta := float64(a.Float("alpha", 1)), float64(a.Float("beta", 1))
	return floats(func(x float64) float64 { return alpha * math.Tanh(beta*x) }), a.Err()
}

// imageScaler is y = scale·x + bias[channel] on [N C H W]. ONNX ImageScaler-1.
type imageScaler struct {
	scale float32
	bias  []float32
}

func newImageScaler(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return imageScaler{a.Float("scale", 1), a.Floats("bias")}, a.Err()
}

// Infer: [N C H W] → the same.
func (op imageScaler) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if s := in[0].Shape; s.Ranked && (s.Rank() != 4 || op.bias != nil && s.Dims[1].Known() && s.Dims[1].N != len(op.bias)) {
		return nil, fmt.Errorf("needs an input of shape [N %d H W], one channel for each bias; it has %v", len(op.bias), s)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

// Eval scales one plane at a time.
func (op imageScaler) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	x := c.In[0]
	y, err := c.zeroedLike(x)
	if err != nil {
		return err
	}
	bias := op.bias
	if bias == nil {
		bias = make([]float32, 1)
	}
	b := tensor.Of(bias, len(bias), 1, 1)
	w := broadcastWalk(y.Shape(), x.Shape(), b.Shape())
	return zipElements(c, w, y, x, b, func(v, b float64) float64 { return float64(op.scale)*v + b })
}

// crop1 removes the borders of [N C H W], in the order left, top, right, bottom;
// with attribute scale, it takes height and width of scale from the left and top
// border on. ONNX Crop-1.
type crop1 struct{ border, scale []int }

func newCrop1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("border")
	op := crop1{a.Ints("border"), a.Ints("scale")}
	if len(op.border) != 4 || slices.Min(op.border) < 0 || len(op.scale) != 0 && (len(op.scale) != 2 || slices.Min(op.scale) < 0) {
		a.Fail("attributes \"border\" %v and \"scale\" %v must be 4 and 2 numbers, none negative", op.border, op.scale)
	}
	return op, a.Err()
}

// size returns the height and width that remain of h × w.
func (op crop1) size(h, w int) (int, int, error) {
	nh, nw := h-op.border[1]-op.border[3], w-op.border[0]-op.border[2]
	if op.scale != nil {
		nh, nw = op.scale[0], op.scale[1]
	}
	if nh < 0 || nw < 0 || op.border[1] > h-nh || op.border[0] > w-nw {
		return 0, 0, fmt.Errorf("attributes \"border\" %v and \"scale\" %v do not fit an image of %d×%d", op.border, op.scale, h, w)
	}
	return nh, nw, nil
}

// Infer: [N C H W] → [N C h w].
func (op crop1) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{ir.Tensor(in[0].DType, ir.AnyOfRank(4))}, nil
	}
	if s.Rank() != 4 {
		return nil, fmt.Errorf("needs an input of shape [N C H W], it has %v", s)
	}
	out := ir.ShapeOf(s.Dims[0], s.Dims[1], ir.Unknown, ir.Unknown)
	if s.Dims[2].Known() && s.Dims[3].Known() {
		h, w, err := op.size(s.Dims[2].N, s.Dims[3].N)
		if err != nil {
			return nil, err
		}
		out.Dims[2].N, out.Dims[3].N = h, w
	}
	return []ir.Fact{ir.Tensor(in[0].DType, out)}, nil
}

// Eval copies the part that remains.
func (op crop1) Eval(c *Call) error {
	x := c.In[0]
	if x.Rank() != 4 {
		return fmt.Errorf("needs an input of shape [N C H W], it has %v", x.Shape())
	}
	h, w, err := op.size(x.Dim(2), x.Dim(3))
	if err != nil {
		return err
	}
	y, err := c.zeroed(x.DType(), x.Dim(0), x.Dim(1), h, w)
	if err != nil {
		return err
	}
	walk := newWalk(y.Shape(), tensor.Strides(y.Shape()), tensor.Strides(x.Shape()))
	walk.start[1] = op.border[1]*x.Dim(3) + op.border[0]
	return walk.move(c.Run, y, x)
}
