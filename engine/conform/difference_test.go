package conform

import (
	"math"
	"testing"
)

func TestDifference(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	var d Difference
	d.Add([]float64{1, 2, inf, nan, nan, inf, -inf}, []float64{1, 4, inf, nan, 3, 3, inf})
	if d.Count != 2 || d.Largest != 2 || d.Lost != 3 || d.RMS() != math.Sqrt(2) || d.Relative() != math.Sqrt(4./17) {
		t.Errorf("%+v: rms %g, relative %g", d, d.RMS(), d.Relative())
	}
	if (Difference{}).RMS() != 0 || (Difference{}).Relative() != 0 {
		t.Error("of no numbers")
	}
}
