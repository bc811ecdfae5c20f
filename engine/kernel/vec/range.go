package vec

import (
	"math"
	"unsafe"
)

// This file gives kernels that take not all numbers those that they take, and the others to their twins,
// number by number: a result depends on its own operands alone, not on those beside it.

// sineReach bounds the arguments of Sin and Cos.
const sineReach = 1 << 30

// few is how many numbers are copied, where some are not for the kernel.
const few = 64

// within reports whether all numbers are from low to high, as NaN is not.
func (v *Unit) within(x []float32, low, high float32) bool {
	return v.Smallest(x) >= low && v.Largest(x) <= high
}

// applyFar is Apply for numbers of which some are beyond the kernel's reach.
func (v *Unit) applyFar(f Func, dst, src []float32) {
	var kept [few]float32
	for i := 0; i < len(dst); i += few {
		x := kept[:copy(kept[:], src[i:])]
		v.Map[f](unsafe.Pointer(&dst[i]), unsafe.Pointer(&x[0]), len(x), 0, 0)
		for j := range x {
			if !(x[j] >= -sineReach && x[j] <= sineReach) {
				Plain.Map[f](unsafe.Pointer(&dst[i+j]), unsafe.Pointer(&x[j]), 1, 0, 0)
			}
		}
	}
}

// powerTakes reports whether the kernels of Pow take all bases.
func (v *Unit) powerTakes(a []float32) bool {
	least := v.Smallest(a)
	return least >= 0 && !math.Signbit(float64(least)) && v.Largest(a) <= math.MaxFloat32
}

// powers is Zip for powers of which some are not for the kernel.
func (v *Unit) powers(dst, a, b []float32) {
	var bases, exponents [few]float32
	for i := 0; i < len(dst); i += few {
		n := min(few, len(dst)-i)
		for j := range n {
			bases[j], exponents[j] = a[min(i+j, len(a)-1)], b[min(i+j, len(b)-1)]
		}
		v.Rows[Pow](unsafe.Pointer(&dst[i]), unsafe.Pointer(&bases[0]), unsafe.Pointer(&exponents[0]), n)
		for j := range n {
			x, y := bases[j], exponents[j]
			if !(x <= math.MaxFloat32 && math.Abs(float64(y)) <= math.MaxFloat32) || math.Signbit(float64(x)) {
				dst[i+j] = power(x, y)
			}
		}
	}
}

func power(x, y float32) float32 { return float32(math.Pow(float64(x), float64(y))) }
