package jpeg

import "encoding/binary"

// natural has the index in a block of the k-th coefficient in zigzag order, T.81 figure
// A.6. In damaged streams runs may exceed the block; they end at the last coefficient.
var natural = [128]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
	63, 63, 63, 63, 63, 63, 63, 63,
	63, 63, 63, 63, 63, 63, 63, 63,
}

// block decodes one block of a sequential scan, T.81 F.2.2, into b, which must be all
// zeros.
func (r *bitReader) block(b *[64]int16, dc, ac *huffTable, pred *int32) {
	*pred += r.dcDifference(dc)
	b[0] = int16(*pred)
	acc, n, pos, buf := r.acc, r.n, r.pos, r.buf
	for k := 1; k < 64; {
		if n < 32 {
			if pos+8 <= len(buf) {
				acc |= binary.BigEndian.Uint64(buf[pos:]) >> (n & 63)
			}
			pos += int(63-n) >> 3
			n |= 56
		}
		e := ac.look[acc>>(64-lookBits)]
		if e == 0 {
			var ok bool
			if e, ok = ac.next(acc, false); !ok {
				r.bad = true
			}
		}
		k += e.skip()
		if e.hasValue() {
			b[natural[(k-1)&127]&63] = int16(e.value(acc))
		}
		acc <<= e.total() & 63
		n -= e.total()
	}
	r.acc, r.n, r.pos = acc, n, pos
}

// dcDifference decodes a DC difference, T.81 F.2.2.1.
func (r *bitReader) dcDifference(t *huffTable) int32 {
	e := r.code(t, true)
	diff := int32(0)
	if e.hasValue() {
		diff = e.value(r.acc)
	}
	r.drop(e.total())
	return diff
}

// code loads at least 32 bits, as many as a code and its value may have, and returns the
// entry of the code without dropping it.
func (r *bitReader) code(t *huffTable, isDC bool) entry {
	if r.n < 32 {
		r.refill()
	}
	e, ok := t.next(r.acc, isDC)
	if !ok {
		r.bad = true
	}
	return e
}
