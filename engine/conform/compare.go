package conform

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/tensor"
)

// Tolerance says how far numbers may differ: |got-want| ≤ A + R·|want|; infinities
// must be equal. Zeros mean the defaults. For floats, A is at least S times the
// spread (largest minus smallest finite number) of the expected output.
type Tolerance struct{ R, A, S float64 }

// of fills in the default tolerances for a dtype.
func (t Tolerance) of(d tensor.DType) Tolerance {
	r, a := 1e-3, 1e-5
	if d == tensor.Float16 || d == tensor.BFloat16 || tensor.Float8Types.Is(d) {
		r, a = 1e-2, 1e-2
	}
	if t.R != 0 {
		r = t.R
	}
	if t.A != 0 {
		a = t.A
	}
	return Tolerance{r, a, t.S}
}

// Compare checks dtype, shape and values; NaN equals NaN. It returns the largest
// error of a number, relative to max(1, |want|).
func Compare(got, want *tensor.Tensor, tol Tolerance) (float64, error) {
	if got == nil {
		return 0, fmt.Errorf("is missing")
	}
	if got.DType() != want.DType() {
		return 0, fmt.Errorf("is %s, want %s", got.DType(), want.DType())
	}
	if !slices.Equal(got.Shape(), want.Shape()) {
		return 0, fmt.Errorf("has shape %v, want %v", got.Shape(), want.Shape())
	}
	worst := 0.0
	for i, e := range want.Elems() {
		w, err := Compare(got.Elems()[i], e, tol)
		worst = max(worst, w)
		if err != nil {
			return worst, fmt.Errorf("element %d: %w", i, err)
		}
	}
	switch want.DType() {
	case tensor.Sequence, tensor.Optional, tensor.Map:
		return worst, nil
	case tensor.String:
		for i, s := range want.Strings() {
			if got.Strings()[i] != s {
				return 0, fmt.Errorf("string %d is %q, want %q", i, got.Strings()[i], s)
			}
		}
		return 0, nil
	}
	return numbers(got, want, tol.of(want.DType()))
}

func numbers(got, want *tensor.Tensor, tol Tolerance) (float64, error) {
	a, b := tensor.ToFloat64(got), tensor.ToFloat64(want)
	if isFloat(want.DType()) {
		tol.A = max(tol.A, tol.S*spread(b))
	}
	worst, bad, first := 0.0, 0, -1
	for i, w := range b {
		g := a[i]
		if g == w || g != g && w != w {
			continue
		}
		diff := math.Abs(g - w)
		if diff <= math.MaxFloat64 {
			worst = max(worst, diff/max(1, math.Abs(w)))
		}
		if diff <= tol.A+tol.R*math.Abs(w) && !math.IsInf(w, 0) { // a share of infinity is infinite
			continue
		}
		if bad++; first < 0 {
			first = i
		}
	}
	if bad > 0 {
		return worst, fmt.Errorf("%d of %d numbers differ; number %d is %v, want %v", bad, len(b), first, a[first], b[first])
	}
	return worst, nil
}

func isFloat(d tensor.DType) bool {
	switch d {
	case tensor.Float16, tensor.BFloat16, tensor.Float32, tensor.Float64:
		return true
	}
	return tensor.Float8Types.Is(d)
}

func spread(v []float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range v {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			low, high = min(low, x), max(high, x)
		}
	}
	return max(high-low, 0)
}
