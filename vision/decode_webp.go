package vision

import (
	"bytes"
	"encoding/binary"
	"image"

	"golang.org/x/image/webp"
)

// webpFile holds what the chunks of a WebP file say: the canvas, and the bitstream
// of the still picture or of the first frame. RFC 9649.
type webpFile struct {
	extended       bool
	width, height  int // canvas
	x, y           int // of the frame on the canvas
	frame          webpFrame
	animated, done bool
	orientation    int
}

// webpFrame is one picture: a VP8 or VP8L chunk, and the alpha of a VP8.
type webpFrame struct {
	kind          string // "VP8 " or "VP8L"
	data, alpha   []byte
	width, height int
}

// decodeWebP finds the picture, or the first frame of an animation, checks all
// sizes and lets x/image decode the bitstream. The chroma of lossy pictures is then
// upsampled as libwebp does.
func decodeWebP(data []byte, o *options) (*Image, int, error) {
	f := webpFile{orientation: 1}
	// As libwebp: what follows the RIFF file is not read.
	end := max(12, min(uint64(len(data)), 8+uint64(binary.LittleEndian.Uint32(data[4:]))))
	if err := f.read(data[12:end]); err != nil {
		return nil, 0, err
	}
	if err := f.check(o); err != nil {
		return nil, 0, err
	}
	file := f.frame.container() // a copy: data is the caller's
	m, err := o.await("WebP", func() (*Image, error) { return f.picture(file, o) })
	return m, f.orientation, err
}

// picture decodes the frame, a complete file, and places it on the canvas. Where it is
// lossless, the decoder reads as it goes, and so ends with the context.
func (f *webpFile) picture(file []byte, o *options) (*Image, error) {
	src, err := webp.Decode(watched{bytes.NewReader(file), o})
	if err != nil {
		return nil, err
	}
	if b := src.Bounds(); b.Dx() != f.frame.width || b.Dy() != f.frame.height {
		return nil, broken("WebP", "the picture is %dx%d, its header says %dx%d", b.Dx(), b.Dy(), f.frame.width, f.frame.height)
	}
	m, err := webpImage(src, o.background)
	if err != nil || f.width == m.Width && f.height == m.Height {
		return m, err
	}
	canvas := NewImage(f.width, f.height) // transparent around the frame
	canvas.fill(o.background)
	for y := range m.Height {
		copy(canvas.Row(f.y + y)[f.x*3:], m.Row(y))
	}
	return canvas, nil
}

// read walks the chunks.
func (f *webpFile) read(chunks []byte) error {
	for first := true; len(chunks) >= 8; first = false {
		id, body, rest, err := webpChunk(chunks)
		if err != nil {
			return err
		}
		chunks = rest
		switch {
		case first && id != "VP8X" && id != "VP8 " && id != "VP8L":
			return broken("WebP", "the first chunk is %q; it must be VP8, VP8L or VP8X", id)
		case id == "VP8X" && first:
			if len(body) < 10 {
				return broken("WebP", "a VP8X chunk of %d bytes", len(body))
			}
			f.extended = true
			f.width, f.height = uint24(body[4:])+1, uint24(body[7:])+1
		case id == "ANMF" && f.extended && !f.done:
			if err := f.readFrame(body); err != nil {
				return err
			}
		case id == "EXIF":
			f.orientation = exifOrientation(body)
		case !f.done:
			if f.done, err = f.frame.take(id, body); err != nil {
				return err
			}
		}
	}
	if !f.done {
		return broken("WebP", "no picture in the file")
	}
	return nil
}

// webpChunk splits off the first chunk.
func webpChunk(data []byte) (id string, body, rest []byte, err error) {
	id, size := string(data[:4]), uint64(binary.LittleEndian.Uint32(data[4:]))
	data = data[8:]
	if size > uint64(len(data)) {
		return "", nil, nil, broken("WebP", "the data ends too early: chunk %q has %d bytes, %d are left", id, size, len(data))
	}
	return id, data[:size], data[min(uint64(len(data)), size+size%2):], nil
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// readFrame reads the first frame of an animation.
func (f *webpFile) readFrame(body []byte) error {
	if len(body) < 16 {
		return broken("WebP", "a frame of %d bytes", len(body))
	}
	f.animated = true
	f.x, f.y = uint24(body)*2, uint24(body[3:])*2
	width, height := uint24(body[6:])+1, uint24(body[9:])+1
	for body = body[16:]; len(body) >= 8 && !f.done; {
		id, inner, rest, err := webpChunk(body)
		if err != nil {
			return err
		}
		if f.done, err = f.frame.take(id, inner); err != nil {
			return err
		}
		body = rest
	}
	if !f.done {
		return broken("WebP", "the first frame has no picture")
	}
	if f.frame.width != width || f.frame.height != height {
		return broken("WebP", "the first frame is %dx%d, its header says %dx%d", f.frame.width, f.frame.height, width, height)
	}
	return nil
}

// take keeps a chunk that belongs to a picture; done says that the picture is
// complete.
func (w *webpFrame) take(id string, body []byte) (done bool, err error) {
	switch id {
	case "ALPH":
		w.alpha = body
		return false, nil
	case "VP8 ":
		// RFC 6386 §9.1: a key frame's tag (with a version of 0 to 3, and shown), start
		// code and sizes.
		if len(body) < 10 || body[0]&0b11001 != 0b10000 || string(body[3:6]) != "\x9d\x01\x2a" {
			return false, broken("WebP", "no VP8 key frame")
		}
		w.width, w.height = int(binary.LittleEndian.Uint16(body[6:]))&0x3fff, int(binary.LittleEndian.Uint16(body[8:]))&0x3fff
	case "VP8L":
		if len(body) < 5 || body[0] != 0x2f {
			return false, broken("WebP", "no VP8L header")
		}
		size := binary.LittleEndian.Uint32(body[1:])
		w.width, w.height = int(size&0x3fff)+1, int(size>>14&0x3fff)+1
		w.alpha = nil
	default:
		return false, nil
	}
	w.kind, w.data = id, body
	return true, nil
}

// check compares all sizes with each other, with the limits and with what the data
// can hold.
func (f *webpFile) check(o *options) error {
	w := &f.frame
	if !f.extended {
		f.width, f.height = w.width, w.height
	}
	coded, canvas := int64(w.width)*int64(w.height), int64(f.width)*int64(f.height)
	beside := coded // VP8L is decoded to 4 bytes per pixel, in whose memory the result fits
	if w.kind == "VP8 " {
		beside = coded + coded/2
		if w.alpha != nil { // coded like a picture of its own
			beside += coded * (1 + 4)
		}
	}
	if f.animated && coded < canvas {
		beside += 3 * coded
	}
	if err := o.admit("WebP", int64(f.width), int64(f.height), beside); err != nil {
		return err
	}
	if err := o.admit("WebP", int64(w.width), int64(w.height), beside); err != nil {
		return err
	}
	if !f.animated && (w.width != f.width || w.height != f.height) {
		return broken("WebP", "the picture is %dx%d, the canvas %dx%d", w.width, w.height, f.width, f.height)
	}
	if f.x+w.width > f.width || f.y+w.height > f.height {
		return broken("WebP", "the first frame lies outside the canvas of %dx%d", f.width, f.height)
	}
	if w.kind == "VP8 " {
		// Each macroblock's modes take at least 3.4 bits of the first partition
		// (RFC 6386 §11.2: the key frame's probabilities are fixed; DC_PRED for
		// luma 2.57 bits, for chroma 0.85). A decoder only notices the end of the
		// data after the last macroblock, so ask before.
		blocks := int64((w.width+15)/16) * int64((w.height+15)/16)
		first := int64(uint24(w.data) >> 5)
		if first > int64(len(w.data)-10) || blocks*3 > first*8+64 {
			return broken("WebP", "%dx%d with %d bytes of data: it ends too early", w.width, w.height, len(w.data))
		}
	}
	return nil
}

// container returns the frame as a complete file.
func (w *webpFrame) container() []byte {
	var body []byte
	chunk := func(id string, data []byte) {
		body = append(body, id...)
		body = binary.LittleEndian.AppendUint32(body, uint32(len(data)))
		body = append(body, data...)
		if len(data)%2 != 0 {
			body = append(body, 0)
		}
	}
	if w.kind == "VP8 " && w.alpha != nil {
		const alphaFlag = 0x10
		head := []byte{alphaFlag, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		for i := range 3 {
			head[4+i], head[7+i] = byte((w.width-1)>>(8*i)), byte((w.height-1)>>(8*i))
		}
		chunk("VP8X", head)
		chunk("ALPH", w.alpha)
	}
	chunk(w.kind, w.data)
	file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4))
	return append(append(file, "WEBP"...), body...)
}

// webpImage converts what x/image returns to RGB.
func webpImage(src image.Image, background [3]byte) (*Image, error) {
	switch s := src.(type) {
	case *image.YCbCr:
		m := NewImage(s.Rect.Dx(), s.Rect.Dy())
		webpUpsample(m, s)
		return m, nil
	case *image.NYCbCrA:
		m := NewImage(s.Rect.Dx(), s.Rect.Dy())
		webpUpsample(m, &s.YCbCr)
		for y := range m.Height {
			row, alpha := m.Row(y), s.A[y*s.AStride:]
			for x := range m.Width {
				p := row[3*x : 3*x+3]
				flattenPixel(p, p[0], p[1], p[2], alpha[x], background, over)
			}
		}
		return m, nil
	}
	return adopt(src, background)
}
