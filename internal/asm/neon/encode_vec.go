package main

// Instructions of the kernels on rows (vec.go), in addition to those of encode.go.

func (e *emitter) fdiv(d, a, b int)  { e.three(0x6e20fc00, "fdiv", d, a, b) }
func (e *emitter) fmax(d, a, b int)  { e.three(0x4e20f400, "fmax", d, a, b) } // NaN if either is; +0 of +0 and -0
func (e *emitter) fmin(d, a, b int)  { e.three(0x4ea0f400, "fmin", d, a, b) } // NaN if either is; -0 of +0 and -0
func (e *emitter) fmaxp(d, a, b int) { e.three(0x6e20f400, "fmaxp", d, a, b) }
func (e *emitter) fminp(d, a, b int) { e.three(0x6ea0f400, "fminp", d, a, b) }
func (e *emitter) add(d, a, b int)   { e.three(0x4ea08400, "add", d, a, b) } // integers
func (e *emitter) sub(d, a, b int)   { e.three(0x6ea08400, "sub", d, a, b) }

// two writes an instruction on a vector of four numbers: d = op a.
func (e *emitter) two(code uint32, name string, d, a int) {
	e.word(code|register(a, 5)|register(d, 0), "%s v%d.4s, v%d.4s", name, d, a)
}

func (e *emitter) fabs(d, a int)   { e.two(0x4ea0f800, "fabs", d, a) }
func (e *emitter) fneg(d, a int)   { e.two(0x6ea0f800, "fneg", d, a) }
func (e *emitter) fsqrt(d, a int)  { e.two(0x6ea1f800, "fsqrt", d, a) }
func (e *emitter) frintn(d, a int) { e.two(0x4e218800, "frintn", d, a) } // to the nearest, ties to even
func (e *emitter) frintm(d, a int) { e.two(0x4e219800, "frintm", d, a) } // down
func (e *emitter) frintp(d, a int) { e.two(0x4ea18800, "frintp", d, a) } // up
func (e *emitter) fcvtns(d, a int) { e.two(0x4e21a800, "fcvtns", d, a) } // to integers: nearest, ties to even

// shl and sshr shift integers; sshr is arithmetic.
func (e *emitter) shl(d, a, by int) {
	e.word(0x4f005400|register(by, 16)|1<<21|register(a, 5)|register(d, 0), "shl v%d.4s, v%d.4s, #%d", d, a, by)
}

func (e *emitter) sshr(d, a, by int) {
	e.word(0x4f000400|register(32-by, 16)|1<<21|register(a, 5)|register(d, 0), "sshr v%d.4s, v%d.4s, #%d", d, a, by)
}

// loadLane and storeLane load and store one number of a vector.
func (e *emitter) loadLane(v, lane, base int) {
	e.word(0x0d408000|laneBits(lane)|register(base, 5)|register(v, 0), "ld1 {v%d.s}[%d], [x%d]", v, lane, base)
}

func (e *emitter) storeLane(v, lane, base int) {
	e.word(0x0d008000|laneBits(lane)|register(base, 5)|register(v, 0), "st1 {v%d.s}[%d], [x%d]", v, lane, base)
}

func laneBits(lane int) uint32 { return uint32(lane>>1)<<30 | uint32(lane&1)<<12 }

// trn1 interleaves the even numbers of a and b, trn2 the odd ones; the wide forms
// interleave pairs of numbers.
func (e *emitter) trn1(d, a, b int) { e.three(0x4e802800, "trn1", d, a, b) }
func (e *emitter) trn2(d, a, b int) { e.three(0x4e806800, "trn2", d, a, b) }

func (e *emitter) trn1Wide(d, a, b int) { e.wide(0x4ec02800, "trn1", d, a, b) }
func (e *emitter) trn2Wide(d, a, b int) { e.wide(0x4ec06800, "trn2", d, a, b) }

func (e *emitter) wide(code uint32, name string, d, a, b int) {
	e.word(code|register(b, 16)|register(a, 5)|register(d, 0), "%s v%d.2d, v%d.2d, v%d.2d", name, d, a, b)
}

// fcvtl widens float16 to float32, shll words to the upper halves of 32 bits.
func (e *emitter) fcvtl(d, a int, high bool) {
	h := halfOf(high)
	e.word(0x0e217800|h.code|register(a, 5)|register(d, 0), "fcvtl%s v%d.4s, v%d.%s", h.two, d, a, h.h)
}

func (e *emitter) shll(d, a int, high bool) {
	h := halfOf(high)
	e.word(0x2e613800|h.code|register(a, 5)|register(d, 0), "shll%s v%d.4s, v%d.%s, #16", h.two, d, a, h.h)
}
