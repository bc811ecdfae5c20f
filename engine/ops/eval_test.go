package ops

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// attrs maps names of attributes to values: int, float32, string, []int,
// []float32, []string, *tensor.Tensor.
type attrs map[string]any

// node makes a node of an opset version with the given attributes; all its
// outputs are named.
func testNode(op string, version, inputs, outputs int, a attrs) *ir.Node {
	g := &ir.Graph{}
	n := &ir.Node{Name: "test", Op: op, Version: version, Inputs: make([]*ir.Value, inputs)}
	for i := range n.Inputs {
		n.Inputs[i] = g.NewValue("x", ir.Fact{})
	}
	for range outputs {
		n.Outputs = append(n.Outputs, g.NewValue("y", ir.Fact{}))
	}
	for name, v := range a {
		at := &ir.Attr{Name: name}
		switch v := v.(type) {
		case int:
			at.Type, at.Int = onnx.AttrInt, int64(v)
		case float32:
			at.Type, at.Float = onnx.AttrFloat, v
		case string:
			at.Type, at.String = onnx.AttrString, v
		case []int:
			at.Type = onnx.AttrInts
			for _, i := range v {
				at.Ints = append(at.Ints, int64(i))
			}
		case []float32:
			at.Type, at.Floats = onnx.AttrFloats, v
		case []string:
			at.Type, at.Strings = onnx.AttrStrings, v
		case *tensor.Tensor:
			at.Type, at.Tensor = onnx.AttrTensor, v
		default:
			panic("BUG: attribute of no known kind")
		}
		n.Attrs = append(n.Attrs, at)
	}
	return n
}

// evaluate binds, infers and evaluates an operator with its reference kernel.
func evaluate(op string, version, outputs int, a attrs, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	n := testNode(op, version, len(in), outputs, a)
	d := Find(n.Domain, op, version)
	for i, t := range in {
		if t == nil {
			n.Inputs[i] = nil
		}
	}
	if err := BindNode(n, d); err != nil {
		return nil, err
	}
	facts, err := InferNode(n, factsOf(in))
	if err != nil {
		return nil, err
	}
	c := &Call{In: in, Out: make([]*tensor.Tensor, outputs), Node: n, Run: NewRun(context.Background(), 1<<26, 1<<20)}
	if err := n.Operator.(Op).Eval(c); err != nil {
		return nil, err
	}
	for i, t := range c.Out {
		if !facts[i].Admits(t) {
			panic("BUG: " + op + ": " + t.String() + " is not what was inferred: " + facts[i].String())
		}
	}
	return c.Out, nil
}

// row is one evaluation, with the float32 elements and the shape of the first
// output, or a part of the expected error.
type evalRow struct {
	name    string
	op      string
	version int
	attrs   attrs
	in      []*tensor.Tensor
	shape   []int
	want    []float64
	fails   string
}

func (r *evalRow) check(t *testing.T) {
	t.Helper()
	out, err := evaluate(r.op, r.version, 1, r.attrs, r.in...)
	if r.fails != "" {
		if err == nil || !strings.Contains(err.Error(), r.fails) {
			t.Errorf("gave %v, want an error about %q", err, r.fails)
		}
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	if !slices.Equal(out[0].Shape(), r.shape) {
		t.Errorf("shape is %v, want %v", out[0].Shape(), r.shape)
		return
	}
	for i, v := range tensor.ToFloat64(out[0]) {
		w := r.want[i]
		if v != w && !(v != v && w != w) && !(math.Abs(v-w) <= 1e-5*max(1, math.Abs(w))) {
			t.Errorf("number %d is %v, want %v: %v", i, v, w, tensor.ToFloat64(out[0]))
			return
		}
	}
}

func checkRows(t *testing.T, rows []evalRow) {
	for _, r := range rows {
		t.Run(r.op+"/"+r.name, r.check)
	}
}

// ramp returns 0, 1, 2 … in a shape.
func ramp(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(i)
	}
	return t
}

func ints(v ...int64) *tensor.Tensor { return tensor.Of(v) }
func f32s(v ...float32) *tensor.Tensor {
	return tensor.Of(v)
}
