package main

import (
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/vision"
)

// The map keeps class indices as they are, and the drawn picture has the size of
// the source.
func TestWriteMap(t *testing.T) {
	m := &detect.ClassMap{Width: 3, Height: 2, Class: []byte{0, 1, 2, 0, 15, 20}}
	path := filepath.Join(t.TempDir(), "m.png")
	if err := writeMap(t.Context(), path, m); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := src.(*image.Paletted); !ok || string(p.Pix) != string(m.Class) {
		t.Errorf("%T %v", src, src)
	}
}

// exported is a torchvision network that tools of the test data export; the test
// is skipped without $VISION_EXPORTS.
func exported(t *testing.T, name string) string {
	dir := os.Getenv("VISION_EXPORTS")
	path := filepath.Join(dir, name+".onnx")
	if _, err := os.Stat(path); dir == "" || err != nil {
		t.Skipf("no %s.onnx; set VISION_EXPORTS to a folder of exported networks; export_models.py makes it", name)
	}
	return path
}

func TestSegment(t *testing.T) {
	model := exported(t, "lraspp_mobilenet_v3_large")
	dir := t.TempDir()
	pic := filepath.Join(dir, "p.png")
	if err := vision.NewImage(50, 40).Save(pic); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "out")
	code, out, errOut := vis("segment", pic, "--model", model, "--json", "--save", to, "--map", filepath.Join(to, "maps"), filepath.Join(dir, "none.jpg"))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitFailed || len(lines) != 2 {
		t.Fatalf("code %d\n%s\n%s", code, out, errOut)
	}
	var r segmentResult
	if err := json.Unmarshal([]byte(lines[0]), &r); err != nil {
		t.Fatal(err)
	}
	pixels := 0
	for _, c := range r.Classes {
		pixels += c.Pixels
	}
	if pixels != 50*40 || r.Width != 50 || r.Height != 40 {
		t.Errorf("%d pixels: %s", pixels, lines[0])
	}
	for _, path := range []string{filepath.Join(to, "p.png"), r.Map} {
		if img, err := vision.Open(path); err != nil || img.Width != 50 || img.Height != 40 {
			t.Errorf("%s: %v", path, err)
		}
	}
}
