package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

func TestPixels(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, c := range []struct {
			n, c, h, w int
			halo       Halo
		}{
			{1, 36, 20, 20, Halo{}}, {2, 5, 3, 70, Halo{1, 2, 1, 1}}, {1, 64, 7, 9, Halo{Top: 1}}, {3, 17, 1, 1, Halo{}}, {1, 48, 4, 33, Halo{1, 1, 1, 1}}, {1, 8, 2, 16, Halo{}},
		} {
			for _, f := range []Format{k.Block, Split32} {
				if f == Split32 && k.Block == F32x8 {
					continue
				}
				t.Run(fmt.Sprintf("%v %v", f, c), func(t *testing.T) {
					l := NewLayout(f, c.n, c.c, c.h, c.w, c.halo)
					at := func(n, ch, y, x int) int { return ((n*c.h+y)*c.w+x)*c.c + ch }
					flat := normals(c.n*c.c*c.h*c.w+1, rand.New(rand.NewSource(4)))
					blocked := newCanvas(t, l)
					in, err := k.Pixels(l, true)
					if err != nil {
						t.Fatal(err)
					}
					run(t, in, Memory{In: unsafe.Pointer(&flat[0]), Out: blocked.base()})
					blocked.check(t)
					blocked.expect(t, f.precision(), func(n, ch, y, x int) float64 { return float64(flat[at(n, ch, y, x)]) })

					back := make([]float32, len(flat))
					back[len(back)-1] = 7
					out, err := k.Pixels(l, false)
					if err != nil {
						t.Fatal(err)
					}
					run(t, out, Memory{In: blocked.base(), Out: unsafe.Pointer(&back[0])})
					if back[len(back)-1] != 7 {
						t.Error("writes behind the end")
					}
					for i, want := range flat[:len(flat)-1] {
						if !(math.Abs(float64(back[i]-want)) <= 2*f.precision()*math.Abs(float64(want))+1e-30) {
							t.Fatalf("number %d is %g, want %g", i, back[i], want)
						}
					}
				})
			}
		}
		for _, f := range []Format{Planar, U8x64, U8x4, U8} {
			if _, err := k.Pixels(NewLayout(f, 1, 4, 2, 2, Halo{}), true); err == nil {
				t.Errorf("%v: no error", f)
			}
		}
	})
}
