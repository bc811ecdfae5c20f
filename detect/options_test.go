package detect

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// overlapping are two boxes of different classes, the one nearly on the other.
func overlapping() []Output {
	const cells = 84 // of 64 x 64 at strides 8, 16 and 32
	set := map[int]float32{}
	for i, v := range []struct{ x, first, second float32 }{{30, 0.9, 0}, {31, 0, 0.8}} {
		for row, value := range []float32{v.x, 30, 20, 20, v.first, v.second} {
			set[row*cells+i] = value
		}
	}
	return []Output{floats("output0", []int{1, 6, cells}, set)}
}

func TestSuppressionOptions(t *testing.T) {
	for _, r := range []struct {
		name string
		opts []Option
		want int
	}{
		{"boxes of other classes stay", nil, 2},
		{"one class in all", []Option{ClassAgnostic()}, 1},
		{"overlap that is allowed", []Option{ClassAgnostic(), IoU(0.95)}, 2},
		{"lowered, and then below the threshold", []Option{ClassAgnostic(), Soft(0.5), Score(0.5)}, 1},
		{"lowered, and still there", []Option{ClassAgnostic(), Soft(0.5), Score(0.1)}, 2},
		{"one class alone", []Option{Classes("1")}, 1},
		{"at most one", []Option{Max(1)}, 1},
	} {
		if got, err := Decode("yolov8", overlapping(), plain(64, 64), nil, r.opts...); err != nil || len(got) != r.want {
			t.Errorf("%s: %d objects, want %d (%v): %+v", r.name, len(got), r.want, err, got)
		}
	}
}

func TestHeadName(t *testing.T) {
	m, err := zoo.Load("")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	d, err := New(m, Head("YOLO-X"))
	if err != nil || d.HeadName() != "yolox" || d.Guess() != "" {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := New(m); err == nil {
		t.Error("a classifier passes for a detector")
	}
	if _, err := New(nil); err == nil {
		t.Error("nothing passes for a detector")
	}
}

// TestLeftOut: what a caller leaves out is told, or stands for the default.
func TestLeftOut(t *testing.T) {
	if _, err := Decode("yolox", nil, vision.Geometry{}, nil, nil); err == nil || !strings.HasPrefix(err.Error(), "head yolox") {
		t.Errorf("an option that is nil: %v", err)
	}
	if _, err := Image(nil, vision.NewImage(1, 1)); err == nil || !strings.Contains(err.Error(), "the model is nil") {
		t.Error(err)
	}
	if _, err := Segment(nil, vision.NewImage(1, 1), nil); err == nil || !strings.Contains(err.Error(), "the model is nil") {
		t.Error(err)
	}
}

// TestSegmentContext: a network whose classes are the picture's colours; a context that
// is done ends it.
func TestSegmentContext(t *testing.T) {
	b := ir.NewBuilder(21)
	b.Output("map", b.Node("Relu", []*ir.Value{b.Input("picture", tensor.Float32, ir.Dims(1, 3, 4, 4))}))
	network, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.OpenModel(network)
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := vision.ParseRecipe([]byte(`{"size":[4,4],"resize":"stretch 4x4 bilinear"}`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := zoo.FromSession("colours", s, zoo.WithRecipe(recipe))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	blue := vision.NewImage(8, 8)
	for i := 2; i < len(blue.Pix); i += 3 {
		blue.Pix[i] = 255
	}
	if got, err := Segment(m, blue, Head("fcn")); err != nil || got.Class[0] != 2 || got.Width != 8 {
		t.Errorf("%+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := SegmentContext(ctx, m, blue, Head("fcn")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
