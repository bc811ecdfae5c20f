package ops

import (
	"errors"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// optional wraps its input, or is empty and of a given type. ONNX Optional-15.
type optional struct{ of *ir.Fact }

func newOptional(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := optional{a.TypeOf("type")}
	if op.of == nil && len(n.Inputs) == 0 {
		a.Fail("needs an input or attribute \"type\"")
	}
	return op, a.Err()
}

// Infer: an optional input → an optional of its type, or of attribute type.
func (op optional) Infer(in []ir.Fact) ([]ir.Fact, error) {
	elem := fact(in, 0)
	if !elem.Given() {
		elem = *op.of
	}
	elem = withoutValue(elem)
	return []ir.Fact{{DType: tensor.Optional, Elem: &elem}}, nil
}

func (op optional) Eval(c *Call) error {
	if x := c.input(0); x != nil {
		c.Out[0] = tensor.NewContainer(tensor.Optional, x)
	} else {
		c.Out[0] = tensor.NewContainer(tensor.Optional)
	}
	return nil
}

// optionalGetElement unwraps an optional. ONNX OptionalGetElement-15; from version 18 on, other
// values are returned unchanged.
type optionalGetElement struct{}

// Infer: optional → its element; another value → the same.
func (optionalGetElement) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if in[0].DType != tensor.Optional {
		return in[:1], nil
	}
	if !elemOf(in[0]).Given() {
		return nil, errors.New("the type of the optional's element is not known")
	}
	return []ir.Fact{elemOf(in[0])}, nil
}

func (optionalGetElement) Eval(c *Call) error {
	x := c.In[0]
	if x.DType() == tensor.Optional {
		if x.Len() == 0 {
			return errors.New("the optional is empty")
		}
		x = x.Elems()[0]
	}
	c.Out[0] = x
	return nil
}

// optionalHasElement tells whether an optional has an element. ONNX OptionalHasElement-15; from
// version 18 on it is false if there is no input, and true for other values.
type optionalHasElement struct{}

func (optionalHasElement) Infer([]ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(tensor.Bool, ir.Dims())}, nil
}

func (optionalHasElement) Eval(c *Call) error {
	x := c.input(0)
	c.Out[0] = tensor.Scalar(x != nil && (x.DType() != tensor.Optional || x.Len() > 0))
	return nil
}
