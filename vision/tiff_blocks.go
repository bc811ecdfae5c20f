package vision

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"math/bits"

	"github.com/klauspost/compress/zstd"
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
	tiffZstandard  = 50000
	tiffWebP       = 50001
)

// predicts reports whether the compression has predictors. With others the tag means
// nothing.
func (f *tiffFile) predicts() bool {
	switch f.compression {
	case tiffLZW, tiffDeflate, tiffOldDeflate, tiffZstandard:
		return true
	}
	return false
}

func (f *tiffFile) checkCompression() error {
	switch f.compression {
	case tiffNone, tiffLZW, tiffDeflate, tiffOldDeflate, tiffPackBits, tiffZstandard:
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
		grey := f.samples == 1 && f.photometric <= tiffBlackIsZero
		coloured := f.samples == 3 && (f.photometric == tiffRGB || f.photometric == tiffYCbCr)
		if f.bits != 8 || f.planar || !grey && !coloured {
			return unsupported("TIFF with JPEG of this kind")
		}
		return nil
	case tiffWebP:
		if f.bits != 8 || f.planar || f.photometric != tiffRGB || f.samples > 4 || f.premultiplied {
			return unsupported("TIFF with WebP of this kind")
		}
		return nil
	case 2, 6, 34712, 34925, 34887, 32809:
		return unsupported("TIFF with this compression")
	}
	return broken("TIFF", "compression %d is not known", f.compression)
}

// decode writes all blocks into a picture row by row, so that it takes little more
// memory than the picture.
func (f *tiffFile) decode(o *options) (*Image, error) {
	m := NewImage(f.width, f.height)
	paste := f.paste
	switch f.compression {
	case tiffJPEG:
		paste = f.pasteJPEG
	case tiffWebP:
		paste = f.pasteWebP
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
		if readers[plane], err = f.open(i+plane*blocks, plane, o.beside()/int64(planes)); err != nil {
			return err
		}
	}
	raw, spare := make([]byte, f.rowBytes()), make([]byte, f.spareBytes())
	pixels := make([]byte, f.blockW*f.samples)
	end := y0 + f.blockRows(i)
	if !f.hasChecksum() {
		end = min(end, f.height)
	}
	for y := y0; y < end; y++ {
		if err := o.ended(); err != nil {
			return err
		}
		for plane, r := range readers {
			if _, err := io.ReadFull(r, raw); err != nil {
				return f.blockError(i+plane*blocks, err)
			}
			if y < f.height {
				f.undoPredictor(raw, spare)
				f.unpack(pixels, raw, plane)
			}
		}
		if y >= f.height {
			continue
		}
		f.colours(m.Row(y)[x0*3:], pixels, min(f.blockW, f.width-x0), o.background)
	}
	for plane, r := range readers {
		if err := f.checkEnd(r); err != nil {
			return f.blockError(i+plane*blocks, err)
		}
	}
	return nil
}

// hasChecksum reports whether a checksum follows the data of a block.
func (f *tiffFile) hasChecksum() bool {
	return f.compression == tiffDeflate || f.compression == tiffOldDeflate
}

// checkEnd reads on behind a block's rows, as libtiff does: there the checksum is
// compared. Data that goes on, or ends without a checksum, is right.
func (f *tiffFile) checkEnd(r io.Reader) error {
	if !f.hasChecksum() {
		return nil
	}
	switch _, err := io.ReadFull(r, make([]byte, 1)); err {
	case nil, io.EOF, io.ErrUnexpectedEOF:
		return nil
	default:
		return err
	}
}

func (f *tiffFile) blockError(n int, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return broken("TIFF", "strip or tile %d ends too early", n)
	}
	return broken("TIFF", "strip or tile %d: %s", n, oneLine(err))
}

// open decompresses block n of a plane as it is read, in at most so many bytes of
// memory.
func (f *tiffFile) open(n, plane int, memory int64) (io.Reader, error) {
	src := f.source(n)
	if f.lowBitFirst {
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
	case tiffZstandard:
		return f.openZstandard(src, plane, memory)
	case tiffPackBits:
		return &packBits{src: src}, nil
	case tiffG3, tiffG4:
		kind := ccitt.Group3
		if f.compression == tiffG4 {
			kind = ccitt.Group4
		}
		// The reader returns 1 for white unless asked to invert; in TIFF's runs
		// white is 0 whatever the photometric interpretation says.
		return ccitt.NewReader(bytes.NewReader(src), ccitt.MSB, kind, f.blockW, f.blockRows(n), &ccitt.Options{Invert: true}), nil
	}
	return bytes.NewReader(src), nil
}

// openZstandard decompresses src as it is read. The decoders are kept for the next
// blocks, because each may claim a window of many megabytes.
func (f *tiffFile) openZstandard(src []byte, plane int, memory int64) (io.Reader, error) {
	if plane == len(f.zstandard) {
		window := uint64(min(max(memory/2, zstd.MinWindowSize), 1<<27)) // at most what libtiff takes
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
		if err != nil {
			return nil, err
		}
		f.zstandard = append(f.zstandard, z)
	}
	return f.zstandard[plane], f.zstandard[plane].Reset(bytes.NewReader(src))
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
		return blockError(n, jpegError(err))
	}
	// As libtiff says. The last strip may have as many rows as the others.
	if info.Width > f.blockW || info.Height > f.blockH {
		return broken("TIFF", "strip or tile %d is a JPEG of %dx%d; it has room for %dx%d", n, info.Width, info.Height, f.blockW, f.blockH)
	}
	part := *o
	part.memory = o.beside() // besides the picture
	part.into = &f.block
	part.seenBy = nil // that is about the whole picture
	block, _, err := decodeJPEG(src, &part)
	if err != nil {
		return blockError(n, err)
	}
	m.Damaged = m.Damaged || block.Damaged
	if f.photometric == tiffWhiteIsZero {
		for i, v := range block.Pix {
			block.Pix[i] = 255 - v
		}
	}
	f.pasteBlock(m, block, x0, y0)
	return nil
}

// blockError is the error of a block that is a file of its own.
func blockError(n int, err error) error {
	kind := broken
	if errors.Is(err, ErrLimit) {
		kind = overLimit
	}
	return kind("TIFF", "strip or tile %d: %s", n, oneLine(err))
}

// pasteWebP decodes a block that is a WebP file of its own.
func (f *tiffFile) pasteWebP(m *Image, n, x0, y0 int, o *options) error {
	src := f.source(n)
	if recognise(src).name != "WebP" {
		return broken("TIFF", "strip or tile %d is no WebP", n)
	}
	part := *o
	part.memory = o.beside()
	part.pixels = int64(f.blockW) * int64(f.blockH)
	block, _, err := decodeWebP(src, &part)
	if err != nil {
		return blockError(n, err)
	}
	if block.Width != f.blockW || block.Height != f.blockRows(n) {
		return broken("TIFF", "strip or tile %d is a WebP of %dx%d, not %dx%d", n, block.Width, block.Height, f.blockW, f.blockRows(n))
	}
	f.pasteBlock(m, block, x0, y0)
	return nil
}

// pasteBlock copies a decoded block to (x0, y0), clipped to the picture.
func (f *tiffFile) pasteBlock(m, block *Image, x0, y0 int) {
	w := min(block.Width, f.blockW, f.width-x0)
	for y := y0; y < min(y0+block.Height, f.height, y0+f.blockH); y++ {
		copy(m.Row(y)[x0*3:], block.Row(y - y0)[:w*3])
	}
}
