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
// own outputs: NAME.onnx with NAME.npz, and NAME.alt.npz of another picture
// size where there is one, in the folder that VISION_EXPORTS names (made by
// export_models.py of the shared test data). VISION_CASES picks networks.
func TestNetworks(t *testing.T) {
	for _, file := range exports(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".onnx")
		t.Run(name, func(t *testing.T) {
			s, err := engine.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, suffix := range []string{".npz", ".alt.npz"} {
				golden := readNpz(t, strings.TrimSuffix(file, ".onnx")+suffix)
				if golden == nil {
					continue
				}
				got := runGolden(t, s, golden)
				if golden["boxes"] != nil {
					compareObjects(t, name+suffix, got, golden)
				} else {
					compareSpread(t, got, golden)
				}
			}
		})
	}
}

// exports are the network files that VISION_EXPORTS and VISION_CASES name.
func exports(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("VISION_EXPORTS")
	if dir == "" {
		t.Skip("VISION_EXPORTS names no folder of exported networks; export_models.py makes one")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.onnx"))
	only := os.Getenv("VISION_CASES")
	if len(files) == 0 {
		t.Fatalf("%s holds no network", dir)
	}
	if only == "" {
		return files
	}
	var picked []string
	for _, file := range files {
		if strings.Contains(","+only+",", ","+strings.TrimSuffix(filepath.Base(file), ".onnx")+",") {
			picked = append(picked, file)
		}
	}
	return picked
}

func runGolden(t *testing.T, s *engine.Session, golden map[string]*tensor.Tensor) engine.Values {
	t.Helper()
	in := engine.Values{}
	for _, i := range s.Inputs() {
		in[i.Name] = golden[i.Name]
	}
	out, err := s.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// compareSpread holds logits to 1e-3 of their spread.
func compareSpread(t *testing.T, out engine.Values, golden map[string]*tensor.Tensor) {
	for name := range out {
		got, want := tensor.ToFloat64(out[name]), tensor.ToFloat64(golden[name])
		if len(got) != len(want) {
			t.Errorf("%s is %v, want %v", name, out[name], golden[name])
			continue
		}
		lo, hi, worst := math.Inf(1), math.Inf(-1), 0.0
		for i, w := range want {
			lo, hi = min(lo, w), max(hi, w)
			worst = max(worst, distance(got[i], w))
		}
		t.Logf("%s: largest error %.2g of the spread", name, worst/max(hi-lo, 1e-9))
		if len(want) > 0 && worst > 1e-3*max(hi-lo, 1e-3) {
			t.Errorf("%s differs by %g where values spread over %g", name, worst, hi-lo)
		}
	}
}

// distance is |a-b|, infinite where a is NaN.
func distance(a, b float64) float64 {
	if a != a {
		return math.Inf(1)
	}
	return math.Abs(a - b)
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
