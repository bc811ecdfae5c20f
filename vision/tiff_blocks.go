package vision

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"math/bits"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"

	"github.com/visionzoo/vision/vision/jpeg"
)

// TIFF compressions.
const (
	tiffNone       = 1
	tiffG3         = 3
	tiffG4         = 4
	tiffLZW        = 5
	tiffJPEG       = 7
	tiffDeflate    = 8
	tiffOldDeflate = 32946
	tiffPackBits   = 32773
)

func (f *tiffFile) checkCompression() error {
	switch f.compression {
	case tiffNone, tiffLZW, tiffDeflate, tiffOldDeflate, tiffPackBits:
		return nil
	case tiffG3, tiffG4:
		if f.bits != 1 || f.samples != 1 || f.photometric > tiffBlackIsZero {
			return broken("TIFF", "CCITT compression of %d samples of %d bits", f.samples, f.bits)
		}
		if f.compression == tiffG3 && f.t4&1 != 0 {
			return unsupported("TIFF with two-dimensional CCITT group 3")
		}
		return nil
	case tiffJPEG:
		if f.bits != 8 || f.planar || f.samples != 1 && f.samples != 3 || f.predictor != 1 {
			return unsupported("TIFF with JPEG of this kind")
		}
		return nil
	case 2, 6, 34712, 50000, 50001, 34925, 34887, 32809:
		return unsupported("TIFF with this compression")
	}
	return broken("TIFF", "compression %d is not known", f.compression)
}

// decode writes all blocks into a picture row by row, so that it takes little more
// memory than the picture.
func (f *tiffFile) decode(o *options) (*Image, error) {
	m := NewImage(f.width, f.height)
	paste := f.paste
	if f.compression == tiffJPEG {
		paste = f.pasteJPEG
	}
	for i := range f.across() * f.down() {
		x, y := i%f.across()*f.blockW, i/f.across()*f.blockH
		if err := paste(m, i, x, y, o); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// paste copies a block to (x0, y0), clipped to the picture. If samples are stored
// in planes, those of a block are as many blocks apart as a plane has.
func (f *tiffFile) paste(m *Image, i, x0, y0 int, o *options) error {
	planes, blocks := f.samples/f.samplesTogether(), f.across()*f.down()
	readers := make([]io.Reader, planes)
	for plane := range planes {
		var err error
		if readers[plane], err = f.block(i + plane*blocks); err != nil {
			return err
		}
	}
	raw := make([]byte, f.rowBytes())
	pixels := make([]byte, f.blockW*f.samples)
	for y := y0; y < min(y0+f.blockRows(i), f.height); y++ {
		if err := o.ended(); err != nil {
			return err
		}
		for plane, r := range readers {
			if _, err := io.ReadFull(r, raw); err != nil {
				return f.blockError(i+plane*blocks, err)
			}
			f.undoPredictor(raw)
			f.unpack(pixels, raw, plane)
		}
		f.colours(m.Row(y)[x0*3:], pixels, min(f.blockW, f.width-x0), o.background)
	}
	return nil
}

func (f *tiffFile) blockError(n int, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return broken("TIFF", "strip or tile %d ends too early", n)
	}
	return broken("TIFF", "strip or tile %d: %s", n, oneLine(err))
}

// block decompresses block n as it is read.
func (f *tiffFile) block(n int) (io.Reader, error) {
	src := f.source(n)
	if f.lowBitFirst && f.bits < 8 {
		reversed := make([]byte, len(src))
		for i, b := range src {
			reversed[i] = bits.Reverse8(b)
		}
		src = reversed
	}
	switch f.compression {
	case tiffLZW:
		return lzw.NewReader(bytes.NewReader(src), lzw.MSB, 8), nil
	case tiffDeflate, tiffOldDeflate:
		z, err := zlib.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, f.blockError(n, err)
		}
		return z, nil
	case tiffPackBits:
		return &packBits{src: src}, nil
	case tiffG3, tiffG4:
		kind := ccitt.Group3
		if f.compression == tiffG4 {
			kind = ccitt.Group4
		}
		// The reader returns 1 for white unless told to invert; in TIFF's runs
		// white is 0 whatever the photometric interpretation says.
		return ccitt.NewReader(bytes.NewReader(src), ccitt.MSB, kind, f.blockW, f.blockRows(n), &ccitt.Options{Invert: true}), nil
	}
	return bytes.NewReader(src), nil
}

// packBits reads TIFF 6.0 section 9's run lengths.
type packBits struct {
	src    []byte
	left   int  // bytes of the current run that are still to come
	repeat bool // of which src[0] is the only one
}

func (p *packBits) Read(dst []byte) (int, error) {
	for p.left == 0 {
		if len(p.src) < 2 {
			return 0, io.ErrUnexpectedEOF
		}
		head := int(int8(p.src[0]))
		p.src = p.src[1:]
		switch {
		case head >= 0:
			p.left, p.repeat = head+1, false
		case head != -128:
			p.left, p.repeat = 1-head, true
		}
	}
	if len(p.src) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := min(p.left, len(dst))
	if p.repeat {
		for i := range n {
			dst[i] = p.src[0]
		}
		if p.left == n {
			p.src = p.src[1:]
		}
	} else {
		n = copy(dst[:n], p.src)
		p.src = p.src[n:]
	}
	p.left -= n
	return n, nil
}

// undoPredictor sums up the horizontal differences of a row (TIFF 6.0 section 14).
func (f *tiffFile) undoPredictor(line []byte) {
	if f.predictor != 2 {
		return
	}
	step := f.samplesTogether() * f.bits / 8
	if f.bits == 8 {
		for i := step; i < len(line); i++ {
			line[i] += line[i-step]
		}
		return
	}
	for i := step; i+1 < len(line); i += 2 {
		f.order.PutUint16(line[i:], f.order.Uint16(line[i:])+f.order.Uint16(line[i-step:]))
	}
}

// unpack expands a row's samples to one byte each: the high byte of 16 bits, or the
// value itself if it has fewer than 8.
func (f *tiffFile) unpack(pixels, line []byte, plane int) {
	together := f.samplesTogether()
	high := 0 // where the high byte of 16 bits stands
	if f.order.Uint16([]byte{1, 0}) == 1 {
		high = 1
	}
	at, step := plane, f.samples/together
	for i := range f.blockW * together {
		var v byte
		switch f.bits {
		case 8:
			v = line[i]
		case 16:
			v = line[2*i+high]
		default:
			bit := i * f.bits
			v = line[bit>>3] >> (8 - f.bits - bit&7) & (1<<f.bits - 1)
		}
		pixels[at] = v
		at += step
	}
}

// colours converts n pixels of samples to RGB.
func (f *tiffFile) colours(row, pixels []byte, n int, background [3]byte) {
	blend := over
	if f.premultiplied {
		blend = overPremultiplied
	}
	most := 1<<min(f.bits, 8) - 1
	for x := range n {
		p := pixels[x*f.samples : (x+1)*f.samples]
		var r, g, b byte
		switch f.photometric {
		case tiffRGB:
			r, g, b = p[0], p[1], p[2]
		case tiffPalette:
			c := f.palette[p[0]]
			r, g, b = c[0], c[1], c[2]
		case tiffCMYK:
			r, g, b = cmyk(p[0], p[1], p[2], p[3])
		default:
			v := byte(int(p[0]) * 255 / most)
			if f.photometric == tiffWhiteIsZero {
				v = 255 - v
			}
			r, g, b = v, v, v
		}
		a := byte(255)
		if f.alpha > 0 {
			a = p[f.alpha]
		}
		flattenPixel(row[3*x:], r, g, b, a, background, blend)
	}
}

// cmyk is Pillow's conversion: 255-k, reduced by the ink's share of it.
func cmyk(c, m, y, k byte) (r, g, b byte) {
	white := 255 - uint32(k)
	ink := func(v byte) byte {
		t := uint32(v)*white + 128
		return byte(white - (t>>8+t)>>8)
	}
	return ink(c), ink(m), ink(y)
}

// pasteJPEG decodes a block that is a JPEG without tables, which all blocks share
// (TIFF Technical Note 2).
func (f *tiffFile) pasteJPEG(m *Image, n, x0, y0 int, o *options) error {
	src := f.source(n)
	if t := f.jpegTables; len(t) >= 4 && len(src) >= 2 {
		// SOI and tables without EOI, then the rest without SOI.
		src = append(append(make([]byte, 0, len(t)+len(src)), t[:len(t)-2]...), src[2:]...)
	}
	if f.photometric == tiffRGB && len(src) >= 2 { // else the decoder would take it for YCbCr
		src = append([]byte("\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"), src[2:]...)
	}
	info, err := jpeg.ReadInfo(src)
	if err != nil {
		return broken("TIFF", "strip or tile %d: %s", n, oneLine(jpegError(err)))
	}
	// As libtiff says. The last strip may have as many rows as the others.
	if info.Width > f.blockW || info.Height > f.blockH {
		return broken("TIFF", "strip or tile %d is a JPEG of %dx%d; it has room for %dx%d", n, info.Width, info.Height, f.blockW, f.blockH)
	}
	part := *o
	part.memory = o.beside() // besides the picture
	part.into = &f.jpegBlock
	part.seenBy = nil // that is about the whole picture
	block, _, err := decodeJPEG(src, &part)
	if err != nil {
		return broken("TIFF", "strip or tile %d: %s", n, oneLine(err))
	}
	for y := y0; y < min(y0+block.Height, f.height, y0+f.blockH); y++ {
		w := min(block.Width, f.blockW, f.width-x0)
		copy(m.Row(y)[x0*3:], block.Row(y - y0)[:w*3])
	}
	return nil
}
