package quantize

import (
	"math"
	"math/rand"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// seen is the histogram of numbers.
func seen(v []float32) *histogram {
	h := &histogram{floor: math.Inf(-1)}
	t := tensor.Of(v, 1, len(v))
	h.extremes(t)
	h.count(t)
	return h
}

// TestChoose: outliers are clipped where that pays, never where they are many;
// the span always holds 0, and 0 has a code of its own.
func TestChoose(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	normal := make([]float32, 20000)
	for i := range normal {
		normal[i] = float32(r.NormFloat64())
	}
	outlier := append([]float32{300, -200}, normal...)
	flat := make([]float32, 20000)
	for i := range flat {
		flat[i] = r.Float32() * 10
	}
	for _, c := range []struct {
		why       string
		v         []float32
		o         Options
		low, high [2]float64
	}{
		{"everything", outlier, Options{Method: MinMax}, [2]float64{-200, -200}, [2]float64{300, 300}},
		{"all but a few", outlier, Options{Method: Percentile, Beyond: 1e-3}, [2]float64{-5, -2.5}, [2]float64{2.5, 5}},
		{"evenly spread", flat, Options{Method: MSE}, [2]float64{0, 0}, [2]float64{9.7, 10}},
		{"tails", normal, Options{Method: MSE}, [2]float64{-4.5, -3}, [2]float64{3, 4.5}},
		{"zeros", make([]float32, 5), Options{Method: MSE}, [2]float64{0, 0}, [2]float64{1, 1}},
	} {
		s := seen(c.v).choose(c.o.Method, c.o.Beyond)
		if s.low < c.low[0] || s.low > c.low[1] || s.high < c.high[0] || s.high > c.high[1] {
			t.Errorf("%s: [%.3f %.3f], want within %v and %v", c.why, s.low, s.high, c.low, c.high)
		}
		if back := float64(s.scale()) * float64(s.zero()); math.Abs(back+s.low) > float64(s.scale()) {
			t.Errorf("%s: zero point %d is %.3f from the low end, which is %.3f", c.why, s.zero(), back, s.low)
		}
	}
}
