package main

import (
	"fmt"
	"math"
)

// vec writes kernels on rows of numbers of any length. Constants lie in a table at the end
// of the file, four times each, to which R17 points; those that a loop needs are kept in
// vectors, from V31 down.
type vec struct {
	*emitter
	numbers []uint32
	pinned  map[uint32]int
	lowest  int // lowest vector that holds a constant
	labels  int
}

func newVec(e *emitter) *vec { return &vec{emitter: e} }

// begin begins a kernel: no vector holds a constant.
func (v *vec) begin() { v.pinned, v.lowest, v.labels = map[uint32]int{}, 32, 0 }

// take reserves a vector for a kernel.
func (v *vec) take() int {
	v.lowest--
	return v.lowest
}

// pin loads constants into reserved vectors.
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

// table sets R17 to the address of the table.
func (v *vec) table() { v.p("MOVD $numbers<>(SB), R17") }

// set loads a constant into a vector.
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

// of is the vector that holds a pinned constant.
func (v *vec) of(c float64) int {
	r, ok := v.pinned[math.Float32bits(float32(c))]
	if !ok {
		panic(fmt.Sprintf("BUG: %g is in no vector", c))
	}
	return r
}

// writeNumbers writes the table of constants.
func (v *vec) writeNumbers() {
	v.asm.WriteString("\n")
	for i, b := range v.numbers {
		for lane := range 4 {
			fmt.Fprintf(&v.asm, "DATA numbers<>+%d(SB)/4, $%#08x\n", 16*i+4*lane, b)
		}
	}
	fmt.Fprintf(&v.asm, "GLOBL numbers<>(SB), RODATA|NOPTR, $%d\n", 16*len(v.numbers))
}

// parameter broadcasts the float32 parameter at an offset; R16 changes.
func (v *vec) parameter(name string, offset, d int) {
	v.p("MOVWU %s+%d(FP), R16", name, offset)
	v.dup(d, 16)
}

// whole marks a piece of a row that consists of complete vectors of four numbers; the
// last piece may have one to three numbers.
const whole = 0

// along writes loops over the vectors of a row: the given number at a time, then one at a
// time, then a last vector of one to three numbers. body gets the number of vectors and,
// in last, whole or the register with the number of the last numbers. Pointers advance.
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

// load loads a vector, offset bytes after a register. Of the last vector only the existing
// numbers are loaded, and the others keep their values.
func (v *vec) load(d, base, offset, last int) {
	if last == whole {
		v.ldrQ(d, base, offset)
		return
	}
	v.lanes(base, last, func(lane, at int) { v.loadLane(d, lane, at) })
}

// loadOver0 is load with 0 for the others.
func (v *vec) loadOver0(d, base, offset, last int) {
	if last != whole {
		v.zero(d)
	}
	v.load(d, base, offset, last)
}

// store stores a vector, or the existing numbers of the last.
func (v *vec) store(s, base, offset, last int) {
	if last == whole {
		v.strQ(s, base, offset)
		return
	}
	v.lanes(base, last, func(lane, at int) { v.storeLane(s, lane, at) })
}

// lanes visits the last one to three numbers from base on; R16 changes.
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

// some visits one to three items, as many as a register counts; visit must not change the
// flags.
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
