package vision

import (
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// pngFile holds what the chunks before the pixels say. PNG, third edition (W3C
// 2025). The standard library's decoder gives the same pixels but takes up to five
// times the memory; this one writes each row directly into the result.
type pngFile struct {
	width, height int
	depth, colour int
	interlaced    bool
	palette       [256][3]byte // with alpha blended over the background
	colours       int          // of the palette; 0 before PLTE
	transparent   []uint16     // one grey or one RGB that is transparent, as stored
	options       *options
}

// PNG colour types.
const (
	pngGrey      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGreyAlpha = 4
	pngRGBA      = 6
)

// decodePNG decodes the default image. Text, profiles and animation frames are
// skipped unread, and decompression stops when the picture is complete.
func decodePNG(data []byte, o *options) (*Image, int, error) {
	p := &pngFile{options: o}
	chunks := pngChunks{data[8:]}
	id, body, err := chunks.next()
	if err != nil {
		return nil, 0, err
	}
	if id != "IHDR" || len(body) != 13 {
		return nil, 0, broken("PNG", "the first chunk is no IHDR of 13 bytes")
	}
	if err := p.header(body); err != nil {
		return nil, 0, err
	}
	for id != "IDAT" {
		if id, body, err = chunks.next(); err != nil {
			return nil, 0, err
		}
		if err := p.chunk(id, body); err != nil {
			return nil, 0, err
		}
	}
	if p.colour == pngPalette && p.colours == 0 {
		return nil, 0, broken("PNG", "a palette picture without a palette")
	}
	m, err := p.pixels(&pngIDAT{chunks: &chunks, left: body})
	return m, pngOrientation(data[8:]), err
}

// pngChunks walks chunks.
type pngChunks struct{ data []byte }

// next returns the next chunk. Only the checksums of critical chunks are checked.
func (c *pngChunks) next() (id string, body []byte, err error) {
	if len(c.data) < 12 {
		return "", nil, broken("PNG", "the data ends before the picture is complete")
	}
	n := uint64(binary.BigEndian.Uint32(c.data))
	id = string(c.data[4:8])
	if n+12 > uint64(len(c.data)) {
		return "", nil, broken("PNG", "the data ends too early: chunk %q has %d bytes, %d are left", id, n, len(c.data)-12)
	}
	body = c.data[8 : 8+n]
	if critical := id[0]&0x20 == 0; critical && crc32.ChecksumIEEE(c.data[4:8+n]) != binary.BigEndian.Uint32(c.data[8+n:]) {
		return "", nil, broken("PNG", "chunk %q has a wrong checksum", id)
	}
	c.data = c.data[12+n:]
	return id, body, nil
}

func (p *pngFile) header(b []byte) error {
	width, height := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if width > 1<<31-1 || height > 1<<31-1 {
		return broken("PNG", "the header says %dx%d; sides are below 2^31", width, height)
	}
	p.width, p.height, p.depth, p.colour = int(width), int(height), int(b[8]), int(b[9])
	depths := map[int][]int{pngGrey: {1, 2, 4, 8, 16}, pngRGB: {8, 16}, pngPalette: {1, 2, 4, 8}, pngGreyAlpha: {8, 16}, pngRGBA: {8, 16}}
	ok := false
	for _, d := range depths[p.colour] {
		ok = ok || d == p.depth
	}
	if !ok {
		return broken("PNG", "colour type %d with %d bits", p.colour, p.depth)
	}
	if b[10] != 0 || b[11] != 0 || b[12] > 1 {
		return broken("PNG", "compression %d, filter %d, interlace %d: not known", b[10], b[11], b[12])
	}
	p.interlaced = b[12] == 1
	rows := 2 * p.rowBytes(p.width) // this one and the one above
	if p.interlaced {
		rows += 3 * int64(p.width)
	}
	return p.options.admit("PNG", int64(width), int64(height), rows)
}

// bits is the number of bits per pixel.
func (p *pngFile) bits() int {
	return p.depth * map[int]int{pngGrey: 1, pngRGB: 3, pngPalette: 1, pngGreyAlpha: 2, pngRGBA: 4}[p.colour]
}

// rowBytes is the number of bytes of a row of width pixels, without its filter.
func (p *pngFile) rowBytes(width int) int64 { return (int64(width)*int64(p.bits()) + 7) / 8 }

// chunk reads one of the chunks before the pixels.
func (p *pngFile) chunk(id string, b []byte) error {
	switch id {
	case "IDAT":
	case "IHDR":
		return broken("PNG", "a second IHDR")
	case "IEND":
		return broken("PNG", "no pixels")
	case "PLTE":
		if len(b)%3 != 0 || len(b) == 0 || len(b) > 3*256 || p.colours > 0 {
			return broken("PNG", "a palette of %d bytes, or a second one", len(b))
		}
		p.colours = len(b) / 3
		for i := range p.colours {
			p.palette[i] = [3]byte(b[3*i:])
		}
	case "tRNS":
		p.transparency(b)
	default:
		if id[0]&0x20 == 0 {
			return unsupported("PNG with the critical chunk " + shorten(printable(id)))
		}
	}
	return nil
}

// transparency reads a tRNS chunk as far as it makes sense.
func (p *pngFile) transparency(b []byte) {
	switch {
	case p.colour == pngPalette:
		for i, a := range b[:min(len(b), p.colours)] {
			c := &p.palette[i]
			flattenPixel(c[:], c[0], c[1], c[2], a, p.options.background, over)
		}
	case p.colour == pngGrey && len(b) >= 2, p.colour == pngRGB && len(b) >= 6:
		for i := range map[int]int{pngGrey: 1, pngRGB: 3}[p.colour] {
			p.transparent = append(p.transparent, binary.BigEndian.Uint16(b[2*i:]))
		}
	}
}

// pngIDAT reads the bodies of consecutive IDAT chunks.
type pngIDAT struct {
	chunks *pngChunks
	left   []byte
	err    error
}

func (r *pngIDAT) Read(dst []byte) (int, error) {
	for len(r.left) == 0 && r.err == nil {
		if len(r.chunks.data) < 8 || string(r.chunks.data[4:8]) != "IDAT" {
			r.err = io.ErrUnexpectedEOF
		} else {
			_, r.left, r.err = r.chunks.next()
		}
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(dst, r.left)
	r.left = r.left[n:]
	return n, nil
}

// ReadByte makes compress/flate read without a buffer of its own.
func (r *pngIDAT) ReadByte() (byte, error) {
	var b [1]byte
	_, err := r.Read(b[:])
	return b[0], err
}

// adam7 lists the passes: first column and row, steps.
var adam7 = [7][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}

func (p *pngFile) pixels(idat io.Reader) (*Image, error) {
	z, err := zlib.NewReader(idat)
	if err != nil {
		return nil, pngError(err)
	}
	defer z.Close()
	m := NewImage(p.width, p.height)
	if !p.interlaced {
		return m, p.pass(z, p.width, p.height, func(y int, row []byte) { p.convert(m.Row(y), row) })
	}
	spare := make([]byte, p.width*3)
	for _, a := range adam7 {
		x0, y0, dx, dy := a[0], a[1], a[2], a[3]
		width, height := (p.width-x0+dx-1)/dx, (p.height-y0+dy-1)/dy
		if width <= 0 || height <= 0 {
			continue
		}
		err := p.pass(z, width, height, func(y int, row []byte) {
			p.convert(spare[:width*3], row)
			dst := m.Row(y0 + y*dy)
			for x := range width {
				copy(dst[(x0+x*dx)*3:][:3], spare[3*x:3*x+3])
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// pass reads one pass and passes its rows to put, unfiltered.
func (p *pngFile) pass(r io.Reader, width, height int, put func(y int, row []byte)) error {
	size, step := int(p.rowBytes(width)), max(1, p.bits()/8)
	row, above := make([]byte, size+1), make([]byte, size)
	for y := range height {
		if err := p.options.ended(); err != nil {
			return err
		}
		if _, err := io.ReadFull(r, row); err != nil {
			return pngError(err)
		}
		if !unfilter(row[0], row[1:], above, step) {
			return broken("PNG", "row %d has filter %d", y, row[0])
		}
		put(y, row[1:])
		copy(above, row[1:])
	}
	return nil
}

func pngError(err error) error {
	var f *FormatError
	switch {
	case errors.As(err, &f):
		return err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return broken("PNG", "the data ends before the picture is complete")
	}
	return broken("PNG", "%s", oneLine(err))
}

// unfilter undoes a row's filter; step is the distance to the corresponding byte of
// the pixel on the left. It reports false for an unknown filter.
func unfilter(filter byte, row, above []byte, step int) bool {
	step = min(step, len(row))
	above = above[:len(row)]
	switch filter {
	case 0:
	case 1:
		for i := step; i < len(row); i++ {
			row[i] += row[i-step]
		}
	case 2:
		for i, a := range above {
			row[i] += a
		}
	case 3:
		for i := range step {
			row[i] += above[i] / 2
		}
		for i := step; i < len(row); i++ {
			row[i] += byte((int(row[i-step]) + int(above[i])) / 2)
		}
	case 4:
		for i := range step {
			row[i] += above[i]
		}
		for i := step; i < len(row); i++ {
			row[i] += paeth(int(row[i-step]), int(above[i]), int(above[i-step]))
		}
	default:
		return false
	}
	return true
}

// paeth returns whichever of left, up and corner (the upper left) is nearest to
// left+up-corner.
func paeth(left, up, corner int) byte {
	a, b := up-corner, left-corner
	c := max(a+b, -(a + b))
	a, b = max(a, -a), max(b, -b)
	switch {
	case a <= b && a <= c:
		return byte(left)
	case b <= c:
		return byte(up)
	}
	return byte(corner)
}

// convert converts a row's samples to 8-bit RGB.
func (p *pngFile) convert(dst, src []byte) {
	n, size := len(dst)/3, p.depth/8
	switch {
	case p.colour == pngRGB && p.depth == 8 && p.transparent == nil:
		copy(dst, src)
	case p.colour == pngRGB:
		for i := range n {
			s := src[i*3*size:][:3*size]
			a := byte(255)
			if p.transparent != nil && p.isKey(s, size, 3) {
				a = 0
			}
			flattenPixel(dst[3*i:], s[0], s[size], s[2*size], a, p.options.background, over)
		}
	case p.colour == pngRGBA:
		for i := range n {
			s := src[i*4*size:][:4*size]
			flattenPixel(dst[3*i:], s[0], s[size], s[2*size], s[3*size], p.options.background, over)
		}
	case p.colour == pngGreyAlpha:
		for i := range n {
			s := src[i*2*size:][:2*size]
			flattenPixel(dst[3*i:], s[0], s[0], s[0], s[size], p.options.background, over)
		}
	case p.colour == pngPalette:
		for i := range n {
			bit := i * p.depth
			index := src[bit>>3] >> (8 - p.depth - bit&7) & byte(1<<p.depth-1)
			copy(dst[3*i:3*i+3], p.palette[index][:])
		}
	default:
		p.convertGrey(dst, src, n, size)
	}
}

func (p *pngFile) convertGrey(dst, src []byte, n, size int) {
	most := 1<<min(p.depth, 8) - 1
	for i := range n {
		v, a := byte(0), byte(255)
		if size > 0 {
			s := src[i*size:][:size]
			v = s[0]
			if p.transparent != nil && p.isKey(s, size, 1) {
				a = 0
			}
		} else {
			bit := i * p.depth
			v = src[bit>>3] >> (8 - p.depth - bit&7) & byte(most)
			if p.transparent != nil && uint16(v) == p.transparent[0] {
				a = 0
			}
			v = byte(int(v) * 255 / most)
		}
		flattenPixel(dst[3*i:], v, v, v, a, p.options.background, over)
	}
}

// isKey reports whether a pixel is the transparent colour.
func (p *pngFile) isKey(s []byte, size, samples int) bool {
	for c := range samples {
		v := uint16(s[c*size])
		if size == 2 {
			v = v<<8 | uint16(s[c*2+1])
		}
		if v != p.transparent[c] {
			return false
		}
	}
	return true
}

// pngOrientation finds the eXIf chunk, before or after the pixels.
func pngOrientation(chunks []byte) int {
	for len(chunks) >= 12 {
		n := uint64(binary.BigEndian.Uint32(chunks))
		if n+12 > uint64(len(chunks)) {
			break
		}
		switch string(chunks[4:8]) {
		case "eXIf":
			return exifOrientation(chunks[8 : 8+n])
		case "IEND":
			return 1
		}
		chunks = chunks[12+n:]
	}
	return 1
}
