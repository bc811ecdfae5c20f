package engine_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// atRest is what a process holds in memory, in bytes: before it opens a model, and
// when it rests after some runs; of that the pages of the program, and those of the
// model's file, where weights are used in place.
type atRest struct{ Before, After, Program, File int64 }

// residentNow is the memory of this process, 0 where the system does not tell,
// and what of it are pages of the program and of a file.
func residentNow(path string) (all, program, file int64) {
	self, _ := os.Executable()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0, 0, 0
	}
	name := ""
	for line := range strings.Lines(string(maps)) {
		if fields := strings.Fields(line); len(fields) > 4 && !strings.HasSuffix(fields[0], ":") {
			name = strings.Join(fields[5:], " ")
		}
		v, ok := strings.CutPrefix(line, "Rss:")
		if !ok {
			continue
		}
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
		all += n << 10
		switch name {
		case self:
			program += n << 10
		case path:
			file += n << 10
		}
	}
	return all, program, file
}

// rest opens a model, runs it on zeros and rests.
func rest(path string) (r atRest, err error) {
	r.Before, _, _ = residentNow(path)
	s, err := engine.Open(path)
	if err != nil {
		return r, err
	}
	defer s.Close()
	in := engine.Values{}
	for _, i := range s.Inputs() {
		var d []int
		for _, n := range i.Shape.Dims {
			d = append(d, max(n.N, 1))
		}
		in[i.Name] = tensor.New(i.DType, d...)
	}
	for range 3 {
		if _, err := s.Run(context.Background(), in); err != nil {
			return r, err
		}
	}
	time.Sleep(11 * time.Second) // memory of activations waits for ten
	r.After, r.Program, r.File = residentNow(path)
	return r, nil
}

// TestMemoryAtRestChild is the other process of TestMemoryAtRest.
func TestMemoryAtRestChild(t *testing.T) {
	path := os.Getenv("VISION_REST")
	if path == "" {
		t.Skip("runs as a child of TestMemoryAtRest: run that one")
	}
	r, err := rest(path)
	if err != nil {
		t.Fatal(err)
	}
	report, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nREST %s\n", report)
}

// restAlone has a process of its own rest.
func restAlone(t *testing.T, path string) (r atRest) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestMemoryAtRestChild$")
	child.Env = append(os.Environ(), "VISION_REST="+path)
	out, err := child.CombinedOutput()
	_, report, ok := strings.Cut(string(out), "\nREST ")
	if report, _, _ = strings.Cut(report, "\n"); err != nil || !ok || json.Unmarshal([]byte(report), &r) != nil {
		t.Fatalf("%v: %.2000s", err, out)
	}
	return r
}

// TestMemoryAtRest holds that weights are in memory once, packed or where they lie
// in the file, however the file has them. Of networks that were exported it tells
// what they take.
func TestMemoryAtRest(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("measures the memory of processes that run a network of 28 MB; run without -short and -race")
	}
	if all, _, _ := residentNow(""); all == 0 {
		t.Skip("the system does not tell what is in memory; mount /proc")
	}
	for name, form := range map[string]restForm{
		"raw": {}, "float_data": {typed: true}, "batch normalisation": {normalised: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "model.onnx")
			if err := onnx.WriteFile(path, form.model()); err != nil {
				t.Fatal(err)
			}
			size, r := measureRest(t, path)
			// Beyond the weights: code that is run for the first time, activations, Go's heap,
			// transformed pictures.
			const aside = 10 << 20
			if added := r.After - r.Before; added > size+aside {
				t.Errorf("a file of %.1f MiB adds %.1f MiB to the process, more than itself and %d", mib(size), mib(added), aside>>20)
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
			measureRest(t, filepath.Join(dir, name+".onnx"))
		})
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// measureRest logs what a model takes at rest.
func measureRest(t *testing.T, path string) (size int64, r atRest) {
	t.Helper()
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		t.Skipf("%v; export_models.py makes it", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	size, r = info.Size(), restAlone(t, path)
	t.Logf("file %.1f MiB: %.1f MiB at rest, %.2f of it; program %.1f, file %.1f, all else %.1f; %.1f more than before",
		mib(size), mib(r.After), float64(r.After)/float64(size), mib(r.Program), mib(r.File), mib(r.After-r.Program-r.File), mib(r.After-r.Before))
	return size, r
}

// restForm says how a file has the weights of its convolutions.
type restForm struct{ typed, normalised bool }

// model is a chain of twelve convolutions of 256 to 256 channels, 3x3.
func (f restForm) model() *onnx.Model {
	const layers, channels, size = 12, 256, 14
	picture := &onnx.Type{Kind: onnx.KindTensor, ElemType: int32(tensor.Float32), HasShape: true,
		Dims: []onnx.Dim{{HasValue: true, Value: 1}, {HasValue: true, Value: channels}, {HasValue: true, Value: size}, {HasValue: true, Value: size}}}
	g := &onnx.Graph{Name: "chain", Inputs: []*onnx.ValueInfo{{Name: "x", Type: picture}}}
	constant := func(name string, value float32, dims ...int64) string {
		n := int64(1)
		for _, d := range dims {
			n *= d
		}
		t := &onnx.Tensor{Name: name, Dims: dims, DataType: int32(tensor.Float32)}
		if f.typed {
			t.Floats = make([]float32, n)
			for i := range t.Floats {
				t.Floats[i] = value
			}
		} else {
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
		w := constant(fmt.Sprint("w", i), 0.001, channels, channels, 3, 3)
		node("Conv", []string{last, w}, &onnx.Attribute{Name: "pads", Type: onnx.AttrInts, Ints: []int64{1, 1, 1, 1}})
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
