package ops

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// The decoder is told when to end, and what it has decoded counts against the limit
// of memory beside the output.
func TestImageDecoder(t *testing.T) {
	defer decoder.Store(decoder.Load())
	const side = 100
	RegisterPictures(func(ctx context.Context, data []byte, limit int64) ([]byte, int, int, error) {
		return make([]byte, 3*side*side), side, side, ctx.Err()
	})
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		why   string
		ctx   context.Context
		limit int64
		error any
	}{
		{"room for both", context.Background(), 7 * side * side, nil},
		{"room for one", context.Background(), 5 * side * side, new(*MemoryError)},
		{"a context that is done", cancelled, 7 * side * side, nil},
	} {
		n := testNode("ImageDecoder", 20, 1, 1, nil)
		if err := BindNode(n, Find("", "ImageDecoder", 20)); err != nil {
			t.Fatal(err)
		}
		c := &Call{In: []*tensor.Tensor{tensor.New(tensor.Uint8, 4)}, Out: make([]*tensor.Tensor, 1), Node: n, Run: NewRun(tt.ctx, tt.limit, 1<<20)}
		err := n.Operator.(Op).Eval(c)
		switch {
		case tt.error != nil && !errors.As(err, tt.error), tt.error == nil && !errors.Is(err, tt.ctx.Err()):
			t.Errorf("%s: %v", tt.why, err)
		case c.Run.Left() != tt.limit && err != nil:
			t.Errorf("%s: %d bytes are left of %d", tt.why, c.Run.Left(), tt.limit)
		}
	}
	RegisterPictures(nil)
	if err := (imageDecoder{}).Eval(&Call{}); err == nil || !strings.Contains(err.Error(), "no image decoder is registered") {
		t.Errorf("without a decoder: %v", err)
	}
}
