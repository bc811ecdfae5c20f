package conform

import (
	"context"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
)

// TestAgainstOtherFloats: models that differ in the type of their floats get the same
// numbers; their outputs may differ as much as the narrower type does.
func TestAgainstOtherFloats(t *testing.T) {
	doubled := func(d tensor.DType, offset float64) *engine.Session {
		b := ir.NewBuilder(21)
		x := b.Input("x", d, ir.Dims(3, 5))
		c := tensor.New(d)
		tensor.Store(c, 0, 1, []float64{offset})
		b.Output("y", b.Node("Add", []*ir.Value{b.Node("Add", []*ir.Value{x, x}), b.Const("c", c)}))
		return built.Session(t, b)
	}
	both := `input "x" (float16, float32), output "y" (float16, float32)`
	for _, c := range []struct {
		name string
		a, b *engine.Session
		ok   bool
		note string
	}{
		{"the same", doubled(tensor.Float32, 0.1), doubled(tensor.Float32, 0.1), true, ""},
		{"rounded", doubled(tensor.Float16, 0.1), doubled(tensor.Float32, 0.1), true, both},
		{"too far for 16 bits", doubled(tensor.Float16, 0.1), doubled(tensor.Float32, 0.5), false, both},
		{"wider", doubled(tensor.Float64, 0.1), doubled(tensor.BFloat16, 0.1), true, `input "x" (float64, bfloat16), output "y" (float64, bfloat16)`},
		{"too far for 32 bits", doubled(tensor.Float64, 0.1), doubled(tensor.Float32, 0.105), false, `input "x" (float64, float32), output "y" (float64, float32)`},
		{"no float", doubled(tensor.Float32, 1), doubled(tensor.Int32, 1), false, ""},
	} {
		for _, r := range Against(context.Background(), c.a, c.b, Options{}) {
			if (r.Err == nil) != c.ok || r.Note != c.note {
				t.Errorf("%s, %s: error %v, note %q, want %q", c.name, r.Name, r.Err, r.Note, c.note)
			}
		}
	}
}

// TestAgainstStrings: outputs that are no numbers are compared, and have no distance.
func TestAgainstStrings(t *testing.T) {
	b := ir.NewBuilder(21)
	b.Output("y", b.Node("Identity", []*ir.Value{b.Input("x", tensor.String, ir.Dims(2))}))
	s := built.Session(t, b)
	for _, r := range Against(context.Background(), s, s, Options{}) {
		if r.Err != nil || r.Differ.Count != 0 {
			t.Errorf("%s: error %v, %d numbers compared", r.Name, r.Err, r.Differ.Count)
		}
	}
}
