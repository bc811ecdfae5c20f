package vision

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"path/filepath"
	"strings"

	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/whole"
)

var errNoWriter = errors.New("vision: there is nothing to write to: the writer is nil")

// jpegQuality is the quality of the JPEGs that Save writes.
const jpegQuality = 92

// leanPixels is the number of pixels above which encoders read the picture
// directly: a copy for them would take 128 MiB or more.
const leanPixels = 32 << 20

// encodable returns the picture in the form that the standard encoders read
// fastest, which is a copy; a large picture is wrapped instead, without one.
func (m *Image) encodable() image.Image {
	if m.Width*m.Height > leanPixels {
		return &lean{Image: m}
	}
	n := m.NRGBA() // opaque, so that both mean the same
	return &image.RGBA{Pix: n.Pix, Stride: n.Stride, Rect: n.Rect}
}

// lean is a picture for one reader at a time: it always returns the same colour
// variable, to save allocations.
type lean struct {
	*Image
	pixel color.RGBA
}

func (l *lean) At(x, y int) color.Color {
	l.pixel.R, l.pixel.G, l.pixel.B = l.RGB(x, y)
	l.pixel.A = 255
	return &l.pixel
}

// EncodePNG writes the picture as PNG.
func (m *Image) EncodePNG(w io.Writer) error {
	if err := m.check(); err != nil {
		return err
	}
	if w == nil {
		return errNoWriter
	}
	return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, m.encodable())
}

// EncodeJPEG writes the picture as JPEG with a quality of 1 to 100, to which other
// values are clipped.
func (m *Image) EncodeJPEG(w io.Writer, quality int) error {
	if err := m.check(); err != nil {
		return err
	}
	if w == nil {
		return errNoWriter
	}
	return jpeg.Encode(w, m.encodable(), &jpeg.Options{Quality: quality})
}

// Save writes the picture as PNG or JPEG (quality 92), by the path's extension: .png,
// .jpg or .jpeg. An existing file is replaced atomically, after everything has been
// written. Errors begin with the path.
func (m *Image) Save(path string) error { return m.SaveContext(context.Background(), path) }

// SaveContext is Save with a context.
func (m *Image) SaveContext(ctx context.Context, path string) error {
	if err := await.Check(ctx); err != nil {
		return err
	}
	encode := m.EncodePNG
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png":
	case ".jpg", ".jpeg":
		encode = func(w io.Writer) error { return m.EncodeJPEG(w, jpegQuality) }
	default:
		return fmt.Errorf("%s: pictures are written as .png, .jpg or .jpeg", printable(path))
	}
	err := whole.WriteFile(path, func(w io.Writer) error { return encodeUntil(ctx, w, encode) })
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return pathError(path, err)
	}
	return nil
}

// encodeUntil ends encode with the context's error at the first write after that is done;
// the encoders write every few hundred thousand pixels. Package image/jpeg encodes on to
// the end after a write that failed, and is left by a panic.
func encodeUntil(ctx context.Context, w io.Writer, encode func(io.Writer) error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case ended:
			err = p.error
		default:
			panic(p)
		}
	}()
	return encode(watchedWriter{w, ctx})
}

// ended is the value of that panic.
type ended struct{ error }

type watchedWriter struct {
	io.Writer
	ctx context.Context
}

func (w watchedWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		panic(ended{err})
	}
	return w.Writer.Write(p)
}
