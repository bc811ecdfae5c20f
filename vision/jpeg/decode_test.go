package jpeg

import (
	"bufio"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/visionzoo/vision/internal/shared"
)

// rows returns the lines of a tab-separated table, without comments.
func rows(t testing.TB, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var table [][]string
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); line != "" && line[0] != '#' {
			table = append(table, strings.Split(line, "\t"))
		}
	}
	return table
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// readPNG returns the RGB bytes of a golden picture.
func readPNG(t *testing.T, path string) *RGB {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	out := &RGB{Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}
	for y := range out.Height {
		for x := range out.Width {
			switch img := img.(type) {
			case *image.RGBA:
				p := img.Pix[img.PixOffset(x, y):]
				out.Pix = append(out.Pix, p[0], p[1], p[2])
			default:
				r, g, b, _ := img.At(x, y).RGBA()
				out.Pix = append(out.Pix, byte(r>>8), byte(g>>8), byte(b>>8))
			}
		}
	}
	return out
}

func worst(a, b *RGB) int {
	if a.Width != b.Width || a.Height != b.Height || len(a.Pix) != len(b.Pix) {
		return 256
	}
	most := 0
	for i := range a.Pix {
		most = max(most, int(a.Pix[i])-int(b.Pix[i]), int(b.Pix[i])-int(a.Pix[i]))
	}
	return most
}

// The goldens are from Pillow 9.4 with libjpeg-turbo 2.1.5. Their table allows differences
// of 1 for some; this decoder must have none.
func TestFormats(t *testing.T) {
	dir := shared.Path(t, "images", "formats")
	seen := 0
	for _, row := range rows(t, filepath.Join(dir, "cases.tsv")) {
		name := row[0]
		if filepath.Ext(name) != ".jpg" {
			continue
		}
		seen++
		t.Run(name, func(t *testing.T) {
			data := readFile(t, filepath.Join(dir, name))
			if row[1] == "-" {
				if _, err := Decode(data, Options{}); err == nil || !strings.Contains(err.Error(), "arithmetic") {
					t.Fatalf("error %v, want one that names arithmetic coding", err)
				}
				return
			}
			want := readPNG(t, filepath.Join(dir, "golden", name+".png"))
			for _, k := range everyKernels(t) {
				got, err := (&Decoder{kernels: k}).decode(data)
				if err != nil {
					t.Fatalf("%s: %v", k.name, err)
				}
				if n := worst(got, want); n != 0 || got.Damaged {
					t.Errorf("%s: differs by %d, damaged %t", k.name, n, got.Damaged)
				}
				if strconv.Itoa(got.Width) != row[1] || strconv.Itoa(got.Height) != row[2] {
					t.Errorf("%dx%d, want %sx%s", got.Width, got.Height, row[1], row[2])
				}
			}
		})
	}
	if seen < 40 {
		t.Errorf("%d JPEG files in the table, expected at least 40", seen)
	}
}

func (d *Decoder) decode(data []byte) (*RGB, error) {
	img := new(RGB)
	err := d.Decode(img, data, Options{})
	return img, err
}

func everyKernels(t testing.TB) []*kernels {
	if k := fastest(); k != &goKernels {
		return []*kernels{&goKernels, k}
	}
	return []*kernels{&goKernels}
}

func TestCorrupt(t *testing.T) {
	dir := shared.Path(t, "images", "corrupt")
	for _, row := range rows(t, filepath.Join(dir, "cases.tsv")) {
		name, want := row[0], row[2]
		data := readFile(t, filepath.Join(dir, name))
		if strings.HasPrefix(name, "jpeg_named") || !strings.Contains(name, "jpg") && !strings.HasPrefix(name, "jpeg_") {
			if len(data) < 2 || data[0] != 0xFF || data[1] != 0xD8 {
				want = "error"
			}
		}
		if name == "png_named.jpg" {
			want = "error"
		}
		t.Run(name, func(t *testing.T) {
			img, err := Decode(data, Options{})
			switch {
			case want == "error" && err == nil:
				t.Fatalf("a picture of %dx%d, want an error (%s)", img.Width, img.Height, row[3])
			case want == "picture" && err != nil:
				t.Fatalf("%v, want a picture", err)
			case err == nil && (len(img.Pix) == 0 || len(img.Pix) != 3*img.Width*img.Height):
				t.Fatalf("%dx%d with %d bytes", img.Width, img.Height, len(img.Pix))
			case err != nil && (strings.Contains(err.Error(), "BUG") || strings.Contains(err.Error(), "\n")):
				t.Fatal(err)
			}
		})
	}
}
