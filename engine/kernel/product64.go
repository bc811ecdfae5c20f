package kernel

import (
	"sync"
	"unsafe"
)

// tile64 computes register tiles of products in float64: sums [4][columns] += A [4][k]·panel
// [k][columns], where rows of A are row bytes apart.
type tile64 struct {
	columns int
	add     func(sums, a, panel unsafe.Pointer, k, row int)
}

const (
	rows64 = 4       // of a tile
	most64 = 16      // columns, on any rung
	deep64 = 1 << 12 // rows of a panel in a call: assembly is not preempted
)

// plainTile64 is the twin.
var plainTile64 = tile64{8, func(sums, a, panel unsafe.Pointer, k, row int) {
	c, b := unsafe.Slice((*float64)(sums), rows64*8), unsafe.Slice((*float64)(panel), 8*k)
	for i := range rows64 {
		to := c[8*i:][:8]
		for p, w := range unsafe.Slice((*float64)(unsafe.Add(a, i*row)), k) {
			for j, x := range b[8*p:][:8] {
				to[j] += w * x
			}
		}
	}
}}

// frames64 holds sums of tiles: as local variables, they would be allocated in each call.
var frames64 = sync.Pool{New: func() any { return new([rows64 * most64]float64) }}

// Product64 is C = A·B of row-major float64 matrices, A [M][K] with M at least 4, and B [K][N] or,
// with TransB, [N][K]. It is computed in panels of columns.
type Product64 struct {
	M, K, N int
	TransB  bool
}

// Panels64 is the number of panels of a product, and of the numbers in the room that each needs.
func (r *Rung) Panels64(p *Product64) (panels, room int) {
	return (p.N + r.Tile64.columns - 1) / r.Tile64.columns, p.K * r.Tile64.columns
}

// Panel64 computes one panel; it stops early if stop reports true, which it is asked between tiles.
func (r *Rung) Panel64(p *Product64, panel int, c, a, b, room []float64, stop func() bool) {
	width := r.Tile64.columns
	first := panel * width
	n := min(width, p.N-first)
	for k := range p.K {
		row := room[k*width:][:width]
		if p.TransB {
			for j := range n {
				row[j] = b[(first+j)*p.K+k]
			}
		} else {
			copy(row, b[k*p.N+first:][:n])
		}
		clear(row[n:])
	}
	f := frames64.Get().(*[rows64 * most64]float64)
	defer frames64.Put(f)
	for m := 0; m < p.M && !stop(); m += rows64 {
		top := min(m, p.M-rows64) // the last rows of a matrix may be computed twice
		clear(f[:])
		for k := 0; k < p.K; k += deep64 {
			r.Tile64.add(unsafe.Pointer(f), unsafe.Pointer(&a[top*p.K+k]), unsafe.Pointer(&room[k*width]), min(deep64, p.K-k), 8*p.K)
		}
		for i := range rows64 {
			copy(c[(top+i)*p.N+first:][:n], f[i*width:])
		}
	}
}
