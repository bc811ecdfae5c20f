package ops

import (
	"math"
	"math/rand"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// TestFastNMS compares suppression with the plain loop in float32: overlaps on the
// threshold, repeated boxes, equal scores, swapped corners, NaN and limits.
func TestFastNMS(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for seed := range 40 {
		count, classes := 1+r.Intn(300), 1+r.Intn(3)
		scale := float32(math.Exp2(float64(r.Intn(50) - 25)))
		boxes, scores := make([]float32, 2*count*4), make([]float32, 2*classes*count)
		for i := 0; i < len(boxes); i += 4 {
			x, y := float32(r.Intn(200)), float32(r.Intn(200))
			w, h := float32(r.Intn(60)-5), float32(r.Intn(60)-5)
			copy(boxes[i:], []float32{y * scale, x * scale, (y + h) * scale, (x + w) * scale})
			if i > 0 && r.Intn(3) == 0 {
				copy(boxes[i:i+4], boxes[4*r.Intn(i/4):])
			}
		}
		for i := range scores {
			scores[i] = float32(r.Intn(40)) / 40
		}
		if seed%4 == 0 {
			boxes[r.Intn(len(boxes))], scores[0] = float32(math.NaN()), float32(math.NaN())
		}
		for _, iou := range []float32{0, 0.25, 0.5, 1. / 3, 0.7, 1} {
			for _, center := range []int{0, 1} {
				for _, most := range []int64{0, 5, 1000} {
					fastRow{op: "NonMaxSuppression", version: 11, attrs: attrs{"center_point_box": center}, in: list(
						tensor.Of(boxes, 2, count, 4), tensor.Of(scores, 2, classes, count), ints64(most),
						tensor.Of([]float32{iou}), tensor.Of([]float32{0.1}))}.check(t)
				}
			}
		}
	}
}
