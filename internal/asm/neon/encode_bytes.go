package main

// Instructions on bytes and on 16-bit words. Those that widen or narrow use the lower
// half of the vector of narrower numbers or, if high is set, the upper half; then their
// names end in 2.

// half has the bits and the suffix of an instruction for a half, and the arrangement
// specifiers of words and of bytes.
type half struct {
	code       uint32
	two, h, by string
}

func halfOf(high bool) half {
	if high {
		return half{1 << 30, "2", "8h", "16b"}
	}
	return half{0, "", "4h", "8b"}
}

func (e *emitter) words(code uint32, name string, d, a, b int) {
	e.word(code|register(b, 16)|register(a, 5)|register(d, 0), "%s v%d.8h, v%d.8h, v%d.8h", name, d, a, b)
}

func (e *emitter) add16(d, a, b int) { e.words(0x4e608400, "add", d, a, b) }
func (e *emitter) sub16(d, a, b int) { e.words(0x6e608400, "sub", d, a, b) }
func (e *emitter) mul16(d, a, b int) { e.words(0x4e609c00, "mul", d, a, b) }
func (e *emitter) mla16(d, a, b int) { e.words(0x4e609400, "mla", d, a, b) } // d += a·b

func (e *emitter) shl16(d, a, by int) {
	e.word(0x4f105400|register(by, 16)|register(a, 5)|register(d, 0), "shl v%d.8h, v%d.8h, #%d", d, a, by)
}

func (e *emitter) orr(d, a, b int) { e.bits(0x4ea01c00, "orr", d, a, b) }
func (e *emitter) eor(d, a, b int) { e.bits(0x6e201c00, "eor", d, a, b) }

// zip interleaves the numbers of the lower or the upper halves of a and b; shape is their
// arrangement.
func (e *emitter) zip(shape string, high bool, d, a, b int) {
	code, name := uint32(0x4e003800), "zip1"
	if high {
		code, name = 0x4e007800, "zip2"
	}
	code |= map[string]uint32{"16b": 0, "8h": 1 << 22, "4s": 2 << 22, "2d": 3 << 22}[shape]
	e.word(code|register(b, 16)|register(a, 5)|register(d, 0), "%s v%d.%s, v%d.%s, v%d.%s", name, d, shape, a, shape, b, shape)
}

// lane16 encodes an operand that is a word of one of the vectors 0 to 15.
func lane16(v, lane int) uint32 {
	return register(v&15, 16) | uint32(lane&1)<<20 | uint32(lane>>1&1)<<21 | uint32(lane>>2)<<11
}

// smull multiplies words by one word of b, to 32 bits; smlal accumulates such products.
func (e *emitter) smull(d, a, b, lane int, high bool) {
	h := halfOf(high)
	e.word(0x0f40a000|h.code|lane16(b, lane)|register(a, 5)|register(d, 0), "smull%s v%d.4s, v%d.%s, v%d.h[%d]", h.two, d, a, h.h, b, lane)
}

func (e *emitter) smlal(d, a, b, lane int, high bool) {
	h := halfOf(high)
	e.word(0x0f402000|h.code|lane16(b, lane)|register(a, 5)|register(d, 0), "smlal%s v%d.4s, v%d.%s, v%d.h[%d]", h.two, d, a, h.h, b, lane)
}

// sqrdmulh is a · one word of b / 2^15, rounded.
func (e *emitter) sqrdmulh(d, a, b, lane int) {
	e.word(0x4f40d000|lane16(b, lane)|register(a, 5)|register(d, 0), "sqrdmulh v%d.8h, v%d.8h, v%d.h[%d]", d, a, b, lane)
}

// sshll16 widens words to 32 bits, sshll8 bytes to words; both multiply by 2^by.
func (e *emitter) sshll16(d, a, by int, high bool) {
	h := halfOf(high)
	e.word(0x0f10a400|h.code|register(by, 16)|register(a, 5)|register(d, 0), "sshll%s v%d.4s, v%d.%s, #%d", h.two, d, a, h.h, by)
}

func (e *emitter) sshll8(d, a, by int, high bool) {
	h := halfOf(high)
	e.word(0x0f08a400|h.code|register(by, 16)|register(a, 5)|register(d, 0), "sshll%s v%d.8h, v%d.%s, #%d", h.two, d, a, h.by, by)
}

// Narrowing right shifts to words and to bytes: sqrshrn rounds and saturates, rshrn
// rounds, shrn does neither.
func (e *emitter) narrow16(code uint32, name string, d, a, by int, high bool) {
	h := halfOf(high)
	e.word(code|h.code|register(32-by, 16)|register(a, 5)|register(d, 0), "%s%s v%d.%s, v%d.4s, #%d", name, h.two, d, h.h, a, by)
}

func (e *emitter) narrow8(code uint32, name string, d, a, by int, high bool) {
	h := halfOf(high)
	e.word(code|h.code|register(16-by, 16)|register(a, 5)|register(d, 0), "%s%s v%d.%s, v%d.8h, #%d", name, h.two, d, h.by, a, by)
}

const sqrshrn, rshrn, shrn = 0x0f009c00, 0x0f008c00, 0x0f008400

func (e *emitter) sqrshrn16(d, a, by int, high bool) {
	e.narrow16(sqrshrn, "sqrshrn", d, a, by, high)
}
func (e *emitter) rshrn16(d, a, by int, high bool)  { e.narrow16(rshrn, "rshrn", d, a, by, high) }
func (e *emitter) shrn16(d, a, by int, high bool)   { e.narrow16(shrn, "shrn", d, a, by, high) }
func (e *emitter) sqrshrn8(d, a, by int, high bool) { e.narrow8(sqrshrn, "sqrshrn", d, a, by, high) }
func (e *emitter) rshrn8(d, a, by int, high bool)   { e.narrow8(rshrn, "rshrn", d, a, by, high) }
func (e *emitter) shrn8(d, a, by int, high bool)    { e.narrow8(shrn, "shrn", d, a, by, high) }

// sqxtun narrows words to unsigned bytes with saturation.
func (e *emitter) sqxtun(d, a int, high bool) {
	h := halfOf(high)
	e.word(0x2e212800|h.code|register(a, 5)|register(d, 0), "sqxtun%s v%d.%s, v%d.8h", h.two, d, h.by, a)
}

// uaddw adds bytes to words; umull multiplies bytes to words.
func (e *emitter) uaddw(d, a, b int, high bool) {
	h := halfOf(high)
	e.word(0x2e201000|h.code|register(b, 16)|register(a, 5)|register(d, 0), "uaddw%s v%d.8h, v%d.8h, v%d.%s", h.two, d, a, b, h.by)
}

func (e *emitter) umull(d, a, b int, high bool) {
	h := halfOf(high)
	e.word(0x2e20c000|h.code|register(b, 16)|register(a, 5)|register(d, 0), "umull%s v%d.8h, v%d.%s, v%d.%s", h.two, d, a, h.by, b, h.by)
}

// dup16 broadcasts a word, of a vector or of a general register; movi broadcasts a
// constant byte.
func (e *emitter) dupLane16(d, a, lane int) {
	e.word(0x4e020400|uint32(lane)<<18|register(a, 5)|register(d, 0), "dup v%d.8h, v%d.h[%d]", d, a, lane)
}

func (e *emitter) dup16(d, r int) {
	e.word(0x4e020c00|register(r, 5)|register(d, 0), "dup v%d.8h, w%d", d, r)
}

func (e *emitter) dupLane8(d, a, lane int) {
	e.word(0x4e010400|uint32(lane)<<17|register(a, 5)|register(d, 0), "dup v%d.16b, v%d.b[%d]", d, a, lane)
}

func (e *emitter) movi8(d int, b uint32) {
	e.word(0x4f00e400|b>>5<<16|b&31<<5|register(d, 0), "movi v%d.16b, #%d", d, b)
}

// storeHalfNext stores half of a vector and advances the register.
func (e *emitter) storeHalfNext(v, lane, base int) {
	e.word(0x0d9f8400|uint32(lane)<<30|register(base, 5)|register(v, 0), "st1 {v%d.d}[%d], [x%d], #8", v, lane, base)
}

// st2 and st3 interleave the bytes of two or three consecutive vectors and store them.
func (e *emitter) st2(v, base int) {
	e.word(0x4c008000|register(base, 5)|register(v, 0), "st2 {v%d.16b, v%d.16b}, [x%d]", v, v+1, base)
}

func (e *emitter) st3(v, base int) {
	e.word(0x4c004000|register(base, 5)|register(v, 0), "st3 {v%d.16b, v%d.16b, v%d.16b}, [x%d]", v, v+1, v+2, base)
}

// ld2Next deinterleaves words to two consecutive vectors and advances the register.
func (e *emitter) ld2Next(v, base int) {
	e.word(0x4cdf8400|register(base, 5)|register(v, 0), "ld2 {v%d.8h, v%d.8h}, [x%d], #32", v, v+1, base)
}

// xtn16 narrows 32 bits to words, xtn8 words to bytes, without saturation.
func (e *emitter) xtn16(d, a int, high bool) {
	h := halfOf(high)
	e.word(0x0e612800|h.code|register(a, 5)|register(d, 0), "xtn%s v%d.%s, v%d.4s", h.two, d, h.h, a)
}

func (e *emitter) xtn8(d, a int, high bool) {
	h := halfOf(high)
	e.word(0x0e212800|h.code|register(a, 5)|register(d, 0), "xtn%s v%d.%s, v%d.8h", h.two, d, h.by, a)
}

// uaddw16 adds words to 32 bits.
func (e *emitter) uaddw16(d, a, b int, high bool) {
	h := halfOf(high)
	e.word(0x2e601000|h.code|register(b, 16)|register(a, 5)|register(d, 0), "uaddw%s v%d.4s, v%d.4s, v%d.%s", h.two, d, a, b, h.h)
}

// umax8 is the maximum of bytes.
func (e *emitter) umax8(d, a, b int) {
	e.word(0x6e206400|register(b, 16)|register(a, 5)|register(d, 0), "umax v%d.16b, v%d.16b, v%d.16b", d, a, b)
}

func (e *emitter) mul32(d, a, b int)  { e.three(0x4ea09c00, "mul", d, a, b) }
func (e *emitter) fmaxnm(d, a, b int) { e.three(0x4e20c400, "fmaxnm", d, a, b) } // the other operand if one is NaN
func (e *emitter) scvtf(d, a int)     { e.two(0x4e21d800, "scvtf", d, a) }

// st4Next interleaves the bytes of four consecutive vectors, stores them and advances the
// register.
func (e *emitter) st4Next(v, base int) {
	e.word(0x4c9f0000|register(base, 5)|register(v, 0), "st4 {v%d.16b, v%d.16b, v%d.16b, v%d.16b}, [x%d], #64", v, v+1, v+2, v+3, base)
}
