package detect

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/visionzoo/vision/internal/spent"
)

// plainNMS is suppression as the textbooks write it.
func plainNMS(boxes []Box, scores []float64, classes []int, iou float64) []int {
	order := make([]int, len(boxes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	var kept []int
next:
	for _, i := range order {
		for _, k := range kept {
			if (classes == nil || classes[i] == classes[k]) && boxes[i].IoU(boxes[k]) > iou {
				continue next
			}
		}
		kept = append(kept, i)
	}
	return kept
}

// scene makes boxes of the given kind with coordinates in eighths, so that float32
// holds areas exactly, and with scores that repeat.
func scene(r *rand.Rand, n int, kind string) ([]Box, []float64, []int) {
	boxes, scores, classes := make([]Box, n), make([]float64, n), make([]int, n)
	eighth := func(v float64) float64 { return math.Round(v*8) / 8 }
	for i := range boxes {
		w, h := 10+r.Float64()*90, 10+r.Float64()*90
		switch kind {
		case "sizes":
			w, h = math.Exp2(r.Float64()*9), math.Exp2(r.Float64()*9)
		case "shapes":
			w, h = math.Exp2(r.Float64()*10), 1+r.Float64()
		}
		x, y := r.Float64()*640, r.Float64()*640
		if kind == "clusters" {
			x, y = 40*float64(r.IntN(16))+r.Float64()*6, 40*float64(r.IntN(16))+r.Float64()*6
			w, h = 40+r.Float64()*6, 40+r.Float64()*6
		}
		boxes[i] = Box{eighth(x), eighth(y), eighth(x + w), eighth(y + h)}
		scores[i] = math.Round(r.Float64()*1e4) / 1e4
		classes[i] = r.IntN(7)
	}
	return boxes, scores, classes
}

func TestNMSAgainstPlain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, kind := range []string{"uniform", "clusters", "sizes", "shapes"} {
		for _, iou := range []float64{-0.1, 0, 0.1, 0.21, 0.3, 0.45, 0.5, 0.7, 0.95, 1, math.NaN()} {
			for _, n := range []int{0, 1, 2, 63, 900} {
				boxes, scores, classes := scene(r, n, kind)
				compareNMS(t, fmt.Sprintf("%s, iou %v", kind, iou), boxes, scores, classes, iou)
			}
		}
	}
}

func compareNMS(t *testing.T, what string, boxes []Box, scores []float64, classes []int, iou float64) {
	t.Helper()
	for _, c := range [][]int{nil, classes} {
		got, want := NMSByClass(boxes, scores, c, iou), plainNMS(boxes, scores, c, iou)
		if !slices.Equal(got, want) {
			t.Errorf("%s, %d boxes, classes %v: %d kept, want %d", what, len(boxes), c != nil, len(got), len(want))
		}
	}
}

// TestNMSCrowds compares with the textbook where boxes are as they are measured.
func TestNMSCrowds(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for _, c := range crowds {
		boxes, scores := c.make(r, 2000)
		for i := range scores { // some are equal
			scores[i] = math.Round(scores[i]*1000) / 1000
		}
		for _, iou := range []float64{0, 0.1, 0.2, 0.45, 0.7, 0.9, 0.999} {
			compareNMS(t, fmt.Sprintf("%s, iou %v", c.name, iou), boxes, scores, classesOf(r, len(boxes), 5), iou)
		}
	}
}

// TestNMSProperty compares with the textbook on boxes of all scales and far from
// the origin, on overlaps that lie on the threshold or beside it by rounding, with
// repeated boxes, equal scores, NaN, infinities, boxes without an area, and
// classes of any number.
func TestNMSProperty(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		n := r.IntN(400)
		boxes, scores, classes := make([]Box, n), make([]float64, n), make([]int, n)
		scale := math.Exp2(float64(r.IntN(60) - 20))
		far := scale * math.Exp2(float64(r.IntN(40)))
		sizes := 1 + r.Float64()*6
		for i := range boxes {
			x, y := far+r.Float64()*scale*8, r.Float64()*scale*8
			w, h := scale*math.Exp2(r.Float64()*sizes-sizes/2), scale*math.Exp2(r.Float64()*sizes-sizes/2)
			boxes[i] = Box{x, y, x + w, y + h}
			if i > 0 && r.IntN(4) == 0 { // shifted so that the overlap is a round number, or nearly
				b := boxes[r.IntN(i)]
				move := []float64{0, 1. / 3, 0.5, 0.25, 3. / 17}[r.IntN(5)] * (b.X2 - b.X1) // IoU 1, 1/2, 1/3, 0.6, 0.7
				boxes[i] = Box{b.X1 + move, b.Y1, b.X2 + move, b.Y2}
			}
			if odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e200, 0, 5e-324}; r.IntN(40) == 0 {
				*[]*float64{&boxes[i].X1, &boxes[i].Y1, &boxes[i].X2, &boxes[i].Y2, &scores[i]}[r.IntN(5)] = odd[r.IntN(len(odd))]
			}
			if !(scores[i] != 0) {
				scores[i] = float64(r.IntN(50)) / 50
			}
			classes[i] = []int{0, 1, 2, -5, math.MaxInt, 2000}[r.IntN(6)]
		}
		for _, iou := range []float64{0, 0.3, 1. / 3, 0.5, 0.6, 0.7, 1} {
			compareNMS(t, fmt.Sprintf("seed %d, iou %v", seed, iou), boxes, scores, classes, iou)
		}
	}
}

func TestNMSHostile(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	boxes := []Box{{nan, 0, 1, 1}, {0, 0, inf, inf}, {-inf, -inf, inf, inf}, {5, 5, 1, 1}, {0, 0, 0, 0}, {-1e30, 0, 1e30, 1}, {0, 0, 1, 1}}
	scores := []float64{0.5, 0.4, 0.3, inf, nan, 0.2, -inf}
	got := NMS(boxes, scores, 0.5)
	if want := []int{3, 0, 1, 2, 5, 6, 4}; !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v: nothing overlaps, NaN ranks last", got, want)
	}
	long := make([]Box, 2000) // shapes that reach many cells
	for i := range long {
		long[i] = Box{0, float64(i), 1e6, float64(i) + 1.5}
		if i%2 == 1 {
			long[i] = Box{float64(i), 0, float64(i) + 1.5, 1e6}
		}
	}
	compareNMS(t, "long boxes", long, make([]float64, len(long)), make([]int, len(long)), 0.1)
	wild := make([]Box, 3000) // sizes and places of all orders of magnitude
	r := rand.New(rand.NewPCG(1, 1))
	for i := range wild {
		x, y := math.Exp2(600*r.Float64()-300), math.Exp2(600*r.Float64()-300)
		wild[i] = Box{-x * r.Float64(), -y * r.Float64(), x, y}
	}
	for _, iou := range []float64{0, 0.5, 0.9999999} {
		compareNMS(t, "boxes of all sizes", wild, make([]float64, len(wild)), make([]int, len(wild)), iou)
	}
	same := make([]Box, 30_000)
	for i := range same {
		same[i] = Box{0, 0, 1e9, 1e-9}
	}
	if got := NMS(same, make([]float64, len(same)), 0.5); !slices.Equal(got, []int{0}) {
		t.Errorf("of equal boxes %d are kept", len(got))
	}
}

func TestSoftNMS(t *testing.T) {
	boxes := []Box{{0, 0, 10, 10}, {0, 0, 10, 5}, {50, 50, 60, 60}, {0, 0, 10, 10}}
	scores := []float64{0.9, 0.8, 0.5, 0.7}
	kept, lowered := SoftNMS(boxes, scores, []int{0, 0, 0, 1}, 0.5, 0.1)
	want := 0.8 * math.Exp(-0.25/0.5) // IoU of one half
	if !slices.Equal(kept, []int{0, 3, 2, 1}) && !slices.Equal(kept, []int{0, 3, 1, 2}) || math.Abs(lowered[1]-want) > 1e-12 || lowered[3] != 0.7 {
		t.Errorf("kept %v with %v", kept, lowered)
	}
}

// plainSoft is soft suppression step by step.
func plainSoft(boxes []Box, scores []float64, classes []int, sigma, least float64) (kept []int, lowered []float64) {
	lowered = slices.Clone(scores)
	done := make([]bool, len(boxes))
	for {
		top := -1
		for i, s := range lowered {
			if !done[i] && s >= least && (top < 0 || s > lowered[top] || s == lowered[top] && scores[i] > scores[top]) {
				top = i
			}
		}
		if top < 0 {
			return kept, lowered
		}
		done[top] = true
		kept = append(kept, top)
		for k := range boxes {
			if !done[k] && classes[k] == classes[top] {
				v := boxes[top].IoU(boxes[k])
				lowered[k] *= math.Exp(-v * v / sigma)
			}
		}
	}
}

func TestSoftNMSAgainstPlain(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, kind := range []string{"uniform", "clusters", "sizes"} {
		boxes, scores, classes := scene(r, 700, kind)
		compareSoft(t, kind, boxes, scores, classes, 0.2)
	}
	for _, c := range crowds {
		boxes, scores := c.make(r, 300)
		for i := range scores { // some are equal
			scores[i] = math.Round(scores[i]*100) / 100
		}
		compareSoft(t, c.name, boxes, scores, classesOf(r, len(boxes), 3), 0.01)
	}
	boxes, scores := crowds[0].make(r, 300)
	odd := []float64{1e300, -1e200, 1e30, -1e18, 5e-324}
	for i := range boxes {
		if r.IntN(5) == 0 {
			*[]*float64{&boxes[i].X1, &boxes[i].Y1, &boxes[i].X2, &boxes[i].Y2}[r.IntN(4)] = odd[r.IntN(len(odd))]
		}
	}
	compareSoft(t, "of all scales", boxes, scores, make([]int, len(boxes)), 0.1)
	for i := range boxes { // tiny, and far from the origin
		x, y := 1e9*r.Float64(), 1e-30*r.Float64()
		boxes[i] = Box{x, y, x + 1e-3, y + 1e-31}
		if i%2 == 1 {
			boxes[i] = boxes[i-1]
		}
	}
	compareSoft(t, "tiny", boxes, scores, make([]int, len(boxes)), 0.1)
}

func TestSoftNMSHostile(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	boxes := []Box{{nan, 0, 1, 1}, {0, nan, 2, nan}, {5, 5, 1, 1}, {0, 0, 0, 0}, {0, 0, 1, 1}, {0, 0, 1, 1}}
	scores := []float64{0.9, 0.8, inf, 0.6, nan, 0.5}
	if kept, _ := SoftNMS(boxes, scores, nil, 0.5, 0.1); !slices.Equal(kept, []int{2, 0, 1, 3, 5}) {
		t.Errorf("kept %v: what is not a number overlaps nothing and ranks nowhere", kept)
	}
	same := make([]Box, 1_000_000)
	for i := range same {
		same[i] = Box{0, 0, inf, 1}
	}
	before := spent.Time()
	if kept, _ := SoftNMS(same, make([]float64, len(same)), nil, nan, -1); len(kept) == 0 {
		t.Error("none is kept")
	}
	if took := spent.Time() - before; took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func compareSoft(t *testing.T, what string, boxes []Box, scores []float64, classes []int, least float64) {
	t.Helper()
	got, gotScores := SoftNMS(boxes, scores, classes, 0.5, least)
	want, wantScores := plainSoft(boxes, scores, classes, 0.5, least)
	if !slices.Equal(got, want) {
		t.Fatalf("%s: kept %d, want %d, or in another order", what, len(got), len(want))
	}
	for _, i := range want { // the reference lowers step by step
		if math.Abs(gotScores[i]-wantScores[i]) > 1e-12*wantScores[i] {
			t.Errorf("%s: box %d has score %v, want %v", what, i, gotScores[i], wantScores[i])
		}
	}
}

// TestNMSOfSlicesUnalike: boxes without a score or a class take no part.
func TestNMSOfSlicesUnalike(t *testing.T) {
	boxes := []Box{{0, 0, 10, 10}, {20, 0, 30, 10}, {40, 0, 50, 10}}
	for _, c := range []struct {
		boxes   []Box
		scores  []float64
		classes []int
		want    []int
	}{
		{boxes, []float64{0.5, 0.9}, nil, []int{1, 0}},
		{boxes, []float64{0.5, 0.9, 0.7}, []int{0}, []int{0}},
		{boxes[:1], []float64{0.5, 0.9, 0.7}, nil, []int{0}},
		{boxes, nil, nil, []int{}},
	} {
		if got := NMSByClass(c.boxes, c.scores, c.classes, 0.5); !slices.Equal(got, c.want) {
			t.Errorf("%d boxes, %d scores, %d classes: kept %v, want %v", len(c.boxes), len(c.scores), len(c.classes), got, c.want)
		}
		if got, _ := SoftNMS(c.boxes, c.scores, c.classes, 0.5, 0.001); !slices.Equal(got, c.want) {
			t.Errorf("%d boxes, %d scores, %d classes: soft suppression kept %v, want %v", len(c.boxes), len(c.scores), len(c.classes), got, c.want)
		}
	}
}
