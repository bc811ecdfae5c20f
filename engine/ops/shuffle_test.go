package ops

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestShuffleIsReadOnly: runs at the same time share an operator, so that none may write to
// it, not even behind its list.
func TestShuffleIsReadOnly(t *testing.T) {
	room := []int{1, 0, 7}
	op := &Shuffle{Channels: room[:2]}
	if _, err := op.Infer([]ir.Fact{ir.Tensor(tensor.Float32, ir.Dims(1, 2, 3, 4))}); err != nil || !slices.Equal(room, []int{1, 0, 7}) {
		t.Error(room, err)
	}
	op.Channels[0] = 2
	if _, err := op.Infer([]ir.Fact{ir.Tensor(tensor.Float32, ir.Dims(1, 2, 3, 4))}); err == nil {
		t.Error("a channel that is not there is chosen")
	}
}
