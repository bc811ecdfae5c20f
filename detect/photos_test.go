package detect_test

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/internal/shared"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

func open(t *testing.T, path string) *vision.Image {
	t.Helper()
	img, err := vision.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func load(t *testing.T, path string) *zoo.Model {
	t.Helper()
	m, err := zoo.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// listed is an object that a golden lists; boxes are rounded to pixels and not cut
// to the picture.
type listed struct {
	Label string     `json:"label"`
	Score float64    `json:"score"`
	Box   [4]float64 `json:"box"`
}

func (l listed) box(img *vision.Image) detect.Box {
	return detect.Box{X1: l.Box[0], Y1: l.Box[1], X2: l.Box[2], Y2: l.Box[3]}.Intersect(detect.Box{X2: float64(img.Width), Y2: float64(img.Height)})
}

// compare holds that each listed object with a score over 0.4 was found, and
// nothing else over 0.45.
func compare(t *testing.T, file string, img *vision.Image, want []listed, got []detect.Object) {
	t.Helper()
	used := make([]bool, len(got))
	for _, w := range want {
		ok := false
		for i, o := range got {
			if !used[i] && (w.Label == "" || w.Label == o.Label) && w.box(img).IoU(o.Box) >= 0.9 && math.Abs(w.Score-o.Score) <= 0.03 {
				used[i], ok = true, true
				break
			}
		}
		if !ok && w.Score > 0.4 {
			t.Errorf("%s: %s %.2f %v was not found", file, w.Label, w.Score, w.Box)
		}
	}
	for i, o := range got {
		if !used[i] && o.Score > 0.45 {
			t.Errorf("%s: %s %.2f %v is not on the list", file, o.Label, o.Score, o.Box)
		}
	}
}

// ONNX Runtime's results, with other people's pre- and post-processing, on 17
// photos.
func TestPhotos(t *testing.T) {
	data, err := os.ReadFile(shared.Path(t, "images", "photos", "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var photos map[string]map[string]json.RawMessage
	if err := json.Unmarshal(data, &photos); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ model, key string }{
		{"yolox-nano", "detect_yolox_nano_416_score>0.35"},
		{"ultraface-rfb-320", "faces_rfb320_score>0.7_iou0.5"},
	} {
		m := load(t, shared.Path(t, "models", tt.model, "model.onnx"))
		pictures := 0
		for file, expected := range photos {
			if expected[tt.key] == nil {
				continue
			}
			pictures++
			var want []listed
			if err := json.Unmarshal(expected[tt.key], &want); err != nil {
				t.Fatal(err)
			}
			img := open(t, shared.Path(t, "images", "photos", file))
			got, err := detect.Image(m, img)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, file, img, want, got)
		}
		if pictures == 0 {
			t.Errorf("%s: no picture has %q", tt.model, tt.key)
		}
	}
}

// What the cards of the models say of their photos, with its thresholds.
func TestCards(t *testing.T) {
	for _, tt := range []struct {
		model, photo string
		score, iou   float64
		want         []listed
	}{
		{"yolox-nano", "dog.jpg", 0.3, 0.45, []listed{{"dog", 0.855, [4]float64{133, 207, 326, 543}}, {"bicycle", 0.803, [4]float64{52, 137, 572, 424}},
			{"car", 0.798, [4]float64{466, 78, 692, 171}}, {"truck", 0.306, [4]float64{464, 78, 683, 173}}}},
		{"nanodet-m-320", "dog.jpg", 0.4, 0.5, []listed{{"bicycle", 0.588, [4]float64{130, 141, 561, 463}}, {"car", 0.495, [4]float64{456, 67, 706, 170}},
			{"dog", 0.491, [4]float64{130, 213, 309, 525}}, {"car", 0.405, [4]float64{-3, -3, 260, 402}}}},
		{"ultraface-rfb-320", "group.jpg", 0.7, 0.3, []listed{{"face", 1, [4]float64{208, 277, 272, 357}}, {"face", 1, [4]float64{597, 289, 666, 374}},
			{"face", 1, [4]float64{814, 289, 876, 362}}, {"face", 0.999, [4]float64{669, 120, 722, 184}}, {"face", 0.999, [4]float64{147, 57, 208, 134}},
			{"face", 0.999, [4]float64{485, 49, 544, 127}}, {"face", 0.999, [4]float64{413, 263, 479, 341}}, {"face", 0.999, [4]float64{834, 118, 896, 188}},
			{"face", 0.998, [4]float64{324, 52, 386, 135}}}},
	} {
		m := load(t, shared.Path(t, "models", tt.model, "model.onnx"))
		img := open(t, shared.Path(t, "models", "photos", tt.photo))
		got, err := detect.Image(m, img, detect.Score(tt.score), detect.IoU(tt.iou))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: %d objects, the card has %d", tt.model, len(got), len(tt.want))
			continue
		}
		for i, w := range tt.want {
			o := got[i]
			if tt.model == "ultraface-rfb-320" { // scores tie to three digits
				for _, other := range got {
					if w.box(img).IoU(other.Box) > w.box(img).IoU(o.Box) {
						o = other
					}
				}
			}
			if o.Label != w.Label || math.Abs(o.Score-w.Score) > 0.003 || w.box(img).IoU(o.Box) < 0.97 {
				t.Errorf("%s: %s %.3f %v, the card has %s %.3f %v", tt.model, o.Label, o.Score, o.Box, w.Label, w.Score, w.Box)
			}
		}
	}
}

// YuNet's card was made at 256 x 192 and gives its places times 4 in both
// directions, as if the photo were 768 high; it is 717.
func TestYuNetCard(t *testing.T) {
	r, err := vision.ParseRecipe([]byte(`{"name":"yunet at 256x192","resize":"stretch 256x192 bilinear","channels":"BGR"}`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := zoo.Load(shared.Path(t, "models", "yunet-n", "model.onnx"), zoo.WithRecipe(r))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	got, err := detect.Image(m, open(t, shared.Path(t, "models", "photos", "group.jpg")), detect.Score(0.8), detect.IoU(0.3))
	if err != nil {
		t.Fatal(err)
	}
	const squeeze = 717.0 / 768
	if len(got) != 9 {
		t.Fatalf("%d faces, the card has 9", len(got))
	}
	if want := (detect.Box{X1: 418, Y1: 281 * squeeze, X2: 482, Y2: 366 * squeeze}); want.IoU(got[0].Box) < 0.95 || math.Abs(got[0].Score-0.920) > 0.005 {
		t.Errorf("the first face is %.3f %v, the card has 0.920 %v", got[0].Score, got[0].Box, want)
	}
	for i, p := range [][2]float64{{437, 313}, {467, 313}, {452, 331}, {437, 347}, {462, 346}} {
		if k := got[0].Keypoints[i]; math.Hypot(k.X-p[0], k.Y-p[1]*squeeze) > 1.5 {
			t.Errorf("point %d is at %.1f, %.1f, the card has %v", i, k.X, k.Y, p)
		}
	}
}

// A picture with nothing in it is no error.
func TestNothing(t *testing.T) {
	m := load(t, shared.Path(t, "models", "yolox-nano", "model.onnx"))
	got, err := detect.Image(m, vision.NewImage(64, 48))
	if err != nil || got == nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWrongHeads(t *testing.T) {
	m := load(t, shared.Path(t, "models", "yolox-nano", "model.onnx"))
	img := vision.NewImage(64, 48)
	for head, want := range map[string]string{"nonsense": "there is no head", "yunet": "no output cls_8", "ultraface": "one output"} {
		_, err := detect.Image(m, img, detect.Head(head))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q in it", head, err, want)
		}
	}
	for _, opt := range []detect.Option{detect.Score(2), detect.IoU(math.NaN()), detect.Max(0), detect.Soft(-1), detect.Classes("unicorn")} {
		if _, err := detect.Image(m, img, opt); err == nil {
			t.Error("an option without meaning went through")
		}
	}
	if o, err := detect.Image(m, open(t, shared.Path(t, "models", "photos", "dog.jpg")), detect.Classes("dog", "2")); err != nil || len(o) != 2 {
		t.Errorf("of dog and 2 (car) %v, %v", o, err)
	}
}
