package kernel

import (
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

// TestProduct64 compares all rungs with the definition, on memory that faults where more is read
// or written.
func TestProduct64(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(1))
		numbers := func(n int) []float64 {
			x := unsafe.Slice((*float64)(unsafe.Pointer(&fenced(t, 8*n)[0])), n)
			for i := range x {
				x[i] = rng.NormFloat64()
			}
			return x
		}
		for _, p := range []Product64{{4, 1, 1, false}, {5, 7, 3, true}, {8, 33, 16, false}, {9, 5, 8, true}, {23, 64, 65, false}, {6, deep64 + 3, 17, false}} {
			a, b, c := numbers(p.M*p.K), numbers(p.K*p.N), numbers(p.M*p.N)
			panels, room := k.Panels64(&p)
			for i := range panels {
				k.Panel64(&p, i, c, a, b, numbers(room), func() bool { return false })
			}
			for i := range c {
				want, size := 0.0, 0.0
				for j := range p.K {
					at := j*p.N + i%p.N
					if p.TransB {
						at = i%p.N*p.K + j
					}
					v := a[i/p.N*p.K+j] * b[at]
					want, size = want+v, size+math.Abs(v)
				}
				if !(math.Abs(c[i]-want) <= 1e-15*size*math.Sqrt(float64(p.K))) {
					t.Fatalf("%+v: number %d is %v, want %v", p, i, c[i], want)
				}
			}
		}
	})
}
