package conform

import (
	"math"

	"github.com/visionzoo/vision/engine/tensor"
)

// Difference sums up how far numbers are from those of a reference. Numbers that
// are not finite on either side have no distance and are counted instead.
type Difference struct {
	Largest  float64 // distance of two numbers
	Count    int     // of the numbers compared
	Lost     int     // not finite on one side, or on both and not the same
	off, all float64 // sums of squares: of the distances, of the reference
}

// Add compares a list of numbers with the reference's, which is as long.
func (d *Difference) Add(got, want []float64) {
	for i, w := range want {
		g := got[i]
		switch off := math.Abs(g - w); {
		case off <= math.MaxFloat64:
			d.Largest = max(d.Largest, off)
			d.off, d.all, d.Count = d.off+off*off, d.all+w*w, d.Count+1
		case g != w && (g == g || w == w):
			d.Lost++
		}
	}
}

// addTensors compares two tensors of numbers; others, and those of different
// lengths, are left out.
func (d *Difference) addTensors(got, want *tensor.Tensor) {
	numeric := func(t *tensor.Tensor) bool {
		return t != nil && t.DType().IsElement() && t.DType() != tensor.String
	}
	if !numeric(got) || !numeric(want) {
		return
	}
	if a, b := tensor.ToFloat64(got), tensor.ToFloat64(want); len(a) == len(b) {
		d.Add(a, b)
	}
}

// RMS is the root of the mean square of the distances.
func (d Difference) RMS() float64 { return math.Sqrt(d.off / max(1, float64(d.Count))) }

// Relative is RMS as a share of the reference's own: 0.01 is 1 %.
func (d Difference) Relative() float64 {
	if d.off == 0 {
		return 0
	}
	return math.Sqrt(d.off / max(d.all, 1e-300))
}
