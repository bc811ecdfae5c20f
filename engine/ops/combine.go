package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// This file has the operators that combine operands element by element, under the four rules of
// broadcasting that ONNX has had:
//
//	binaryOp        both operands broadcast, as in numpy                              Add-7
//	variadic        any number of operands, which broadcast (or must be equal)       Max-8, Max-1
//	unidirectional  B broadcasts to the shape of A                                   PRelu-7
//	aligned         B broadcasts if attributes say so, from a given axis of A on     Add-1

// binaryOp is an operator of two operands that broadcast.
type binaryOp struct{ binary }

// Infer: A, B → C with A's dtype and the broadcast shape.
func (op binaryOp) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	s, err := broadcastShape(in[0].Shape, in[1].Shape)
	f := ir.Tensor(in[0].DType, s)
	f.Ints = op.ints(in[0], in[1])
	return []ir.Fact{f}, err
}

// ints computes the elements of a small integer vector as far as those of the operands are known, so
// that arithmetic on shapes can be folded. Only sizes count: negative results are unknown.
func (op binaryOp) ints(a, b ir.Fact) []ir.Dim {
	if op.i64 == nil || !integerTypes.Is(a.DType) || len(a.Ints) == 0 || len(b.Ints) == 0 {
		return nil
	}
	out := make([]ir.Dim, max(len(a.Ints), len(b.Ints)))
	for i := range out {
		x, y := a.Ints[min(i, len(a.Ints)-1)], b.Ints[min(i, len(b.Ints)-1)]
		out[i] = ir.Unknown
		if x.Known() && y.Known() {
			if v := op.i64(int64(x.N), int64(y.N)); v >= 0 && v < 1<<31 {
				out[i] = ir.Dim{N: int(v)}
			}
		}
	}
	return out
}

// Eval sets c = f(a, b).
func (op binaryOp) Eval(c *Call) error {
	y, err := c.zeroedBroadcast(c.In[0].DType(), c.In[0], c.In[1])
	if err != nil {
		return err
	}
	return op.apply(c, y, c.In[0], c.In[1])
}

// compareOp is an operator that compares two operands that broadcast.
type compareOp struct{ relation }

// Infer: A, B → C bool, with the broadcast shape.
func (op compareOp) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	s, err := broadcastShape(in[0].Shape, in[1].Shape)
	return []ir.Fact{ir.Tensor(tensor.Bool, s)}, err
}

// Eval sets c = f(a, b).
func (op compareOp) Eval(c *Call) error {
	y, err := c.zeroedBroadcast(tensor.Bool, c.In[0], c.In[1])
	if err != nil {
		return err
	}
	return op.apply(c, y, c.In[0], c.In[1])
}

// unidirectional restricts an operator of two operands to unidirectional
// broadcasting: the output has the shape of the first operand.
type unidirectional struct{ Op }

// Infer: A, B → C with A's shape.
func (op unidirectional) Infer(in []ir.Fact) ([]ir.Fact, error) {
	out, err := op.Op.Infer(in)
	if err != nil {
		return nil, err
	}
	a, s := in[0].Shape, out[0].Shape
	if a.Ranked && s.Ranked {
		if len(s.Dims) != len(a.Dims) {
			return nil, fmt.Errorf("shape %v does not broadcast to shape %v", in[1].Shape, a)
		}
		for i, d := range s.Dims {
			if d.Known() && a.Dims[i].Known() && d.N != a.Dims[i].N {
				return nil, fmt.Errorf("shape %v does not broadcast to shape %v", in[1].Shape, a)
			}
		}
	}
	out[0].Shape = a
	return out, nil
}

// Eval sets c = f(a, b).
func (op unidirectional) Eval(c *Call) error {
	s, err := tensor.Broadcast(c.In[0].Shape(), c.In[1].Shape())
	if err == nil && !slices.Equal(s, c.In[0].Shape()) {
		err = fmt.Errorf("shape %v does not broadcast to shape %v", c.In[1].Shape(), c.In[0].Shape())
	}
	if err != nil {
		return err
	}
	return op.Op.Eval(c)
}

// aligned is the limited broadcasting of opsets 1 to 6. Without the attribute broadcast, the shapes
// must be equal. With it, B is a single element, or its shape equals consecutive dimensions of A:
// from axis on, or A's last ones if there is no axis. For A [2 3 4 5] and axis 1, B may be [3 4],
// which is aligned as [3 4 1]. ONNX Add-1.
type aligned struct {
	op                 Op // an operator of two operands with multidirectional broadcasting
	broadcast, hasAxis bool
	axis               int
}

// withBroadcast reads the broadcasting attributes of opsets 1 to 6.
func withBroadcast(op Op) func(n *ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		a := n.ReadAttrs()
		return aligned{op: unidirectional{op}, broadcast: a.Bool("broadcast", false), hasAxis: a.Has("axis"), axis: a.Int("axis", 0)}, a.Err()
	}
}

// alignedShape returns the shape of B with dimensions of 1 appended, so that numpy's rule aligns it
// with A.
func (op aligned) alignedShape(a, b []ir.Dim) ([]ir.Dim, error) {
	one := func(d ir.Dim) bool { return d.N == 1 }
	single := len(b) == 0 || !slices.ContainsFunc(b, func(d ir.Dim) bool { return !one(d) })
	switch {
	case !op.broadcast:
		same := func(x, y ir.Dim) bool { return x.Same(y) || !x.Known() || !y.Known() }
		if !slices.EqualFunc(a, b, same) {
			return nil, fmt.Errorf("shapes %v and %v differ, and attribute \"broadcast\" is not set", ir.ShapeOf(a...), ir.ShapeOf(b...))
		}
		return b, nil
	case single:
		return b[:min(len(b), len(a))], nil
	case !op.hasAxis:
		return b, nil
	}
	axis := op.axis
	if axis < 0 {
		axis += len(a)
	}
	if axis < 0 || axis+len(b) > len(a) {
		return nil, fmt.Errorf("shape %[2]v at axis %[1]d does not align with shape %[3]v", op.axis, ir.ShapeOf(b...), ir.ShapeOf(a...))
	}
	out := slices.Clone(b)
	for range len(a) - len(b) - axis {
		out = append(out, ir.Dim{N: 1})
	}
	return out, nil
}

// Infer: A, B → C with A's shape.
func (op aligned) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if !in[0].Shape.Ranked || !in[1].Shape.Ranked {
		out, err := op.op.Infer([]ir.Fact{ir.Tensor(in[0].DType, ir.Shape{}), ir.Tensor(in[1].DType, ir.Shape{})})
		if err == nil {
			out[0].Shape = in[0].Shape
		}
		return out, err
	}
	dims, err := op.alignedShape(in[0].Shape.Dims, in[1].Shape.Dims)
	if err != nil {
		return nil, err
	}
	return op.op.Infer([]ir.Fact{in[0], ir.Tensor(in[1].DType, ir.ShapeOf(dims...))})
}

// Eval reshapes B to align with A and evaluates the operator.
func (op aligned) Eval(c *Call) error {
	dims, err := op.alignedShape(ir.Dims(c.In[0].Shape()...).Dims, ir.Dims(c.In[1].Shape()...).Dims)
	if err != nil {
		return err
	}
	shape, _ := ir.ShapeOf(dims...).Ints()
	b, err := c.In[1].Reshape(shape...)
	if err != nil {
		return err
	}
	inner := *c
	inner.In = []*tensor.Tensor{c.In[0], b}
	return op.op.Eval(&inner)
}

// variadic is an operator that combines any number of operands, one after the other.
type variadic struct {
	binary
	sameShape bool              // operands must have the same shape: opsets 1 to 7
	finish    func(n int) unary // applied to the combination of n operands; nil: nothing
}

// Infer: operands of one dtype → their broadcast shape.
func (op variadic) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	shapes := make([]ir.Shape, len(in))
	for i, f := range in {
		if !f.Given() {
			return nil, fmt.Errorf("input %d is missing", i)
		}
		shapes[i] = f.Shape
	}
	s, err := broadcastShape(shapes...)
	if err != nil {
		return nil, err
	}
	f := ir.Tensor(in[0].DType, s)
	f.Ints = in[0].Ints
	for _, next := range in[1:] {
		if op.sameShape && next.Shape.Ranked && in[0].Shape.Ranked && len(next.Shape.Dims) != len(in[0].Shape.Dims) {
			return nil, fmt.Errorf("shapes %v differ; broadcasting needs opset 8", shapes)
		}
		f.Ints = binaryOp{op.binary}.ints(f, next)
	}
	if op.finish != nil {
		f.Ints = nil
	}
	return []ir.Fact{f}, nil
}

// Eval sets y = f(… f(f(a, b), c) …).
func (op variadic) Eval(c *Call) error {
	y, err := c.zeroedBroadcast(c.In[0].DType(), c.In...)
	if err != nil {
		return err
	}
	if err := broadcastWalk(y.Shape(), c.In[0].Shape()).move(c.Run, y, c.In[0]); err != nil {
		return err
	}
	for _, t := range c.In[1:] {
		if op.sameShape && !slices.Equal(t.Shape(), c.In[0].Shape()) {
			return fmt.Errorf("shapes %v and %v differ; broadcasting needs opset 8", c.In[0].Shape(), t.Shape())
		}
		if err := op.apply(c, y, y, t); err != nil {
			return err
		}
	}
	if op.finish != nil {
		return op.finish(len(c.In)).apply(c, y, y)
	}
	return nil
}
