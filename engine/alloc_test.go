package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestRunIntoAllocatesNothing holds what RunInto promises, on the built-in
// classifier and, where there are exports, on classifiers of every make.
func TestRunIntoAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes pools forget at random; run without -race")
	}
	t.Run("built-in", func(t *testing.T) {
		s, err := engine.OpenBytes(assets.Model())
		if err != nil {
			t.Fatal(err)
		}
		countAllocs(t, s)
	})
	for _, name := range []string{"squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small", "resnet18", "resnet50", "densenet121",
		"efficientnet_b0", "googlenet", "vgg16"} {
		t.Run(name, func(t *testing.T) {
			dir := os.Getenv("VISION_EXPORTS")
			if dir == "" {
				t.Skip("VISION_EXPORTS names no folder of exported networks; export_models.py makes one")
			}
			s, err := engine.Open(filepath.Join(dir, name+".onnx"))
			if os.IsNotExist(err) {
				t.Skipf("%v; export_models.py makes it", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			countAllocs(t, s)
		})
	}
}

func countAllocs(t *testing.T, s *engine.Session) {
	defer s.Close()
	ctx, in, out := context.Background(), engine.Values{}, engine.Values{}
	for _, i := range s.Inputs() {
		var d []int
		for _, n := range i.Shape.Dims {
			d = append(d, max(n.N, 1))
		}
		in[i.Name] = tensor.New(i.DType, d...)
	}
	first, err := s.Run(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range first {
		out[name] = v
	}
	// The count is the process's: what another goroutine does meanwhile, as the
	// collector's or one that a test before left, is not in every attempt.
	allocs := 1.0
	for attempt := 0; attempt < 5 && allocs > 0; attempt++ {
		allocs = testing.AllocsPerRun(5, func() {
			if err := s.RunInto(ctx, in, out); err != nil {
				t.Fatal(err)
			}
		})
	}
	if allocs > 0 {
		t.Errorf("a run allocates %v times", allocs)
	}
}
