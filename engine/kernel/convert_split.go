package kernel

import (
	"math"
	"unsafe"
)

// highHalf returns x rounded to bf16, half up in magnitude, as the bits of a float32.
func highHalf(x float32) uint32 { return (math.Float32bits(x) + 0x8000) & 0xffff0000 }

// split is the twin of Rung.Split. Numbers whose upper half is infinite become NaN.
func split(dst, a, b unsafe.Pointer, pixels int) {
	out := unsafe.Slice((*uint32)(dst), 32*pixels)
	lower, upper := unsafe.Slice((*float32)(a), 16*pixels), unsafe.Slice((*float32)(b), 16*pixels)
	for p := range pixels {
		for i := range 16 {
			x, y := lower[16*p+i], upper[16*p+i]
			hx, hy := highHalf(x), highHalf(y)
			lx := highHalf(x - math.Float32frombits(hx))
			ly := highHalf(y - math.Float32frombits(hy))
			out[32*p+i] = hx>>16 | hy
			out[32*p+16+i] = lx>>16 | ly
		}
	}
}

// unsplit is the twin of Rung.Unsplit.
func unsplit(a, b, src unsafe.Pointer, pixels int) {
	in := unsafe.Slice((*uint32)(src), 32*pixels)
	lower, upper := unsafe.Slice((*float32)(a), 16*pixels), unsafe.Slice((*float32)(b), 16*pixels)
	for p := range pixels {
		for i := range 16 {
			h, l := in[32*p+i], in[32*p+16+i]
			lower[16*p+i] = math.Float32frombits(h<<16) + math.Float32frombits(l<<16)
			upper[16*p+i] = math.Float32frombits(h&0xffff0000) + math.Float32frombits(l&0xffff0000)
		}
	}
}

// widen is the twin of Rung.Widen.
func widen(a, b, src unsafe.Pointer, pixels int) {
	lower, upper := floats(a, 16*pixels), floats(b, 16*pixels)
	for i, h := range unsafe.Slice((*uint32)(src), 16*pixels) {
		lower[i] = math.Float32frombits(h << 16)
		upper[i] = math.Float32frombits(h & 0xffff0000)
	}
}

// narrow is the twin of Rung.Narrow.
func narrow(dst, a, b unsafe.Pointer, pixels int) {
	lower, upper := floats(a, 16*pixels), floats(b, 16*pixels)
	out := unsafe.Slice((*uint32)(dst), 16*pixels)
	for i := range out {
		out[i] = highHalf(lower[i])>>16 | highHalf(upper[i])
	}
}
