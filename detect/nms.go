package detect

import (
	"slices"

	"github.com/visionzoo/vision/engine/suppress"
)

// NMS returns the indices of the boxes that survive greedy non-maximum suppression,
// the highest score first: a box whose IoU with a better one that survives exceeds
// the threshold is dropped. Of equal scores the lower index ranks first. Boxes
// without an area never overlap; a NaN score ranks last.
func NMS(boxes []Box, scores []float64, iou float64) []int {
	return NMSByClass(boxes, scores, nil, iou)
}

// NMSByClass is NMS among the boxes of each class; nil classes mean that all boxes
// have the same. Boxes without a score or a class are left out.
func NMSByClass(boxes []Box, scores []float64, classes []int, iou float64) []int {
	boxes = boxes[:whole(boxes, scores, classes)]
	order := suppress.ByScore(scores[:len(boxes)])
	kept, _ := suppress.Greedy(order[:0], boxes, suppress.Task{
		Order: order,
		Class: classes,
		IoU:   iou,
		Most:  len(boxes),
		Over:  func(a, b int32) bool { return boxes[a].IoU(boxes[b]) > iou },
	})
	return ints(kept)
}

// maxSoft bounds the boxes that take part in soft suppression: the work grows with
// the square of their number.
const maxSoft = 5000

// SoftNMS multiplies the score of each box by exp(-iou²/sigma) for each better box
// of its class that it overlaps, and drops boxes whose score falls below least. It
// returns the indices of the boxes that are left, the highest new score first, and
// the new scores by the caller's index. Bodla et al. 2017, "Improving Object
// Detection With One Line of Code". Only the best 5,000 boxes take part; boxes
// without a score or a class are left out.
func SoftNMS(boxes []Box, scores []float64, classes []int, sigma, least float64) (kept []int, lowered []float64) {
	lowered = slices.Clone(scores)
	boxes = boxes[:whole(boxes, scores, classes)]
	order := suppress.ByScore(scores[:len(boxes)])
	left := suppress.Soft(boxes, suppress.SoftTask{
		Order: order[:min(len(order), maxSoft)],
		Score: lowered,
		Class: classes,
		Least: least,
		Sigma: sigma,
	})
	return ints(left), lowered
}

// whole is the number of boxes that have a score, and a class if classes are given.
func whole(boxes []Box, scores []float64, classes []int) int {
	n := min(len(boxes), len(scores))
	if classes != nil {
		n = min(n, len(classes))
	}
	return n
}

// ints are indices as callers have them.
func ints(from []int32) []int {
	to := make([]int, len(from))
	for i, k := range from {
		to[i] = int(k)
	}
	return to
}
