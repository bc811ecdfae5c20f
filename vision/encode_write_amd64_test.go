//go:build !purego

package vision

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/visionzoo/vision/internal/fence"
)

// Rows of any width, at any column, in any order of channels are what the twin
// writes, and nothing beside them is touched. Tables are looked up, whatever is
// in them.
func TestPlanes(t *testing.T) {
	if !vectors {
		t.Skip("no vector kernels; they need a CPU with AVX2, and VISION_CPU other than purego")
	}
	rng := rand.New(rand.NewPCG(7, 7))
	var tables [3]*[256]float32
	for c := range tables {
		tables[c] = new([256]float32)
		for i := range tables[c] {
			tables[c][i] = math.Float32frombits(rng.Uint32()&^(1<<30) | 1)
		}
	}
	for n := range 100 {
		width, height := n+rng.IntN(20), 1+rng.IntN(4)
		y, x := rng.IntN(height), rng.IntN(width-n+1)
		pix := fence.Before[byte](t, 3*n)
		for i := range pix {
			pix[i] = byte(rng.Uint32())
		}
		for _, source := range [][3]int{{0, 1, 2}, {2, 1, 0}} {
			w := &writer[float32]{dst: make([]float32, 3*height*width), tables: tables, source: source, channels: 3, width: width, height: height, planar: true}
			for i := range w.dst {
				w.dst[i] = float32(i)
			}
			want := slices.Clone(w.dst)
			for c := range 3 {
				for i := range n {
					want[(c*height+y)*width+x+i] = tables[c][pix[3*i+source[c]]]
				}
			}
			if done := w.planes(y, x, pix); done != n&^7 {
				t.Fatalf("%d of %d pixels", done, n)
			}
			w.row(y, x, pix)
			if !slices.Equal(w.dst, want) {
				t.Fatalf("n=%d at %d,%d of %dx%d:\n got %v\nwant %v", n, x, y, width, height, w.dst, want)
			}
		}
	}
}
