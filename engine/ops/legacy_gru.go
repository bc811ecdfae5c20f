package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// gruUnit is one step of a GRU without its matrix products: H' = u·H +
// (1-u)·tanh(o), where u is the sigmoid of the second gate and o the third; the
// first gate is already applied to o. Sequences that have ended keep their state,
// or lose it (drop_states). ONNX GRUUnit-1, as in Caffe2's gru_unit_op.h.
type gruUnit struct{ drop bool }

func newGRUUnit(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return gruUnit{a.Bool("drop_states", false)}, a.Err()
}

// Infer: H [1 N D], gates [1 N 3D], lengths [N], step [1] → H'.
func (gruUnit) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(sameType(in[:2]), wantRank(in, 0, 3), wantRank(in, 1, 3), wantType(in, 2, integerTypes), wantType(in, 3, integerTypes)); err != nil {
		return nil, err
	}
	h, g := in[0].Shape, in[1].Shape
	if d, three := lastDim(h), lastDim(g); d.Known() && three.Known() && three.N != 3*d.N {
		return nil, fmt.Errorf("gates must have three elements for each of the state's %d, their shape is %s", d.N, g)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, h)}, nil
}

func (op gruUnit) Eval(c *Call) error {
	y, err := c.inferred(op)
	if err != nil {
		return err
	}
	lengths, err := callInts(c, 2)
	if err != nil {
		return err
	}
	step, err := callInts(c, 3)
	if err != nil {
		return err
	}
	n, d := y.Dim(1), y.Dim(2)
	if y.Dim(0) != 1 || c.In[1].Dim(0) != 1 || c.In[1].Dim(1) != n || len(lengths) != n || len(step) != 1 {
		return fmt.Errorf("state %v, gates %v, %d lengths and %d steps are inconsistent", y.Shape(), c.In[1].Shape(), len(lengths), len(step))
	}
	if y.Len() == 0 {
		return nil
	}
	h, gates := make([]float64, d), make([]float64, 2*d)
	for i, length := range lengths {
		if err := c.Run.Check(); err != nil {
			return err
		}
		over := step[0] >= length
		if over && op.drop {
			continue
		}
		tensor.Load(h, c.In[0], i*d, 1)
		if !over {
			tensor.Load(gates, c.In[1], i*3*d+d, 1)
			for k := range h {
				u := sigmoid(gates[k])
				h[k] = h[k]*u + math.Tanh(gates[d+k])*(1-u)
			}
		}
		tensor.Store(y, i*d, 1, h)
	}
	return nil
}
