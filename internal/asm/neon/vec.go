package main

import (
	"fmt"
	"math"
)

// vec writes kernels along rows of numbers of any length. Constants lie in a table
// at the end of the file, four times each, at which R17 points; the ones that a loop
// needs everywhere are in vectors, from 31 down.
type vec struct {
	*emitter
	numbers []uint32
	pinned  map[uint32]int
	lowest  int // of the vectors in use for constants
	labels  int
}

func newVec(e *emitter) *vec { return &vec{emitter: e} }

// begin forgets the constants of the kernel before.
func (v *vec) begin() { v.pinned, v.lowest, v.labels = map[uint32]int{}, 32, 0 }

// take gives a vector away that keeps its value through a kernel.
func (v *vec) take() int {
	v.lowest--
	return v.lowest
}

// pin puts constants into vectors.
func (v *vec) pin(numbers ...float64) {
	for _, c := range numbers {
		v.pinBits(math.Float32bits(float32(c)))
	}
}

func (v *vec) pinBits(bits uint32) {
	if _, ok := v.pinned[bits]; ok {
		return
	}
	r := v.take()
	v.setBits(r, bits)
	v.pinned[bits] = r
}

// table points R17 at the constants.
func (v *vec) table() { v.p("MOVD $numbers<>(SB), R17") }

// set fills a vector with a constant.
func (v *vec) set(d int, c float64) { v.setBits(d, math.Float32bits(float32(c))) }

func (v *vec) setBits(d int, bits uint32) {
	if r, ok := v.pinned[bits]; ok {
		v.mov(d, r)
		return
	}
	if bits == 0 {
		v.zero(d)
		return
	}
	at := 0
	for at < len(v.numbers) && v.numbers[at] != bits {
		at++
	}
	if at == len(v.numbers) {
		v.numbers = append(v.numbers, bits)
	}
	v.ldrQ(d, 17, 16*at)
}

// of is the vector of a constant that is in one.
func (v *vec) of(c float64) int {
	r, ok := v.pinned[math.Float32bits(float32(c))]
	if !ok {
		panic(fmt.Sprintf("BUG: %g is in no vector", c))
	}
	return r
}

// writeNumbers writes the table.
func (v *vec) writeNumbers() {
	v.asm.WriteString("\n")
	for i, b := range v.numbers {
		for lane := range 4 {
			fmt.Fprintf(&v.asm, "DATA numbers<>+%d(SB)/4, $%#08x\n", 16*i+4*lane, b)
		}
	}
	fmt.Fprintf(&v.asm, "GLOBL numbers<>(SB), RODATA|NOPTR, $%d\n", 16*len(v.numbers))
}

// parameter fills a vector with the float32 at an offset of the parameters, by way
// of register 16.
func (v *vec) parameter(name string, offset, d int) {
	v.p("MOVWU %s+%d(FP), R16", name, offset)
	v.dup(d, 16)
}

// whole marks a piece of a row that is four numbers, or several fours; other
// pieces have one to three.
const whole = 0

// along writes a loop over a row: body gets how many fours there are in a piece, so
// many at a time as are said, then one by one. The last one to three numbers are a
// piece of one four, for which last is the register that counts them; else it is
// whole. Pointers advance.
func (v *vec) along(left int, pointers []int, together int, body func(fours, last int)) {
	sizes := []int{4 * together, 4}
	if together == 1 {
		sizes = sizes[:1]
	}
	v.inSteps(left, sizes, func(n int) {
		body(n/4, whole)
		for _, p := range pointers {
			v.p("ADD $%d, R%d", 4*n, p)
		}
	})
	v.p("CBZ R%d, end", left)
	body(1, left)
	v.label("end")
}

// load fetches a four, offset bytes after a register. Of a last one only the
// numbers that there are: the others stay as they are.
func (v *vec) load(d, base, offset, last int) {
	if last == whole {
		v.ldrQ(d, base, offset)
		return
	}
	v.lanes(base, last, func(lane, at int) { v.loadLane(d, lane, at) })
}

// loadOver0 is the same with 0 for the others.
func (v *vec) loadOver0(d, base, offset, last int) {
	if last != whole {
		v.zero(d)
	}
	v.load(d, base, offset, last)
}

// store is the way back.
func (v *vec) store(s, base, offset, last int) {
	if last == whole {
		v.strQ(s, base, offset)
		return
	}
	v.lanes(base, last, func(lane, at int) { v.storeLane(s, lane, at) })
}

// lanes visits the one to three numbers from base on, by way of register 16.
func (v *vec) lanes(base, last int, visit func(lane, at int)) {
	v.some(last, func(i int) {
		if i == 0 {
			visit(0, base)
			return
		}
		v.p("ADD $%d, R%d, R16", 4*i, base)
		visit(i, 16)
	})
}

// some visits one to three things; visit leaves the flags alone.
func (v *vec) some(last int, visit func(i int)) {
	done := fmt.Sprintf("last%d", v.labels)
	v.labels++
	visit(0)
	v.p("CMP $2, R%d", last)
	v.p("BLT %s", done)
	visit(1)
	v.p("BEQ %s", done)
	visit(2)
	v.label(done)
}
