package vision_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/visionzoo/vision/vision"
)

// A JPEG lands in the memory it is given, large or small, with the pixels it has
// otherwise; a PNG does not.
func TestInto(t *testing.T) {
	var spare vision.Image
	for _, size := range [][2]int{{40, 30}, {200, 100}, {17, 9}} {
		m := vision.NewImage(size[0], size[1])
		for i := range m.Pix {
			m.Pix[i] = byte(i)
		}
		var jpg, png bytes.Buffer
		if err := m.EncodeJPEG(&jpg, 90); err != nil {
			t.Fatal(err)
		}
		if err := m.EncodePNG(&png); err != nil {
			t.Fatal(err)
		}
		want, err := vision.DecodeBytes(jpg.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		got, err := vision.DecodeBytes(jpg.Bytes(), vision.Into(&spare))
		if err != nil || got != &spare || got.Width != size[0] || got.Height != size[1] || !slices.Equal(got.Pix, want.Pix) {
			t.Fatalf("%v: %v %v", size, got, err)
		}
		other, err := vision.DecodeBytes(png.Bytes(), vision.Into(&spare))
		if err != nil || other == &spare || !slices.Equal(got.Pix, want.Pix) {
			t.Fatalf("%v: the PNG went into the spare memory, %v", size, err)
		}
	}
	memory := &spare.Pix[0]
	if _, err := vision.DecodeBytes([]byte("\xff\xd8\xffnothing"), vision.Into(&spare)); err == nil {
		t.Error("a broken JPEG was decoded")
	}
	if &spare.Pix[0] != memory {
		t.Error("a broken JPEG took the memory away")
	}
}

// A JPEG that ends early is damaged, wherever it is: upright or not, in a TIFF, in memory
// used again. One that does not is not, whatever the memory held.
func TestDamaged(t *testing.T) {
	m := vision.NewImage(64, 48)
	for i := range m.Pix {
		m.Pix[i] = byte(i * i)
	}
	var jpg bytes.Buffer
	if err := m.EncodeJPEG(&jpg, 90); err != nil {
		t.Fatal(err)
	}
	whole, half := jpg.Bytes(), jpg.Bytes()[:jpg.Len()*2/3]
	turned := slices.Concat(half[:2], []byte("\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"), half[2:])
	tiles := jpegTIFF(t, m, 64, 48)
	cut := bytes.Clone(tiles)
	copy(cut[bytes.LastIndex(cut, []byte("\xff\xd9"))-300:], "\xff\xd9")
	var spare vision.Image
	for _, tt := range []struct {
		why  string
		data []byte
		want bool
	}{{"half", half, true}, {"whole", whole, false}, {"half, on its side", turned, true}, {"a TIFF", tiles, false},
		{"a TIFF of half a JPEG", cut, true}} {
		got, err := vision.DecodeBytes(tt.data, vision.Into(&spare))
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
		} else if got.Damaged != tt.want || got.Clone().Damaged != tt.want {
			t.Errorf("%s: damaged %t", tt.why, got.Damaged)
		}
	}
}

// What an encoder makes of a picture does not depend on whether the picture was
// decoded for it alone, whatever the recipe, the size and what lay in the memory.
func TestSeenBy(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	recipes := []string{"imagenet", "caffe", "lite4", "yolox", "detectron", "mnist"}
	var encoders []*vision.Encoder
	for _, name := range recipes {
		r, err := vision.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		encoders = append(encoders, newEncoder(t, r))
	}
	for _, filter := range []string{"box antialias", "lanczos antialias", "bicubic antialias", "nearest", "bilinear"} {
		r, err := vision.ParseRecipe(fmt.Appendf(nil, `{"resize":"shorter 40 %s","crop":"center 24","flip":true}`, filter))
		if err != nil {
			t.Fatal(err)
		}
		encoders, recipes = append(encoders, newEncoder(t, r)), append(recipes, filter)
	}
	for range 12 {
		m := vision.NewImage(20+rng.IntN(500), 20+rng.IntN(500))
		for i := range m.Pix {
			m.Pix[i] = byte(rng.Uint32())
		}
		var jpg bytes.Buffer
		if err := m.EncodeJPEG(&jpg, 80); err != nil {
			t.Fatal(err)
		}
		files := map[string][]byte{"JPEG": jpg.Bytes(), "TIFF in strips": jpegTIFF(t, m, 0, 64), "TIFF in tiles": jpegTIFF(t, m, 48, 32)}
		for format, data := range files {
			for i, e := range encoders {
				whole, err := vision.DecodeBytes(data)
				if err != nil {
					t.Fatal(err)
				}
				spare := &vision.Image{Pix: bytes.Repeat([]byte{0xA5}, len(whole.Pix))}
				part, err := vision.DecodeBytes(data, vision.SeenBy(e), vision.Into(spare))
				if err != nil {
					t.Fatal(err)
				}
				want, _, err := e.Encode(whole)
				if err != nil {
					t.Fatal(err)
				}
				got, _, err := e.Encode(part)
				if err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Errorf("%s: a %s of %dx%d comes out otherwise when it is decoded for the encoder (%v)", recipes[i], format, m.Width, m.Height, err)
				}
			}
		}
	}
}

func newEncoder(t *testing.T, r vision.Recipe) *vision.Encoder {
	t.Helper()
	e, err := vision.NewEncoder(r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
