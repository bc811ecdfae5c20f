package ops

import "github.com/visionzoo/vision/engine/tensor"

// copier copies runs of elements between two tensors of the same dtype, which may be any: operators
// that only move elements need not know it. Positions and lengths are in elements.
//
//	cp := newCopier(y, x)
//	cp.copy(0, 6, 3) // y[0:3] = x[6:9]
type copier struct {
	dst, src         []byte
	dstText, srcText []string // of tensors of strings
	size             int      // bytes of an element, 0 for strings
}

// newCopier prepares copies from src to dst.
func newCopier(dst, src *tensor.Tensor) copier {
	return copier{dst.Bytes(), src.Bytes(), dst.Strings(), src.Strings(), src.DType().Size()}
}

// copy copies n elements, from element from of the source to element to of the
// destination.
func (cp *copier) copy(to, from, n int) {
	if cp.size == 0 {
		copy(cp.dstText[to:to+n], cp.srcText[from:from+n])
		return
	}
	copy(cp.dst[to*cp.size:(to+n)*cp.size], cp.src[from*cp.size:(from+n)*cp.size])
}

// fill repeats element from of the source n times, from element to of the destination on.
func (cp *copier) fill(to, from, n int) {
	if n <= 0 {
		return
	}
	cp.copy(to, from, 1)
	if cp.size == 0 {
		repeat(cp.dstText[to:to+n], 1)
	} else {
		repeat(cp.dst[to*cp.size:(to+n)*cp.size], cp.size)
	}
}

// repeat fills s with copies of its first n elements, doubling what is filled.
func repeat[T any](s []T, n int) {
	for n < len(s) {
		n += copy(s[n:], s[:n])
	}
}
