package main

// widenings writes the kernels that convert rows of numbers of 16 bits to float32.
func widenings(e *emitter) {
	e.widening("VecFloat16", e.fcvtl)
	e.widening("VecBFloat16", e.shll)
}

// widening writes a loop over 32 and over 8 numbers, and one over the last.
func (e *emitter) widening(name string, convert func(d, a int, high bool)) {
	const dst, src, left = 1, 2, 3
	e.text(name, "dst, src unsafe.Pointer, n int", 24, "converts n numbers to float32.", "R1 dst, R2 src, R3 numbers left.")
	e.arguments("dst", "src", "n")
	e.inSteps(left, []int{32, 8}, func(n int) {
		for i := range n / 8 {
			e.ldrQNext(i, src)
		}
		for i := range n / 8 {
			convert(8, i, false)
			convert(9, i, true)
			e.strQNext(8, dst)
			e.strQNext(9, dst)
		}
	})
	e.p("CBZ R%d, end", left)
	e.label("number")
	e.ldrHNext(0, src)
	convert(8, 0, false)
	e.strSNext(8, dst)
	e.p("SUBS $1, R%d", left)
	e.p("BNE number")
	e.label("end")
	e.ret()
}
