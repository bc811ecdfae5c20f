package ops

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// valued is an attribute of the given type.
func valued(name, kind string) *ir.Attr {
	return &ir.Attr{Name: name, Type: map[string]onnx.AttributeType{"INT": onnx.AttrInt, "INTS": onnx.AttrInts, "FLOAT": onnx.AttrFloat, "FLOATS": onnx.AttrFloats,
		"STRING": onnx.AttrString, "STRINGS": onnx.AttrStrings, "TENSOR": onnx.AttrTensor, "SPARSE_TENSOR": onnx.AttrSparseTensor, "GRAPH": onnx.AttrGraph, "TYPE_PROTO": onnx.AttrType}[kind],
		Int: 1, Ints: []int64{1}, Float: 1, Floats: []float32{1}, String: "x", Strings: []string{"x"}, Tensor: tensor.Of([]float32{1}), Graph: &ir.Graph{}, TypeOf: &ir.Fact{}}
}

// TestKnownAttributes gives operators each of the attributes that the standard lists, alone
// and all together: none is said not to exist.
func TestKnownAttributes(t *testing.T) {
	data, err := os.ReadFile("testdata/attributes.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if f[0] == "#" {
			continue
		}
		version, err := strconv.Atoi(f[2])
		if err != nil {
			t.Fatal(err)
		}
		d := Find(strings.Trim(f[0], "-"), f[1], version)
		if d == nil { // not supported
			continue
		}
		var all []*ir.Attr
		for _, s := range f[3:] {
			name, kind, _ := strings.Cut(s, ":")
			all = append(all, valued(name, kind))
		}
		for i := range len(all) + 1 {
			n := testNode(d.Name, version, max(d.In.Min, min(d.In.Max, 3)), max(d.Out.Min, min(d.Out.Max, 3)), nil)
			if n.Attrs = all[min(i, len(all)-1):][:1]; i == len(all) {
				n.Attrs = all
			}
			if err := bindKnown(n, d); err != nil && strings.Contains(err.Error(), "has no attribute") {
				t.Errorf("%s-%d: %v", d.Name, version, err)
			}
		}
	}
}

// TestUnknownAttributes: which names are refused is ONNX Runtime's choice, but for the
// hints of opsets that it does not support.
func TestUnknownAttributes(t *testing.T) {
	for _, c := range []struct {
		op      string
		version int
		attr    string
		want    string // "": it is taken
	}{
		{"LeakyRelu", 13, "alhpa", `node "test" (LeakyRelu-13): the operator has no attribute "alhpa"; did you mean alpha?`},
		{"MaxPool", 12, "pad", `node "test" (MaxPool-12): the operator has no attribute "pad"; did you mean pads?`},
		{"Clip", 13, "min", `has no attribute "min"`}, // an input by now
		{"Clip", 6, "min", ""},
		{"Relu", 13, "_note", `has no attribute "_note"`},
		{"Relu", 13, "__note", ""}, // a program's own
		{"Relu", 1, "consumed_inputs", ""},
		{"Dropout", 10, "ratio", ""},
	} {
		n := testNode(c.op, c.version, 1, 1, nil)
		n.Attrs = []*ir.Attr{valued(c.attr, "FLOAT")}
		if c.op == "MaxPool" {
			n.Attrs = append(n.Attrs, ir.AttrInts("kernel_shape", 2))
		}
		switch err := bindKnown(n, Find("", c.op, c.version)); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s-%d with %q: %v", c.op, c.version, c.attr, err)
		}
	}
}
