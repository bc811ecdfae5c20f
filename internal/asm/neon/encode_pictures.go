package main

// The instructions of the kernels that resize pictures, over those of encode_bytes.go.

// ushll8 makes words of bytes, ushll16 numbers of 32 bits of words.
func (e *emitter) ushll8(d, a int, high bool) {
	h := halfOf(high)
	e.word(0x2f08a400|h.code|register(a, 5)|register(d, 0), "ushll%s v%d.8h, v%d.%s, #0", h.two, d, a, h.by)
}

func (e *emitter) ushll16(d, a int, high bool) {
	h := halfOf(high)
	e.word(0x2f10a400|h.code|register(a, 5)|register(d, 0), "ushll%s v%d.4s, v%d.%s, #0", h.two, d, a, h.h)
}

// mla32 is d += a b of whole numbers.
func (e *emitter) mla32(d, a, b int) { e.three(0x4ea09400, "mla", d, a, b) }

// sqshrun8 shifts words and makes bytes of them, bounded by 0 and 255; sqrshrun8
// rounds.
func (e *emitter) sqshrun8(d, a, by int, high bool) {
	e.narrow8(0x2f008400, "sqshrun", d, a, by, high)
}

func (e *emitter) sqrshrun8(d, a, by int, high bool) {
	e.narrow8(0x2f008c00, "sqrshrun", d, a, by, high)
}

// ext takes the bytes of a from one on.
func (e *emitter) ext(d, a, b, from int) {
	e.word(0x6e000000|register(b, 16)|uint32(from)<<11|register(a, 5)|register(d, 0), "ext v%d.16b, v%d.16b, v%d.16b, #%d", d, a, b, from)
}

// tbl2 takes the bytes of a and the vector behind it that index names.
func (e *emitter) tbl2(d, a, index int) {
	e.word(0x4e002000|register(index, 16)|register(a, 5)|register(d, 0), "tbl v%d.16b, {v%d.16b, v%d.16b}, v%d.16b", d, a, a+1, index)
}

// loadLaneNext loads a number and adds a register to the address.
func (e *emitter) loadLaneNext(v, lane, base, by int) {
	e.word(0x0dc08000|laneBits(lane)|register(by, 16)|register(base, 5)|register(v, 0), "ld1 {v%d.s}[%d], [x%d], x%d", v, lane, base, by)
}

// ldrD loads 8 bytes and clears the others.
func (e *emitter) ldrD(v, base int) {
	e.word(0xfd400000|register(base, 5)|register(v, 0), "ldr d%d, [x%d]", v, base)
}

// ld3 takes the bytes of three vectors in turn; st3Half stores half as many.
func (e *emitter) ld3(v, base int) {
	e.word(0x4c404000|register(base, 5)|register(v, 0), "ld3 {v%d.16b, v%d.16b, v%d.16b}, [x%d]", v, v+1, v+2, base)
}

func (e *emitter) st3Half(v, base int) {
	e.word(0x0c004000|register(base, 5)|register(v, 0), "st3 {v%d.8b, v%d.8b, v%d.8b}, [x%d]", v, v+1, v+2, base)
}

// uaddlp is the sums of neighbouring bytes, uadalp adds them to words.
func (e *emitter) uaddlp(d, a int) {
	e.word(0x6e202800|register(a, 5)|register(d, 0), "uaddlp v%d.8h, v%d.16b", d, a)
}

func (e *emitter) uadalp(d, a int) {
	e.word(0x6e206800|register(a, 5)|register(d, 0), "uadalp v%d.8h, v%d.16b", d, a)
}
