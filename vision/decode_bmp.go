package vision

import (
	"encoding/binary"
	"math/bits"
)

// bmp is a BMP's header: BITMAPFILEHEADER and BITMAPCOREHEADER, BITMAPINFOHEADER
// or one of its extensions (Microsoft, "Bitmap Storage").
type bmp struct {
	width, height int
	topDown       bool
	bits          int
	compression   uint32
	masks         [4]uint32 // red, green, blue, alpha; 0 for none
	palette       [256][3]byte
	pixels        []byte // from the pixels to the end of the data
}

// BMP compressions.
const (
	bmpRGB       = 0
	bmpRLE8      = 1
	bmpRLE4      = 2
	bmpBitfields = 3
	bmpAlphaBits = 6
)

func decodeBMP(data []byte, o *options) (*Image, int, error) {
	m, err := decodeDIB(data[14:], int64(binary.LittleEndian.Uint32(data[10:]))-14, false, o)
	return m, 1, err
}

// decodeDIB decodes from the info header on. The pixels are at offset. In an icon
// (offset 0 or less, icon set) they follow the palette, and the picture has half
// the height that the header says.
func decodeDIB(data []byte, offset int64, icon bool, o *options) (*Image, error) {
	var b bmp
	behind, err := b.header(data, icon)
	if err != nil {
		return nil, err
	}
	if err := o.admit("BMP", int64(b.width), int64(b.height), 0); err != nil {
		return nil, err
	}
	if icon {
		offset = int64(behind)
	}
	if offset < 0 || offset > int64(len(data)) {
		return nil, broken("BMP", "the pixels are said to begin at byte %d of %d", offset, len(data))
	}
	b.pixels = data[offset:]
	rest := b.pixels
	var m *Image
	if b.compression == bmpRLE8 || b.compression == bmpRLE4 {
		m = NewImage(b.width, b.height)
		err = b.runs(m, o)
	} else {
		need := b.stride() * int64(b.height)
		if need > int64(len(b.pixels)) {
			return nil, broken("BMP", "%dx%d of %d bits need %d bytes, %d are there", b.width, b.height, b.bits, need, len(b.pixels))
		}
		b.pixels, rest = b.pixels[:need], b.pixels[need:]
		if icon && b.bits == 32 && b.fourth() {
			b.masks[3] = 0xff000000
		}
		m = NewImage(b.width, b.height)
		err = b.rows(m, o)
	}
	if err != nil {
		return nil, err
	}
	if icon && b.masks[3] == 0 {
		m.maskIcon(rest, o.background)
	}
	return m, nil
}

// fourth reports whether the fourth byte of any pixel of four is set. In icons it
// is alpha, which no header says; where all of them are 0, as in those that were made
// before there was alpha, the mask counts.
func (b *bmp) fourth() bool {
	for i := 3; i < len(b.pixels); i += 4 {
		if b.pixels[i] != 0 {
			return true
		}
	}
	return false
}

// header reads the info header, the masks and the palette, and returns the offset
// at which they end.
func (b *bmp) header(data []byte, icon bool) (behind int, err error) {
	if len(data) < 4 {
		return 0, broken("BMP", "the data ends in the header")
	}
	size := binary.LittleEndian.Uint32(data)
	known := size == 12 || size == 16 || size >= 40 && size <= 124
	if !known || uint64(size) > uint64(len(data)) {
		return 0, broken("BMP", "an info header of %d bytes", size)
	}
	colours, entry := 0, 4
	if size == 12 {
		b.width, b.height = int(binary.LittleEndian.Uint16(data[4:])), int(binary.LittleEndian.Uint16(data[6:]))
		b.bits, entry = int(binary.LittleEndian.Uint16(data[10:])), 3
	} else {
		width, height := int64(int32(binary.LittleEndian.Uint32(data[4:]))), int64(int32(binary.LittleEndian.Uint32(data[8:])))
		if height < 0 {
			height, b.topDown = -height, true
		}
		if width < 1 || height < 1 || width > 1<<30 || height > 1<<30 {
			return 0, broken("BMP", "the header says %dx%d", width, height)
		}
		b.width, b.height, b.bits = int(width), int(height), int(binary.LittleEndian.Uint16(data[14:]))
		if size >= 40 {
			b.compression = binary.LittleEndian.Uint32(data[16:])
			n := binary.LittleEndian.Uint32(data[32:])
			if n > 1<<16 {
				return 0, broken("BMP", "a palette of %d colours", n)
			}
			colours = int(n)
		}
	}
	if icon {
		b.height /= 2
	}
	if err := b.checkKind(); err != nil {
		return 0, err
	}
	behind = int(size)
	if behind, err = b.readMasks(data, behind); err != nil {
		return 0, err
	}
	if b.bits > 8 {
		return behind + colours*entry, nil
	}
	if colours == 0 || colours > 1<<b.bits {
		colours = 1 << b.bits
	}
	for i := range colours {
		if p := data[min(behind, len(data)):]; len(p) >= entry {
			b.palette[i] = [3]byte{p[2], p[1], p[0]}
		}
		behind += entry
	}
	return behind, nil
}

func (b *bmp) checkKind() error {
	plain := b.compression == bmpRGB
	masked := b.compression == bmpBitfields || b.compression == bmpAlphaBits
	switch b.bits {
	case 0:
		return unsupported("BMP with an embedded JPEG or PNG")
	case 1, 2, 24:
	case 4:
		plain = plain || b.compression == bmpRLE4
	case 8:
		plain = plain || b.compression == bmpRLE8
	case 16, 32:
		plain = plain || masked
	default:
		return broken("BMP", "%d bits a pixel", b.bits)
	}
	if !plain {
		return broken("BMP", "compression %d with %d bits a pixel", b.compression, b.bits)
	}
	if b.topDown && (b.compression == bmpRLE8 || b.compression == bmpRLE4) {
		return broken("BMP", "run lengths from the top down")
	}
	return nil
}

// readMasks finds the bit fields: in the extended header, after the plain one, or
// the defaults for 16 and 32 bits.
func (b *bmp) readMasks(data []byte, behind int) (int, error) {
	switch {
	case b.compression == bmpBitfields || b.compression == bmpAlphaBits:
		n := 3
		if b.compression == bmpAlphaBits || behind >= 56 {
			n = 4
		}
		if len(data) < 40+4*n {
			return 0, broken("BMP", "the data ends in the bit fields")
		}
		for i := range n {
			b.masks[i] = binary.LittleEndian.Uint32(data[40+4*i:])
		}
		if behind == 40 {
			behind += 4 * n
		}
		for _, m := range b.masks {
			if m != 0 && bits.Len32(m)-bits.TrailingZeros32(m) != bits.OnesCount32(m) {
				return 0, broken("BMP", "a bit field with holes (%#x)", m)
			}
		}
	case b.bits == 16:
		b.masks = [4]uint32{0x7c00, 0x03e0, 0x001f}
	case b.bits == 32:
		b.masks = [4]uint32{0xff0000, 0xff00, 0xff}
	}
	return behind, nil
}

// stride is the number of bytes of a row, rounded up to a multiple of 4.
func (b *bmp) stride() int64 { return (int64(b.width)*int64(b.bits) + 31) / 32 * 4 }

// rows decodes uncompressed pixels.
func (b *bmp) rows(m *Image, o *options) error {
	fields := newBitFields(b.masks)
	for i := range b.height {
		if err := o.ended(); err != nil {
			return err
		}
		src := b.pixels[int64(i)*b.stride():]
		y := b.height - 1 - i
		if b.topDown {
			y = i
		}
		row := m.Row(y)
		switch b.bits {
		case 24:
			for x := range b.width {
				row[3*x], row[3*x+1], row[3*x+2] = src[3*x+2], src[3*x+1], src[3*x]
			}
		case 16:
			for x := range b.width {
				fields.pixel(row[3*x:], uint32(binary.LittleEndian.Uint16(src[2*x:])), o.background)
			}
		case 32:
			for x := range b.width {
				fields.pixel(row[3*x:], binary.LittleEndian.Uint32(src[4*x:]), o.background)
			}
		default:
			for x := range b.width {
				bit := x * b.bits
				index := src[bit>>3] >> (8 - b.bits - bit&7) & (1<<b.bits - 1)
				copy(row[3*x:3*x+3], b.palette[index][:])
			}
		}
	}
	return nil
}

// bitFields extracts colours from words.
type bitFields struct {
	mask  [4]uint32
	shift [4]int
	most  [4]uint32 // the largest value, 0 where there is no field
}

func newBitFields(masks [4]uint32) bitFields {
	f := bitFields{mask: masks}
	for i, m := range masks {
		if m != 0 {
			f.shift[i] = bits.TrailingZeros32(m)
			f.most[i] = m >> f.shift[i]
		}
	}
	return f
}

// pixel widens each field to 8 bits, rounding down as Pillow does.
func (f *bitFields) pixel(dst []byte, word uint32, background [3]byte) {
	var v [4]byte
	for i, most := range f.most {
		if most != 0 {
			n := uint64((word & f.mask[i]) >> f.shift[i])
			v[i] = byte(n * 255 / uint64(most))
		}
	}
	if f.most[3] == 0 {
		v[3] = 255
	}
	flattenPixel(dst, v[0], v[1], v[2], v[3], background, over)
}

// runs decodes RLE8 and RLE4. Runs and jumps beyond the picture are clipped; pixels
// that no run covers get the palette's first colour.
func (b *bmp) runs(m *Image, o *options) error {
	for i := 0; i < len(m.Pix); i += 3 {
		copy(m.Pix[i:i+3], b.palette[0][:])
	}
	x, y, p := 0, b.height-1, b.pixels
	put := func(index byte) {
		copy(m.Row(y)[3*x:3*x+3], b.palette[index][:])
		x++
	}
	// index is number i of the indices packed into bytes.
	index := func(packed []byte, i int) byte {
		if b.compression == bmpRLE8 {
			return packed[i]
		}
		return packed[i/2] >> (4 - i%2*4) & 15
	}
	short := broken("BMP", "the data ends before the picture is complete")
	for step := 0; y >= 0; step++ {
		if len(p) < 2 {
			if y == 0 && x >= b.width { // without the end of the picture
				return nil
			}
			return short
		}
		if step%1024 == 0 {
			if err := o.ended(); err != nil {
				return err
			}
		}
		n, v := int(p[0]), p[1]
		p = p[2:]
		switch {
		case n > 0: // a run
			for i := range min(n, b.width-x) {
				if b.compression == bmpRLE8 {
					put(v)
				} else {
					put(v >> (4 - i%2*4) & 15)
				}
			}
		case v == 0: // end of line
			x, y = 0, y-1
		case v == 1: // end of picture
			return nil
		case v == 2: // jump
			if len(p) < 2 {
				return short
			}
			x, y, p = x+int(p[0]), y-int(p[1]), p[2:]
		default: // v literal indices, padded to 16 bits
			size := int(v)
			if b.compression == bmpRLE4 {
				size = (size + 1) / 2
			}
			if len(p) < size {
				return short
			}
			for i := range min(int(v), b.width-x) {
				put(index(p, i))
			}
			p = p[min(len(p), size+size%2):]
		}
	}
	return nil
}
