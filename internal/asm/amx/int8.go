package main

// The epilogue of a row of 32 int32 sums: requantisation as in ONNX's QLinearConv. The
// sum plus the bias is converted to float32, multiplied by the scale of the channel,
// clipped, rounded half to even, and offset by the zero point.
//
// Z31 Z30 are the bias, Z29 Z28 the scales, Z27 Z26 the bounds minus the zero point, Z25
// the zero point. K1 and K2 mask the channels.

func byteSetup(e *emitter) {
	e.p("VBROADCASTSS %s, Z27", arg("Low"))
	e.p("VBROADCASTSS %s, Z26", arg("High"))
	e.p("VPBROADCASTD %s, Z25", arg("Zero"))
	e.p("KMOVW %s, K1", arg("MaskA"))
	e.p("KMOVW %s, K2", arg("MaskB"))
}

func byteBias(e *emitter) {
	e.p("VMOVDQU32 (R13), Z31")
	e.p("VMOVDQU32 64(R13), Z30")
	e.p("VMOVUPS 128(R13), Z29")
	e.p("VMOVUPS 192(R13), Z28")
}

func byteFinish(e *emitter) {
	e.p("VPADDD (R12), Z31, Z0")
	e.p("VPADDD 64(R12), Z30, Z1")
	e.p("VCVTDQ2PS Z0, Z0")
	e.p("VCVTDQ2PS Z1, Z1")
	e.p("VMULPS Z29, Z0, Z0")
	e.p("VMULPS Z28, Z1, Z1")
	e.each("VMAXPS Z27, Z%, Z%", 0, 1)
	e.each("VMINPS Z26, Z%, Z%", 0, 1)
	e.each("VCVTPS2DQ Z%, Z%", 0, 1)
	e.each("VPADDD Z25, Z%, Z%", 0, 1)
	e.p("VPMOVUSDB Z0, K1, (R13)")
	e.p("VPMOVUSDB Z1, K2, 16(R13)")
}
