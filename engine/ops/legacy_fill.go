package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// legacyFills lists experimental constants written by Caffe2's exporters, which
// opset 10 removed. ONNX ConstantFill-1, GivenTensorFill-1.
var legacyFills = []Def{
	{Name: "ConstantFill", Since: 1, Until: 9, In: Arity{0, 1}, Out: Exactly(1), New: newConstantFill},
	{Name: "GivenTensorFill", Since: 1, Until: 9, In: Arity{0, 1}, Out: Exactly(1), New: newGivenFill},
}

// legacyFill fills a shape with values. The shape is the attribute, that of the
// input, or the elements of the input (input_as_shape), with extra dimensions
// appended.
type legacyFill struct {
	dtype        tensor.DType
	values       []float64 // one for all elements, or one for each
	shape, extra []int
	holds        bool // input_as_shape: the input holds the shape
}

func newConstantFill(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := readFill(n, a)
	op.dtype, op.values = a.DType("dtype", tensor.Float32), []float64{float64(a.Float("value", 0))}
	if !tensor.NumericTypes.Is(op.dtype) {
		a.Fail("attribute %q is %s, it must be a numeric type", "dtype", op.dtype)
	}
	return op, a.Err()
}

func newGivenFill(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("values")
	op := readFill(n, a)
	for _, v := range a.Floats("values") {
		op.values = append(op.values, float64(v))
	}
	return op, a.Err()
}

func readFill(n *ir.Node, a *ir.Attrs) *legacyFill {
	op := &legacyFill{dtype: tensor.Float32, shape: a.Ints("shape"), extra: a.Ints("extra_shape"), holds: a.Bool("input_as_shape", false)}
	if given := len(n.Inputs) == 1; given == (op.shape != nil) || op.holds && !given {
		a.Fail("needs an input or attribute %q, one of the two; %q needs the input", "shape", "input_as_shape")
	}
	return op
}

// size returns the shape, unknown if it depends on an input that is not known.
func (op *legacyFill) size(in []ir.Fact) (ir.Shape, error) {
	s := ir.Dims(op.shape...)
	if len(in) == 1 {
		if s = in[0].Shape; op.holds {
			v, ok, err := knownInts(in, 0)
			if err != nil || !ok {
				return ir.Shape{}, err
			}
			s = ir.Dims(v...)
		}
	}
	if !s.Ranked {
		return s, nil
	}
	return ir.ShapeOf(append(append([]ir.Dim{}, s.Dims...), ir.Dims(op.extra...).Dims...)...), nil
}

// Infer: an optional input → the filled shape.
func (op *legacyFill) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s, err := op.size(in)
	return []ir.Fact{ir.Tensor(op.dtype, s)}, err
}

func (op *legacyFill) Eval(c *Call) error {
	in := factsOf(c.In)
	if op.holds {
		in[0].Const = c.In[0]
	}
	s, err := op.size(in)
	if err != nil {
		return err
	}
	shape, ok := s.Ints()
	if !ok {
		return fmt.Errorf("shape %s has a negative dimension", s)
	}
	y, err := c.zeroed(op.dtype, shape...)
	if err != nil {
		return err
	}
	if n := len(op.values); n != 1 && n != y.Len() {
		return fmt.Errorf("attribute \"values\" has %d elements, shape %v needs one or %d", n, shape, y.Len())
	}
	i := 0
	return mapElements(c, y, y, func(float64) float64 {
		v := op.values[i%len(op.values)]
		i++
		return v
	})
}
