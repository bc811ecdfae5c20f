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
	model, _, err := q.export(p, e)
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
	var d difference
	count = min(count, len(q.want))
	for k := range count {
		i := k * len(q.want) / count
		_, out, err := q.sample(s, i)
		if err != nil {
			return nil, err
		}
		for name, want := range q.want[i] {
			got := out[name]
			if want.DType().BitsInFile() == 0 || got == nil { // strings, sequences
				continue
			}
			a, b := numbers(want), numbers(got)
			if slices.ContainsFunc(a, func(x float64) bool { return x != x }) {
				return nil, fmt.Errorf("output %q holds NaN in float32 already, for sample %d of those compared, so there is nothing to compare a quantised network with; is the recipe the network's own?", name, i+1)
			}
			d.add(a, b)
			if len(q.want[i]) == 1 && len(a) == len(b) && areScores(want) {
				d.rank(a, b)
			}
		}
	}
	e.Compared = count
	if e.Error = math.Sqrt(d.off / math.Max(d.all, 1e-300)); !(e.Error <= math.MaxFloat64) {
		return nil, errors.New("the quantised network gives NaN or infinity where the network in float32 gives numbers; keep the layers before that in float32 (Options.Float, --float)")
	}
	if d.scores > 0 {
		e.Agreement = float64(d.same) / float64(d.scores)
	}
	return e, nil
}

// difference adds up how far outputs are from those in float32.
type difference struct {
	off, all     float64 // squares of the errors, and of the outputs
	scores, same int     // outputs that are scores, and those with the same largest one
}

// add counts the numbers of an output, in float32 and quantised. Where one network finds fewer
// objects, those of the other are compared with 0.
func (d *difference) add(want, got []float64) {
	for k := range max(len(want), len(got)) {
		x, y := at(want, k), at(got, k)
		if !math.IsInf(x, 0) { // an infinity has no distance
			d.off, d.all = d.off+(x-y)*(x-y), d.all+x*x
		}
	}
}

// rank counts whether the scores of two outputs have the same largest one.
func (d *difference) rank(want, got []float64) {
	d.scores++
	if largest(want) == largest(got) {
		d.same++
	}
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
