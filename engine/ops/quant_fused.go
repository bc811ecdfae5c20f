package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// quantFused lists operators on 8-bit codes that passes create and no standard
// has.
var quantFused = []Def{
	{Domain: Internal, Name: "Recode", Since: 1, Types: byteTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(recoded{})},
	{Domain: Internal, Name: "QLinearAveragePool", Since: 1, Types: byteTypes, In: Exactly(5), Out: Exactly(1), New: newCodesPool},
}

// recoded is a table look-up Y = table[X], which is any function of one number on codes. The table
// [256] has Y's type and is indexed by the byte of the code, signed or not.
type recoded struct{}

// Infer: X → Y with the table's dtype.
func (recoded) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, byteTypes); err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(in[1].DType, in[0].Shape)}, nil
}

// Eval looks up each code.
func (recoded) Eval(c *Call) error {
	if c.In[1].Len() != 256 {
		return fmt.Errorf("BUG: a table of %d codes, it must have 256", c.In[1].Len())
	}
	y, err := c.zeroed(c.In[1].DType(), c.In[0].Shape()...)
	if err != nil {
		return err
	}
	table, d := c.In[1].Bytes(), y.Bytes()
	for i, v := range c.In[0].Bytes() {
		d[i] = table[v]
	}
	return nil
}

// codesPool is the mean of each window of codes, accumulated exactly and scaled
// once, like QLinearGlobalAveragePool and with the same inputs. Padding is not
// counted.
type codesPool struct{ window }

func newCodesPool(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	if a.Bool("count_include_pad", false) {
		a.Fail("attribute \"count_include_pad\" is set, which is not supported")
	}
	return &codesPool{readPool(a)}, a.Err()
}

// Infer: as AveragePool, with X's dtype.
func (op *codesPool) Infer(in []ir.Fact) ([]ir.Fact, error) {
	shape, err := poolShape(&op.window, in[0])
	if err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(in[0].DType, shape)}, checkScaled(in, in[0].DType, 1, 3)
}

// Eval accumulates exactly and scales once.
func (op *codesPool) Eval(c *Call) error {
	from, to, err := readQuantizations(c)
	if err != nil {
		return err
	}
	x, err := c.convert(c.In[0], tensor.Float64)
	if err != nil {
		return err
	}
	inner := *c
	inner.In, inner.Out = []*tensor.Tensor{x}, make([]*tensor.Tensor, 1)
	low, high, _ := integerRange(c.In[0].DType())
	each := func(q float64) float64 { return q - float64(from.zero) }
	err = evalPool[float64](&inner, &op.window, each, func(sum float64, w *hits) float64 {
		per := to.scale * float32(max(len(w.offsets), 1))
		scale := from.scale / per
		return clamp(math.RoundToEven(float64(float32(sum)*scale))+float64(to.zero), low, high)
	})
	if err != nil {
		return err
	}
	c.Out[0], err = c.convert(inner.Out[0], c.In[0].DType())
	return err
}
