package main

import "fmt"

// rowKernels writes kernels on rows of numbers or of pixels of 8 numbers. Their twins have
// the same names in engine/kernel.
func rowKernels(e *emitter) {
	ops := []struct {
		name string
		op   func(d, a, b int)
	}{{"Add", e.fadd}, {"Sub", e.fsub}, {"Mul", e.fmul}}
	e.row("ClipRow", nil)
	for _, o := range ops {
		e.row(o.name+"Row", o.op)
	}
	for _, o := range ops {
		e.pixels(o.name+"Pixels", o.op)
	}
	e.sumPixels()
	e.scaleRows()
	e.shufflePixels()
}

// arguments loads consecutive parameters into registers 1, 2, ...
func (e *emitter) arguments(names ...string) {
	for i, name := range names {
		e.p("MOVD %s+%d(FP), R%d", name, 8*i, i+1)
	}
}

// bounds broadcasts the float32 parameters low and high, at offset.
func (e *emitter) bounds(offset int) {
	for i, name := range []string{"low", "high"} {
		e.p("MOVWU %s+%d(FP), R16", name, offset+4*i)
		e.dup(low+i, 16)
	}
}

// Vectors with the bounds of a clip.
const low, high = 30, 31

// inSteps writes a loop for each of the sizes, in descending order: body processes size
// of the items that register left counts, and advances pointers.
func (e *emitter) inSteps(left int, sizes []int, body func(n int)) {
	for _, n := range sizes {
		label := fmt.Sprintf("by%d", n)
		e.label(label)
		e.p("CMP $%d, R%d", n, left)
		e.p("BLT %sDone", label)
		body(n)
		e.p("SUB $%d, R%d", n, left)
		e.p("B %s", label)
		e.label(label + "Done")
	}
}

// row writes dst = clip(a), or clip(a op b).
func (e *emitter) row(name string, op func(d, a, b int)) {
	names, params := []string{"dst", "a", "b", "n"}, "dst, a, b unsafe.Pointer, n int, low, high float32"
	if op == nil {
		names, params = []string{"dst", "a", "n"}, "dst, a unsafe.Pointer, n int, low, high float32"
	}
	left := len(names)
	e.text(name, params, 8*left+8, "takes a multiple of 8 numbers.",
		"R1 dst, R2 a, R3 b if there is one, the next the numbers left, R16 temporary; V30 V31 the bounds.")
	e.arguments(names...)
	e.bounds(8 * left)
	e.inSteps(left, []int{32, 8}, func(n int) {
		for i := range n / 4 {
			e.ldrQ(i, 2, 16*i)
		}
		for i := range n / 4 {
			if op != nil {
				e.ldrQ(8+i, 3, 16*i)
				op(i, i, 8+i)
			}
			e.clip(i, low, high)
			e.strQ(i, 1, 16*i)
		}
		for r := 1; r < left; r++ {
			e.p("ADD $%d, R%d", 4*n, r)
		}
	})
	e.ret()
}

// pixels writes dst = clip(a op b), where b is one pixel for all of a.
func (e *emitter) pixels(name string, op func(d, a, b int)) {
	const b = 28
	e.text(name, "dst, a, b unsafe.Pointer, pixels int, low, high float32", 40, "takes pixels of 8 numbers and one such pixel at b.",
		"R1 dst, R2 a, R3 b, R4 pixels left, R16 temporary; V28 V29 the pixel, V30 V31 the bounds.")
	e.arguments("dst", "a", "b", "pixels")
	e.bounds(32)
	e.ldrQ(b, 3, 0)
	e.ldrQ(b+1, 3, 16)
	e.inSteps(4, []int{4, 1}, func(n int) {
		for i := range 2 * n {
			e.ldrQ(i, 2, 16*i)
		}
		for i := range 2 * n {
			op(i, i, b+i%2)
			e.clip(i, low, high)
			e.strQ(i, 1, 16*i)
		}
		e.p("ADD $%d, R1", 32*n)
		e.p("ADD $%d, R2", 32*n)
	})
	e.ret()
}

// sumPixels adds pixels to the one at sum, with four accumulators.
func (e *emitter) sumPixels() {
	e.text("SumPixels", "sum, src unsafe.Pointer, pixels int", 24, "takes pixels of 8 numbers.",
		"R1 sum, R2 src, R3 pixels left; V0 to V7 four sums.")
	e.arguments("sum", "src", "pixels")
	for i := range 8 {
		if i < 2 {
			e.ldrQ(i, 1, 16*i)
		} else {
			e.zero(i)
		}
	}
	e.inSteps(3, []int{4, 1}, func(n int) {
		for i := range 2 * n {
			e.ldrQ(8+i, 2, 16*i)
			e.fadd(i, i, 8+i)
		}
		e.p("ADD $%d, R2", 32*n)
	})
	for half := range 2 {
		e.fadd(half, half, 2+half)
		e.fadd(4+half, 4+half, 6+half)
		e.fadd(half, half, 4+half)
		e.strQ(half, 1, 16*half)
	}
	e.ret()
}

// scaleRows writes the multiplication of rows of vectors of 8, each by a number of its
// own.
func (e *emitter) scaleRows() {
	e.text("ScaleRows", "dst, src, scale unsafe.Pointer, rows, vecs int", 40, "takes rows of one or more vectors of 8.",
		"R1 dst, R2 src, R3 scale, R4 rows left, R5 vectors of a row, R6 those left.")
	e.arguments("dst", "src", "scale", "rows", "vecs")
	e.label("row")
	e.ld1r(0, 3)
	e.p("ADD $4, R3")
	e.p("MOVD R5, R6")
	e.label("vector")
	for half := range 2 {
		e.ldrQ(1+half, 2, 16*half)
		e.fmul(1+half, 1+half, 0)
		e.strQ(1+half, 1, 16*half)
	}
	e.p("ADD $32, R1")
	e.p("ADD $32, R2")
	e.p("SUBS $1, R6")
	e.p("BNE vector")
	e.p("SUBS $1, R4")
	e.p("BNE row")
	e.ret()
}

// shufflePixels chooses the numbers of pixels from the 64 bytes of two others. A lane is the
// number of four bytes there; that of a negative one is beyond them, where TBL gives 0 and TBX
// leaves what was.
func (e *emitter) shufflePixels() {
	const bytes, first, scale = 28, 30, 31
	e.text("ShufflePixels", "dst, a, b, lanes unsafe.Pointer, rest, pixels int", 48, "takes pixels of 8 numbers.",
		"R1 dst, R2 a, R3 b, R4 lanes, R5 rest, R6 pixels left, R16 temporary; V28 V29 the bytes chosen, V30 V31 what makes them of lanes.")
	e.arguments("dst", "a", "b", "lanes", "rest", "pixels")
	e.p("MOVW $0x03020100, R16")
	e.dup(first, 16)
	e.p("MOVW $0x04040404, R16")
	e.dup(scale, 16)
	for i := range 2 {
		e.ldrQ(i, 4, 16*i)
		e.mul32(bytes+i, i, scale)
		e.add(bytes+i, bytes+i, first)
		e.sshr(i, i, 31)
		e.orr(bytes+i, bytes+i, i)
	}
	e.p("CBZ R6, none")
	e.p("CBNZ R5, some")
	for _, k := range []struct {
		label  string
		choose func(i int)
	}{
		{"all", func(i int) { e.tbl4(4+i, 0, bytes+i) }},
		{"some", func(i int) {
			e.ldrQ(4+i, 1, 16*i)
			e.tbx4(4+i, 0, bytes+i)
		}},
	} {
		e.label(k.label)
		for i := range 4 {
			e.ldrQNext(i, 2+i/2)
		}
		k.choose(0)
		k.choose(1)
		e.strQNext(4, 1)
		e.strQNext(5, 1)
		e.p("SUBS $1, R6")
		e.p("BNE %s", k.label)
		e.ret()
	}
	e.label("none")
	e.ret()
}
