package generate

// DotBF16 encodes VDPBF16PS on registers of 512 bits, which are given by number: it multiplies the
// two bfloat16 in each 32-bit word of a by those in the same word of b, and adds both products to
// the float32 there in acc. Neither avo nor Go's assembler knows it. The encoding is EVEX.512.F3.0F38.W0
// 52 /r in volume 2 of the Intel SDM; the prefix has bits 3 and 4 of the registers inverted.
func DotBF16(a, b, acc int) []byte {
	not := func(r, bit int) byte { return byte(^r >> bit & 1) }
	return []byte{0x62,
		not(acc, 3)<<7 | not(a, 4)<<6 | not(a, 3)<<5 | not(acc, 4)<<4 | 2,
		byte(^b&15)<<3 | 1<<2 | 2,
		2<<5 | not(b, 4)<<3,
		0x52,
		0xc0 | byte(acc&7)<<3 | byte(a&7)}
}
