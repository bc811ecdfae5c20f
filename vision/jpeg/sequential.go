package jpeg

import "encoding/binary"

// natural is the index in a block of the k-th coefficient in zigzag order,
// T.81 figure A.6. A run that leads past the block, which only damage can
// bring, ends at the last coefficient.
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

// block decodes one block of a sequential scan, T.81 F.2.2, into b, which is
// all zeros.
func (r *bitReader) block(b *[64]int16, dc, ac *huffTable, pred *int32) {
	r.refillIfLow()
	e := dc.look[r.acc>>(64-lookBits)]
	diff := int32(e.value())
	if e.skip() != 0 {
		r.drop(e.bits())
	} else {
		diff = r.longValue(r.symbol(dc, e))
	}
	*pred += diff
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
		if skip := e.skip(); skip != 0 {
			acc <<= e.bits() & 63
			n -= e.bits()
			k += skip
			if v := e.value(); v != 0 {
				b[natural[(k-1)&127]&63] = v
			}
			continue
		}
		r.acc, r.n, r.pos = acc, n, pos
		symbol := r.symbol(ac, e)
		size := symbol & 15
		if size == 0 {
			if symbol != 0xF0 {
				return
			}
			k += 16
		} else {
			k += int(symbol>>4) + 1
			b[natural[(k-1)&127]&63] = int16(r.longValue(size))
		}
		acc, n, pos = r.acc, r.n, r.pos
	}
	r.acc, r.n, r.pos = acc, n, pos
}

// refillIfLow makes sure of the 32 bits that a code and its value may take.
func (r *bitReader) refillIfLow() {
	if r.n < 32 {
		r.refill()
	}
}

// symbol decodes and drops a code for which the look-up e gave no value.
func (r *bitReader) symbol(t *huffTable, e entry) uint8 {
	if e != 0 {
		r.drop(e.bits())
		return uint8(e.value())
	}
	symbol, length := t.long(r.acc, lookBits+1)
	if length > 16 {
		r.bad = true
	}
	r.drop(length)
	return symbol
}

// longValue takes the size bits, at most 15, that follow a code.
func (r *bitReader) longValue(size uint8) int32 {
	v := r.acc >> 1 >> (63 - size)
	r.drop(uint(size))
	return extend(v, uint(size))
}
