package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// Floats of 16 bits go into ONNX Runtime and come out of it as they do of this
// engine: each as all of its bytes, whatever shape it has.
func TestHalves(t *testing.T) {
	library := os.Getenv("ONNXRUNTIME")
	if library == "" {
		t.Skip("needs ONNX Runtime's shared library: npm i --ignore-scripts onnxruntime-node, and set ONNXRUNTIME to the path of its libonnxruntime.so.1")
	}
	value := func(name string) []*onnx.ValueInfo {
		return []*onnx.ValueInfo{{Name: name, Type: &onnx.Type{Kind: onnx.KindTensor, ElemType: int32(tensor.Float16), HasShape: true,
			Dims: []onnx.Dim{{Param: "n"}, {Value: 7, HasValue: true}}}}}
	}
	model := filepath.Join(t.TempDir(), "double.onnx")
	err := onnx.WriteFile(model, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{Name: "double",
		Nodes: []*onnx.Node{{OpType: "Add", Inputs: []string{"x", "x"}, Outputs: []string{"y"}}}, Inputs: value("x"), Outputs: value("y")}})
	if err != nil {
		t.Fatal(err)
	}
	line, err := feedLine(model, sizes{batch: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var outputs [][]float32
	for _, name := range []string{"vision", "ort"} {
		o := opening{model: model, threads: 1, precision: "f32", library: library}
		r, hello := begin(name, line, o)
		if hello.Error != "" {
			t.Fatal(hello.Error)
		}
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
		outputs = append(outputs, hello.Output)
	}
	var f feed
	if err := json.Unmarshal([]byte(line), &f); err != nil {
		t.Fatal(err)
	}
	in, err := f.values()
	if err != nil {
		t.Fatal(err)
	}
	want := floats(in["x"])
	for i := range want {
		want[i] *= 2
	}
	if len(want) != 21 || math.Abs(float64(want[0])) < 1e-3 || !slices.Equal(outputs[0], want) || !slices.Equal(outputs[1], want) {
		t.Errorf("%v\nfrom this engine %v\nfrom ONNX Runtime %v", want, outputs[0], outputs[1])
	}
}
