package kernel

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/visionzoo/vision/engine/kernel/vec"
)

// axisTaps returns random taps; with per 0 none, with -1 those of nearest elements.
func axisTaps(rng *rand.Rand, from, to, per int) *vec.Taps {
	if per == 0 {
		return nil
	}
	t := &vec.Taps{Per: max(1, per)}
	for range t.Per * to {
		t.Index = append(t.Index, int32(rng.Intn(from)))
		if per > 0 {
			t.Weight = append(t.Weight, float32(rng.Intn(5))/4) // also 0
		}
	}
	return t
}

// tapped computes the weighted sum of element i.
func tapped(t *vec.Taps, i int, of func(at int) float64) float64 {
	switch {
	case t == nil:
		return of(i)
	case t.Weight == nil:
		return of(int(t.Index[i]))
	}
	sum, n := 0.0, len(t.Index)/t.Per
	for k := i; k < len(t.Index); k += n {
		sum += float64(t.Weight[k]) * of(int(t.Index[k]))
	}
	return sum
}

func TestResize(t *testing.T) {
	for _, c := range []struct {
		why           string
		h, w, oh, ow  int
		rows, columns int // taps
	}{
		{"nearest", 5, 7, 10, 14, -1, -1},
		{"nearest rows", 5, 7, 11, 7, -1, 0},
		{"nearest columns", 5, 40, 5, 33, 0, -1},
		{"linear", 6, 5, 13, 11, 2, 2},
		{"linear rows", 6, 5, 3, 5, 2, 0},
		{"linear columns", 3, 150, 3, 131, 0, 2},
		{"cubic", 8, 9, 5, 20, 4, 4},
		{"nothing", 3, 4, 3, 4, 0, 0},
		{"one pixel", 1, 1, 4, 300, 2, -1},
	} {
		eachF32Rung(t, func(t *testing.T, k *Rung) {
			for i, f := range formatPairs {
				channels := []int{19, 64, 8, 33, 70, 32, 5, 16}[i]
				t.Run(fmt.Sprintf("%s %v to %v", c.why, f[0], f[1]), func(t *testing.T) {
					rng := rand.New(rand.NewSource(8))
					p := Resize{In: NewLayout(f[0], 2, channels, c.h, c.w, Halo{0, 1, 2, 1}), Out: NewLayout(f[1], 2, channels, c.oh, c.ow, Halo{1, 1, 1, 1}),
						Rows: axisTaps(rng, c.h, c.oh, c.rows), Columns: axisTaps(rng, c.w, c.ow, c.columns)}
					in, out := newCanvas(t, p.In).randomize(rng), newCanvas(t, p.Out)
					work, err := k.Resize(p)
					if err != nil {
						t.Fatal(err)
					}
					m := Memory{In: in.base(), Out: out.base()}
					run(t, work, m)
					out.check(t)
					one := p
					one.In.N, one.Out.N = 1, 1
					if work, err = k.Resize(one); err != nil {
						t.Fatal(err)
					}
					checkSpans(t, work, m, &one.In, &one.Out)
					out.expect(t, p.Out.Format.precision(), func(n, ch, y, x int) float64 {
						return tapped(p.Rows, y, func(iy int) float64 {
							return tapped(p.Columns, x, func(ix int) float64 { return float64(in.get(n, ch, iy, ix)) })
						})
					})
				})
			}
		})
	}
}

func TestResizeRefuses(t *testing.T) {
	k := purego()
	for why, p := range map[string]Resize{
		"other channels":           {In: NewLayout(F32x8, 1, 8, 2, 2, Halo{}), Out: NewLayout(F32x8, 1, 16, 2, 2, Halo{})},
		"an axis that cannot stay": {In: NewLayout(F32x8, 1, 8, 2, 2, Halo{}), Out: NewLayout(F32x8, 1, 8, 3, 2, Halo{})},
		"a row that is not there": {In: NewLayout(F32x8, 1, 8, 2, 2, Halo{}), Out: NewLayout(F32x8, 1, 8, 1, 2, Halo{}),
			Rows: &vec.Taps{Index: []int32{2}, Per: 1}},
		"too few taps": {In: NewLayout(F32x8, 1, 8, 2, 2, Halo{}), Out: NewLayout(F32x8, 1, 8, 3, 2, Halo{}),
			Rows: &vec.Taps{Index: []int32{0, 1}, Per: 1}},
		"planes": {In: NewLayout(Planar, 1, 8, 2, 2, Halo{}), Out: NewLayout(Planar, 1, 8, 2, 2, Halo{})},
	} {
		if _, err := k.Resize(p); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
}
