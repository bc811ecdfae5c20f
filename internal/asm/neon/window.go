package main

// windows writes the kernels of pools, and of depthwise convolutions of any shape: they
// compute rows of pixels of 8 numbers, each from the pixels at a list of offsets. The twin
// is windowLanes in engine/kernel.
func windows(e *emitter) {
	for _, op := range []string{"Max", "Sum", "Dot"} {
		e.window(op)
	}
}

// window writes a kernel that computes four pixels at a time, then one.
func (e *emitter) window(op string) {
	const (
		input, mask = 8, 10 // two vectors each
		weight      = 12
		scale       = 28
		first       = 10 // general registers: inputs of the pixels
	)
	e.fn("Window"+op, "Window", "computes a row of pixels of 8 numbers.",
		"R1 output, R2 input of the first pixel, R3 pixels left, R4 offset,\n// R5 taps left, R6 weights, R7 pixel stride, R10 to R13 inputs, R9 R16 temporaries.")
	e.field("Out", 1)
	e.field("In", 2)
	e.field("First", 9)
	e.p("ADD R9, R2")
	e.field("Count", 3)
	e.field("PixelStride", 7)
	switch op {
	case "Sum":
		e.spread("Scale", scale)
	case "Dot":
		e.spread("Low", low)
		e.spread("High", high)
	case "Max":
		e.constant(scale, 0xff800000) // minus infinity
	}
	e.inSteps(3, []int{4, 1}, func(n int) {
		e.field("Offsets", 4)
		e.field("Taps", 5)
		if op == "Dot" {
			e.field("Weights", 6)
			e.field("Bias", 9)
		}
		for i := range 2 * n {
			switch op {
			case "Max":
				e.mov(i, scale)
			case "Sum":
				e.zero(i)
			case "Dot":
				e.ldrQ(i, 9, 16*(i%2))
			}
		}
		label := map[int]string{4: "taps4", 1: "taps1"}[n]
		e.label(label)
		e.p("MOVD (R4), R9")
		e.p("ADD $8, R4")
		e.p("ADD R9, R2, R%d", first)
		for i := 1; i < n; i++ {
			e.p("ADD R7, R%d, R%d", first+i-1, first+i)
		}
		if op == "Dot" {
			e.ldrQ(weight, 6, 0)
			e.ldrQ(weight+1, 6, 16)
			e.p("ADD $32, R6")
		}
		for i := range 2 * n {
			half := i % 2
			e.ldrQ(input+half, first+i/2, 16*half)
			switch op {
			case "Max": // replaced unless greater, so NaN is replaced too
				e.fcmgt(mask+half, i, input+half)
				e.bif(i, input+half, mask+half)
			case "Sum":
				e.fadd(i, i, input+half)
			case "Dot":
				e.fmla(i, input+half, weight+half)
			}
		}
		e.p("SUBS $1, R5")
		e.p("BNE %s", label)
		for i := range 2 * n {
			switch op {
			case "Sum":
				e.fmul(i, i, scale)
			case "Dot":
				e.clip(i, low, high)
			}
			e.strQ(i, 1, 16*i)
		}
		e.p("ADD $%d, R1", 32*n)
		for range n {
			e.p("ADD R7, R2")
		}
	})
	e.ret()
}
