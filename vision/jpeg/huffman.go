package jpeg

import "bytes"

// lookBits is the number of bits with which Huffman tables are looked up. Most codes have
// at most ten, and the table stays in L1.
const lookBits = 10

// An entry of huffTable.look describes the code at the beginning of lookBits bits:
//
//	bits 0…7    length of the code plus that of its value, which follows it
//	bits 8…15   length of the code
//	bits 16…23  64 minus the length of the value; 0 if there is none
//	bits 24…31  skip: by how much the zigzag index advances
//
// skip is run+1 if there is a value, 16 for ZRL, endOfBand+r for EOBr (T.81 F.1.2.2 and
// G.1.2.2); in a DC table it is 1. The entry 0 stands for codes longer than lookBits.
type entry uint32

const endOfBand = 64 // added to any zigzag index, it gives one after the block

func newEntry(length, size, skip int) entry {
	e := entry(length+size) | entry(length)<<8 | entry(skip)<<24
	if size > 0 {
		e |= entry(64-size) << 16
	}
	return e
}

func (e entry) total() uint    { return uint(e & 0xFF) }
func (e entry) skip() int      { return int(e >> 24) }
func (e entry) hasValue() bool { return e&0xFF0000 != 0 }

// value returns the value after the code at the top of acc, for an entry that has one. It
// is EXTEND of T.81 F.2.2.1: bits that begin with 1 are a positive number, others are the
// complement of the bits of a negative number's magnitude.
func (e entry) value(acc uint64) int32 {
	x := int64(acc << (e >> 8 & 63))
	negative := ^(x >> 63)
	return int32(int64(uint64(x^negative)>>(e>>16&63)) ^ negative - negative)
}

// entryOf returns the entry of a symbol whose code has length bits.
func entryOf(symbol uint8, length int, isDC bool) entry {
	run, size := int(symbol>>4), int(symbol&15)
	switch {
	case isDC || size > 0:
		return newEntry(length, size, run+1)
	case run == 15:
		return newEntry(length, 0, 16)
	default:
		return newEntry(length, 0, endOfBand+run)
	}
}

// A huffTable decodes the codes of one DHT table.
type huffTable struct {
	look    [1 << lookBits]entry
	maxCode [17]int32  // highest code of each length; -1: there is none
	offset  [17]int32  // code c of length n has symbol c + offset[n]
	symbols [256]uint8 // in the order of codes
	source  []byte     // counts and symbols from which the table was built
}

// build builds the table from the content of a DHT table: 16 counts, then the symbols. It
// does nothing if the table was built from the same. Codes are assigned as in T.81 annex
// C; no code may be all ones.
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
			if free := lookBits - n; free >= 0 {
				e := entryOf(symbol, n, isDC)
				for i := range 1 << free {
					t.look[int(code)<<free+i] = e
				}
			}
			code++
			k++
		}
		code <<= 1
	}
	t.source = append(t.source, spec...)
	return nil
}

// next returns the entry of the code at the top of acc, which has at least 17 bits. If
// there is no such code, it is that of symbol 0 with 17 bits, as in libjpeg, and ok is
// false.
func (t *huffTable) next(acc uint64, isDC bool) (e entry, ok bool) {
	if e = t.look[acc>>(64-lookBits)]; e != 0 {
		return e, true
	}
	symbol, length := t.long(acc, lookBits+1)
	return entryOf(symbol, int(length), isDC), length <= 16
}

// long returns the symbol of the code of at least from bits at the top of acc, and its
// length. If there is no such code, that is symbol 0 with 17 bits, as in libjpeg.
func (t *huffTable) long(acc uint64, from uint) (symbol uint8, length uint) {
	for n := from; n <= 16; n++ {
		code := int32(acc >> (64 - n))
		if code <= t.maxCode[n] {
			return t.symbols[(code+t.offset[n])&0xFF], n
		}
	}
	return 0, 17
}
