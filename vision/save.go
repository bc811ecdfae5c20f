package vision

import (
	"crypto/rand"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// jpegQuality is what Save writes JPEGs with.
const jpegQuality = 92

// rgba returns a copy in the form that the standard encoders take fastest.
func (m *Image) rgba() *image.RGBA {
	n := m.NRGBA() // opaque, so that both mean the same
	return &image.RGBA{Pix: n.Pix, Stride: n.Stride, Rect: n.Rect}
}

// EncodePNG writes the picture as PNG.
func (m *Image) EncodePNG(w io.Writer) error {
	if err := m.check(); err != nil {
		return err
	}
	return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, m.rgba())
}

// EncodeJPEG writes the picture as JPEG of a quality of 1 to 100.
func (m *Image) EncodeJPEG(w io.Writer, quality int) error {
	if err := m.check(); err != nil {
		return err
	}
	return jpeg.Encode(w, m.rgba(), &jpeg.Options{Quality: quality})
}

// Save writes the picture as PNG or JPEG (quality 92), as the path's extension
// says. What was there is replaced at once and only when everything is written:
// nobody ever sees half a file.
func (m *Image) Save(path string) error {
	encode := m.EncodePNG
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png":
	case ".jpg", ".jpeg":
		encode = func(w io.Writer) error { return m.EncodeJPEG(w, jpegQuality) }
	default:
		return fmt.Errorf("%s: pictures are written as .png, .jpg or .jpeg", printable(path))
	}
	if err := writeThenRename(path, encode); err != nil {
		return pathError(path, err)
	}
	return nil
}

// writeThenRename writes to a new file beside path, flushes it to the disk and
// gives it its name; if anything fails, the new file is removed.
func writeThenRename(path string, write func(io.Writer) error) (err error) {
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:10]+".part")
	if len(filepath.Base(part)) > 200 { // near the limit of most systems
		part = filepath.Join(filepath.Dir(path), "."+rand.Text()+".part")
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(part)
		}
	}()
	if err = write(f); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(part, path)
}
