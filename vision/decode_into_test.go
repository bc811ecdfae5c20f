package vision_test

import (
	"bytes"
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
