package main

import (
	"math"
	"testing"
)

// TestNormalTails holds both tails against math.Erfc: their errors, and what is left where
// they end, are those that vec_gelu.go states.
func TestNormalTails(t *testing.T) {
	for _, c := range []struct {
		tail      *normalTail
		near, far float64 // relative errors for u below 3 and 5
		end       float64
	}{
		{&tailOf16, 7e-8, 2e-6, 5e-11}, {&tailOf8, 8e-8, 5e-6, 2e-10},
	} {
		near, far := 0.0, 0.0
		for u := 0.0; u < 5; u += 1.0 / 4096 {
			want := math.Erfc(u/math.Sqrt2) / 2
			off := math.Abs(c.tail.at(u)-want) / want
			far = max(far, off)
			if u < 3 {
				near = max(near, off)
			}
		}
		behind := c.tail.end() * math.Erfc(c.tail.end()/math.Sqrt2) / 2
		t.Logf("step %v: %.1e below 3, %.1e below 5, %.1e at the end", c.tail.step, near, far, behind)
		if near > c.near || far > c.far || behind > c.end {
			t.Errorf("step %v: more than %.0e, %.0e and %.0e", c.tail.step, c.near, c.far, c.end)
		}
	}
}

// at computes the tail in float64, from the coefficients in float32.
func (t *normalTail) at(u float64) (sum float64) {
	piece := math.RoundToEven(u / t.step)
	for power := len(t.powers) - 1; power >= 0; power-- {
		sum = sum*(u-piece*t.step) + float64(t.powers[power][int(piece)])
	}
	return sum
}
