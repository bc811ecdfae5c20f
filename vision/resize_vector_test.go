//go:build !purego && (amd64 || arm64)

package vision

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/visionzoo/vision/internal/fence"
)

// The kernels give what their twins give at odd sizes, write nothing outside
// and read nothing past the end.
func TestResizeKernels(t *testing.T) {
	if !vectors {
		t.Skip("no vector kernels; on amd64 they need AVX2, and everywhere a VISION_CPU other than purego")
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		w, h, n := 4+rng.IntN(200), 1+rng.IntN(12), 1+rng.IntN(150)
		m := &Image{Width: w, Height: h, Pix: fence.Before[byte](t, w*h*3)}
		copy(m.Pix, computed(w, h).Pix)
		f := []Filter{Box, Bilinear, Hamming, Bicubic, Lanczos}[rng.IntN(5)]
		lo := rng.IntN(n)
		k := pillowWeights(w, n, lo, lo+1+rng.IntN(n-lo), f)
		p := newHorizontalPass(m, k)
		columns := len(k.start) * 3
		stride := columns + 1 + rng.IntN(40)
		got := fence.Before[byte](t, stride*(rowsAtOnce-1)+columns+1)
		for y := 0; y < h; y += rowsAtOnce {
			rows := min(rowsAtOnce, h-y)
			p.rows(got, stride, y, rows)
			for r := range rows {
				want := make([]byte, columns)
				horizontalTwin(want, m.Row(y+r), &k)
				if !bytes.Equal(got[r*stride:][:columns], want) {
					t.Fatalf("width %d to %d by %v, row %d:\n got %v\nwant %v", w, n, f, y+r, got[r*stride:][:columns], want)
				}
			}
		}
		down := newVerticalPass(pillowWeights(h, n, 0, n, f))
		line := fence.Before[byte](t, w*3)
		for i := range n {
			from, count := down.start[i], down.count[i]
			want := make([]byte, w*3)
			down.row(line, m.Pix[from*w*3:], w*3, i)
			verticalTwin(want, m.Pix[from*w*3:], w*3, down.k[i*down.size:][:count])
			if !bytes.Equal(line, want) {
				t.Fatalf("height %d to %d by %v, row %d", h, n, f, i)
			}
		}
	}
}
