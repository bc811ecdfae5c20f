package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/shared"
)

// FuzzOpen opens and runs mutated models: whatever the bytes, there is a
// result or an error of one clean line.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x08\x07\x3a\x00"))
	for _, name := range []string{"test_relu", "test_reshape_negative_dim", "test_loop11", "test_if", "test_slice"} {
		data, err := os.ReadFile(filepath.Join(shared.Path(f, "onnx-suite", "node"), name, "model.onnx"))
		if err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := engine.OpenBytes(data, engine.MemoryLimit(64<<20), engine.LoopBudget(1000))
		if err != nil {
			checkMessage(t, err.Error())
			return
		}
		defer s.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if _, err := s.Run(ctx, nil); err != nil {
			checkMessage(t, err.Error())
		}
	})
}
