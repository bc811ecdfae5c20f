package detect

import (
	"slices"

	"github.com/visionzoo/vision/engine/suppress"
)

// NMS returns the boxes that survive greedy suppression, highest score first: one
// that overlaps a better one by an IoU of more than the threshold is dropped. Of
// equal scores the lower index ranks first. Boxes without an area never overlap;
// a NaN score ranks last.
func NMS(boxes []Box, scores []float64, iou float64) []int {
	return NMSByClass(boxes, scores, nil, iou)
}

// NMSByClass is NMS among the boxes of each class; classes may be nil for one.
// Boxes past the end of the scores or the classes take no part.
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

// maxSoft bounds what takes part in soft suppression: the work grows with the
// square.
const maxSoft = 5000

// SoftNMS lowers the score of each box by exp(-iou²/sigma) for each better one of
// its class that it overlaps, and drops what falls below least. It returns the
// boxes that are left, highest new score first, and the new scores by the
// caller's index. Bodla et al. 2017, "Improving Object Detection With One Line of
// Code". Only the best 5,000 boxes take part, and none past the end of the scores
// or the classes.
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

// whole is how many boxes have a score, and a class where there are classes.
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
