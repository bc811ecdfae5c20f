package engine

import "github.com/visionzoo/vision/engine/ops"

// RegisterPictures gives the engine, which knows no picture itself, the decoder
// that ONNX's ImageDecoder calls: from the bytes of a file to rows of red,
// green and blue, within limit bytes of memory. Package zoo registers that of
// package vision whenever it loads a model; others do so once, before the first
// run of such a model.
func RegisterPictures(decode func(data []byte, limit int64) (pixels []byte, width, height int, err error)) {
	ops.RegisterPictures(decode)
}
