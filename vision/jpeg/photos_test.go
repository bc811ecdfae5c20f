package jpeg

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/visionzoo/vision/internal/shared"
)

// photo is one row of testdata/photos.tsv, which Pillow wrote.
type photo struct {
	path          string
	width, height int
	sum           string
}

func photos(t testing.TB) []photo {
	var list []photo
	for _, row := range rows(t, filepath.Join("testdata", "photos.tsv")) {
		w, _ := strconv.Atoi(row[1])
		h, _ := strconv.Atoi(row[2])
		path := filepath.Join(shared.Path(t), filepath.FromSlash(row[0]))
		list = append(list, photo{path: path, width: w, height: h, sum: row[3]})
	}
	return list
}

// Photos decode to the same bytes as with Pillow.
func TestPhotos(t *testing.T) {
	seen := 0
	for _, p := range photos(t) {
		if _, err := os.Stat(p.path); err != nil {
			continue
		}
		seen++
		data := readFile(t, p.path)
		for _, k := range everyKernels(t) {
			img, err := (&Decoder{kernels: k}).decode(data)
			if err != nil {
				t.Errorf("%s: %s: %v", p.path, k.name, err)
				continue
			}
			sum := sha256.Sum256(img.Pix)
			if img.Width != p.width || img.Height != p.height || img.Damaged || hex.EncodeToString(sum[:]) != p.sum {
				t.Errorf("%s: %s: %dx%d with damage %t and other pixels than Pillow's %dx%d", p.path, k.name, img.Width, img.Height, img.Damaged, p.width, p.height)
			}
		}
	}
	if seen == 0 {
		t.Skip("none of the photos of testdata/photos.tsv is in the shared test data; set VISION_SHARED to the folder that has them")
	}
}

// BenchmarkPhotos decodes all photos of the shared test data.
func BenchmarkPhotos(b *testing.B) {
	dir := shared.Path(b, "imagenet")
	files, err := filepath.Glob(filepath.Join(dir, "*.JPEG"))
	if err != nil || len(files) == 0 {
		b.Skip("no photos in ", dir, "; set VISION_SHARED to the folder of shared test data that has them")
	}
	var all [][]byte
	size := 0
	for _, f := range files {
		all = append(all, readFile(b, f))
		size += len(all[len(all)-1])
	}
	for _, k := range everyKernels(b) {
		b.Run(k.name, func(b *testing.B) {
			d := &Decoder{kernels: k}
			var img RGB
			b.SetBytes(int64(size))
			pixels := 0
			for b.Loop() {
				pixels = 0
				for _, data := range all {
					if err := d.Decode(&img, data, Options{}); err != nil {
						b.Fatal(err)
					}
					pixels += img.Width * img.Height
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(pixels), "ns/pixel")
		})
	}
}
