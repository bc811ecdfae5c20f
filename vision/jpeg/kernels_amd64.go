//go:build !purego

package jpeg

import (
	"os"

	"golang.org/x/sys/cpu"
)

var avx2Kernels = kernels{
	name:  "avx2",
	block: blockWide,
	idct:  idctWide, h2v1: h2v1Wide, h2v2: h2v2Wide, h1v2: h1v2Wide, ycc: yccWide, rgb: rgbWide,
}

// fastest returns the best kernels for this CPU; VISION_CPU=purego asks for the
// twins, every other class of kernels has AVX2.
func fastest() *kernels {
	if os.Getenv("VISION_CPU") != "purego" && cpu.X86.HasAVX2 && cpu.X86.HasBMI2 {
		return &avx2Kernels
	}
	return &goKernels
}

// The functions below prove to the assembly that its operands are long enough,
// and leave to the twins what is shorter than a register.

// blockWide leaves to the twin the codes that are too long for the table.
func blockWide(r *bitReader, b *[64]int16, dc, ac *huffTable, pred *int32) {
	k := blockBMI2(r, &b[0], &dc.look[0], &ac.look[0], &natural[0], pred, 0)
	if k == 0 {
		*pred += r.dcDifference(dc)
		b[0] = int16(*pred)
		k = blockBMI2(r, &b[0], &dc.look[0], &ac.look[0], &natural[0], pred, 1)
	}
	for k < 64 {
		if k = r.coefficient(b, ac, k); k < 64 {
			k = blockBMI2(r, &b[0], &dc.look[0], &ac.look[0], &natural[0], pred, k)
		}
	}
}

func idctWide(dst []byte, stride int, coefs []int16, quant *[64]int16, n int) {
	if n == 0 {
		return
	}
	if n%2 != 0 || len(coefs) < 64*n || len(dst) < 7*stride+8*n {
		panic("BUG: jpeg: idct operands")
	}
	idctAVX2(&dst[0], stride, &coefs[0], &quant[0], n/2)
}

func h2v1Wide(dst, src []byte) {
	n := len(src) - 2
	if n < 16 {
		h2v1Go(dst, src)
		return
	}
	_ = dst[2*n-1]
	h2v1AVX2(&dst[0], &src[1], n)
}

func h2v2Wide(dst, near, far []byte) {
	n := len(near) - 2
	if n < 16 {
		h2v2Go(dst, near, far)
		return
	}
	_, _ = dst[2*n-1], far[n+1]
	h2v2AVX2(&dst[0], &near[1], &far[1], n)
}

func h1v2Wide(dst, near, far []byte, bias int) {
	n := len(near)
	if n < 32 {
		h1v2Go(dst, near, far, bias)
		return
	}
	_, _ = dst[n-1], far[n-1]
	h1v2AVX2(&dst[0], &near[0], &far[0], n, bias)
}

func yccWide(dst, y, cb, cr []byte) {
	n := len(y)
	if n < 32 {
		yccGo(dst, y, cb, cr)
		return
	}
	_, _, _ = dst[3*n-1], cb[n-1], cr[n-1]
	yccAVX2(&dst[0], &y[0], &cb[0], &cr[0], n)
}

func rgbWide(dst, r, g, b []byte) {
	n := len(r)
	if n < 32 {
		rgbGo(dst, r, g, b)
		return
	}
	_, _, _ = dst[3*n-1], g[n-1], b[n-1]
	rgbAVX2(&dst[0], &r[0], &g[0], &b[0], n)
}
