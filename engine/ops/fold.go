package ops

import (
	"context"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Exporters compute shapes with operators: a flattening to [batch, rest] is often
//
//	x -> Shape -> Gather(0) -> Unsqueeze -> Concat(., -1) -> Reshape(x, .)
//
// To know the shape of such a Reshape, inference computes small integer values too. It knows them in
// two forms: as a constant (Fact.Const), which fold computes with the operators' reference kernels;
// and, where some elements are symbols or unknown, as a list of dimensions (Fact.Ints), which the
// operators' Infer methods pass on and symbolic computes for sums and products.

// maxFolded is the largest number of elements of a value that inference computes.
const maxFolded = 1024

// shapeMath lists the operators that shape computations use. All take time proportional to the sizes
// of their operands and results, so that folding takes none that counts.
var shapeMath = set("Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "CastLike", "Ceil", "Clip", "Concat", "ConstantOfShape", "CumSum",
	"Div", "Equal", "Expand", "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Greater", "GreaterOrEqual",
	"Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "Or", "Pad", "Pow", "Range",
	"Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Round", "ScatterElements", "ScatterND",
	"Shape", "Sign", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tile", "TopK", "Transpose", "Trilu", "Unique",
	"Unsqueeze", "Where", "Xor")

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// fold computes the outputs of a node of shapeMath whose inputs are all small constants. It returns
// nil for other nodes, and if the outputs would be large. Errors are ignored here: they occur again if
// the node is ever run.
func fold(n *ir.Node, in, out []ir.Fact) []*tensor.Tensor {
	if n.Domain != "" || !shapeMath[n.Op] {
		return nil
	}
	for _, f := range out {
		if k, ok := f.Shape.Count(); f.Shape.Full() && (!ok || k > maxFolded) {
			return nil
		}
	}
	c := &Call{In: make([]*tensor.Tensor, len(in)), Out: make([]*tensor.Tensor, max(len(out), len(n.Outputs))), Node: n,
		Run: NewRun(context.Background(), 64*maxFolded, maxFolded)}
	for i, f := range in {
		if f.Given() && (f.Const == nil || f.Const.Len() > maxFolded) {
			return nil
		}
		c.In[i] = f.Const
	}
	if n.Operator.(Op).Eval(c) != nil {
		return nil
	}
	for _, t := range c.Out {
		if t != nil && t.Len() > maxFolded {
			return nil
		}
	}
	return c.Out
}

// foldInts turns the known elements of an int64 scalar or vector into a constant if all are numbers.
func foldInts(f ir.Fact) ir.Fact {
	if f.Const != nil || f.Ints == nil || f.DType != tensor.Int64 || f.Shape.Rank() > 1 || !f.Shape.Full() {
		return f
	}
	values := make([]int64, len(f.Ints))
	for i, d := range f.Ints {
		if !d.Known() {
			return f
		}
		values[i] = int64(d.N)
	}
	if n, ok := f.Shape.Count(); !ok || n != len(values) {
		return f
	}
	shape, _ := f.Shape.Ints()
	return ir.FactOf(tensor.Of(values, shape...))
}

// symbolic returns the elements of an integer scalar or vector as far as they are known. It adds to
// what the operator's Infer found those elements that arithmetic leaves as they are: n+0, n·1, n/1
// are n, whatever number n stands for.
func symbolic(n *ir.Node, in []ir.Fact, out ir.Fact) []ir.Dim {
	if n.Domain != "" || out.Shape.Rank() > 1 || !integerTypes.Is(out.DType) {
		return out.Ints
	}
	switch n.Op {
	case "Add", "Sub", "Mul", "Div":
		a, b := in[0].Ints, in[1].Ints
		if len(a) == 0 || len(b) == 0 || len(a) != len(b) && len(a) != 1 && len(b) != 1 {
			return out.Ints
		}
		dims := make([]ir.Dim, max(len(a), len(b)))
		for i := range dims {
			if len(out.Ints) == len(dims) && out.Ints[i].Known() {
				dims[i] = out.Ints[i]
			} else {
				dims[i] = unchanged(n.Op, a[i%len(a)], b[i%len(b)])
			}
		}
		return dims
	}
	return out.Ints
}

// unchanged returns the operand to which the result of a sum, difference, product or quotient is
// equal, unknown if there is none.
func unchanged(op string, a, b ir.Dim) ir.Dim {
	switch {
	case op == "Add" && a.N == 0, op == "Mul" && a.N == 1:
		return b
	case (op == "Add" || op == "Sub") && b.N == 0, (op == "Mul" || op == "Div") && b.N == 1:
		return a
	}
	return ir.Unknown
}
