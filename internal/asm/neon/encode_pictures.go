package main

// Instructions that only the kernels of package vision and of integers use, in addition
// to those of encode_bytes.go.

// ushll8 widens bytes to words, ushll16 words to 32 bits.
func (e *emitter) ushll8(d, a int, high bool) {
	h := halfOf(high)
	e.word(0x2f08a400|h.code|register(a, 5)|register(d, 0), "ushll%s v%d.8h, v%d.%s, #0", h.two, d, a, h.by)
}

func (e *emitter) ushll16(d, a int, high bool) {
	h := halfOf(high)
	e.word(0x2f10a400|h.code|register(a, 5)|register(d, 0), "ushll%s v%d.4s, v%d.%s, #0", h.two, d, a, h.h)
}

// mla32 is d += a·b of integers.
func (e *emitter) mla32(d, a, b int) { e.three(0x4ea09400, "mla", d, a, b) }

// sqshrun8 shifts words right and narrows them to unsigned bytes with saturation;
// sqrshrun8 also rounds.
func (e *emitter) sqshrun8(d, a, by int, high bool) {
	e.narrow8(0x2f008400, "sqshrun", d, a, by, high)
}

func (e *emitter) sqrshrun8(d, a, by int, high bool) {
	e.narrow8(0x2f008c00, "sqrshrun", d, a, by, high)
}

// ext extracts 16 bytes of a followed by b, from byte from on.
func (e *emitter) ext(d, a, b, from int) {
	e.word(0x6e000000|register(b, 16)|uint32(from)<<11|register(a, 5)|register(d, 0), "ext v%d.16b, v%d.16b, v%d.16b, #%d", d, a, b, from)
}

// tbl2 looks the bytes of index up in a and the vector after it.
func (e *emitter) tbl2(d, a, index int) {
	e.word(0x4e002000|register(index, 16)|register(a, 5)|register(d, 0), "tbl v%d.16b, {v%d.16b, v%d.16b}, v%d.16b", d, a, a+1, index)
}

// tbl4 looks the bytes of index up in a and the three vectors after it; those beyond give 0,
// and with tbx4 leave the bytes of d.
func (e *emitter) tbl4(d, a, index int) { e.table4(0x4e006000, "tbl", d, a, index) }
func (e *emitter) tbx4(d, a, index int) { e.table4(0x4e007000, "tbx", d, a, index) }

func (e *emitter) table4(code uint32, name string, d, a, index int) {
	e.word(code|register(index, 16)|register(a, 5)|register(d, 0), "%s v%d.16b, {v%d.16b-v%d.16b}, v%d.16b", name, d, a, a+3, index)
}

// loadLaneNext loads one number of a vector and adds a register to the address.
func (e *emitter) loadLaneNext(v, lane, base, by int) {
	e.word(0x0dc08000|laneBits(lane)|register(by, 16)|register(base, 5)|register(v, 0), "ld1 {v%d.s}[%d], [x%d], x%d", v, lane, base, by)
}

// ldrD loads 8 bytes and sets the others to 0.
func (e *emitter) ldrD(v, base int) {
	e.word(0xfd400000|register(base, 5)|register(v, 0), "ldr d%d, [x%d]", v, base)
}

// ld3 deinterleaves bytes to three consecutive vectors; st3Half interleaves and stores the
// lower halves of three.
func (e *emitter) ld3(v, base int) {
	e.word(0x4c404000|register(base, 5)|register(v, 0), "ld3 {v%d.16b, v%d.16b, v%d.16b}, [x%d]", v, v+1, v+2, base)
}

func (e *emitter) st3Half(v, base int) {
	e.word(0x0c004000|register(base, 5)|register(v, 0), "st3 {v%d.8b, v%d.8b, v%d.8b}, [x%d]", v, v+1, v+2, base)
}

// uaddlp adds pairs of neighbouring bytes to words, uadalp accumulates such sums.
func (e *emitter) uaddlp(d, a int) {
	e.word(0x6e202800|register(a, 5)|register(d, 0), "uaddlp v%d.8h, v%d.16b", d, a)
}

func (e *emitter) uadalp(d, a int) {
	e.word(0x6e206800|register(a, 5)|register(d, 0), "uadalp v%d.8h, v%d.16b", d, a)
}
