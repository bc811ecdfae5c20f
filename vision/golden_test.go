package vision

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/shared"
)

// table reads a tab-separated file of the shared data without its comments.
func table(t testing.TB, elem ...string) [][]string {
	t.Helper()
	data, err := os.ReadFile(shared.Path(t, elem...))
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" && !strings.HasPrefix(line, "# ") {
			rows = append(rows, strings.Split(line, "\t"))
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%v holds no rows", elem)
	}
	return rows
}

// readPNG reads a golden with the standard library's decoder alone.
func readPNG(t testing.TB, path string) *Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	m, err := FromImage(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// farthest is the largest difference of two pictures and where it is; sizes that
// differ are 256 apart.
func farthest(a, b *Image) (int, string) {
	if a.Width != b.Width || a.Height != b.Height {
		return 256, fmt.Sprintf("%dx%d instead of %dx%d", a.Width, a.Height, b.Width, b.Height)
	}
	most, where := 0, "nowhere"
	for i := range a.Pix {
		if d := abs(int(a.Pix[i]) - int(b.Pix[i])); d > most {
			most, where = d, fmt.Sprintf("x=%d y=%d channel %d: %d instead of %d", i/3%a.Width, i/3/a.Width, i%3, a.Pix[i], b.Pix[i])
		}
	}
	return most, where
}

// goldenRecipes maps the cases of the goldens to recipes.
func goldenRecipe(t *testing.T, name string) Recipe {
	t.Helper()
	text := map[string]string{
		"bilinear256_224":    `{"resize":"shorter 256 bilinear antialias","crop":"center 224"}`,
		"bicubic232_224":     `{"resize":"shorter 232 bicubic antialias","crop":"center 224"}`,
		"nearest256_224":     `{"resize":"shorter 256 nearest","crop":"center 224"}`,
		"yolox416":           `{"resize":"letterbox 416 bilinear","pad":"topleft 114"}`,
		"yolox640":           `{"resize":"letterbox 640 bilinear","pad":"topleft 114"}`,
		"ultralytics640":     `{"resize":"letterbox 640 round bilinear","pad":"center 114"}`,
		"ultralytics416":     `{"resize":"letterbox 416 round bilinear","pad":"center 114"}`,
		"stretch320x240_cv2": `{"resize":"stretch 320x240 bilinear"}`,
		"lite4_cv2_256_224":  `{"resize":"shorter 256 bilinear","crop":"center 224 truncate"}`,
		"detectron_every8":   `{"resize":"shorter 800 max 1333 bilinear antialias"}`,
	}[name]
	if size, filter, ok := strings.Cut(strings.TrimPrefix(name, "stretch"), "_"); text == "" && ok {
		if filter != "nearest" {
			filter += " antialias"
		}
		text = `{"resize":"stretch ` + size + " " + filter + `"}`
	}
	r, err := ParseRecipe([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

func goldenInput(t *testing.T, name string) *Image {
	t.Helper()
	if strings.HasPrefix(name, "input_") {
		return readPNG(t, shared.Path(t, "images", "golden", name))
	}
	m, err := Open(shared.Path(t, "images", "photos", name))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestGoldens(t *testing.T) {
	for _, row := range table(t, "images", "golden", "cases.tsv") {
		golden, input, name := row[0], row[1], row[2]
		t.Run(golden, func(t *testing.T) {
			want := readPNG(t, shared.Path(t, "images", "golden", golden))
			for _, threads := range []int{1, 3} {
				e, err := NewEncoder(goldenRecipe(t, name), EncodeThreads(threads))
				if err != nil {
					t.Fatal(err)
				}
				got, g, err := e.Render(goldenInput(t, input))
				if err != nil {
					t.Fatal(err)
				}
				if s := fmt.Sprintf("%dx%d", g.ResizedWidth, g.ResizedHeight); s != row[3] {
					t.Errorf("resized to %s, want %s", s, row[3])
				}
				if at := fmt.Sprintf("crop at %d,%d", g.CropLeft, g.CropTop); strings.HasPrefix(row[4], "crop") && !strings.HasPrefix(row[4], at) {
					t.Errorf("%s, want %s", at, row[4])
				}
				if name == "detectron_every8" {
					every8 := NewImage(got.Width, (got.Height+7)/8)
					for y := range every8.Height {
						copy(every8.Row(y), got.Row(y*8))
					}
					got = every8
				}
				grace := 0
				if strings.HasSuffix(input, ".jpg") {
					grace = 1
				}
				if d, where := farthest(got, want); d > grace {
					t.Errorf("%d threads: differs by %d at %s", threads, d, where)
				}
			}
		})
	}
}

func TestProbes(t *testing.T) {
	recipes := map[string]string{
		"imagenet": `{"resize":"shorter 256 bilinear antialias","crop":"center 224","scale":"1/255","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}`,
		"caffe":    `{"resize":"shorter 256 bilinear antialias","crop":"center 224","channels":"BGR","mean":[103.939,116.779,123.68]}`,
		"tf":       `{"resize":"shorter 256 bilinear antialias","crop":"center 224","scale":"1/127.5","mean":[1]}`,
		"lite4":    `{"resize":"shorter 256 bilinear antialias","crop":"center 224","mean":[127],"std":[128]}`,
	}
	type key struct{ input, recipe string }
	done := map[key]*tensor.Tensor{}
	for _, row := range table(t, "images", "golden", "probes.tsv") {
		name, _, _ := strings.Cut(strings.TrimPrefix(row[1], "bilinear256_224, "), ":")
		k := key{row[0], name}
		if done[k] == nil {
			r, err := Named(name)
			if text, ok := recipes[name]; ok {
				r, err = ParseRecipe([]byte(text))
			}
			if err != nil {
				t.Fatal(err)
			}
			e, err := NewEncoder(r)
			if err != nil {
				t.Fatal(err)
			}
			if done[k], _, err = e.Encode(goldenInput(t, k.input)); err != nil {
				t.Fatal(err)
			}
		}
		x := done[k]
		c, y, col := number(t, row[2]), number(t, row[3]), number(t, row[4])
		want, err := strconv.ParseFloat(row[5], 64)
		if err != nil {
			t.Fatal(err)
		}
		at := (c*x.Dim(-2)+y)*x.Dim(-1) + col
		got := float64(tensor.Data[float32](x)[at])
		grace := 1e-6 * max(want, -want)
		if filepath.Ext(k.input) == ".jpg" { // a pixel may differ by one grey level
			grace = map[string]float64{"imagenet": 1 / 0.224 / 255, "caffe": 1, "tf": 1 / 127.5, "lite4": 1.0 / 128, "detectron": 1}[name] * 1.0001
		}
		if d := got - want; max(d, -d) > grace {
			t.Errorf("%v at %s,%s,%s: %v instead of %v", k, row[2], row[3], row[4], got, want)
		}
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
