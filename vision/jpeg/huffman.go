package jpeg

import "bytes"

// lookBits is how many bits a Huffman table is looked up with at once. Ten hold
// nearly every code together with the bits of its value, and the table stays in
// the first-level cache.
const lookBits = 10

// An entry of huffTable.look answers the next lookBits bits of a scan:
//
//	bits 0…7    bits used by the code and, if value is given, by the value
//	bits 8…15   skip: how far the zigzag index moves; 0 if only the code fitted
//	bits 16…31  the value as int16, 0 for none; where skip is 0, the symbol
//
// skip is run+1 with a value, 16 with no value for ZRL, endOfBand+r for EOBr
// (T.81 F.1.2.2 and G.1.2.2). An entry of 0 is a code longer than lookBits.
// A DC table is the same with run 0, and has skip 1 for every value, also 0.
type entry uint32

const endOfBand = 64 // any zigzag index plus this is past the block

func (e entry) bits() uint   { return uint(e & 63) }
func (e entry) skip() int    { return int(e >> 8 & 0xFF) }
func (e entry) value() int16 { return int16(e >> 16) }

func newEntry(bits, skip int, value int16) entry {
	return entry(bits) | entry(skip)<<8 | entry(uint16(value))<<16
}

// A huffTable decodes the codes of one DHT table.
type huffTable struct {
	look    [1 << lookBits]entry
	maxCode [17]int32  // highest code of each length, -1 for none
	offset  [17]int32  // index in symbols of code c of length n: c + offset[n]
	symbols [256]uint8 // in order of code
	source  []byte     // counts and symbols it was built from
}

// build makes the table of a DHT table: 16 counts, then as many symbols. It
// does nothing where the table is the one it holds already. Codes are assigned
// as in T.81 annex C; no code may be all ones.
func (t *huffTable) build(spec []byte, isDC bool) error {
	if len(t.source) > 0 && bytes.Equal(t.source, spec) {
		return nil
	}
	t.source = t.source[:0]
	clear(t.look[:])
	clear(t.symbols[:])
	copy(t.symbols[:], spec[16:])
	code, k := int32(0), int32(0)
	for n := 1; n <= 16; n++ {
		count := int32(spec[n-1])
		t.maxCode[n], t.offset[n] = -1, k-code
		if count > 0 {
			t.maxCode[n] = code + count - 1
		}
		if code+count >= 1<<n && count > 0 {
			return FormatError("Huffman table has more codes than fit")
		}
		for range count {
			symbol := t.symbols[k]
			if isDC && symbol > 15 {
				return FormatError("Huffman table of DC differences has a symbol above 15")
			}
			if n <= lookBits {
				t.fill(code, n, symbol, isDC)
			}
			code++
			k++
		}
		code <<= 1
	}
	t.source = append(t.source, spec...)
	return nil
}

// fill sets the entries whose first n bits are code.
func (t *huffTable) fill(code int32, n int, symbol uint8, isDC bool) {
	free := lookBits - n
	run, size := int(symbol>>4), int(symbol&15)
	first := int(code) << free
	for tail := range 1 << free {
		e := newEntry(n, 0, int16(symbol))
		switch {
		case size == 0 && isDC:
			e = newEntry(n, 1, 0)
		case size == 0 && run == 15:
			e = newEntry(n, 16, 0)
		case size == 0:
			e = newEntry(n, endOfBand+run, 0)
		case size <= free:
			e = newEntry(n+size, run+1, int16(extend(uint64(tail>>(free-size)), uint(size))))
		}
		t.look[first+tail] = e
	}
}

// extend is EXTEND of T.81 F.2.2.1: the number that size bits v stand for.
func extend(v uint64, size uint) int32 {
	x := int32(v)
	if x < 1<<size>>1 {
		x -= 1<<size - 1
	}
	return x
}

// long finds the code of at least from bits at the top of acc, and its length.
// Where there is none it answers symbol 0 after 17 bits, as libjpeg does.
func (t *huffTable) long(acc uint64, from uint) (symbol uint8, length uint) {
	for n := from; n <= 16; n++ {
		code := int32(acc >> (64 - n))
		if code <= t.maxCode[n] {
			return t.symbols[(code+t.offset[n])&0xFF], n
		}
	}
	return 0, 17
}
