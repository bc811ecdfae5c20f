package classify

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/visionzoo/vision/assets/label"
)

// Rank returns the n most probable classes, the most probable first; equally
// probable ones are in order of their index, and NaN ranks last.
func Rank(p []float64, labels *label.Set, n int) []Prediction {
	if labels != nil {
		labels, _ = labels.Fit(len(p))
	}
	best := topIndices(p, max(0, min(n, len(p))))
	out := make([]Prediction, len(best))
	for k, i := range best {
		out[k] = Prediction{Rank: k + 1, Index: i, Probability: p[i]}
		if labels == nil {
			out[k].Label = fmt.Sprintf("class %d", i)
			continue
		}
		l, _ := labels.At(i)
		out[k].ID, out[k].Label = l.ID, l.Name
	}
	return out
}

// topIndices returns the indices of the n largest values, in order. It collects up
// to 2n values that exceed the n-th largest so far before it sorts them, so that
// most of a long list is looked at once and never moved.
func topIndices(p []float64, n int) []int {
	if n == 0 {
		return nil
	}
	order := func(a, b int) int {
		// cmp.Compare puts NaN below all numbers, so in descending order it comes
		// last.
		return cmp.Or(cmp.Compare(p[b], p[a]), a-b)
	}
	best := make([]int, 0, 2*n)
	cut := func() {
		slices.SortFunc(best, order)
		best = best[:min(n, len(best))]
	}
	full, least := false, 0.0
	for i, v := range p {
		if full && !(v > least) && least == least {
			continue
		}
		if best = append(best, i); len(best) == cap(best) {
			cut()
			full, least = true, p[best[n-1]]
		}
	}
	cut()
	return best
}
