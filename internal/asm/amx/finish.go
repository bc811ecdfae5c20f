package main

// The epilogue of a row of 32 float32 sums: Z0 has channels 0 to 15, Z1 the others.
// Z31 Z30 are the bias, Z29 Z28 the bounds of Clip, Z27 0x8000, Z26 0xffff0000. K1 and
// K2 mask the channels that exist, in rows of float32.

func floatSetup(e *emitter) {
	e.p("VBROADCASTSS %s, Z29", arg("Low"))
	e.p("VBROADCASTSS %s, Z28", arg("High"))
	e.p("MOVL $0x8000, R13")
	e.p("VPBROADCASTD R13, Z27")
	e.p("MOVL $0xffff0000, R13")
	e.p("VPBROADCASTD R13, Z26")
	e.p("KMOVW %s, K1", arg("MaskA"))
	e.p("KMOVW %s, K2", arg("MaskB"))
}

func floatBias(e *emitter) {
	e.p("VMOVUPS (R13), Z31")
	e.p("VMOVUPS 64(R13), Z30")
}

// floatFinish writes the most common epilogue inline: no residual, Clip, Split32. The
// others are behind jumps that the processor predicts.
func floatFinish(e *emitter) {
	e.p("VADDPS (R12), Z31, Z0")
	e.p("VADDPS 64(R12), Z30, Z1")
	e.p("CMPQ %s, $0", arg("ResidualKind"))
	e.p("JNE residual")
	e.label("activate")
	e.p("CMPQ %s, $0", arg("Act"))
	e.p("JNE activation")
	e.comment("the sum is the second source, which VMAXPS and VMINPS return if it is NaN")
	e.p("VMAXPS Z0, Z29, Z0")
	e.p("VMAXPS Z1, Z29, Z1")
	e.p("VMINPS Z0, Z28, Z0")
	e.p("VMINPS Z1, Z28, Z1")
	e.label("store")
	e.p("CMPQ %s, $1", arg("OutKind"))
	e.p("JNE plain")
	e.comment("high parts are rounded half up in magnitude, low parts are the rounded remainders")
	e.splitPair(0, "Z2")
	e.p("VMOVUPS Z2, (R13)")
	e.p("VMOVUPS Z0, 64(R13)")
}

func floatOutOfLine(e *emitter) {
	e.label("plain")
	e.p("CMPQ %s, $2", arg("OutKind"))
	e.p("JEQ bf16")
	e.p("MOVQ %s, R10", arg("OutHalf"))
	e.p("VMOVUPS Z0, K1, (R13)")
	e.p("VMOVUPS Z1, K2, (R13)(R10*1)")
	e.p("JMP next")
	e.label("bf16")
	e.roundPair(0)
	e.p("VMOVUPS Z0, (R13)")
	e.p("JMP next")
	e.residual()
	e.activations()
}

// residual adds the residual at R15.
func (e *emitter) residual() {
	e.label("residual")
	e.p("CMPQ %s, $1", arg("ResidualKind"))
	e.p("JNE notsplit")
	e.p("VMOVUPS (R15), Z2")
	e.p("VMOVUPS 64(R15), Z3")
	e.p("VPSLLD $16, Z2, Z4")
	e.p("VPSLLD $16, Z3, Z5")
	e.p("VPANDD Z26, Z2, Z2")
	e.p("VPANDD Z26, Z3, Z3")
	e.p("VADDPS Z4, Z5, Z4")
	e.p("VADDPS Z2, Z3, Z2")
	e.p("VADDPS Z4, Z0, Z0")
	e.p("VADDPS Z2, Z1, Z1")
	e.p("JMP activate")
	e.label("notsplit")
	e.p("CMPQ %s, $2", arg("ResidualKind"))
	e.p("JEQ halves")
	e.p("MOVQ %s, R10", arg("ResidualHalf"))
	e.p("VADDPS (R15), Z0, K1, Z0")
	e.p("VADDPS (R15)(R10*1), Z1, K2, Z1")
	e.p("JMP activate")
	e.label("halves")
	e.p("VMOVUPS (R15), Z2")
	e.p("VPSLLD $16, Z2, Z4")
	e.p("VPANDD Z26, Z2, Z2")
	e.p("VADDPS Z4, Z0, Z0")
	e.p("VADDPS Z2, Z1, Z1")
	e.p("JMP activate")
}

// activations writes all activations but Clip; Act is package kernel's ActivationKind.
func (e *emitter) activations() {
	e.label("activation")
	names := []string{"leaky", "sigmoid", "silu", "hardsigmoid", "hardswish", "tanh", "gelu", "mish"}
	e.jumpTable("Act", 2, names...)
	for i, f := range []func(x int){e.leakyRelu, e.sigmoid, e.silu, e.hardSigmoid, e.hardSwish, e.tanh, e.gelu, e.mish} {
		e.label(names[i])
		f(0)
		f(1)
		e.p("JMP store")
	}
}
