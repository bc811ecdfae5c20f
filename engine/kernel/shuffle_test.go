package kernel

import (
	"fmt"
	"math/rand"
	"testing"
	"unsafe"
)

func TestShuffle(t *testing.T) {
	alternate := func(c int) (channels []int) {
		for i := range c {
			channels = append(channels, i, c+i)
		}
		return channels
	}
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, c := range []struct {
			why      string
			in       []int // channels of each input
			channels []int
			h, w     int
			halo     Halo
		}{
			{"a shuffle of two groups", []int{58, 58}, alternate(58), 7, 7, Halo{}},
			{"its second half", []int{58, 58}, alternate(58)[58:], 13, 14, Halo{}},
			{"with a halo", []int{20, 20}, alternate(20)[7:], 9, 70, Halo{1, 2, 1, 1}},
			{"a slice", []int{40}, []int{17, 18, 19, 20}, 5, 3, Halo{}},
			{"backwards, from every input, one unread", []int{5, 1, 40, 9}, []int{54, 3, 44, 20, 33, 6, 7, 8, 0, 0, 5, 31, 14, 15, 2, 1, 50, 40, 30}, 4, 40, Halo{}},
			{"one channel", []int{1}, []int{0, 0}, 1, 1, Halo{Top: 1}},
		} {
			for _, to := range []Format{k.Block, Split32} {
				if to == Split32 && k.Block == F32x8 {
					continue
				}
				for _, pictures := range []int{1, 2} {
					t.Run(fmt.Sprintf("%s/%v/%d", c.why, to, pictures), func(t *testing.T) {
						rng := rand.New(rand.NewSource(8))
						p := Shuffle{Channels: c.channels, Out: NewLayout(to, pictures, len(c.channels), c.h, c.w, c.halo)}
						out := newCanvas(t, p.Out)
						var in []*canvas
						var at []unsafe.Pointer
						for i, channels := range c.in {
							l := NewLayout(k.Block, pictures, channels, c.h, c.w, Halo{Top: i % 2, Right: i % 3})
							in = append(in, newCanvas(t, l).randomize(rng))
							p.In, at = append(p.In, l), append(at, in[i].base())
						}
						m := Memory{In: at[0], More: at[1:], Out: out.base()}
						work, err := k.Shuffle(p)
						if err != nil {
							t.Fatal(err)
						}
						run(t, work, m)
						out.check(t)
						out.expect(t, to.precision(), func(n, ch, y, x int) float64 {
							i, from := 0, c.channels[ch]
							for from >= c.in[i] {
								from -= c.in[i]
								i++
							}
							return float64(in[i].get(n, from, y, x))
						})
						checkSpans(t, work, m, &p.In[0], &p.Out)
					})
				}
			}
		}
		in := NewLayout(k.Block, 1, 8, 2, 2, Halo{})
		for why, p := range map[string]Shuffle{
			"a channel too far":   {In: []Layout{in}, Channels: []int{8}, Out: NewLayout(k.Block, 1, 1, 2, 2, Halo{})},
			"too few channels":    {In: []Layout{in}, Channels: []int{7}, Out: NewLayout(k.Block, 1, 2, 2, 2, Halo{})},
			"another height":      {In: []Layout{in}, Channels: []int{7}, Out: NewLayout(k.Block, 1, 1, 3, 2, Halo{})},
			"planes":              {In: []Layout{NewLayout(Planar, 1, 8, 2, 2, Halo{})}, Channels: []int{7}, Out: NewLayout(k.Block, 1, 1, 2, 2, Halo{})},
			"a negative channel":  {In: []Layout{in}, Channels: []int{-1}, Out: NewLayout(k.Block, 1, 1, 2, 2, Halo{})},
			"no channel anywhere": {In: nil, Channels: []int{0}, Out: NewLayout(k.Block, 1, 1, 2, 2, Halo{})},
		} {
			if _, err := k.Shuffle(p); err == nil {
				t.Errorf("%s: no error", why)
			}
		}
	})
}

// TestShuffleLanes holds the kernels to their twins, in the memory of an operand too.
func TestShuffleLanes(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for width, kernels := range map[int][2]func(dst, a, b, lanes unsafe.Pointer, rest, pixels int){8: {plainShuffle(8), k.Lanes8.Shuffle}, 16: {plainShuffle(16), k.Lanes16.Shuffle}} {
			rng := rand.New(rand.NewSource(2))
			for pixels := range 11 {
				for rest := range 2 {
					var lanes [16]int32
					for i := range lanes {
						lanes[i] = int32(rng.Intn(2*width+6)) - 6
					}
					data := normals(width*(3*pixels+1), rng)
					var got [2][]float32
					for i, kernel := range kernels {
						got[i] = append([]float32(nil), data...)
						a, b, dst := &got[i][0], &got[i][width*pixels], &got[i][2*width*pixels]
						kernel(unsafe.Pointer(dst), unsafe.Pointer(a), unsafe.Pointer(b), unsafe.Pointer(&lanes), rest, pixels)
						kernel(unsafe.Pointer(a), unsafe.Pointer(a), unsafe.Pointer(b), unsafe.Pointer(&lanes), rest, pixels)
					}
					for i := range data {
						if got[0][i] != got[1][i] {
							t.Fatalf("width %d, %d pixels, rest %d, lanes %d: number %d is %g, want %g", width, pixels, rest, lanes, i, got[1][i], got[0][i])
						}
					}
				}
			}
		}
	})
}
