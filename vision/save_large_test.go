package vision

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"testing"
)

// What a large picture is written as is what a copy of it would be.
func TestLargePicturesAreWrittenAlike(t *testing.T) {
	m := NewImage(37, 21)
	for i := range m.Pix {
		m.Pix[i] = byte(i * i)
	}
	small := m.encodable()
	if _, copied := small.(*image.RGBA); !copied {
		t.Fatalf("a small picture is written as %T", small)
	}
	for name, encode := range map[string]func(io.Writer, image.Image) error{
		"png":  png.Encode,
		"jpeg": func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) },
	} {
		var want, got bytes.Buffer
		if err := encode(&want, small); err != nil {
			t.Fatal(err)
		}
		if err := encode(&got, &lean{Image: m}); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: %d bytes, want the same %d (%v)", name, got.Len(), want.Len(), err)
		}
	}
}
