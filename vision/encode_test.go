package vision

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

func encoderOf(t *testing.T, text string) *Encoder {
	t.Helper()
	r, err := ParseRecipe([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEncoder(r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEncodeIntoNothing(t *testing.T) {
	if _, err := encoderOf(t, `{}`).EncodeInto(t.Context(), nil, 0, NewImage(3, 3)); err == nil {
		t.Error("no tensor, and no error")
	}
	if _, err := FromImage(nil, nil); err == nil {
		t.Error("no picture, and no error")
	}
}

func TestNamedRecipes(t *testing.T) {
	for _, r := range named {
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
	}
	for _, row := range table(t, "zoo", "recipes.tsv") {
		if _, err := Named(row[0]); err != nil {
			t.Error(err)
		}
	}
}

func TestLayouts(t *testing.T) {
	m := &Image{Width: 2, Height: 1, Pix: []byte{1, 2, 3, 4, 5, 6}}
	for text, want := range map[string][]float32{
		`{}`:                                {1, 4, 2, 5, 3, 6},
		`{"channels":"BGR"}`:                {3, 6, 2, 5, 1, 4},
		`{"layout":"NHWC"}`:                 {1, 2, 3, 4, 5, 6},
		`{"layout":"HWC","channels":"BGR"}`: {3, 2, 1, 6, 5, 4},
		`{"channels":"grey"}`:               {2, 5},
		`{"flip":true}`:                     {4, 1, 5, 2, 6, 3},
		`{"mean":[1],"std":[2]}`:            {0, 1.5, 0.5, 2, 1, 2.5},
		`{"layout":"NHWC","pad":"multiple 3","mean":[1]}`: {0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		x, _, err := encoderOf(t, text).Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if got := tensor.Data[float32](x); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	x, _, err := encoderOf(t, `{"scale":"1/255","dtype":"uint8","quant":{"scale":0.5,"zero_point":3}}`).Encode(&Image{Width: 1, Height: 1, Pix: []byte{0, 255, 128}})
	if err != nil || !slices.Equal(tensor.Data[uint8](x), []byte{3, 5, 4}) {
		t.Errorf("quantised: %v, %v", x, err)
	}
}

func TestBatchAndGeometry(t *testing.T) {
	for _, text := range []string{
		`{"resize":"shorter 32 bilinear antialias","crop":"center 24"}`,
		`{"resize":"letterbox 40 round bilinear","pad":"center 114","flip":true}`,
		`{"resize":"stretch 30x20 bilinear"}`,
	} {
		e := encoderOf(t, text)
		a, b := computed(70, 50), computed(31, 64)
		x, gs, err := e.Batch([]*Image{a, b})
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range []*Image{a, b} {
			one, g, err := e.Encode(m)
			if err != nil || g != gs[i] {
				t.Fatalf("%v, %+v, %+v", err, g, gs[i])
			}
			if !slices.Equal(tensor.Data[float32](one), part(tensor.Data[float32](x), i, 2)) {
				t.Errorf("%s: picture %d of the batch differs from its own tensor", text, i)
			}
			px, py := g.Point(g.Input(12.5, 7.25))
			if math.Abs(px-12.5) > 1e-9 || math.Abs(py-7.25) > 1e-9 {
				t.Errorf("%s: there and back gives %v, %v", text, px, py)
			}
			x1, y1 := g.Input(3, 5)
			x2, y2 := g.Input(20, 30)
			left, up, right, down := g.Box(min(x1, x2), y1, max(x1, x2), y2)
			if math.Abs(left-3)+math.Abs(up-5)+math.Abs(right-20)+math.Abs(down-30) > 1e-9 {
				t.Errorf("%s: a box comes back as %v %v %v %v", text, left, up, right, down)
			}
			l, top, r, bottom := g.Box(-1e9, math.NaN(), 1e9, 1e9)
			if l < 0 || top < 0 || r > float64(m.Width) || bottom > float64(m.Height) || r < l || bottom < top {
				t.Errorf("%s: the box leaves the picture: %v %v %v %v", text, l, top, r, bottom)
			}
		}
	}
	if _, _, err := encoderOf(t, `{}`).Batch([]*Image{computed(2, 2), computed(3, 2)}); err == nil {
		t.Error("pictures of two sizes went into one batch")
	}
}

func TestRecipesRefused(t *testing.T) {
	if r, err := ParseRecipe([]byte("\ufeff{\"size\":[5,5]}\r\n")); err != nil || !slices.Equal(r.Size, []int{5, 5}) { // as Windows writes a text
		t.Errorf("%+v, %v", r, err)
	}
	for _, text := range []string{
		``, `[]`, `{"x":1}`, `{"mean":[1],"mean":[2]}`, `{} {}`, `{"std":[0]}`, `{"mean":[1,2]}`, `{"scale":"1/0"}`,
		`{"resize":"shorter 256 bicubic"}`, `{"resize":"shorter"}`, `{"resize":"stretch bilinear"}`, `{"crop":"center 0"}`,
		`{"resize":"letterbox 9 bilinear"}`, `{"pad":"center 1"}`, `{"size":[5,5],"crop":"center 6"}`, `{"dtype":"float64"}`,
		`{"layout":"CWH"}`, `{"channels":"RBG"}`, `{"pad":"multiple 0"}`, `{"quant":{"scale":1,"zero_point":0}}`,
	} {
		if r, err := ParseRecipe([]byte(text)); err == nil {
			t.Errorf("%s went through: %+v", text, r)
		}
	}
}

// Tensors that a picture's size decides, and what resizing it takes, are bounded.
func TestEncodeMemory(t *testing.T) {
	recipe := func(text string) Recipe {
		r, err := ParseRecipe([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	anySize, small := recipe(`{}`), recipe(`{"resize":"stretch 224 lanczos antialias"}`)
	for _, tt := range []struct {
		why              string
		recipe           Recipe
		limit            int64 // 0: the default
		n, width, height int
		error            string
	}{
		{"a picture that fits", anySize, 12e6, 1, 1000, 1000, ""},
		{"one that does not", anySize, 11e6, 1, 1000, 1000, "takes 11 MiB each"},
		{"two that fit one by one", anySize, 12e6, 2, 1000, 1000, "takes 11 MiB each"},
		{"a large one, by default", anySize, 0, 1, 10000, 10000, "takes 1144 MiB each and 0 to resize one; the limit is 1024"},
		{"one pixel high", small, 0, 1, MaxPixels, 1, "to resize one"},
		{"one pixel wide", small, 0, 1, 1, MaxPixels, "to resize one"},
		{"a large photo", small, 0, 1, 16000, 11000, ""},
	} {
		opts := []EncoderOption{EncodeThreads(1)}
		if tt.limit > 0 {
			opts = append(opts, EncodeMemory(tt.limit))
		}
		e, err := NewEncoder(tt.recipe, opts...)
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.BatchShape(tt.n, tt.width, tt.height)
		if text := fmt.Sprint(err); tt.error == "" && err != nil || !strings.Contains(text, tt.error) {
			t.Errorf("%s: %v, want %q", tt.why, err, tt.error)
		}
	}
	e, err := NewEncoder(anySize, EncodeMemory(1e5))
	if err != nil {
		t.Fatal(err)
	}
	m := NewImage(100, 100)
	if _, _, err := e.Encode(m); err == nil {
		t.Error("a tensor that is too large was made")
	}
	if _, _, err := e.Batch([]*Image{m, m}); err == nil {
		t.Error("a batch that is too large was made")
	}
	if _, _, err := e.Render(m); err == nil {
		t.Error("a picture of a tensor that is too large was made")
	}
}
