package zoo_test

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/shared"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// TestPrecisionOnPhotos says what the default arithmetic costs SqueezeNet 1.1:
// the first class of 200 photos against fused multiply-adds of float32, and the
// distance of both from sums in float64, of the outputs and layer by layer.
func TestPrecisionOnPhotos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds; run without -short")
	}
	photos := encodedPhotos(t)
	if engine.BestCPU() == "purego" { // takes minutes: every tenth
		photos = slices.Collect(func(yield func(engine.Values) bool) {
			for i := 0; i < len(photos) && yield(photos[i]); i += 10 {
			}
		})
	}
	standard, strict, exact := squeezenet(t), squeezenet(t, engine.Precision(engine.F32Strict)), squeezenet(t, engine.Plain())
	same := 0
	for _, in := range photos {
		if a, b := outputs(t, standard, in)[0], outputs(t, strict, in)[0]; first(a) == first(b) {
			same++
		}
	}
	if same < len(photos)-1 {
		t.Errorf("%d of %d photos have the same first class", same, len(photos))
	}
	t.Logf("the same first class on %d of %d photos", same, len(photos))
	for name, c := range map[string]struct {
		s     *engine.Session
		bound float64
	}{"default": {standard, 1e-4}, "strict": {strict, 5e-6}} {
		worst := 0.0
		for _, in := range photos[:5] {
			worst = max(worst, offBy(outputs(t, c.s, in)[0], outputs(t, exact, in)[0]))
		}
		if worst > c.bound {
			t.Errorf("%s: scores are off by %.2g of their rms", name, worst)
		}
		t.Logf("%s: scores are off by at most %.2g of their rms", name, worst)
	}
}

// TestPrecisionByLayer: what every layer adds up to from the photo on.
func TestPrecisionByLayer(t *testing.T) {
	in := encodedPhotos(t)[0]
	var names []string
	for _, l := range squeezenet(t).Layers() {
		if l.Op == "Conv" {
			names = append(names, l.Outputs[0].Name)
		}
	}
	got := outputs(t, squeezenet(t, engine.Outputs(names...)), in)
	want := outputs(t, squeezenet(t, engine.Outputs(names...), engine.Plain()), in)
	for i, name := range names {
		e := offBy(got[1+i], want[1+i])
		if e > 1e-5*float64(2+i) { // a layer may add 1e-5 to what comes in
			t.Errorf("%s: off by %.2g of its rms", name, e)
		}
		t.Logf("%s: off by %.2g of its rms", name, e)
	}
}

// encodedPhotos are the labelled photos as SqueezeNet takes them.
func encodedPhotos(t *testing.T) (in []engine.Values) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(shared.Path(t, "imagenet"), "*.JPEG"))
	if err != nil || len(files) < 200 {
		t.Fatalf("%d photos: %v", len(files), err)
	}
	recipe, err := vision.Named("caffe")
	if err != nil {
		t.Fatal(err)
	}
	m, err := zoo.Load(shared.Path(t, "models", "squeezenet1.1", "model.onnx"), zoo.WithRecipe(recipe))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, f := range files {
		img, err := vision.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		x, _, err := m.Encoder().Encode(img)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, engine.Values{m.Input(): x})
	}
	return in
}

func squeezenet(t *testing.T, opts ...engine.Option) *engine.Session {
	t.Helper()
	s, err := engine.Open(shared.Path(t, "models", "squeezenet1.1", "model.onnx"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// outputs are the numbers of a session's outputs, in their order.
func outputs(t *testing.T, s *engine.Session, in engine.Values) (out [][]float32) {
	t.Helper()
	got, err := s.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range s.Outputs() {
		out = append(out, tensor.Data[float32](got[o.Name]))
	}
	return out
}

func first(scores []float32) int { return slices.Index(scores, slices.Max(scores)) }

// offBy is the rms of a difference over the rms of want.
func offBy(got, want []float32) float64 {
	var diff, all float64
	for i, w := range want {
		d := float64(got[i]) - float64(w)
		diff += d * d
		all += float64(w) * float64(w)
	}
	return math.Sqrt(diff / all)
}
