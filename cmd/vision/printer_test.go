//go:build !wasip1 && !js

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/printable"
	"github.com/visionzoo/vision/vision"
)

const odd = "a\x1b[2J\u009b31m\u202eb" // escapes of several and of one character, writing from right to left

// Names of strangers reach a terminal as text, whatever command prints them.
func TestNothingButText(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("VISION_HOME", dir)
	model, data, picture := filepath.Join(dir, "m.onnx"), filepath.Join(dir, "x.npy"), filepath.Join(dir, odd+".png")
	content := scriptModel([]string{"Relu", "Abs"})
	for old, name := range map[string]string{"v0": "\u009b", "node-Abs": "n\x1b[2J\u202e"} {
		content = bytes.ReplaceAll(content, []byte(old), []byte(name))
	}
	var x bytes.Buffer
	if err := tensor.WriteNpy(&x, tensor.Of([]float32{-1, 0, 2}, 3)); err != nil {
		t.Fatal(err)
	}
	cat, err := assetPicture("cat")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{model: content, data: x.Bytes(), picture: cat} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Skipf("%v; run where a file may have any name", err)
		}
	}
	for _, args := range [][]string{
		{"run", model, "--input", data, "--layer", "\u009b"},
		{"run", model, "--input", data, "--layer", "\u009b", "--json"},
		{"run", model},
		{"inspect", model, "--layers"},
		{"inspect", model, "--layers", "--json"},
		{"inspect", model, "--dot"},
		{"classify", picture},
		{"classify", picture, "--json"},
		{"classify", odd},
		{"classify", odd, "--json"},
	} {
		_, out, errOut := vis(args...)
		if all := strings.ReplaceAll(out+errOut, "\n", ""); all == "" || printable.Line(all) != all {
			t.Errorf("%q printed %q", args, all)
		}
	}
	broken := filepath.Join(dir, odd+".jpg")
	if err := os.WriteFile(broken, []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, errOut := vis("classify", broken); strings.Count(errOut, "31m") != 1 {
		t.Errorf("a name is told twice: %q", errOut)
	}
	_, out, _ := vis("classify", picture, "--quiet", "--json")
	var r classifyResult
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.File != picture {
		t.Errorf("%v: %q is in JSON %q", err, picture, r.File)
	}
	_, out, _ = vis("classify", picture, "--quiet", "--csv", "--top", "1")
	if rows, err := csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil || len(rows) != 2 || rows[1][0] != picture {
		t.Errorf("%v: %q is in CSV %q", err, picture, rows)
	}
}

// CSV on a terminal is for people.
func TestCleanCSV(t *testing.T) {
	var out bytes.Buffer
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.Bool("csv", true, "")
	p, err := newPrinter(cli.NewContext(newApp(nil, &out, &out), set, nil))
	if err != nil {
		t.Fatal(err)
	}
	p.clean = true
	p.print(&detectResult{File: odd, Objects: []detect.Object{{Label: odd}}})
	if got := strings.ReplaceAll(out.String(), "\n", ""); printable.Line(got) != got {
		t.Errorf("%q", got)
	}
}

// A JPEG that ends early has a result, with a warning: on standard error for people, in the
// line for programs.
func TestDamagedPicture(t *testing.T) {
	m := vision.NewImage(64, 64)
	for i := range m.Pix {
		m.Pix[i] = byte(i * i)
	}
	var jpg bytes.Buffer
	if err := m.EncodeJPEG(&jpg, 90); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(t.TempDir(), "half.jpg")
	if err := os.WriteFile(half, jpg.Bytes()[:jpg.Len()/2], 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VISION_HOME", t.TempDir())
	t.Setenv("VISION_OFFLINE", "1")
	want := "vision: warning: " + half + " ends early or is broken inside: a part of it is grey or coarse\n"
	for _, flag := range []string{"--top=1", "--csv"} {
		if code, out, errOut := vis("classify", half, flag); code != 0 || out == "" || !strings.HasSuffix(errOut, want) {
			t.Errorf("%s: code %d, %q, %q", flag, code, out, errOut)
		}
	}
	code, out, errOut := vis("classify", half, "--json", "--quiet")
	if code != 0 || !strings.Contains(out, `"damaged":true`) || errOut != "" {
		t.Errorf("code %d, %q, %q", code, out, errOut)
	}
}

// Inputs that have a value of their own are listed beside the others.
func TestInspectDefaults(t *testing.T) {
	vector := &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true, Dims: []onnx.Dim{{Value: 1, HasValue: true}}}
	g := &onnx.Graph{Inputs: []*onnx.ValueInfo{{Name: "x", Type: vector}}, Outputs: []*onnx.ValueInfo{{Name: "y", Type: vector}}}
	sum := &onnx.Node{OpType: "Sum", Inputs: []string{"x"}, Outputs: []string{"y"}}
	for i := range 10 {
		name := fmt.Sprint("w", i)
		g.Inputs = append(g.Inputs, &onnx.ValueInfo{Name: name, Type: vector})
		g.Initializers = append(g.Initializers, &onnx.Tensor{Name: name, DataType: 1, Dims: []int64{1}, Floats: []float32{1}})
		sum.Inputs = append(sum.Inputs, name)
	}
	g.Nodes = []*onnx.Node{sum}
	file := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnx.WriteFile(file, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: g}); err != nil {
		t.Fatal(err)
	}
	if _, out, errOut := vis("inspect", file); !strings.Contains(out, "\ninput   \"w7\"  float32[1], has a value\ninput   and 2 more that have a value") {
		t.Errorf("%s%s", out, errOut)
	}
	if _, out, _ := vis("inspect", file, "--json"); strings.Count(out, `{"name":"w`) != 10 || !strings.Contains(out, `"defaults":[{"name":"w0","type":"float32[1]"}`) {
		t.Error(out)
	}
}
