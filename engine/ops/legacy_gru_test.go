package ops

import (
	"math"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// Expected values are computed by hand from the formula in Caffe2's
// gru_unit_op.h.
func TestGRUUnit(t *testing.T) {
	half := float32(math.Log(3)) // whose sigmoid is 3/4
	gates := tensor.Of([]float32{9, 9, 0, half, 0, 0, 9, 9, 0, half, 1, 1}, 1, 2, 6)
	state := tensor.Of([]float32{1, 2, 3, 4}, 1, 2, 2)
	for _, r := range []struct {
		drop int
		want []float32
	}{{0, []float32{0.5, 1.5, 3, 4}}, {1, []float32{0.5, 1.5, 0, 0}}} {
		out, err := evaluate("GRUUnit", 7, 1, attrs{"drop_states": r.drop}, state, gates, tensor.Of([]int32{3, 2}), tensor.Of([]int32{2}))
		if err != nil {
			t.Fatal(err)
		}
		if got := tensor.Data[float32](out[0]); !slices.EqualFunc(got, r.want, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 }) {
			t.Errorf("drop_states %d: got %v, want %v", r.drop, got, r.want)
		}
	}
	if _, err := evaluate("GRUUnit", 7, 1, nil, state, gates, tensor.Of([]int32{3}), tensor.Of([]int32{2})); err == nil {
		t.Error("one length for two sequences was taken")
	}
}
