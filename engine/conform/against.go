package conform

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// Against runs two models on the same inputs, zeros and seeded random numbers, and
// compares every output, to check that a conversion did not change the function.
// Unknown dimensions become 1.
func Against(ctx context.Context, a, b *engine.Session, tol Tolerance) []Result {
	var out []Result
	for _, kind := range []string{"zero", "random"} {
		r := Result{Case: Case{Name: kind + " input"}}
		start := time.Now()
		r.MaxError, r.Err = againstOnce(ctx, a, b, kind == "random", tol)
		r.Elapsed = time.Since(start)
		out = append(out, r)
	}
	return out
}

func againstOnce(ctx context.Context, a, b *engine.Session, random bool, tol Tolerance) (float64, error) {
	in, err := Fill(a.Inputs(), random, 1)
	if err != nil {
		return 0, err
	}
	if len(a.Inputs()) != len(b.Inputs()) || len(a.Outputs()) != len(b.Outputs()) {
		return 0, fmt.Errorf("one has %d inputs and %d outputs, the other %d and %d",
			len(a.Inputs()), len(a.Outputs()), len(b.Inputs()), len(b.Outputs()))
	}
	other := engine.Values{}
	for i, info := range b.Inputs() {
		other[info.Name] = in[a.Inputs()[i].Name]
	}
	got, err := a.Run(ctx, in)
	if err != nil {
		return 0, err
	}
	want, err := b.Run(ctx, other)
	if err != nil {
		return 0, err
	}
	worst := 0.0
	for i, info := range a.Outputs() {
		e, err := Compare(got[info.Name], want[b.Outputs()[i].Name], tol)
		worst = max(worst, e)
		if err != nil {
			return worst, fmt.Errorf("output %q: %w", info.Name, err)
		}
	}
	return worst, nil
}

// Fill makes an input for each of the infos: zeros, or seeded random numbers
// (normally distributed for floats, bytes for 8-bit integers). An unknown first
// dimension becomes batch, other unknown dimensions 1.
func Fill(infos []engine.Info, random bool, batch int) (engine.Values, error) {
	r := rand.New(rand.NewPCG(1, 2))
	out := engine.Values{}
	for _, info := range infos {
		if !info.Shape.Ranked || !info.DType.IsElement() {
			return nil, fmt.Errorf("input %q is %v: give it a value", info.Name, info.Fact)
		}
		shape := make([]int, len(info.Shape.Dims))
		for i, d := range info.Shape.Dims {
			shape[i] = max(d.N, 1)
			if i == 0 && !d.Known() {
				shape[i] = batch
			}
		}
		if _, err := tensor.Count(shape); err != nil {
			return nil, err
		}
		t := tensor.New(info.DType, shape...)
		if random {
			randomise(t, r)
		}
		out[info.Name] = t
	}
	return out, nil
}

func randomise(t *tensor.Tensor, r *rand.Rand) {
	switch t.DType() {
	case tensor.Float32:
		for i := range tensor.Data[float32](t) {
			tensor.Data[float32](t)[i] = float32(r.NormFloat64())
		}
	case tensor.Float64:
		for i := range tensor.Data[float64](t) {
			tensor.Data[float64](t)[i] = r.NormFloat64()
		}
	case tensor.Float16:
		for i := range tensor.Data[tensor.Float16Bits](t) {
			tensor.Data[tensor.Float16Bits](t)[i] = tensor.ToFloat16(float32(r.NormFloat64()))
		}
	case tensor.Uint8, tensor.Int8:
		for i := range t.Bytes() {
			t.Bytes()[i] = byte(r.Uint32())
		}
	}
}
