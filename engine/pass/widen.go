package pass

import (
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// widenable are the operators that mean the same for float32 as for float16 and
// bfloat16, whichever of their operands are such numbers.
var widenable = names(`
	Abs Acos Acosh Add Asin Asinh Atan Atanh Attention AveragePool BatchNormalization Ceil Celu Clip Concat Conv
	ConvTranspose Cos Cosh CumSum DeformConv DepthToSpace Div Dropout Einsum Elu Equal Erf Exp Expand Flatten Floor GRU
	Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample
	GroupNormalization HardSigmoid HardSwish Hardmax Identity InstanceNormalization LRN LSTM LayerNormalization LeakyRelu
	Less LessOrEqual Log LogSoftmax LpNormalization LpPool MatMul Max MaxPool MaxRoiPool Mean MeanVarianceNormalization Min
	Mish Mul Neg PRelu Pad Pow RMSNormalization RNN Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
	ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RoiAlign RotaryEmbedding ScatterElements
	ScatterND Selu Sigmoid Sign Sin Sinh Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tan
	Tanh ThresholdedRelu Tile TopK Transpose Unsqueeze Upsample Where`)

func names(list string) map[string]bool {
	set := map[string]bool{}
	for _, name := range strings.Fields(list) {
		set[name] = true
	}
	return set
}

// takesWide are operators that read a value's sizes or turn it into another type.
var takesWide = names("Shape Size Cast")

// narrow reports whether v is float16 or bfloat16; v may be nil.
func narrow(v *ir.Value) bool {
	return v != nil && (v.Fact.DType == tensor.Float16 || v.Fact.DType == tensor.BFloat16)
}

// widens reports whether a node is to compute in float32 instead.
func widens(n *ir.Node) bool {
	known := n.Domain == "" && widenable[n.Op] || n.Domain == ops.Microsoft && (spellings[n.Op] != nil || n.Op == "RotaryEmbedding")
	return known && (slices.ContainsFunc(n.Inputs, narrow) || slices.ContainsFunc(n.Outputs, narrow))
}

// widen lets networks of float16 and bfloat16 compute in float32, for which there are kernels:
//
//	x16 -> Conv(w16) -> Relu -> y16  =>  x16 -> Cast -> Conv(w32) -> Relu -> Cast -> y16
//
// What one operator hands to the next is not rounded in between, so results are closer to the exact
// ones. Inputs and outputs of the graph keep their types, and so do those of operators that are not in
// the list. Constants are tensor.Widened, which takes no memory.
func widen(e *Editor) (int, error) {
	if !slices.ContainsFunc(e.Graph.Nodes, widens) {
		return 0, nil
	}
	w := &widener{editor: e, wide: map[*ir.Value]*ir.Value{}}
	for _, n := range e.Graph.Nodes {
		var err error
		switch {
		case widens(n):
			w.changes++
			err = w.widen(n)
		case n.Domain == "" && takesWide[n.Op] && w.wide[n.Inputs[0]] != nil && !narrow(n.Outputs[0]):
			err = e.Rebind(n, n.Domain, n.Op, n.Version, []*ir.Value{w.wide[n.Inputs[0]]}, n.Attrs)
			w.nodes = append(w.nodes, n)
		default:
			w.nodes = append(w.nodes, n)
		}
		if err != nil {
			return w.changes, err
		}
	}
	e.Graph.Nodes = w.nodes
	e.look()
	e.changed = true
	return w.changes, nil
}

// widener makes the nodes of the widened graph, in order.
type widener struct {
	editor  *Editor
	wide    map[*ir.Value]*ir.Value // a narrow value as float32
	nodes   []*ir.Node
	changes int
}

// widen appends a node on float32 operands, behind the casts that these need and before those of its
// results that other nodes read as they were.
func (w *widener) widen(n *ir.Node) error {
	inputs := slices.Clone(n.Inputs)
	for i, v := range inputs {
		if narrow(v) {
			wide, err := w.operand(v)
			if err != nil {
				return err
			}
			inputs[i] = wide
		}
	}
	if n.Domain == "" && n.Op == "Clip" && n.Version >= 11 {
		inputs = w.bounded(inputs, ops.LargestFinite(n.Inputs[0].Fact.DType))
	}
	old := slices.Clone(n.Outputs)
	for i, v := range old {
		if narrow(v) && v.Name != "" {
			n.Outputs[i] = w.editor.Graph.NewValue(v.Name+"/float32", ir.Tensor(tensor.Float32, v.Fact.Shape)) // not a constant: fold makes that anew
			n.Outputs[i].Node = n
			w.wide[v] = n.Outputs[i]
		}
	}
	if err := w.editor.Rebind(n, n.Domain, n.Op, n.Version, inputs, n.Attrs); err != nil {
		return err
	}
	w.nodes = append(w.nodes, n)
	for i, v := range old {
		if v == n.Outputs[i] {
			continue
		}
		v.Node = nil
		if w.wanted(v) {
			if err := w.cast(n.Name, n.Outputs[i], v); err != nil {
				return err
			}
		}
	}
	return nil
}

// bounded gives a Clip the bounds that it leaves out, which are those of the narrow type.
func (w *widener) bounded(inputs []*ir.Value, top float64) []*ir.Value {
	for i, bound := range []float64{-top, top} {
		if len(inputs) == 1+i {
			inputs = append(inputs, nil)
		}
		if inputs[1+i] == nil {
			inputs[1+i] = w.editor.Graph.Constant("", tensor.Scalar(float32(bound)))
		}
	}
	return inputs
}

// operand returns a narrow value as float32: what a widened node has made, a constant, or a Cast.
func (w *widener) operand(v *ir.Value) (*ir.Value, error) {
	if wide := w.wide[v]; wide != nil {
		return wide, nil
	}
	name, g := v.Name+"/float32", w.editor.Graph
	if t := v.Const(); t != nil {
		w.wide[v] = g.Constant(name, w.editor.widened(t))
		return w.wide[v], nil
	}
	f := v.Fact
	f.DType = tensor.Float32
	wide := g.NewValue(name, f)
	w.wide[v] = wide
	return wide, w.cast(name, v, wide)
}

// cast appends a Cast of a value to one of another type.
func (w *widener) cast(name string, from, to *ir.Value) error {
	n := &ir.Node{Name: name, Op: "Cast", Version: 13, Inputs: []*ir.Value{from}, Outputs: []*ir.Value{to}}
	n.Attrs = []*ir.Attr{ir.AttrInt("to", int(to.Fact.DType))}
	to.Node = n
	w.nodes = append(w.nodes, n)
	return ops.BindNode(n, ops.Find("", n.Op, n.Version))
}

// wanted reports whether a narrow value is still read as it is.
func (w *widener) wanted(v *ir.Value) bool {
	if w.editor.output[v] {
		return true
	}
	return slices.ContainsFunc(w.editor.readers[v], func(n *ir.Node) bool {
		return !widens(n) && !(n.Domain == "" && takesWide[n.Op] && !narrow(n.Outputs[0]))
	})
}
