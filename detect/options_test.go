package detect

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
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

// TestLabelsOfAnotherSet: names that are not those of the network's classes are
// refused rather than printed.
func TestLabelsOfAnotherSet(t *testing.T) {
	_, err := Decode("yolov8", overlapping(), plain(64, 64), label.New("three", "a", "b", "c"))
	if err == nil || !strings.Contains(err.Error(), "the model finds objects of 2 classes, its label set three has 3") {
		t.Error(err)
	}
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
	if _, err := New(m); err == nil || !strings.HasSuffix(err.Error(), "not objects; use vision classify") {
		t.Errorf("a classifier as a detector: %v", err)
	}
	if _, err := NewSegmenter(m); err == nil || !strings.HasSuffix(err.Error(), "not a map of classes; use vision classify") {
		t.Errorf("a classifier as a segmenter: %v", err)
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
	recipe, err := vision.ParseRecipe([]byte(`{"size":[4,4],"resize":"stretch 4x4 bilinear"}`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := zoo.FromSession("colours", built.Session(t, b), zoo.WithRecipe(recipe))
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

// TestRefused: what is no model, picture, map, mask or context is an error or nothing,
// and no panic.
func TestRefused(t *testing.T) {
	var ctx context.Context
	builtin, err := zoo.Load("")
	if err != nil {
		t.Fatal(err)
	}
	defer builtin.Close()
	d, err := New(builtin, Head("yolox"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewSegmenter(builtin, Head("fcn"))
	if err != nil {
		t.Fatal(err)
	}
	white, x := vision.NewImage(2, 2), tensor.New(tensor.Float32, 1, 3, 32, 32)
	scores := []Output{{"y", tensor.New(tensor.Float32, 2, 2, 2)}}
	wrong := &COCOTruth{Images: []COCOImage{{Width: -1, Height: -1}}, Annotations: []COCOAnnotation{{}}, Categories: []COCOClass{{}}}
	for name, call := range map[string]func() error{
		"a picture without a context":   func() error { _, err := ImageContext(ctx, builtin, white, Head("yolox")); return err },
		"a detector without a context":  func() error { _, err := d.Tensor(ctx, x, plain(2, 2)); return err },
		"a map without a context":       func() error { _, err := SegmentContext(ctx, builtin, white, Head("fcn")); return err },
		"a segmenter without a context": func() error { _, err := m.Tensor(ctx, x, plain(2, 2)); return err },
		"a picture that is nil":         func() error { _, err := d.Image(t.Context(), nil); return err },
		"a tensor that is nil":          func() error { _, err := d.Tensor(t.Context(), nil, plain(2, 2)); return err },
		"a map of nil":                  func() error { _, err := m.Tensor(t.Context(), nil, plain(2, 2)); return err },
		"a model that is a nil":         func() error { _, err := New((*zoo.Model)(nil)); return err },
		"a model of the zero value":     func() error { _, err := New(new(zoo.Model)); return err },
		"a segmenter of a nil":          func() error { _, err := NewSegmenter((*zoo.Model)(nil)); return err },
		"a model without a session":     func() error { _, err := New(withoutSession{builtin}); return err },
		"a segmenter without a session": func() error { _, err := NewSegmenter(withoutSession{builtin}); return err },
		"a detector that was not made":  func() error { _, err := new(Detector).Image(t.Context(), white); return err },
		"a detector that is nil":        func() error { _, err := (*Detector)(nil).Tensor(t.Context(), x, plain(2, 2)); return err },
		"a segmenter that was not made": func() error { _, err := new(Segmenter).Image(t.Context(), white); return err },
		"a segmenter that is nil":       func() error { _, err := (*Segmenter)(nil).Tensor(t.Context(), x, plain(2, 2)); return err },
		"a score that is NaN":           func() error { _, err := New(builtin, Score(math.NaN())); return err },
		"an overlap that is NaN":        func() error { _, err := New(builtin, IoU(math.NaN())); return err },
		"a sigma that is NaN":           func() error { _, err := New(builtin, Soft(math.NaN())); return err },
		"a negative number of objects":  func() error { _, err := New(builtin, Max(-1)); return err },
		"a class without a name":        func() error { _, err := New(builtin, Head("yolox"), Classes("")); return err },
		"no such head":                  func() error { _, err := New(builtin, Head("\x00")); return err },
		"outputs without a tensor":      func() error { _, err := Decode("yolox", []Output{{}}, plain(2, 2), nil); return err },
		"a map without a head":          func() error { _, err := DecodeMap("", nil, plain(2, 2), nil); return err },
		"a map without a tensor":        func() error { _, err := DecodeMap("fcn", []Output{{}}, plain(2, 2), nil); return err },
		"a map of no picture":           func() error { _, err := DecodeMap("fcn", scores, vision.Geometry{}, nil); return err },
		"a map of a negative size": func() error {
			_, err := DecodeMap("fcn", scores, vision.Geometry{Width: -1, Height: 5}, nil)
			return err
		},
		"a map of a huge size":        func() error { _, err := DecodeMap("fcn", scores, plain(1<<30, 1<<30), nil); return err },
		"no truth":                    func() error { _, err := EvaluateCOCO(nil, nil, COCOBoxes); return err },
		"no task":                     func() error { _, err := EvaluateCOCO(wrong, nil, ""); return err },
		"a truth without a box":       func() error { _, err := EvaluateCOCO(wrong, nil, COCOBoxes); return err },
		"a truth without a mask":      func() error { _, err := EvaluateCOCO(wrong, nil, COCOMasks); return err },
		"a truth that is nil":         func() error { _, err := ReadCOCOTruth(nil); return err },
		"results that are nil":        func() error { _, err := ReadCOCOResults(nil); return err },
		"a mask of a negative size":   func() error { _, err := ParseRLE("", -1, -1); return err },
		"polygons of a negative size": func() error { _, err := MaskOfPolygons(nil, -1, 1); return err },
		"a polygon of NaN":            func() error { _, err := MaskOfPolygons([][]float64{{0, 0, 1, math.NaN(), 2, 2}}, 4, 4); return err },
		"a polygon of nothing":        func() error { _, err := MaskOfPolygons([][]float64{nil}, 4, 4); return err },
	} {
		if err := call(); err == nil || strings.Contains(err.Error(), "BUG") {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	if _, err := Decode("yolov8", overlapping(), vision.Geometry{}, nil); err != nil {
		t.Errorf("a geometry of the zero value: %v", err)
	}
	nan := Box{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	NMS([]Box{nan, {0, 0, 1, 1}}, []float64{math.NaN()}, math.NaN())
	NMSByClass([]Box{nan}, []float64{1, 2}, []int{}, -1)
	SoftNMS([]Box{nan, nan}, []float64{1, 2}, nil, math.NaN(), math.NaN())
	for _, k := range []*Mask{{}, {Width: -1, Height: -1, Counts: []uint32{1, 2}}, {Width: 2, Height: 0, Counts: []uint32{0, 9}}, {Width: 1, Height: 1, Counts: []uint32{0, 1 << 31, 1, 1 << 31}}} {
		k.Area()
		k.Bounds()
		k.RLE()
		k.IoU(&Mask{})
		k.Picture()
		k.Polygons()
	}
	empty := ClassMap{Width: 2, Height: 2}
	if empty.Shares() != nil || empty.Mask(0).Area() != 0 || empty.Background(-1) {
		t.Error("a map of nothing has classes")
	}
	new(Detector).Marks([]Object{{Mask: &Mask{}}})
	new(Detector).COCOCategories()
	if new(Detector).HeadName()+new(Detector).Guess()+new(Segmenter).Guess() != "" {
		t.Error("what was not made has a name")
	}
}

// withoutSession is a model that has lost its session.
type withoutSession struct{ *zoo.Model }

func (withoutSession) Session() *engine.Session { return nil }
