package pass

import (
	"context"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// foldLimit bounds the memory of folding one node, in bytes beyond the constants that the result
// replaces: an Expand of a number to a huge tensor is left to run time.
const foldLimit = 64 << 20

// foldTotal bounds the total size of the values that one pass over the graph makes, in bytes.
const foldTotal = 512 << 20

// foldConstants computes nodes whose inputs are all constant:
//
//	2, 3 -> Mul -> Add(x)  =>  6 -> Add(x)
//
// Random operators and those with regions stay, and so does a node that fails, or whose results exceed
// the limits: the error belongs to the run, if it ever comes to that node.
func foldConstants(e *Editor) (int, error) {
	return foldWhere(e, func(*ir.Node) bool { return true })
}

// foldWhere folds the nodes with constant inputs for which want is true.
func foldWhere(e *Editor, want func(n *ir.Node) bool) (int, error) {
	changes, made := 0, int64(0)
	err := e.Nodes(func(n *ir.Node) error {
		if !foldable(n) || !want(n) || made > foldTotal {
			return nil
		}
		out := e.widening(n)
		if out == nil {
			if out = fold(e.ctx, n, n.Facts()); out == nil {
				return nil
			}
			for _, t := range out {
				if t != nil {
					made += int64(t.Size())
				}
			}
		}
		for i, v := range n.Outputs {
			if out[i] != nil {
				v.Fact = ir.FactOf(out[i])
				v.Node = nil
			}
		}
		e.Remove(n)
		changes++
		return nil
	})
	return changes, err
}

// widening returns the result of a Cast of a float16 or bfloat16 constant to float32, nil for other
// nodes. It takes no memory: weights are converted when they are packed (tensor.Widened).
func (e *Editor) widening(n *ir.Node) []*tensor.Tensor {
	if n.Domain != "" || n.Op != "Cast" && n.Op != "CastLike" || !narrow(n.Inputs[0]) || n.Outputs[0].Fact.DType != tensor.Float32 {
		return nil
	}
	return []*tensor.Tensor{e.widened(n.Inputs[0].Const())}
}

// widened returns a float16 or bfloat16 constant as float32, the same tensor for all that ask.
func (e *Editor) widened(t *tensor.Tensor) *tensor.Tensor {
	wide := e.wide[t]
	if wide == nil {
		wide = tensor.Widened(t)
		e.wide[t] = wide
	}
	return wide
}

// foldable reports whether all inputs of a node are constant and its results are always the same.
func foldable(n *ir.Node) bool {
	d := ops.Find(n.Domain, n.Op, n.Version)
	if d == nil || d.Random || len(n.Regions()) > 0 {
		return false
	}
	for _, v := range n.Inputs {
		if v != nil && v.Const() == nil {
			return false
		}
	}
	return true
}

// FoldWith evaluates a node on the constants in facts, as fold does, without a context: it is for
// results that are small.
func FoldWith(n *ir.Node, facts []ir.Fact) []*tensor.Tensor {
	return fold(context.Background(), n, facts)
}

// fold evaluates a node on the constants in facts; it returns nil if that fails or
// takes more memory than allowed.
func fold(ctx context.Context, n *ir.Node, facts []ir.Fact) []*tensor.Tensor {
	in := make([]*tensor.Tensor, len(facts))
	replaced := int64(0)
	for i, f := range facts {
		if in[i] = f.Const; in[i] != nil && !slices.Contains(in[:i], in[i]) {
			replaced += int64(in[i].Size()) // an operand that occurs twice is replaced once
		}
	}
	return ops.EvalConst(ctx, n, in, foldLimit+replaced)
}

// identities are operators that may return input 0 unchanged.
var identities = map[string]bool{"Identity": true, "Dropout": true, "Cast": true, "CastLike": true}

// dropIdentities makes the readers of an operator that hands its input on read that input:
//
//	x -> Identity -> Relu  =>  x -> Relu
//
// Such are Identity, Dropout outside training, a Cast to the type that x has, and a Pad of zero width.
// A node stays if its output is one of the graph, whose name must stay, or is read in a region, or if
// the mask of a Dropout is read.
func dropIdentities(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(n *ir.Node) error {
		if n.Domain != "" || !identities[n.Op] && !padsNothing(n) || n.Inputs[0] == nil {
			return nil
		}
		in, out := n.Inputs[0], n.Outputs[0]
		switch n.Op {
		case "Dropout":
			if len(n.Outputs) > 1 && e.Read(n.Outputs[1]) || trains(n) {
				return nil
			}
		case "Cast", "CastLike":
			if in.Fact.DType != out.Fact.DType {
				return nil
			}
		}
		if in.Fact.DType >= tensor.Sequence && in.Node == nil {
			return nil
		}
		if e.Replace(out, in) {
			e.Remove(n)
			changes++
		}
		return nil
	})
	return changes, err
}

// padsNothing reports whether a node is a Pad of zero width, which exporters write before pools.
func padsNothing(n *ir.Node) bool {
	pads, ok := constantPads(n)
	return ok && !slices.ContainsFunc(pads, func(p int64) bool { return p != 0 })
}

// trains reports whether a Dropout may be in training mode. Before opset 7 this is
// an attribute, which files meant for inference leave at its default; such a
// Dropout is taken to be in inference mode.
func trains(n *ir.Node) bool {
	if n.Version < 12 || len(n.Inputs) < 3 || n.Inputs[2] == nil {
		return false
	}
	if ratio, ok := scalar(n.Inputs[1]); ok && ratio == 0 {
		return false // it drops nothing
	}
	mode := n.Inputs[2].Const()
	return mode == nil || mode.DType() != tensor.Bool || mode.Len() != 1 || tensor.Data[bool](mode)[0]
}

// dropDead removes nodes whose results nobody reads, from the end of the graph on:
//
//	x -> Relu -> y (an output), x -> Exp -> z (not read)  =>  x -> Relu -> y
func dropDead(e *Editor) (int, error) {
	needed := map[*ir.Value]bool{}
	for _, v := range e.Graph.Outputs {
		needed[v] = true
	}
	changes := 0
	for i := len(e.Graph.Nodes) - 1; i >= 0; i-- {
		n := e.Graph.Nodes[i]
		live := false
		for _, v := range n.Outputs {
			live = live || needed[v]
		}
		if !live {
			e.Remove(n)
			changes++
			continue
		}
		for _, v := range n.Uses() {
			needed[v] = true
		}
	}
	e.sweep()
	return changes, nil
}
