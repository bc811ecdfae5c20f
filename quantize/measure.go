package quantize

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// measure quantises by a placement and compares the result with the float32 network
// on a number of samples, spread over those that are compared.
func (q *quantizer) measure(p *placement, count int) (*Result, error) {
	e := &Result{Agreement: -1}
	model, _, err := q.exportInto(p, e)
	if err != nil {
		return nil, err
	}
	e.Model = model
	data, err := q.encode(model, e.Bytes)
	if err != nil {
		return nil, err
	}
	s, err := engine.OpenBytesContext(q.ctx, data, q.opt.Engine...)
	if err != nil {
		return nil, fmt.Errorf("the quantised network: %w", err)
	}
	defer s.Close()
	var off, all float64
	scores, same := 0, 0
	count = min(count, len(q.want))
	for k := range count {
		i := k * len(q.want) / count
		want := q.want[i]
		_, out, err := q.sample(s, i)
		if err != nil {
			return nil, err
		}
		for name, w := range want {
			got := out[name]
			if w.DType().BitsInFile() == 0 || got == nil { // strings, sequences
				continue
			}
			a, b := numbers(w), numbers(got)
			for k := range max(len(a), len(b)) { // fewer objects, or more: those of one network only are compared with 0
				x, y := at(a, k), at(b, k)
				if x != x {
					return nil, fmt.Errorf("output %q holds NaN in float32 already, for sample %d of those compared: there is nothing to hold a quantised network to; is the recipe the network's own?", name, i+1)
				}
				if math.IsInf(x, 0) { // an infinity has no distance
					continue
				}
				off, all = off+(x-y)*(x-y), all+x*x
			}
			if len(want) == 1 && len(a) == len(b) && areScores(w) {
				scores++
				if largest(a) == largest(b) {
					same++
				}
			}
		}
	}
	e.Compared = count
	if e.Error = math.Sqrt(off / math.Max(all, 1e-300)); !(e.Error <= math.MaxFloat64) {
		return nil, errors.New("the quantised network gives NaN or infinity where the network in float32 gives numbers; keep the layers before that in float32 (Options.Float, --float)")
	}
	if scores > 0 {
		e.Agreement = float64(same) / float64(scores)
	}
	return e, nil
}

// numbers are those of an output, which need not be float32.
func numbers(t *tensor.Tensor) []float64 {
	v := make([]float64, t.Len())
	tensor.Load(v, t, 0, 1)
	return v
}

// at is number k of an output, 0 behind its end.
func at(v []float64, k int) float64 {
	if k >= len(v) {
		return 0
	}
	return v[k]
}

// areScores reports whether an output has one number for each of several classes.
func areScores(t *tensor.Tensor) bool {
	wide := 0
	for _, d := range t.Shape() {
		if d != 1 {
			wide++
		}
	}
	return wide == 1 && t.Len() > 0
}

func largest(v []float64) int {
	return slices.Index(v, slices.Max(v))
}
