package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var softmaxes = []Def{
	{Name: "Softmax", Since: 13, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: alongAxis(softmaxLine)},
	{Name: "Softmax", Since: 1, Until: 12, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: alongRest(softmaxLine)},
	{Name: "LogSoftmax", Since: 13, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: alongAxis(logSoftmaxLine)},
	{Name: "LogSoftmax", Since: 1, Until: 12, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: alongRest(logSoftmaxLine)},
	{Name: "Hardmax", Since: 13, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: alongAxis(hardmaxLine)},
	{Name: "Hardmax", Since: 1, Until: 12, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: alongRest(hardmaxLine)},
}

// lineFunc transforms a line of numbers, which is not empty, in place.
type lineFunc func(x []float64)

// lines applies a function to every line of the input: along one axis (from opset 13 on), or over all
// dimensions from the axis on (opsets 1 to 12, which view the input as a matrix). ONNX Softmax-13,
// LogSoftmax-13, Hardmax-13; their versions -1; LpNormalization-1.
type lines struct {
	f    lineFunc
	axis int
	rest bool // all dimensions from axis on
}

func alongAxis(f lineFunc) func(*ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		a := n.ReadAttrs()
		return &lines{f, a.Int("axis", -1), false}, a.Err()
	}
}

func alongRest(f lineFunc) func(*ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		a := n.ReadAttrs()
		return &lines{f, a.Int("axis", 1), true}, a.Err()
	}
}

// Infer: X [any shape] → Y, same shape and dtype.
func (op *lines) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if in[0].Shape.Ranked {
		if _, err := op.resolve(in[0].Shape.Rank()); err != nil {
			return nil, err
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

// resolve returns the axis counted from the front. With rest it may be equal to
// the rank, and a scalar is a line of one element.
func (op *lines) resolve(rank int) (int, error) {
	if op.rest && op.axis == rank || rank == 0 && (op.axis == 0 || op.axis == -1) {
		return rank, nil
	}
	return tensor.Axis(op.axis, rank)
}

func (op *lines) Eval(c *Call) error {
	return evalReal(c, func(c *Call) error { return evalLines[float32](op, c) }, func(c *Call) error { return evalLines[float64](op, c) })
}

func evalLines[T real](op *lines, c *Call) error {
	x := c.In[0]
	axis, err := op.resolve(x.Rank())
	if err != nil {
		return err
	}
	y, err := c.zeroedLike(x)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	if len(dst) == 0 {
		return nil
	}
	length := tensor.MustCount(x.Shape()[axis:])
	if !op.rest && axis < x.Rank() {
		length = x.Dim(axis)
	}
	step := 1 // stride of the elements of a line
	if !op.rest && axis < x.Rank() {
		step = tensor.Strides(x.Shape())[axis]
	}
	if err := c.Run.reserveList(length, 8); err != nil {
		return err
	}
	line := make([]float64, length)
	for i := 0; i < len(dst)/length; i++ {
		if err := c.Run.Check(); err != nil {
			return err
		}
		from := i/step*step*length + i%step
		for j := range line {
			line[j] = float64(src[from+j*step])
		}
		op.f(line)
		for j, v := range line {
			dst[from+j*step] = T(v)
		}
	}
	return nil
}

// softmaxLine is exp(x) / Σ exp(x). The maximum is subtracted first to avoid
// overflow.
func softmaxLine(x []float64) {
	top, sum := lineTop(x), 0.0
	for i, v := range x {
		x[i] = math.Exp(v - top)
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}

// logSoftmaxLine is log(softmax(x)).
func logSoftmaxLine(x []float64) {
	top, sum := lineTop(x), 0.0
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	log := math.Log(sum)
	for i := range x {
		x[i] = x[i] - top - log
	}
}

// hardmaxLine is 1 at the first maximum, 0 elsewhere.
func hardmaxLine(x []float64) {
	at := 0
	for i, v := range x {
		if v > x[at] {
			at = i
		}
	}
	clear(x)
	x[at] = 1
}

// lineTop returns the largest number, NaN if there is one.
func lineTop(x []float64) float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = math.Max(top, v)
	}
	return top
}
