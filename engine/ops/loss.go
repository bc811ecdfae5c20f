package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var losses = []Def{
	{Name: "NegativeLogLikelihoodLoss", Since: 12, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Exactly(1), New: newNLL},
	{Name: "SoftmaxCrossEntropyLoss", Since: 12, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Arity{1, 2}, New: newCrossEntropy},
}

// classLoss is -weight[t]·x[t] for the target class t of each position. x are log
// probabilities, or scores to which log-softmax is applied first. ONNX
// NegativeLogLikelihoodLoss-12, SoftmaxCrossEntropyLoss-12; newer versions extend
// the types.
type classLoss struct {
	softmax   bool   // x are scores
	reduction string // mean (by the sum of weights), sum, none
	ignored   int64  // ignore_index: positions with this target count nothing
	ignores   bool   // ignore_index is given
}

func newNLL(n *ir.Node) (Op, error)          { return readClassLoss(n, false) }
func newCrossEntropy(n *ir.Node) (Op, error) { return readClassLoss(n, true) }

func readClassLoss(n *ir.Node, softmax bool) (Op, error) {
	a := n.ReadAttrs()
	return &classLoss{softmax, a.OneOf("reduction", "mean", "sum", "none"), int64(a.Int("ignore_index", 0)), a.Has("ignore_index")}, a.Err()
}

// Infer: x [N C …], target [N …], weight [C] → a scalar or [N …], and log
// probabilities like x.
func (op *classLoss) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, integerTypes); err != nil {
		return nil, err
	}
	x := in[0]
	if err := wantType(in, 2, tensor.Types(x.DType)); err != nil {
		return nil, err
	}
	loss := ir.Tensor(x.DType, ir.Dims())
	if op.reduction == "none" {
		loss.Shape = in[1].Shape
	}
	if x.Shape.Ranked {
		if x.Shape.Rank() < 2 {
			return nil, fmt.Errorf("needs an input of shape [N C …], it has %s", x.Shape)
		}
		want := ir.ShapeOf(append([]ir.Dim{x.Shape.Dims[0]}, x.Shape.Dims[2:]...)...)
		if !fitsShape(in[1].Shape, want) {
			return nil, fmt.Errorf("the target must have shape %s, it has %s", want, in[1].Shape)
		}
		if err := channelVector(fact(in, 2), "weight", x.Shape.Dims[1]); err != nil {
			return nil, err
		}
	}
	return []ir.Fact{loss, ir.Tensor(x.DType, x.Shape)}, nil
}

func (op *classLoss) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalClassLoss[float32](op, c) }, func(c *Call) error { return evalClassLoss[float64](op, c) })
}

func evalClassLoss[T real](op *classLoss, c *Call) error {
	x, target := c.In[0], c.In[1]
	logs := tensor.Data[T](x)
	if op.softmax {
		t, err := logProbabilities(c, x)
		if err != nil {
			return err
		}
		logs = tensor.Data[T](t)
		if len(c.Out) > 1 {
			c.Out[1] = t
		}
	}
	right, err := callInts(c, 1)
	if err != nil {
		return err
	}
	var weight []T
	if w := c.input(2); w != nil {
		weight = tensor.Data[T](w)
	}
	shape := []int{}
	if op.reduction == "none" {
		shape = target.Shape()
	}
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil {
		return err
	}
	dst := tensor.Data[T](y)
	classes, size := x.Dim(1), tensor.MustCount(x.Shape()[2:])
	sum, total := 0.0, 0.0
	for i, t := range right {
		l, w := 0.0, 0.0
		if !op.ignores || int64(t) != op.ignored {
			if t < 0 || t >= classes {
				return fmt.Errorf("target %d is outside the %d classes", t, classes)
			}
			w = 1
			if weight != nil {
				w = float64(weight[t])
			}
			l = -float64(logs[(i/size*classes+t)*size+i%size]) * w
		}
		sum, total = sum+l, total+w
		if op.reduction == "none" {
			dst[i] = T(l)
		}
	}
	switch op.reduction {
	case "sum":
		dst[0] = T(sum)
	case "mean":
		dst[0] = T(sum / total)
	}
	return nil
}

// logProbabilities returns the log-softmax over the classes.
func logProbabilities(c *Call, x *tensor.Tensor) (*tensor.Tensor, error) {
	inner := *c
	inner.In, inner.Out = []*tensor.Tensor{x}, make([]*tensor.Tensor, 1)
	err := (&lines{logSoftmaxLine, 1, false}).Eval(&inner)
	return inner.Out[0], err
}
