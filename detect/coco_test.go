package detect

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/internal/spent"
)

// Numbers by testdata/coco.py: numpy 1.24, another program of the same definition.
func TestCOCOAgainstNumpy(t *testing.T) {
	data, err := os.ReadFile("testdata/coco.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Truth   COCOTruth
		Results []COCOResult
		Numbers map[COCOTask]map[string]float64
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for task, want := range golden.Numbers {
		got, err := EvaluateCOCO(&golden.Truth, golden.Results, task)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %d numbers, %v", task, len(got), err)
		}
		for _, m := range got {
			if w, ok := want[strings.NewReplacer("s", "S", "m", "M", "l", "L").Replace(m.Name)]; !ok || math.Abs(m.Value-w) > 1e-9 {
				t.Errorf("%s %s: %.6f, want %.6f", task, m.Name, m.Value, w)
			}
		}
	}
}

// value is a metric by name.
func value(t *testing.T, all []COCOMetric, name string) float64 {
	t.Helper()
	for _, m := range all {
		if m.Name == name {
			return m.Value
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// Pictures and classes without objects cost nothing: there may be a million of each.
func TestCOCOManyClasses(t *testing.T) {
	truth := &COCOTruth{Annotations: []COCOAnnotation{{ImageID: 7, CategoryID: 9, BBox: []float64{1, 1, 2, 2}, Area: 4}}}
	for i := range 100_000 {
		truth.Images = append(truth.Images, COCOImage{ID: int64(i)})
		truth.Categories = append(truth.Categories, COCOClass{ID: i})
	}
	before := spent.Time()
	got, err := EvaluateCOCO(truth, []COCOResult{{ImageID: 7, CategoryID: 9, BBox: []float64{1, 1, 2, 2}, Score: 1}}, COCOBoxes)
	if err != nil || value(t, got, "AP") < 0.999 {
		t.Errorf("%v, %v", got, err)
	}
	if took := spent.Time() - before; took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// Cases whose answer one can work out by hand.
func TestCOCOByHand(t *testing.T) {
	person := []COCOClass{{1, "person"}}
	pictures := []COCOImage{{ID: 2, FileName: "b.jpg", Width: 400, Height: 400}, {ID: 1, FileName: "a.jpg", Width: 400, Height: 400}}
	box := func(x, y, w, h float64) []float64 { return []float64{x, y, w, h} }
	truth := func(image int64, b []float64, crowd bool) COCOAnnotation {
		return COCOAnnotation{ImageID: image, CategoryID: 1, BBox: b, Area: b[2] * b[3], Crowd: COCOFlag(crowd)}
	}
	guess := func(image int64, score float64, b []float64) COCOResult {
		return COCOResult{ImageID: image, CategoryID: 1, BBox: b, Score: score}
	}
	for _, tt := range []struct {
		why     string
		truth   []COCOAnnotation
		results []COCOResult
		want    map[string]float64
	}{
		{"all right", []COCOAnnotation{truth(1, box(0, 0, 50, 50), false)}, []COCOResult{guess(1, 0.9, box(0, 0, 50, 50))},
			map[string]float64{"AP": 1, "AP50": 1, "AP75": 1, "APm": 1, "APs": -1, "APl": -1, "AR1": 1, "AR100": 1}},
		{"nothing found", []COCOAnnotation{truth(1, box(0, 0, 50, 50), false)}, nil, map[string]float64{"AP": 0, "AR100": 0, "APs": -1}},
		{"nothing to find", nil, []COCOResult{guess(1, 0.9, box(0, 0, 50, 50))}, map[string]float64{"AP": -1, "AR100": -1}},
		// IoU of 40*50/(60*50) = 2/3: right at 0.50, 0.55, 0.60, 0.65 of ten.
		{"shifted by a fifth", []COCOAnnotation{truth(1, box(0, 0, 50, 50), false)}, []COCOResult{guess(1, 0.9, box(10, 0, 50, 50))},
			map[string]float64{"AP": 0.4, "AP50": 1, "AP75": 0, "AR1": 0.4}},
		// A wrong one ranks first: precision is 1/2 at all recalls.
		{"the wrong one first", []COCOAnnotation{truth(1, box(0, 0, 50, 50), false)}, []COCOResult{guess(1, 0.9, box(200, 200, 50, 50)), guess(1, 0.8, box(0, 0, 50, 50))},
			map[string]float64{"AP": 0.5, "AR1": 0, "AR10": 1}},
		// Of equal scores, the picture of the lower id comes first.
		{"a tie of two pictures", []COCOAnnotation{truth(2, box(0, 0, 50, 50), false)}, []COCOResult{guess(2, 0.9, box(0, 0, 50, 50)), guess(1, 0.9, box(0, 0, 50, 50))},
			map[string]float64{"AP": 0.5}},
		// One of two: precision 1 at the 51 recalls 0 … 0.50 of 101.
		{"half is missed", []COCOAnnotation{truth(1, box(0, 0, 50, 50), false), truth(2, box(0, 0, 50, 50), false)}, []COCOResult{guess(1, 0.9, box(0, 0, 50, 50))},
			map[string]float64{"AP": 51.0 / 101, "AR100": 0.5}},
		// The second of one object is wrong, but below all that is right.
		{"found twice", []COCOAnnotation{truth(1, box(0, 0, 50, 50), false)}, []COCOResult{guess(1, 0.9, box(0, 0, 50, 50)), guess(1, 0.8, box(0, 0, 50, 50))},
			map[string]float64{"AP": 1}},
		// Two in a crowd count neither way; their overlap is taken of themselves.
		{"in a crowd", []COCOAnnotation{truth(1, box(0, 0, 50, 50), false), truth(1, box(100, 100, 200, 200), true)},
			[]COCOResult{guess(1, 0.99, box(110, 110, 20, 20)), guess(1, 0.98, box(150, 150, 30, 30)), guess(1, 0.5, box(0, 0, 50, 50))}, map[string]float64{"AP": 1, "AR1": 0, "AR10": 1}},
		// A large one that matches nothing is no fault of the small ones.
		{"outside of the area", []COCOAnnotation{truth(1, box(0, 0, 20, 20), false)}, []COCOResult{guess(1, 0.9, box(100, 100, 200, 200)), guess(1, 0.8, box(0, 0, 20, 20))},
			map[string]float64{"AP": 0.5, "APs": 1, "APl": -1, "ARs": 1}},
	} {
		got, err := EvaluateCOCO(&COCOTruth{Images: pictures, Categories: person, Annotations: tt.truth}, tt.results, COCOBoxes)
		if err != nil || len(got) != 12 {
			t.Fatalf("%s: %d numbers, %v", tt.why, len(got), err)
		}
		for name, w := range tt.want {
			if v := value(t, got, name); math.Abs(v-w) > 1e-9 {
				t.Errorf("%s: %s is %.6f, want %.6f", tt.why, name, v, w)
			}
		}
	}
}

// One point that is d off has a similarity of exp(-d²/(8·area·sigma²)).
func TestSimilarity(t *testing.T) {
	truth := cocoObject{box: [4]float64{0, 0, 100, 50}, area: 5000, points: make([]float64, 51), seen: 1}
	found := cocoObject{points: make([]float64, 51)}
	truth.points[0], truth.points[1], truth.points[2] = 10, 20, 2
	found.points[0], found.points[1] = 13, 24
	if got, want := similarity(&found, &truth), math.Exp(-25/(8*5000*0.026*0.026)); math.Abs(got-want) > 1e-12 {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestCOCOHostile(t *testing.T) {
	for _, s := range []string{``, `[]`, `{}`, `{"images":3}`, `{"images":[{"id":1}],"categories":[]}`, `{"images":[{"id":1}],"categories":[{"id":1}],"annotations":{}}`} {
		if _, err := ReadCOCOTruth(strings.NewReader(s)); err == nil {
			t.Errorf("%s was read", s)
		}
	}
	truth, err := ReadCOCOTruth(strings.NewReader(`{"images":[{"id":1,"width":2000000000,"height":2000000000,"file_name":"x/a.jpg"}],"categories":[{"id":1}],"annotations":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`[{"image_id":2,"category_id":1,"bbox":[0,0,1,1]}]`, `[{"image_id":1,"category_id":1,"bbox":[0,0,1]}]`} {
		results, err := ReadCOCOResults(strings.NewReader(s))
		if err == nil {
			_, err = EvaluateCOCO(truth, results, COCOBoxes)
		}
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{`null`, `7`, `[[0,0,1,0,1,1]]`, `{"size":[9,9],"counts":"zzzzzzzzzzzz"}`, `{"size":[-1,-1],"counts":[1]}`, `{"size":[99999999999,9],"counts":[1]}`, `{"size":[2,2],"counts":[5]}`} {
		results := []COCOResult{{ImageID: 1, CategoryID: 1, Segmentation: json.RawMessage(s)}}
		if _, err := EvaluateCOCO(truth, results, COCOMasks); err == nil {
			t.Errorf("%s was taken for a mask", s)
		}
	}
	if _, err := EvaluateCOCO(truth, []COCOResult{{FileName: "a.jpg", ImageID: 77, CategoryID: 1, BBox: []float64{0, 0, 1, 1}}}, COCOBoxes); err != nil {
		t.Errorf("a picture by its name: %v", err)
	}
}

// Which of the truth's pictures a result is of.
func TestCOCOPicture(t *testing.T) {
	truth := &COCOTruth{Categories: []COCOClass{{1, "person"}}, Images: []COCOImage{{ID: 3, FileName: "a/1.jpg"}, {ID: 4, FileName: "b/1.jpg"}, {ID: 5, FileName: "c.jpg"}, {ID: 6}}}
	for _, tt := range []struct {
		why  string
		file string
		id   int64
		want int64 // 0: an error
	}{
		{"by its folder", "/data/a/1.jpg", 4, 3},
		{"by its id, of two names", "1.jpg", 4, 4},
		{"one of two, unknown which", "1.jpg", 1, 0},
		{"by its name, whatever the id", "photos/c.jpg", 3, 5},
		{"by its id", "", 6, 6},
		{"by its id, of no name", "d.jpg", 6, 6},
		{"not known", "d.jpg", 7, 0},
	} {
		c, err := newCOCOTable(truth, []COCOResult{{FileName: tt.file, ImageID: tt.id, CategoryID: 1, BBox: []float64{0, 0, 1, 1}}}, COCOBoxes)
		if (err == nil) != (tt.want != 0) || err == nil && len(c.found[cocoKey{tt.want, 1}]) != 1 {
			t.Errorf("%s: %v, %v", tt.why, c, err)
		}
	}
}

// Ids are COCO's, or all of them the model's own.
func TestCOCOCategories(t *testing.T) {
	for _, tt := range []struct {
		name  string
		class int
		want  int
	}{{"coco80", 15, 17}, {"coco91", 17, 17}, {"coco80+background", 16, 17}, {"voc20", 17, 0}, {"voc20", 7, 0}} {
		set, err := label.Open(tt.name)
		if err != nil {
			t.Fatal(err)
		}
		d := &Detector{network: network{model: plainLabels{set}}, head: &heads[0]}
		if got := d.COCOCategories()[tt.class]; got != tt.want {
			t.Errorf("%s: class %d is category %d, want %d", tt.name, tt.class, got, tt.want)
		}
	}
	for _, names := range [][]string{{"background", "face"}, nil} {
		d := &Detector{network: network{model: plainLabels{}}, head: &head{classes: names}}
		if got := d.COCOCategories(); got != nil {
			t.Errorf("%v: %v", names, got)
		}
	}
}
