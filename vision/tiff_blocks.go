package vision

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"math/bits"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
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

// decode writes all blocks into a picture.
func (f *tiffFile) decode(o *options) (*Image, error) {
	m := NewImage(f.width, f.height)
	blocks := f.across() * f.down()
	planes := 1
	if f.planar {
		planes = f.samples
	}
	// One block's samples, a byte each, pixel by pixel.
	largest := int64(f.blockW) * int64(f.blockRows(0)) * int64(f.samples)
	if largest > o.memory {
		return nil, broken("TIFF", "strips of %d MiB", largest>>20)
	}
	pixels := make([]byte, largest)
	for i := range blocks {
		x, y := i%f.across()*f.blockW, i/f.across()*f.blockH
		if f.compression == tiffJPEG {
			if err := f.pasteJPEG(m, i, x, y, o); err != nil {
				return nil, err
			}
			continue
		}
		for plane := range planes {
			n := plane*blocks + i
			raw, err := f.block(n)
			if err != nil {
				return nil, err
			}
			f.undoPredictor(raw)
			f.unpack(pixels, raw, f.blockRows(n), plane)
		}
		f.paste(m, pixels, x, y, o.background)
	}
	return m, nil
}

// block decompresses block n, of which exactly as much is made as the picture
// needs, whatever the data would still give. The result may be changed.
func (f *tiffFile) block(n int) ([]byte, error) {
	src := f.data[f.offsets[n]:][:f.counts[n]]
	if f.lowBitFirst && f.bits < 8 {
		reversed := make([]byte, len(src))
		for i, b := range src {
			reversed[i] = bits.Reverse8(b)
		}
		src = reversed
	}
	out := make([]byte, f.blockBytes(n))
	var r io.Reader
	switch f.compression {
	case tiffNone:
		r = bytes.NewReader(src)
	case tiffLZW:
		z := lzw.NewReader(bytes.NewReader(src), lzw.MSB, 8)
		defer z.Close()
		r = z
	case tiffDeflate, tiffOldDeflate:
		z, err := zlib.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, broken("TIFF", "strip or tile %d is no zlib data", n)
		}
		defer z.Close()
		r = z
	case tiffPackBits:
		return out, f.packBits(out, src, n)
	case tiffG3, tiffG4:
		kind := ccitt.Group3
		if f.compression == tiffG4 {
			kind = ccitt.Group4
		}
		// The reader gives 1 for white unless told to invert; TIFF's runs have 0
		// for white whatever the photometric interpretation says.
		r = ccitt.NewReader(bytes.NewReader(src), ccitt.MSB, kind, f.blockW, f.blockRows(n), &ccitt.Options{Invert: true})
	}
	if k, err := io.ReadFull(r, out); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, broken("TIFF", "strip or tile %d ends after %d of %d bytes", n, k, len(out))
		}
		return nil, broken("TIFF", "strip or tile %d: %s", n, oneLine(err))
	}
	return out, nil
}

// packBits is TIFF 6.0 section 9.
func (f *tiffFile) packBits(out, src []byte, n int) error {
	for len(out) > 0 {
		if len(src) < 2 {
			return broken("TIFF", "strip or tile %d ends too early", n)
		}
		head := int(int8(src[0]))
		src = src[1:]
		switch {
		case head >= 0:
			k := min(head+1, len(src), len(out))
			if k < min(head+1, len(out)) {
				return broken("TIFF", "strip or tile %d ends too early", n)
			}
			copy(out, src[:k])
			out, src = out[k:], src[k:]
		case head != -128:
			k := min(1-head, len(out))
			for i := range k {
				out[i] = src[0]
			}
			out, src = out[k:], src[1:]
		}
	}
	return nil
}

// undoPredictor adds up horizontal differences (TIFF 6.0 section 14).
func (f *tiffFile) undoPredictor(raw []byte) {
	if f.predictor != 2 {
		return
	}
	row := int(f.rowBytes())
	step := f.samplesTogether() * f.bits / 8
	for ; len(raw) >= row && row > 0; raw = raw[row:] {
		line := raw[:row]
		if f.bits == 8 {
			for i := step; i < len(line); i++ {
				line[i] += line[i-step]
			}
			continue
		}
		for i := step; i+1 < len(line); i += 2 {
			f.order.PutUint16(line[i:], f.order.Uint16(line[i:])+f.order.Uint16(line[i-step:]))
		}
	}
}

// unpack spreads a block's samples to a byte each: of 16 bits the high one, of
// fewer than 8 the number itself.
func (f *tiffFile) unpack(pixels, raw []byte, rows, plane int) {
	together, row := f.samplesTogether(), int(f.rowBytes())
	high := 0 // where the high byte of 16 bits stands
	if f.order.Uint16([]byte{1, 0}) == 1 {
		high = 1
	}
	for y := range rows {
		line := raw[y*row : (y+1)*row]
		dst := pixels[y*f.blockW*f.samples:][:f.blockW*f.samples]
		at := plane
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
			dst[at] = v
			at += f.samples / together
		}
	}
}

// paste converts a block's pixels and puts them at (x0, y0), cut to the picture.
func (f *tiffFile) paste(m *Image, pixels []byte, x0, y0 int, background [3]byte) {
	blend := over
	if f.premultiplied {
		blend = overPremultiplied
	}
	most := 1<<min(f.bits, 8) - 1
	for y := y0; y < min(y0+f.blockH, f.height); y++ {
		src := pixels[(y-y0)*f.blockW*f.samples:]
		row := m.Row(y)[x0*3:]
		for x := range min(f.blockW, f.width-x0) {
			p := src[x*f.samples : (x+1)*f.samples]
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
}

// cmyk is Pillow's conversion: 255-k, less the ink's share of it.
func cmyk(c, m, y, k byte) (r, g, b byte) {
	white := 255 - uint32(k)
	ink := func(v byte) byte {
		t := uint32(v)*white + 128
		return byte(white - (t>>8+t)>>8)
	}
	return ink(c), ink(m), ink(y)
}

// pasteJPEG decodes a block that is a JPEG of its own but for the tables, which
// all blocks share (TIFF Technical Note 2).
func (f *tiffFile) pasteJPEG(m *Image, n, x0, y0 int, o *options) error {
	src := f.data[f.offsets[n]:][:f.counts[n]]
	if t := f.jpegTables; len(t) >= 4 && len(src) >= 2 {
		// SOI and tables without EOI, then the rest without SOI.
		src = append(append(make([]byte, 0, len(t)+len(src)), t[:len(t)-2]...), src[2:]...)
	}
	block, _, err := decodeJPEG(src, o)
	if err != nil {
		return broken("TIFF", "strip or tile %d: %s", n, oneLine(err))
	}
	for y := y0; y < min(y0+block.Height, f.height, y0+f.blockH); y++ {
		w := min(block.Width, f.blockW, f.width-x0)
		copy(m.Row(y)[x0*3:], block.Row(y - y0)[:w*3])
	}
	return nil
}
