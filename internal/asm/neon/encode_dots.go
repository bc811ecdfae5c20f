package main

// Products of bytes that are added to int32. SDOT and USDOT add four products to each of
// four sums; SDOT, of FEAT_DotProd, multiplies signed bytes, and USDOT, of FEAT_I8MM, unsigned
// ones of the first vector by signed ones of the second. USMMLA, of FEAT_I8MM, takes two rows
// of eight bytes from each, and adds eight products to each of the four sums of a pair of
// rows. Arm Architecture Reference Manual, DDI 0487, sections C7.2 (the instructions, under
// their names) and A2.2 (the features).

func (e *emitter) dots(code uint32, name string, d, a, b int) {
	e.word(code|register(b, 16)|register(a, 5)|register(d, 0), "%s v%d.4s, v%d.16b, v%d.16b", name, d, a, b)
}

func (e *emitter) sdot(d, a, b int)   { e.dots(0x4e809400, "sdot", d, a, b) }
func (e *emitter) usdot(d, a, b int)  { e.dots(0x4e809c00, "usdot", d, a, b) }
func (e *emitter) usmmla(d, a, b int) { e.dots(0x4e80ac00, "usmmla", d, a, b) }

// sdotLane is sdot by four bytes of b for all sums.
func (e *emitter) sdotLane(d, a, b, lane int) {
	code := 0x4f80e000 | uint32(lane&1)<<21 | uint32(lane>>1)<<11
	e.word(code|register(b, 16)|register(a, 5)|register(d, 0), "sdot v%d.4s, v%d.16b, v%d.4b[%d]", d, a, b, lane)
}

// sqxtn16 narrows 32 bits to words with saturation; sqadd16 adds words with saturation.
func (e *emitter) sqxtn16(d, a int, high bool) {
	h := halfOf(high)
	e.word(0x0e614800|h.code|register(a, 5)|register(d, 0), "sqxtn%s v%d.%s, v%d.4s", h.two, d, h.h, a)
}

func (e *emitter) sqadd16(d, a, b int) { e.words(0x4e600c00, "sqadd", d, a, b) }

// ld1rPairNext broadcasts two numbers and advances the register.
func (e *emitter) ld1rPairNext(v, base int) {
	e.word(0x4ddfcc00|register(base, 5)|register(v, 0), "ld1r {v%d.2d}, [x%d], #8", v, base)
}
