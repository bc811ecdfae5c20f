package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"

	"github.com/visionzoo/vision/engine/kernel/num"
)

func TestAcross(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for i, f := range formatPairs {
			for _, channels := range []int{1, 7, 8, 16, 19, 32, 41, 64, 130} {
				for _, join := range []num.Pair{num.Add, num.Min, num.Max} {
					t.Run(fmt.Sprintf("%v %d %d", f[0], channels, join), func(t *testing.T) {
						rng := rand.New(rand.NewSource(9))
						w := []int{5, 130}[i%2]
						p := Across{In: NewLayout(f[0], 2, channels, 7, w, Halo{1, 0, 1, 2}), Out: NewLayout(Planar, 2, 1, 7, w, Halo{}), Join: join, Mean: join == num.Add}
						in, out := newCanvas(t, p.In).randomize(rng), newCanvas(t, p.Out)
						in.set(1, channels-1, 3, 4, float32(math.NaN()))
						work, err := k.Across(p)
						if err != nil {
							t.Fatal(err)
						}
						m := Memory{In: in.base(), Out: out.base()}
						run(t, work, m)
						for n := range 2 {
							for y := range 7 {
								for x := range w {
									want := float64(in.get(n, 0, y, x))
									for c := 1; c < channels; c++ {
										v := float64(in.get(n, c, y, x))
										switch join {
										case num.Add:
											want += v
										case num.Min:
											want = min(want, v)
										default:
											want = max(want, v)
										}
									}
									if join == num.Add {
										want /= float64(channels)
									}
									if got := float64(out.get(n, 0, y, x)); !(math.Abs(got-want) <= 1e-6*float64(channels)) && (got == got || want == want) {
										t.Fatalf("picture %d, pixel (%d, %d) is %g, want %g", n, y, x, got, want)
									}
								}
							}
						}
						p.In.N, p.Out.N = 1, 1
						if work, err = k.Across(p); err != nil {
							t.Fatal(err)
						}
						checkSpans(t, work, m, &p.In, &p.Out)
					})
				}
			}
		}
	})
}
