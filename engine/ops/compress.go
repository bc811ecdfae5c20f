package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// compress selects the slices along an axis, or the elements of the flattened
// input, for which a condition is true; what lies beyond the condition is dropped.
// ONNX Compress-9; -11 allows negative axes.
type compress struct {
	axis int
	flat bool
}

func newCompress(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return compress{a.Int("axis", 0), !a.Has("axis")}, a.Err()
}

// Infer: input [… d …], bool condition [≤ d] → [… number of true …].
func (op compress) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantType(in, 1, tensor.Types(tensor.Bool)), wantRank(in, 1, 1)); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if op.flat {
		return []ir.Fact{ir.Tensor(in[0].DType, ir.AnyOfRank(1))}, nil
	}
	if !s.Ranked {
		return []ir.Fact{{DType: in[0].DType}}, nil
	}
	axis, err := tensor.Axis(op.axis, s.Rank())
	if err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(in[0].DType, withDim(s, axis, ir.Unknown))}, nil
}

// alongOrFlat returns a tensor and its axis; if flat, the tensor is flattened.
func alongOrFlat(x *tensor.Tensor, axis int, flat bool) (*tensor.Tensor, int, error) {
	if flat {
		line, err := x.Reshape(x.Len())
		return line, 0, err
	}
	at, err := tensor.Axis(axis, x.Rank())
	return x, at, err
}

func (op compress) Eval(c *Call) error {
	x, axis, err := alongOrFlat(c.In[0], op.axis, op.flat)
	if err != nil {
		return err
	}
	condition := tensor.Data[bool](c.In[1])
	if len(condition) > x.Dim(axis) {
		return fmt.Errorf("the condition has %d elements, the axis %d", len(condition), x.Dim(axis))
	}
	kept := 0
	for _, yes := range condition {
		if yes {
			kept++
		}
	}
	shape := append([]int{}, x.Shape()...)
	shape[axis] = kept
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil || y.Len() == 0 {
		return err
	}
	before, along, after := split3(x.Shape(), axis)
	cp := newCopier(y, x)
	to := 0
	for i := range before {
		for j, yes := range condition {
			if yes {
				cp.copy(to, (i*along+j)*after, after)
				to += after
			}
		}
		if err := c.Run.Check(); err != nil {
			return err
		}
	}
	return nil
}
