package conform

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/clock"
)

// Against runs two models on the same inputs, zeros and seeded random numbers, and
// compares every output of a with that of b, the reference, to check that a
// conversion did not change the function. Unknown dimensions become 1. Where one
// model's floats are wider than the other's, both get numbers that the narrower
// type holds, and the outputs are compared with its tolerance; the result's Note
// says so. The timeout is for each of the inputs.
func Against(ctx context.Context, a, b *engine.Session, opt Options) []Result {
	tol := Tolerance{R: opt.RTol, A: opt.ATol}.deepen(b)
	var out []Result
	for _, kind := range []string{"zero", "random"} {
		r := Result{Case: Case{Name: kind + " input"}}
		start := clock.Now()
		bounded, cancel := opt.within(ctx)
		r.Err = againstOnce(bounded, a, b, kind == "random", tol, &r)
		cancel()
		r.Elapsed = clock.Since(start)
		out = append(out, r)
	}
	return out
}

func againstOnce(ctx context.Context, a, b *engine.Session, random bool, tol Tolerance, r *Result) error {
	in, err := inputs(a.Inputs(), random)
	if err != nil {
		return err
	}
	if len(a.Inputs()) != len(b.Inputs()) || len(a.Outputs()) != len(b.Outputs()) {
		return fmt.Errorf("one has %d inputs and %d outputs, the other %d and %d",
			len(a.Inputs()), len(a.Outputs()), len(b.Inputs()), len(b.Outputs()))
	}
	var notes []string
	defer func() { r.Note = strings.Join(notes, ", ") }()
	other := engine.Values{}
	for i, info := range b.Inputs() {
		name := a.Inputs()[i].Name
		x := in[name]
		if bothFloat(x.DType(), info.DType) {
			notes = append(notes, fmt.Sprintf("input %q (%s, %s)", name, x.DType(), info.DType))
			x = converted(x, info.DType)
			in[name] = converted(x, in[name].DType()) // what a narrower type left of the numbers
		}
		other[info.Name] = x
	}
	got, err := a.Run(ctx, in)
	if err != nil {
		return err
	}
	want, err := b.Run(ctx, other)
	if err != nil {
		return err
	}
	for i, info := range a.Outputs() {
		r.Differ.addTensors(got[info.Name], want[b.Outputs()[i].Name])
	}
	for i, info := range a.Outputs() {
		x, y, tol := got[info.Name], want[b.Outputs()[i].Name], tol
		if bothFloat(x.DType(), y.DType()) {
			notes = append(notes, fmt.Sprintf("output %q (%s, %s)", info.Name, x.DType(), y.DType()))
			tol = tol.of(narrower(x.DType(), y.DType()))
			x, y = converted(x, tensor.Float64), converted(y, tensor.Float64)
		}
		e, err := Compare(x, y, tol)
		r.MaxError = max(r.MaxError, e)
		if err != nil {
			return fmt.Errorf("output %q: %w", info.Name, err)
		}
	}
	return nil
}

// bothFloat tells whether both are floats of different types, and so convertible.
func bothFloat(a, b tensor.DType) bool { return a != b && isFloat(a) && isFloat(b) }

func narrower(a, b tensor.DType) tensor.DType {
	if b.Size() < a.Size() {
		return b
	}
	return a
}

// converted is a tensor of floats as one of another type.
func converted(t *tensor.Tensor, d tensor.DType) *tensor.Tensor {
	out := tensor.New(d, t.Shape()...)
	tensor.Store(out, 0, 1, tensor.ToFloat64(t))
	return out
}

// inputs makes a value for each of the infos: zeros, or seeded random numbers. Unknown
// dimensions become 1.
func inputs(infos []engine.Info, random bool) (engine.Values, error) {
	r := rand.New(rand.NewPCG(1, 2))
	out := engine.Values{}
	for _, info := range infos {
		if !info.Shape.Ranked || !info.DType.IsElement() {
			return nil, fmt.Errorf("input %q is %v: give it a value", info.Name, info.Fact)
		}
		shape := make([]int, len(info.Shape.Dims))
		for i, d := range info.Shape.Dims {
			shape[i] = max(d.N, 1)
		}
		if _, err := tensor.Count(shape); err != nil {
			return nil, err
		}
		out[info.Name] = tensor.New(info.DType, shape...)
		if random {
			Randomise(out[info.Name], r)
		}
	}
	return out, nil
}

// Randomise fills a tensor with what an input of its type may hold: normally
// distributed floats, any bytes. It leaves other types as they are, which may be
// indices.
func Randomise(t *tensor.Tensor, r *rand.Rand) {
	switch t.DType() {
	case tensor.Float32:
		for i := range tensor.Data[float32](t) {
			tensor.Data[float32](t)[i] = float32(r.NormFloat64())
		}
	case tensor.Float64:
		for i := range tensor.Data[float64](t) {
			tensor.Data[float64](t)[i] = r.NormFloat64()
		}
	case tensor.Float16, tensor.BFloat16:
		for i := range t.Len() {
			tensor.Store(t, i, 1, []float64{r.NormFloat64()})
		}
	case tensor.Uint8, tensor.Int8:
		for i := range t.Bytes() {
			t.Bytes()[i] = byte(r.Uint32())
		}
	}
}
