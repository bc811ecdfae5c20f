package pass

import (
	"testing"

	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestWidenedTakeBothTypes: every operator that is widened exists, and takes
// float32 wherever it takes float16.
func TestWidenedTakeBothTypes(t *testing.T) {
	const newest = 30
	for name := range widened {
		found := name == "Where" && ops.Find("", name, newest) != nil // its first input is a condition
		for version := 1; version <= newest; version++ {
			d := ops.Find("", name, version)
			if d == nil || d.Types != 0 && !d.Types.Is(tensor.Float16) { // 0: any value
				continue
			}
			found = true
			if d.Types != 0 && !d.Types.Is(tensor.Float32) {
				t.Errorf("%s-%d takes no float32", name, version)
			}
		}
		if !found {
			t.Errorf("no %s takes float16", name)
		}
	}
}
