package main

import "fmt"

// word writes an instruction that Go's assembler lacks. Encodings follow the Arm
// Architecture Reference Manual, section C7.2.
func (e *emitter) word(code uint32, format string, args ...any) {
	e.p("WORD $%#08x // %s", code, fmt.Sprintf(format, args...))
}

// register is the field of an instruction with the number of a register.
func register(n int, at uint) uint32 {
	if n < 0 || n > 31 {
		panic(fmt.Sprintf("BUG: register %d", n))
	}
	return uint32(n) << at
}

// scaled encodes an offset that is a multiple of 16 bytes.
func scaled(offset int) uint32 {
	if offset < 0 || offset%16 != 0 || offset/16 > 4095 {
		panic(fmt.Sprintf("BUG: offset %d", offset))
	}
	return uint32(offset/16) << 10
}

// ldrQ loads the 16 bytes at a register plus a multiple of 16.
func (e *emitter) ldrQ(v, base, offset int) {
	e.word(0x3dc00000|scaled(offset)|register(base, 5)|register(v, 0), "ldr q%d, [x%d, #%d]", v, base, offset)
}

// strQ stores 16 bytes at a register plus a multiple of 16.
func (e *emitter) strQ(v, base, offset int) {
	e.word(0x3d800000|scaled(offset)|register(base, 5)|register(v, 0), "str q%d, [x%d, #%d]", v, base, offset)
}

// ldrQIndex loads the 16 bytes at the sum of two registers.
func (e *emitter) ldrQIndex(v, base, index int) {
	e.word(0x3ce06800|register(index, 16)|register(base, 5)|register(v, 0), "ldr q%d, [x%d, x%d]", v, base, index)
}

// ldrQNext loads 16 bytes and advances the register.
func (e *emitter) ldrQNext(v, base int) {
	e.word(0x3cc10400|register(base, 5)|register(v, 0), "ldr q%d, [x%d], #16", v, base)
}

// strQNext stores 16 bytes and advances the register.
func (e *emitter) strQNext(v, base int) {
	e.word(0x3c810400|register(base, 5)|register(v, 0), "str q%d, [x%d], #16", v, base)
}

// ldrSNext loads a number, sets the others to 0, and advances the register.
func (e *emitter) ldrSNext(v, base int) {
	e.word(0xbc404400|register(base, 5)|register(v, 0), "ldr s%d, [x%d], #4", v, base)
}

// ldrHNext does the same with a number of 16 bits, ldrDNext with 8 bytes.
func (e *emitter) ldrHNext(v, base int) {
	e.word(0x7c402400|register(base, 5)|register(v, 0), "ldr h%d, [x%d], #2", v, base)
}

func (e *emitter) ldrDNext(v, base int) {
	e.word(0xfc408400|register(base, 5)|register(v, 0), "ldr d%d, [x%d], #8", v, base)
}

// strSNext stores the first number and advances the register.
func (e *emitter) strSNext(v, base int) {
	e.word(0xbc004400|register(base, 5)|register(v, 0), "str s%d, [x%d], #4", v, base)
}

// ld1r broadcasts the number at a register.
func (e *emitter) ld1r(v, base int) {
	e.word(0x4d40c800|register(base, 5)|register(v, 0), "ld1r {v%d.4s}, [x%d]", v, base)
}

// dup broadcasts the lower half of a general register.
func (e *emitter) dup(v, r int) {
	e.word(0x4e040c00|register(r, 5)|register(v, 0), "dup v%d.4s, w%d", v, r)
}

// three writes an instruction on vectors of four numbers: d = a op b.
func (e *emitter) three(code uint32, name string, d, a, b int) {
	e.word(code|register(b, 16)|register(a, 5)|register(d, 0), "%s v%d.4s, v%d.4s, v%d.4s", name, d, a, b)
}

func (e *emitter) fadd(d, a, b int)  { e.three(0x4e20d400, "fadd", d, a, b) }
func (e *emitter) fsub(d, a, b int)  { e.three(0x4ea0d400, "fsub", d, a, b) }
func (e *emitter) fmul(d, a, b int)  { e.three(0x6e20dc00, "fmul", d, a, b) }
func (e *emitter) fmla(d, a, b int)  { e.three(0x4e20cc00, "fmla", d, a, b) } // d += a·b
func (e *emitter) fmls(d, a, b int)  { e.three(0x4ea0cc00, "fmls", d, a, b) } // d -= a·b
func (e *emitter) faddp(d, a, b int) { e.three(0x6e20d400, "faddp", d, a, b) }

// clip bounds d; NaN stays NaN.
func (e *emitter) clip(d, low, high int) {
	e.three(0x4e20f400, "fmax", d, d, low)
	e.three(0x4ea0f400, "fmin", d, d, high)
}

// fmlaLane is d += a · number lane of b.
func (e *emitter) fmlaLane(d, a, b, lane int) {
	code := uint32(0x4f801000) | uint32(lane&1)<<21 | uint32(lane>>1)<<11
	e.word(code|register(b, 16)|register(a, 5)|register(d, 0), "fmla v%d.4s, v%d.4s, v%d.s[%d]", d, a, b, lane)
}

// Comparisons set all bits of the numbers of d for which they hold.
func (e *emitter) fcmgt(d, a, b int) { e.three(0x6ea0e400, "fcmgt", d, a, b) }
func (e *emitter) fcmge(d, a, b int) { e.three(0x6e20e400, "fcmge", d, a, b) }

// fcmltZero is d = a < 0.
func (e *emitter) fcmltZero(d, a int) {
	e.word(0x4ea0e800|register(a, 5)|register(d, 0), "fcmlt v%d.4s, v%d.4s, #0.0", d, a)
}

// bits writes a bitwise instruction: d = a op b.
func (e *emitter) bits(code uint32, name string, d, a, b int) {
	e.word(code|register(b, 16)|register(a, 5)|register(d, 0), "%s v%d.16b, v%d.16b, v%d.16b", name, d, a, b)
}

func (e *emitter) bic(d, a, b int) { e.bits(0x4e601c00, "bic", d, a, b) } // a &^ b

// bif replaces the bits of d by those of a where mask is 0, bit where mask is 1.
func (e *emitter) bif(d, a, mask int) { e.bits(0x6ee01c00, "bif", d, a, mask) }
func (e *emitter) bit(d, a, mask int) { e.bits(0x6ea01c00, "bit", d, a, mask) }

// mov copies a vector.
func (e *emitter) mov(d, a int) {
	e.word(0x4ea01c00|register(a, 16)|register(a, 5)|register(d, 0), "mov v%d.16b, v%d.16b", d, a)
}

// zero sets a vector to 0.
func (e *emitter) zero(d int) { e.word(0x6f00e400|register(d, 0), "movi v%d.2d, #0", d) }
