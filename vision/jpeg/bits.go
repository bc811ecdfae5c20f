package jpeg

import (
	"bytes"
	"encoding/binary"
)

// A bitReader reads the bits of one entropy-coded segment, from which stuffed zeros have
// been removed (T.81 B.1.1.5). After the end it reads zeros.
type bitReader struct {
	buf []byte // the segment and eight zero bytes
	pos int    // of the next byte to load
	acc uint64 // next bits, from the top
	n   uint   // number of bits of acc that count as loaded
	bad bool   // there was a code that the table does not have
}

// reset begins a segment that ends in eight zero bytes.
func (r *bitReader) reset(padded []byte) { *r = bitReader{buf: padded} }

// refill increases n to at least 56.
//
// Bits of acc after the first n may be set already: they are the next bits, so or-ing them
// again changes nothing.
func (r *bitReader) refill() {
	if r.pos+8 <= len(r.buf) {
		r.acc |= binary.BigEndian.Uint64(r.buf[r.pos:]) >> (r.n & 63)
	}
	r.pos += int(63-r.n) >> 3
	r.n |= 56
}

// drop removes the first count bits; count is at most n.
func (r *bitReader) drop(count uint) {
	r.acc <<= count & 63
	r.n -= count
}

// take returns the next count bits, 0 to 16.
func (r *bitReader) take(count uint) uint64 {
	if r.n < 16 {
		r.refill()
	}
	v := r.acc >> 1 >> ((63 - count) & 63)
	r.drop(count)
	return v
}

// exhausted reports whether more bits were read than the segment has.
func (r *bitReader) exhausted() bool {
	return r.pos*8-int(r.n) > (len(r.buf)-8)*8
}

// unstuff appends to dst the entropy-coded bytes of data from pos to the next marker,
// without stuffed zeros, and eight zero bytes. It returns the position of the marker, or
// len(data) if there is none.
func unstuff(dst, data []byte, pos int) ([]byte, int) {
	for {
		i := bytes.IndexByte(data[pos:], 0xFF)
		if i < 0 {
			dst = append(dst, data[pos:]...)
			pos = len(data)
			break
		}
		dst = append(dst, data[pos:pos+i]...)
		pos += i
		next := pos + 1
		for next < len(data) && data[next] == 0xFF {
			next++
		}
		if next == len(data) {
			pos = next
			break
		}
		if data[next] != 0 {
			break
		}
		dst = append(dst, 0xFF)
		pos = next + 1
	}
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0), pos
}
