package jpeg

import (
	"bytes"
	"image"
	stdjpeg "image/jpeg"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/visionzoo/vision/internal/shared"
)

// checkRegions decodes regions of a picture and compares them with the same parts of the
// whole.
func checkRegions(t *testing.T, rng *rand.Rand, name string, data []byte, times int) {
	t.Helper()
	for _, k := range everyKernels(t) {
		d := &Decoder{kernels: k}
		whole, err := d.decode(data)
		if err != nil {
			continue
		}
		for range times {
			x0, y0 := rng.IntN(whole.Width), rng.IntN(whole.Height)
			r := image.Rect(x0, y0, x0+1+rng.IntN(whole.Width-x0), y0+1+rng.IntN(whole.Height-y0))
			part := &RGB{Pix: bytes.Repeat([]byte{0xA5}, len(whole.Pix))}
			if err := d.Decode(part, data, Options{Region: r}); err != nil {
				t.Fatalf("%s: %s: %v: %v", name, k.name, r, err)
			}
			if part.Width != whole.Width || part.Height != whole.Height {
				t.Fatalf("%s: %s: %v gave a picture of %dx%d", name, k.name, r, part.Width, part.Height)
			}
			for y := r.Min.Y; y < r.Max.Y; y++ {
				from, to := 3*(y*whole.Width+r.Min.X), 3*(y*whole.Width+r.Max.X)
				if !bytes.Equal(part.Pix[from:to], whole.Pix[from:to]) {
					t.Fatalf("%s: %s: row %d of %v differs from the whole picture's", name, k.name, y, r)
				}
			}
		}
	}
}

// noise is a picture of noise, written by Go's encoder.
func noise(t *testing.T, rng *rand.Rand, width, height int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = byte(rng.Uint32())
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Any region has the pixels of the whole picture, even if data end early.
func TestRegion(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 15))
	for range 30 {
		data := noise(t, rng, 1+rng.IntN(150), 1+rng.IntN(150))
		checkRegions(t, rng, "noise", data, 10)
		checkRegions(t, rng, "cut noise", data[:len(data)/2+rng.IntN(len(data)/2)], 10)
	}
	data := noise(t, rng, 96, 200)
	part := &RGB{Pix: bytes.Repeat([]byte{0xA5}, 3*96*200)}
	if err := new(Decoder).Decode(part, data, Options{Region: image.Rect(48, 80, 64, 90)}); err != nil {
		t.Fatal(err)
	}
	if part.Pix[0] != 0xA5 || part.Pix[len(part.Pix)-1] != 0xA5 {
		t.Error("pixels far from the region were made")
	}
}

// All kinds of subsampling; progressive, restarted and damaged pictures.
func TestRegionOfFormats(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 23))
	for _, folder := range []string{"formats", "corrupt"} {
		dir := shared.Path(t, "images", folder)
		files, err := filepath.Glob(filepath.Join(dir, "*.jp*g"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no JPEG files in %s", dir)
		}
		for _, f := range files {
			checkRegions(t, rng, filepath.Base(f), readFile(t, f), 6)
		}
	}
}

// FuzzRegion: a region of any input that decodes is that part of the whole.
func FuzzRegion(f *testing.F) {
	data := sample(f)
	f.Add(data, uint16(20), uint16(9), uint16(7), uint16(5))
	f.Add(data[:len(data)/2], uint16(0), uint16(0), uint16(50), uint16(12))
	f.Fuzz(func(t *testing.T, data []byte, x, y, width, height uint16) {
		opt := Options{MaxPixels: 1 << 18, MaxBytes: 8 << 20}
		whole, err := Decode(data, opt)
		if err != nil {
			return
		}
		r := image.Rect(int(x), int(y), int(x)+int(width), int(y)+int(height))
		opt.Region = r
		part, err := Decode(data, opt)
		if err != nil {
			t.Fatalf("%v: %v", r, err)
		}
		r = r.Intersect(image.Rect(0, 0, whole.Width, whole.Height))
		for y := r.Min.Y; y < r.Max.Y; y++ {
			from, to := 3*(y*whole.Width+r.Min.X), 3*(y*whole.Width+r.Max.X)
			if !bytes.Equal(part.Pix[from:to], whole.Pix[from:to]) {
				t.Fatalf("row %d of %v differs from the whole picture's", y, r)
			}
		}
	})
}
