package engine_test

import (
	"math"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// What detectors are held to: scores and masks, pixels of boxes, pixels of
// keypoints. Where two scores are nearer than scoreTie their boxes may change
// places.
const (
	scoreTie    = 1e-3
	boxPixels   = 0.1
	maskError   = 1e-3
	pointPixels = 0.05
)

// compareObjects holds the outputs of a detector to torch's: the same boxes in
// the same order, with their masks and keypoints.
func compareObjects(t *testing.T, name string, out engine.Values, golden map[string]*tensor.Tensor) {
	t.Helper()
	want, got := tensor.ToFloat64(golden["scores"]), tensor.ToFloat64(out["scores"])
	if len(got) != len(want) {
		t.Errorf("%s: %d objects, want %d", name, len(got), len(want))
	}
	from := matchObjects(t, name, out, golden)
	for i := range want {
		for j := range i {
			if want[j]-want[i] > scoreTie && from[j] > from[i] && from[i] >= 0 {
				t.Errorf("%s: objects %d and %d came in the other order, their scores are %.5f and %.5f", name, j, i, want[j], want[i])
			}
		}
	}
	report := func(what string, worst, limit float64) {
		t.Logf("%s: %s: largest error %.2g", name, what, worst)
		if worst > limit {
			t.Errorf("%s: %s differ by %.3g, at most %g is right", name, what, worst, limit)
		}
	}
	report("scores", worstOf(out["scores"], golden["scores"], from), scoreTie)
	report("boxes", worstOf(out["boxes"], golden["boxes"], from), boxPixels)
	if golden["masks"] != nil {
		pasted := samePixels(t, name, out["boxes"], golden["boxes"], from)
		report("masks", worstOf(out["masks"], golden["masks"], pasted), maskError)
	}
	if golden["keypoints"] != nil {
		comparePoints(t, name, out, golden, from)
	}
}

// matchObjects finds for each golden object the one of the same label whose
// box is nearest, -1 where none is left within a pixel.
func matchObjects(t *testing.T, name string, out engine.Values, golden map[string]*tensor.Tensor) []int {
	t.Helper()
	want, got := tensor.ToFloat64(golden["boxes"]), tensor.ToFloat64(out["boxes"])
	wantLabel, gotLabel := tensor.Data[int64](golden["labels"]), tensor.Data[int64](out["labels"])
	taken := make([]bool, len(gotLabel))
	from := make([]int, len(wantLabel))
	for i := range from {
		best, at := 1.0, -1
		for j := range gotLabel {
			if taken[j] || gotLabel[j] != wantLabel[i] {
				continue
			}
			worst := 0.0
			for k := range 4 {
				worst = max(worst, distance(got[4*j+k], want[4*i+k]))
			}
			if worst < best {
				best, at = worst, j
			}
		}
		if from[i] = at; at < 0 {
			t.Errorf("%s: object %d (label %d, score %.5f, box %.2f) is missing", name, i, wantLabel[i], tensor.ToFloat64(golden["scores"])[i], want[4*i:4*i+4])
			continue
		}
		taken[at] = true
	}
	return from
}

// samePixels drops objects whose masks are pasted elsewhere: torchvision widens
// a box by 30/28 and cuts its corners down to whole pixels, so a corner that is
// as good as on one may fall on either side of it.
func samePixels(t *testing.T, name string, got, want *tensor.Tensor, from []int) []int {
	t.Helper()
	g, w := tensor.ToFloat64(got), tensor.ToFloat64(want)
	kept := slices.Clone(from)
	for i, j := range from {
		if j < 0 || pasteCorners(g[4*j:]) == pasteCorners(w[4*i:]) {
			continue
		}
		t.Logf("%s: the mask of object %d lies a pixel aside: its box is %.3f, torch's %.3f", name, i, g[4*j:4*j+4], w[4*i:4*i+4])
		kept[i] = -1
	}
	return kept
}

// pasteCorners are the whole pixels that a mask is pasted to.
func pasteCorners(box []float64) [4]int {
	const widen = 30.0 / 28 / 2
	x, y := (box[2]+box[0])/2, (box[3]+box[1])/2
	w, h := (box[2]-box[0])*widen, (box[3]-box[1])*widen
	return [4]int{int(x - w), int(y - h), int(x + w), int(y + h)}
}

// worstOf is the largest difference of the rows that belong together.
func worstOf(got, want *tensor.Tensor, from []int) float64 {
	g, w := tensor.ToFloat64(got), tensor.ToFloat64(want)
	worst := 0.0
	for i, j := range from {
		size := len(w) / len(from)
		if j < 0 {
			continue
		}
		for k := range size {
			worst = max(worst, distance(g[j*size+k], w[i*size+k]))
		}
	}
	return worst
}

// comparePoints holds keypoints to their pixels. A keypoint is where a heatmap
// is largest: where two cells are as good as equal it may be either, and the
// score, which is the cell's value, is what must agree.
func comparePoints(t *testing.T, name string, out engine.Values, golden map[string]*tensor.Tensor, from []int) {
	t.Helper()
	want, got := tensor.ToFloat64(golden["keypoints"]), tensor.ToFloat64(out["keypoints"])
	wantScore, gotScore := tensor.ToFloat64(golden["keypoints_scores"]), tensor.ToFloat64(out["keypoints_scores"])
	points := golden["keypoints"].Dim(1)
	spread := 0.0
	for _, s := range wantScore {
		spread = max(spread, math.Abs(s))
	}
	worst, worstScore, ties := 0.0, 0.0, 0
	for i, j := range from {
		if j < 0 {
			continue
		}
		for k := range points {
			w, g := (i*points+k)*3, (j*points+k)*3
			off := max(distance(got[g], want[w]), distance(got[g+1], want[w+1]), distance(got[g+2], want[w+2]))
			score := distance(gotScore[j*points+k], wantScore[i*points+k])
			worstScore = max(worstScore, score)
			if off > 0.5 && score <= 1e-3*spread {
				ties++
				continue
			}
			if worst = max(worst, off); off > pointPixels {
				t.Errorf("%s: keypoint %d of object %d is off by %.3g pixels, its score by %.2g", name, k, i, off, score)
			}
		}
	}
	t.Logf("%s: keypoints: largest error %.2g, of their scores %.2g, %d of %d ties", name, worst, worstScore, ties, len(from)*points)
	if ties*100 > len(from)*points {
		t.Errorf("%s: %d of %d keypoints stand in another cell: too many to be ties", name, ties, len(from)*points)
	}
}
