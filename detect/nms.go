package detect

import (
	"math"
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
// The three slices are as long as one another.
func NMSByClass(boxes []Box, scores []float64, classes []int, iou float64) []int {
	order := suppress.ByScore(scores[:len(boxes)])
	kept, _ := suppress.Greedy(order[:0], boxes, suppress.Task{
		Order: order,
		Class: classes,
		IoU:   iou,
		Most:  len(boxes),
		Over:  func(a, b int32) bool { return boxes[a].IoU(boxes[b]) > iou },
	})
	out := make([]int, len(kept))
	for i, k := range kept {
		out[i] = int(k)
	}
	return out
}

// maxSoft bounds what takes part in soft suppression: the work grows with the
// square.
const maxSoft = 5000

// SoftNMS lowers the score of each box by exp(-iou²/sigma) for each better one of
// its class that it overlaps, and drops what falls below least. It returns the
// boxes that are left, highest new score first, and the new scores by the
// caller's index. Bodla et al. 2017, "Improving Object Detection With One Line of
// Code". Only the best 5,000 boxes take part.
func SoftNMS(boxes []Box, scores []float64, classes []int, sigma, least float64) (kept []int, lowered []float64) {
	lowered = slices.Clone(scores)
	order := suppress.ByScore(scores)
	order = order[:min(len(order), maxSoft)]
	rest := make([]softBox, len(order))
	for rank, i := range order {
		if !(scores[i] >= least) {
			rest = rest[:rank]
			break
		}
		rest[rank] = softBox{Box: boxes[i], score: scores[i], rank: rank}
		if classes != nil {
			rest[rank].class = classes[i]
		}
	}
	for top := 0; len(rest) > 0 && rest[top].score >= least; { // else no other is
		best := rest[top]
		kept = append(kept, int(order[best.rank]))
		rest[top] = rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		top = 0
		for k := 0; k < len(rest); {
			o := &rest[k]
			if o.X1 < best.X2 && best.X1 < o.X2 && o.Y1 < best.Y2 && best.Y1 < o.Y2 && o.class == best.class {
				v := best.IoU(o.Box)
				o.score *= math.Exp(-v * v / sigma)
				lowered[order[o.rank]] = o.score
				if o.score < least { // scores only fall
					rest[k] = rest[len(rest)-1]
					rest = rest[:len(rest)-1]
					continue
				}
			}
			if t := &rest[top]; o.score > t.score || o.score == t.score && o.rank < t.rank {
				top = k
			}
			k++
		}
	}
	return kept, lowered
}

// softBox is a box that is left, with its score as it was lowered so far; of equal
// ones the lower rank comes first.
type softBox struct {
	Box
	score       float64
	class, rank int
}
