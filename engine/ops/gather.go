package ops

import (
	"errors"
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var gathers = []Def{
	{Name: "Gather", Since: 1, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newGather},
	{Name: "GatherElements", Since: 11, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newGatherElements},
	{Name: "GatherND", Since: 12, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newGatherND},
	{Name: "GatherND", Since: 11, Until: 11, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(gatherND{})},
}

// gather selects slices of data along an axis: for axis 0, y[i…, …] = data[indices[i…], …]. ONNX
// Gather-1; -11 allows negative indices, which are accepted in all versions.
type gather struct{ axis int }

func newGather(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return gather{a.Int("axis", 0)}, a.Err()
}

// Infer: data [d0…dn], indices [i…] → [d0…, i…, …dn].
func (op gather) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, integerTypes); err != nil {
		return nil, err
	}
	out := ir.Fact{DType: in[0].DType}
	s, idx := in[0].Shape, in[1].Shape
	if !s.Ranked {
		return []ir.Fact{out}, nil
	}
	axis, err := tensor.Axis(op.axis, s.Rank())
	if err != nil {
		return nil, err
	}
	if idx.Ranked {
		dims := append([]ir.Dim{}, s.Dims[:axis]...)
		dims = append(dims, idx.Dims...)
		out.Shape = ir.ShapeOf(append(dims, s.Dims[axis+1:]...)...)
	}
	if at := in[1].Const; at != nil && at.Len() <= 64 && s.Dims[axis].Known() {
		list, _ := integers(at)
		n := s.Dims[axis].N
		if err := inRange(list, n); err != nil {
			return nil, err
		}
		if in[0].Ints != nil && s.Rank() == 1 && idx.Rank() <= 1 {
			for _, i := range list {
				out.Ints = append(out.Ints, in[0].Ints[fromEnd(i, n)])
			}
		}
	}
	return []ir.Fact{out}, nil
}

// inRange checks indices, which may count from the end.
func inRange(index []int, n int) error {
	for _, v := range index {
		if v < -n || v >= n {
			return fmt.Errorf("index %d is outside [%d, %d]", v, -n, n-1)
		}
	}
	return nil
}

// fromEnd resolves a negative index; v was checked by inRange.
func fromEnd(v, n int) int {
	if v < 0 {
		return v + n
	}
	return v
}

func (op gather) Eval(c *Call) error {
	x := c.In[0]
	axis, err := tensor.Axis(op.axis, x.Rank())
	if err != nil {
		return err
	}
	index, err := callInts(c, 1)
	if err != nil {
		return err
	}
	if err := inRange(index, x.Dim(axis)); err != nil {
		return err
	}
	shape := append([]int{}, x.Shape()[:axis]...)
	shape = append(shape, c.In[1].Shape()...)
	shape = append(shape, x.Shape()[axis+1:]...)
	if len(shape) > maxRank {
		return errors.New("the rank of the output exceeds 1024")
	}
	y, err := c.output(x.DType(), shape...)
	if err != nil || y.Len() == 0 {
		return err
	}
	before, along, after := split3(x.Shape(), axis)
	if after == 1 {
		if done, err := c.pick(y, x, index, before, along); done {
			return err
		}
	}
	cp := newCopier(y, x)
	to := 0
	for i := range before {
		for _, v := range index {
			cp.copy(to, (i*along+fromEnd(v, along))*after, after)
			to += after
		}
		if err := c.Run.Check(); err != nil {
			return err
		}
	}
	return nil
}
