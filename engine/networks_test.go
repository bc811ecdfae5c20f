package engine_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestNetworks runs whole networks that torchvision exported against torch's
// own outputs: NAME.onnx with NAME.npz in the folder that VISION_EXPORTS names
// (made by export_models.py of the shared test data). Logits agree to 1e-3 of
// their spread.
func TestNetworks(t *testing.T) {
	dir := os.Getenv("VISION_EXPORTS")
	if dir == "" {
		t.Skip("VISION_EXPORTS names no folder of exported networks; export_models.py makes one")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.onnx"))
	only := os.Getenv("VISION_CASES")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".onnx")
		if only != "" && !strings.Contains(","+only+",", ","+name+",") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s, err := engine.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, npz := range []string{name + ".npz", name + ".alt.npz"} {
				golden := readNpz(t, filepath.Join(dir, npz))
				if golden != nil {
					checkNetwork(t, s, golden)
				}
			}
		})
	}
}

func checkNetwork(t *testing.T, s *engine.Session, golden map[string]*tensor.Tensor) {
	in := engine.Values{}
	for _, i := range s.Inputs() {
		in[i.Name] = golden[i.Name]
	}
	out, err := s.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range s.Outputs() {
		got, want := tensor.ToFloat64(out[o.Name]), tensor.ToFloat64(golden[o.Name])
		if len(got) != len(want) {
			t.Errorf("%s is %v, want %v", o.Name, out[o.Name], golden[o.Name])
			continue
		}
		lo, hi, worst := math.Inf(1), math.Inf(-1), 0.0
		for i, w := range want {
			lo, hi = min(lo, w), max(hi, w)
			worst = max(worst, math.Abs(got[i]-w))
			if got[i] != got[i] {
				worst = math.Inf(1)
			}
		}
		t.Logf("%s: largest error %.2g of the spread", o.Name, worst/max(hi-lo, 1e-9))
		if len(want) > 0 && worst > 1e-3*max(hi-lo, 1e-3) {
			t.Errorf("%s differs by %g where values spread over %g", o.Name, worst, hi-lo)
		}
	}
}

func readNpz(t testing.TB, file string) map[string]*tensor.Tensor {
	f, err := os.Open(file)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := tensor.ReadNpz(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return arrays
}
