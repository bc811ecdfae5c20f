package vision_test

import (
	"context"
	"image"
	"math"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
)

// TestRefused: what no picture, size, name or context is, is an error and no panic.
func TestRefused(t *testing.T) {
	var ctx context.Context
	var none *vision.Image
	var noEncoder *vision.Encoder
	recipe, err := vision.Named("imagenet")
	if err != nil {
		t.Fatal(err)
	}
	e, err := vision.NewEncoder(recipe)
	if err != nil {
		t.Fatal(err)
	}
	wide, white, jpg := vision.NewImage(30000, 1), vision.NewImage(2, 2), pngBytes(t, 2, 2)
	short := &vision.Image{Width: 2, Height: 2, Pix: make([]byte, 5)}
	x := tensor.New(tensor.Float32, 1, 3, 224, 224)
	for name, call := range map[string]func() error{
		"a file without a context":      func() error { _, err := vision.FileSource("x.png").Open(ctx); return err },
		"a stream without a context":    func() error { _, err := vision.ReaderSource("x", nil).Open(ctx); return err },
		"an address without a context":  func() error { _, err := vision.URLSource("http://127.0.0.1:1").Open(ctx); return err },
		"decoding ended by nil":         func() error { _, err := vision.DecodeBytes(jpg, vision.EndedBy(ctx)); return err },
		"encoding without a context":    func() error { _, _, err := e.EncodeContext(ctx, white); return err },
		"encoding into, without one":    func() error { _, err := e.EncodeInto(ctx, x, 0, white); return err },
		"a stream that is nil":          func() error { _, err := vision.ReaderSource("x", nil).Open(context.Background()); return err },
		"decoding nil":                  func() error { _, err := vision.Decode(nil); return err },
		"decoding no bytes":             func() error { _, err := vision.DecodeBytes(nil); return err },
		"a file without a name":         func() error { _, err := vision.Open(""); return err },
		"no pixels are allowed":         func() error { _, err := vision.DecodeBytes(jpg, vision.PixelLimit(-1)); return err },
		"no memory is allowed":          func() error { _, err := vision.DecodeBytes(jpg, vision.MemoryLimit(-1)); return err },
		"a source that is nil":          func() error { _, err := vision.ImageSource("x", nil).Open(context.Background()); return err },
		"encoding nil":                  func() error { _, _, err := e.Encode(none); return err },
		"encoding too few bytes":        func() error { _, _, err := e.Encode(short); return err },
		"encoding into nil":             func() error { _, err := e.EncodeInto(context.Background(), nil, 0, white); return err },
		"a place before the batch":      func() error { _, err := e.EncodeInto(context.Background(), x, -1, white); return err },
		"a batch of nothing":            func() error { _, _, err := e.Batch(nil); return err },
		"a batch of nil":                func() error { _, _, err := e.Batch([]*vision.Image{white, nil}); return err },
		"a shape of nothing":            func() error { _, err := e.BatchShape(1, 0, -1); return err },
		"a batch of a negative size":    func() error { _, err := e.BatchShape(-1, 2, 2); return err },
		"a huge batch":                  func() error { _, err := e.BatchShape(math.MaxInt, 2, 2); return err },
		"a picture of a huge side":      func() error { _, err := e.Shape(math.MaxInt, math.MaxInt); return err },
		"rendering nil":                 func() error { _, _, err := e.Render(nil); return err },
		"no encoder":                    func() error { _, _, err := noEncoder.Encode(white); return err },
		"no encoder for a batch":        func() error { _, _, err := noEncoder.Batch([]*vision.Image{white, white}); return err },
		"no encoder for a shape":        func() error { _, err := noEncoder.BatchShape(2, 2, 2); return err },
		"an encoder of no recipe":       func() error { _, _, err := new(vision.Encoder).Encode(white); return err },
		"rendering without a recipe":    func() error { _, _, err := new(vision.Encoder).Render(white); return err },
		"a recipe without a name":       func() error { _, err := vision.Named(""); return err },
		"a recipe of no bytes":          func() error { _, err := vision.ParseRecipe(nil); return err },
		"a recipe of a size that wraps": func() error { return recipe.WithSize(math.MaxInt, math.MaxInt).Validate() },
		"a mean that is NaN":            func() error { return vision.Recipe{Mean: []float64{math.NaN()}}.Validate() },
		"no such mode":                  func() error { return vision.Recipe{Resize: vision.ResizeRule{Mode: 99, Filter: 99}}.Validate() },
		"no such pad":                   func() error { return vision.Recipe{Pad: vision.PadRule{Mode: 99}}.Validate() },
		"a filter without a name":       func() error { _, err := vision.ParseFilter(""); return err },
		"a picture from nil":            func() error { _, err := vision.FromImage(nil, nil); return err },
		"a picture from an empty one":   func() error { _, err := vision.FromImage(new(image.RGBA), nil); return err },
		"a typed nil":                   func() error { _, err := vision.FromImage(none, nil); return err },
		"drawing on nil":                func() error { _, err := vision.Draw(nil, nil); return err },
		"a mask of too few values": func() error {
			_, err := vision.Draw(white, []vision.Mark{{Mask: &vision.Mask{Width: 2, Height: 2}}})
			return err
		},
		"a map of too few classes":  func() error { _, err := vision.DrawMap(white, nil, nil); return err },
		"a map on nil":              func() error { _, err := vision.DrawMap(nil, nil, nil); return err },
		"fitting nil":               func() error { _, err := vision.Fit(nil, 1, 1); return err },
		"fitting into nothing":      func() error { _, err := vision.Fit(white, 0, -1); return err },
		"a thumbnail of nil":        func() error { _, err := vision.Thumbnail(nil, 1, 1); return err },
		"a thumbnail of nothing":    func() error { _, err := vision.Thumbnail(white, -1, 1); return err },
		"resizing nil":              func() error { _, err := vision.Resize(nil, 1, 1, vision.Bilinear); return err },
		"resizing to nothing":       func() error { _, err := vision.Resize(white, 0, 1, vision.Bilinear); return err },
		"resizing by no filter":     func() error { _, err := vision.Resize(white, 1, 1, 99); return err },
		"rotating nil":              func() error { _, err := vision.Rotate(nil, 1, nil); return err },
		"rotating by NaN":           func() error { _, err := vision.Rotate(white, math.NaN(), nil); return err },
		"flipping nil":              func() error { _, err := vision.Flip(nil, 0); return err },
		"cropping nil":              func() error { _, err := vision.Crop(nil, 0, 0, 1, 1); return err },
		"a crop of a negative size": func() error { _, err := vision.Crop(white, 0, 0, -1, -1); return err },
		"a crop far outside":        func() error { _, err := vision.Crop(white, math.MaxInt, 0, math.MaxInt, 1); return err },
		"a crop far before":         func() error { _, err := vision.Crop(white, math.MinInt, math.MinInt, math.MaxInt, 9); return err },
		"a sheet of nothing":        func() error { _, err := vision.ContactSheet(nil, 1, 64); return err },
		"a sheet of nil":            func() error { _, err := vision.ContactSheet([]vision.Captioned{{}}, 1, 64); return err },
		"a sheet of huge pictures": func() error {
			_, err := vision.ContactSheet([]vision.Captioned{{Image: white}}, 1, math.MaxInt)
			return err
		},
		"showing nil":           func() error { return vision.Show(t.Output(), nil, vision.ShowOptions{}) },
		"no such terminal":      func() error { return vision.Show(t.Output(), white, vision.ShowOptions{Terminal: 99}) },
		"writing nil":           func() error { return none.EncodePNG(t.Output()) },
		"writing too few bytes": func() error { return short.EncodeJPEG(t.Output(), 0) },
		"writing to nil":        func() error { return white.EncodePNG(nil) },
		"writing a JPEG to nil": func() error { return white.EncodeJPEG(nil, 90) },
		"showing to nil":        func() error { return vision.Show(nil, white, vision.ShowOptions{}) },
		"saving nil":            func() error { return none.Save("x.png") },
		"saving without a name": func() error { return white.Save("") },
	} {
		if err := call(); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	for s, err := range vision.Sources([]string{"", "-"}, nil, vision.Stdin(nil), vision.Client(nil)) {
		if err == nil {
			_, err = s.Open(context.Background())
		}
		if err == nil {
			t.Errorf("%q is a picture", s.Name)
		}
	}
	if rest, err := vision.Crop(wide, 29999, 0, math.MaxInt, math.MaxInt); err != nil || rest.Width != 1 {
		t.Errorf("the rest of a picture: %v, %v", rest, err)
	}
	if small, err := vision.Thumbnail(wide, 8, 64); err != nil || small.Width != 8 {
		t.Errorf("a thumbnail: %v", err)
	}
	far := []vision.Mark{{Box: [4]float64{math.NaN(), math.Inf(-1), math.Inf(1), 1e300}, Label: "far", Points: []vision.Keypoint{{X: math.Inf(1), Y: math.NaN(), Score: 1}}, Bones: [][2]int{{-1, 9}},
		Mask: &vision.Mask{Left: math.MinInt, Top: math.MaxInt}}}
	if _, err := vision.Draw(white, slices.Concat(far, []vision.Mark{{}})); err != nil {
		t.Error(err)
	}
	var g vision.Geometry
	g.Box(math.NaN(), 0, 1, 1)
	vision.ClassColor(math.MinInt)
}
