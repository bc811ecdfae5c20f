package ops

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var imageOps = []Def{
	{Name: "ImageDecoder", Since: 20, Types: tensor.Types(tensor.Uint8), In: Exactly(1), Out: Exactly(1), New: newImageDecoder},
}

// PictureDecoder decodes an image file to rows of red, green and blue bytes, uses
// at most limit bytes of memory, and ends once ctx is done. It must be safe for
// concurrent use.
type PictureDecoder func(ctx context.Context, data []byte, limit int64) (pixels []byte, width, height int, err error)

// decoder decodes for ImageDecoder. The engine itself knows no image formats: a
// package that does registers its decoder before the first run.
var decoder atomic.Pointer[PictureDecoder]

// RegisterPictures makes d the decoder of ImageDecoder; with nil there is none.
func RegisterPictures(d PictureDecoder) {
	if d == nil {
		decoder.Store(nil)
		return
	}
	decoder.Store(&d)
}

// imageDecoder decodes an image file to [height width channels]. ONNX
// ImageDecoder-20.
type imageDecoder struct{ format string } // RGB, BGR, Grayscale

func newImageDecoder(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return imageDecoder{a.OneOf("pixel_format", "RGB", "BGR", "Grayscale")}, a.Err()
}

func (op imageDecoder) channels() int {
	if op.format == "Grayscale" {
		return 1
	}
	return 3
}

// Infer: the file's bytes [length] → [height width channels].
func (op imageDecoder) Infer(in []ir.Fact) ([]ir.Fact, error) {
	shape := ir.Dims(-1, -1, op.channels())
	return []ir.Fact{ir.Tensor(tensor.Uint8, shape)}, wantRank(in, 0, 1)
}

func (op imageDecoder) Eval(c *Call) error {
	decode := decoder.Load()
	if decode == nil {
		return errors.New("no image decoder is registered: import package zoo, or call engine.RegisterPictures")
	}
	pixels, width, height, err := (*decode)(c.Run.Context(), c.In[0].Bytes(), c.Run.Left())
	if err != nil {
		return fmt.Errorf("the picture: %w", err)
	}
	held := int64(len(pixels)) // beside the output
	c.Run.Grow(held)
	defer c.Run.Shrink(held)
	y, err := c.zeroed(tensor.Uint8, height, width, op.channels())
	if err != nil {
		return err
	}
	dst := y.Bytes()
	switch op.format {
	case "RGB":
		copy(dst, pixels)
	case "BGR":
		for i := 0; i+3 <= len(dst); i += 3 {
			dst[i], dst[i+1], dst[i+2] = pixels[i+2], pixels[i+1], pixels[i]
		}
	default:
		for i := range dst {
			dst[i] = luma(pixels[3*i:])
		}
	}
	return c.Run.Check()
}

// luma is the brightness of a pixel by ITU-R 601-2, in 16-bit fixed point,
// rounded as in Pillow.
func luma(p []byte) byte {
	return byte((uint32(p[0])*19595 + uint32(p[1])*38470 + uint32(p[2])*7471 + 1<<15) >> 16)
}
