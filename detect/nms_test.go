package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plainNMS is suppression as the textbooks write it.
func plainNMS(boxes []Box, scores []float64, classes []int, iou float64) []int {
	order := make([]int, len(boxes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
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
		for _, iou := range []float64{0, 0.1, 0.21, 0.3, 0.45, 0.5, 0.7, 0.95, 1} {
			for _, n := range []int{0, 1, 2, 63, 900} {
				boxes, scores, classes := scene(r, n, kind)
				for _, c := range [][]int{nil, classes} {
					got, want := NMSByClass(boxes, scores, c, iou), plainNMS(boxes, scores, c, iou)
					if !slices.Equal(got, want) {
						t.Errorf("%s, iou %v, %d boxes, classes %v: %d kept, want %d", kind, iou, n, c != nil, len(got), len(want))
					}
				}
			}
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
	same := make([]Box, 30_000)
	for i := range same {
		same[i] = Box{0, 0, 1e9, 1e-9}
	}
	if got := NMS(same, make([]float64, len(same)), 0.5); !slices.Equal(got, []int{0}) {
		t.Errorf("of equal boxes %d are kept", len(got))
	}
}

func TestByScoreTellsNeighboursApart(t *testing.T) {
	a := 0.5
	b := math.Nextafter(a, 1)
	if got := new(suppressor).byScore([]float64{a, b, a, math.Copysign(0, -1), 0}); !slices.Equal(got, []int32{1, 0, 2, 4, 3}) && !slices.Equal(got, []int32{1, 0, 2, 3, 4}) {
		t.Errorf("%v", got)
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

// BenchmarkNMS suppresses what YOLOv5 gives for 640 x 640.
func BenchmarkNMS(b *testing.B) {
	for _, kind := range []string{"uniform", "clusters", "sizes"} {
		for _, byClass := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/classes=%v", kind, byClass), func(b *testing.B) {
				boxes, scores, classes := scene(rand.New(rand.NewPCG(3, 4)), 25_200, kind)
				if !byClass {
					classes = nil
				}
				b.ReportAllocs()
				kept := 0
				for b.Loop() {
					kept = len(NMSByClass(boxes, scores, classes, 0.45))
				}
				b.ReportMetric(float64(kept), "kept")
			})
		}
	}
}
