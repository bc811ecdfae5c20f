package kernel

import (
	"math/rand"
	"testing"
	"unsafe"
)

func TestInterleave(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, c := range []struct{ channels, h, w, rows, columns int }{
			{5, 8, 6, 2, 2}, {33, 7, 9, 2, 2}, {16, 3, 40, 1, 4}, {70, 5, 1, 3, 1}, {48, 1, 5, 1, 5}, {19, 9, 10, 3, 3}, {8, 4, 4, 1, 1},
		} {
			for _, pictures := range []int{1, 2} {
				rng := rand.New(rand.NewSource(6))
				p := Interleave{Rows: c.rows, Columns: c.columns, Out: NewLayout(k.Block, pictures, c.channels, c.h, c.w, Halo{1, 2, 1, 1})}
				out := newCanvas(t, p.Out)
				var in []*canvas
				m := Memory{Out: out.base()}
				for i := range c.rows * c.columns {
					l := NewLayout(k.Block, pictures, c.channels, (c.h-i/c.columns+c.rows-1)/c.rows, (c.w-i%c.columns+c.columns-1)/c.columns, Halo{Top: i % 2, Right: 1})
					in = append(in, newCanvas(t, l).randomize(rng))
					p.In = append(p.In, l)
					m.More = append(m.More, in[i].base())
				}
				m.In, m.More = in[0].base(), append([]unsafe.Pointer(nil), m.More[1:]...)
				work, err := k.Interleave(p)
				if err != nil {
					t.Fatal(err)
				}
				run(t, work, m)
				out.check(t)
				out.expect(t, 0, func(n, ch, y, x int) float64 {
					return float64(in[y%c.rows*c.columns+x%c.columns].get(n, ch, y/c.rows, x/c.columns))
				})
				if pictures == 1 {
					checkSpans(t, work, m, &p.In[0], &p.Out)
				}
				p.In[0].H++
				if _, err := k.Interleave(p); err == nil {
					t.Errorf("%+v: a layout that does not fit is accepted", c)
				}
			}
		}
	})
}
