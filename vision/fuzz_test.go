package vision

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// FuzzDecode: whatever the bytes, an error or a sound picture within the limits.
func FuzzDecode(f *testing.F) {
	seeds, _ := filepath.Glob("testdata/seeds/*")
	for _, path := range seeds {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, p := range pillowPictures(f) {
		f.Add(p.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeBytes(data, PixelLimit(1<<20), MemoryLimit(64<<20))
		if err != nil {
			return
		}
		if err := m.check(); err != nil || m.Width*m.Height > 1<<20 {
			t.Fatalf("%dx%d, %v", m.Width, m.Height, err)
		}
	})
}

func FuzzExif(f *testing.F) {
	f.Add([]byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x04\x00\x00\x00\x01\x00\x00\x00\x08"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := exifOrientation(data); o < 1 || o > 8 {
			t.Fatal(o)
		}
	})
}

// FuzzRecipe: what parses is valid, encodes pictures or says why not, and comes
// back the same from its own JSON.
func FuzzRecipe(f *testing.F) {
	for _, r := range named {
		data, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	img := computed(7, 5)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRecipe(data)
		if err != nil {
			if bytes.ContainsAny([]byte(err.Error()), "\n\x00\x1b") {
				t.Fatalf("not one line: %q", err)
			}
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseRecipe(text)
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Fatalf("%s\n%+v\n%+v\n%v", text, r, again, err)
		}
		e, err := NewEncoder(r)
		if err != nil {
			t.Fatal(err)
		}
		shape, err := e.Shape(img.Width, img.Height)
		n := 1
		for _, d := range shape {
			n *= d
		}
		if err != nil || n > 1<<20 {
			return
		}
		if _, _, err := e.Encode(img); err != nil {
			t.Fatal(err)
		}
	})
}
