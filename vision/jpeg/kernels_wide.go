//go:build (amd64 || arm64) && !purego

package jpeg

// wideKernels returns the kernels in assembly, whose functions have the same names on all
// processors.
func wideKernels(name string, block func(r *bitReader, b *[64]int16, dc, ac *huffTable, pred *int32)) kernels {
	return kernels{
		name:  name,
		block: block,
		idct:  idctWide, h2v1: h2v1Wide, h2v2: h2v2Wide, h1v2: h1v2Wide, ycc: yccWide, rgb: rgbWide,
	}
}

// The functions below check that operands are as long as the assembly requires; the twins
// compute rows that are too short for it.

func idctWide(dst []byte, stride int, coefs []int16, quant *[64]int16, n int) {
	if n == 0 {
		return
	}
	if n%idctBlocks != 0 || len(coefs) < 64*n || len(dst) < 7*stride+8*n {
		panic("BUG: jpeg: idct operands")
	}
	idctAsm(&dst[0], stride, &coefs[0], &quant[0], n/idctBlocks)
}

func h2v1Wide(dst, src []byte) {
	n := len(src) - 2
	if n < 16 {
		h2v1Go(dst, src)
		return
	}
	_ = dst[2*n-1]
	h2v1Asm(&dst[0], &src[1], n)
}

func h2v2Wide(dst, near, far []byte) {
	n := len(near) - 2
	if n < 16 {
		h2v2Go(dst, near, far)
		return
	}
	_, _ = dst[2*n-1], far[n+1]
	h2v2Asm(&dst[0], &near[1], &far[1], n)
}

func h1v2Wide(dst, near, far []byte, bias int) {
	n := len(near)
	if n < leastWide {
		h1v2Go(dst, near, far, bias)
		return
	}
	_, _ = dst[n-1], far[n-1]
	h1v2Asm(&dst[0], &near[0], &far[0], n, bias)
}

func yccWide(dst, y, cb, cr []byte) {
	n := len(y)
	if n < leastWide {
		yccGo(dst, y, cb, cr)
		return
	}
	_, _, _ = dst[3*n-1], cb[n-1], cr[n-1]
	yccAsm(&dst[0], &y[0], &cb[0], &cr[0], n)
}

func rgbWide(dst, r, g, b []byte) {
	n := len(r)
	if n < leastWide {
		rgbGo(dst, r, g, b)
		return
	}
	_, _, _ = dst[3*n-1], g[n-1], b[n-1]
	rgbAsm(&dst[0], &r[0], &g[0], &b[0], n)
}
