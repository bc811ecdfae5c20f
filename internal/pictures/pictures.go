// Package pictures connects two packages that do not import each other: it gives
// the engine the decoder of package vision.
package pictures

import (
	"context"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/vision"
)

// Register makes package vision the decoder of the operator ImageDecoder. Calling
// it again changes nothing.
func Register() {
	engine.RegisterPictures(func(ctx context.Context, data []byte, limit int64) ([]byte, int, int, error) {
		m, err := vision.DecodeBytes(data, vision.MemoryLimit(limit), vision.EndedBy(ctx))
		if err != nil {
			return nil, 0, 0, err
		}
		return m.Pix, m.Width, m.Height, nil
	})
}
