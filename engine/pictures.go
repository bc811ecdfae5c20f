package engine

import (
	"context"

	"github.com/visionzoo/vision/engine/ops"
)

// RegisterPictures sets the decoder that the operator ImageDecoder calls: it turns
// the bytes of a picture file into rows of red, green and blue bytes, within limit
// bytes of memory, and ends once the run's context is done. The engine has no decoder
// itself. Package zoo registers that of package vision whenever it loads a model;
// programs that use the engine alone register one before the first run of such a
// model.
func RegisterPictures(decode func(ctx context.Context, data []byte, limit int64) (pixels []byte, width, height int, err error)) {
	ops.RegisterPictures(decode)
}
