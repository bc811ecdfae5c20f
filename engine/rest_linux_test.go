package engine_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// atRest is what a process holds in memory, in bytes: before it opens a model, and
// when it rests after some runs; of that the pages of the program, and those of the
// model's file, where weights are used in place.
type atRest struct{ Before, After, Program, File int64 }

// buildRest builds the small program that rests.
func buildRest(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build a program that rests; add it to PATH")
	}
	program := filepath.Join(t.TempDir(), "rest")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "./testdata/rest").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// restAlone has a process of its own rest. Each processor adds half a megabyte or more
// of Go's and the team's own, so they are as many on any machine.
func restAlone(t *testing.T, program, path string) (r atRest) {
	t.Helper()
	cmd := exec.Command(program, path)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	out, err := cmd.CombinedOutput()
	if err != nil || json.Unmarshal(out, &r) != nil {
		t.Fatalf("%v: %.2000s", err, out)
	}
	return r
}

// TestMemoryAtRest holds that weights are in memory once, packed or where they lie
// in the file, however the file has them; packed, float16 take twice the file. Of
// networks that were exported it tells what they take.
func TestMemoryAtRest(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("measures the memory of processes that run a network of 28 MB; run without -short and -race")
	}
	if _, err := os.Stat("/proc/self/smaps"); err != nil {
		t.Skipf("the system does not tell what is in memory: %v; mount /proc", err)
	}
	program := buildRest(t)
	for name, form := range map[string]restForm{
		"raw": {}, "float_data": {typed: true}, "batch normalisation": {normalised: true},
		"float16": {half: true, normalised: true}, "float16, cast to float32": {half: true, cast: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "model.onnx")
			if err := onnx.WriteFile(path, form.model()); err != nil {
				t.Fatal(err)
			}
			size, r := measureRest(t, program, path)
			// Beyond the weights: code that is run for the first time, Go's heap, transformed
			// pictures: some 5 MB. Weights that are there twice are 28.
			const aside = 12 << 20
			weights := size
			if form.half {
				weights *= 2
			}
			if added := r.After - r.Before; added > weights+aside {
				t.Errorf("a file of %.1f MiB adds %.1f MiB to the process, more than %.1f of weights and %d", mib(size), mib(added), mib(weights), aside>>20)
			}
		})
	}
	dir := os.Getenv("VISION_EXPORTS")
	for _, name := range []string{"squeezenet1_1", "mobilenet_v2", "efficientnet_b0", "googlenet", "densenet121", "resnet18", "resnet50", "vgg16"} {
		t.Run(name, func(t *testing.T) {
			if dir == "" {
				t.Skip("VISION_EXPORTS names no folder of exported networks; export_models.py makes one")
			}
			t.Parallel()
			measureRest(t, program, filepath.Join(dir, name+".onnx"))
		})
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// measureRest logs what a model takes at rest.
func measureRest(t *testing.T, program, path string) (size int64, r atRest) {
	t.Helper()
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		t.Skipf("%v; export_models.py makes it", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	size, r = info.Size(), restAlone(t, program, path)
	t.Logf("file %.1f MiB: %.1f MiB at rest, %.2f of it; program %.1f, file %.1f, all else %.1f; %.1f more than before",
		mib(size), mib(r.After), float64(r.After)/float64(size), mib(r.Program), mib(r.File), mib(r.After-r.Program-r.File), mib(r.After-r.Before))
	return size, r
}

// restForm says how a file has the weights of its convolutions: as float_data, with batch
// normalisation behind them, as float16 like all else, or as float16 that are cast.
type restForm struct{ typed, normalised, half, cast bool }

// model is a chain of twelve convolutions of 256 to 256 channels, 3x3.
func (f restForm) model() *onnx.Model {
	const layers, channels, size = 12, 256, 14
	element := tensor.Float32
	if f.half && !f.cast {
		element = tensor.Float16
	}
	picture := &onnx.Type{Kind: onnx.KindTensor, ElemType: int32(element), HasShape: true,
		Dims: []onnx.Dim{{HasValue: true, Value: 1}, {HasValue: true, Value: channels}, {HasValue: true, Value: size}, {HasValue: true, Value: size}}}
	g := &onnx.Graph{Name: "chain", Inputs: []*onnx.ValueInfo{{Name: "x", Type: picture}}}
	constant := func(name string, value float32, dims ...int64) string {
		n := int64(1)
		for _, d := range dims {
			n *= d
		}
		t := &onnx.Tensor{Name: name, Dims: dims, DataType: int32(tensor.Float32)}
		switch {
		case f.half:
			t.HasRaw, t.DataType = true, int32(tensor.Float16)
			for range n {
				t.Raw = binary.LittleEndian.AppendUint16(t.Raw, uint16(tensor.ToFloat16(value)))
			}
		case f.typed:
			t.Floats = make([]float32, n)
			for i := range t.Floats {
				t.Floats[i] = value
			}
		default:
			t.HasRaw = true
			for range n {
				t.Raw = binary.LittleEndian.AppendUint32(t.Raw, math.Float32bits(value))
			}
		}
		g.Initializers = append(g.Initializers, t)
		return name
	}
	last := "x"
	node := func(op string, inputs []string, attrs ...*onnx.Attribute) {
		y := fmt.Sprintf("%s%d", op, len(g.Nodes))
		g.Nodes = append(g.Nodes, &onnx.Node{Name: y, OpType: op, Inputs: inputs, Outputs: []string{y}, Attributes: attrs})
		last = y
	}
	for i := range layers {
		w, x := constant(fmt.Sprint("w", i), 0.001, channels, channels, 3, 3), last
		if f.cast {
			node("Cast", []string{w}, &onnx.Attribute{Name: "to", Type: onnx.AttrInt, Int: int64(tensor.Float32)})
			w = last
		}
		node("Conv", []string{x, w}, &onnx.Attribute{Name: "pads", Type: onnx.AttrInts, Ints: []int64{1, 1, 1, 1}})
		if f.normalised {
			inputs := []string{last}
			for _, k := range []string{"scale", "shift", "mean", "variance"} {
				inputs = append(inputs, constant(fmt.Sprint(k, i), 0.5, channels))
			}
			node("BatchNormalization", inputs)
		}
		node("Relu", []string{last})
	}
	g.Outputs = []*onnx.ValueInfo{{Name: last, Type: picture}}
	return &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 13}}, Graph: g}
}
