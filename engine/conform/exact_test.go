package conform_test

import (
	"context"
	"testing"

	"github.com/visionzoo/vision/engine/conform"
	"github.com/visionzoo/vision/internal/shared"
)

// TestIntegerNetworkIsExact holds that a statically quantised network gives
// ONNX Runtime's numbers to the bit: its outputs are multiples of one scale,
// so any difference is at least a whole step.
func TestIntegerNetworkIsExact(t *testing.T) {
	cases, err := conform.Find(shared.Path(t, "models", "mobilenetv2-12-int8"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		r := c.Run(context.Background(), conform.Options{RTol: 1e-300, ATol: 1e-300})
		if r.Err != nil {
			t.Errorf("%s: %v", c.Name, r.Err)
		}
		t.Logf("%s: %v", c.Name, r.Elapsed)
	}
}
