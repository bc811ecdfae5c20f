//go:build !purego && (amd64 || arm64)

package vision

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/visionzoo/vision/internal/fence"
)

// Windows of pictures of odd sizes, enlarged and made smaller, halved among them,
// are what the twins make; nothing past the picture's end is read.
func TestLinearKernels(t *testing.T) {
	if !vectors {
		t.Skip("no vector kernels; on amd64 they need AVX2, and everywhere a VISION_CPU other than purego")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	fast, halves := 0, 0
	for i := range 600 {
		m := &Image{Width: 1 + rng.IntN(90), Height: 1 + rng.IntN(20)}
		m.Pix = fence.Before[byte](t, m.Width*m.Height*3)
		for j := range m.Pix {
			m.Pix[j] = byte(max(0, min(255, rng.IntN(400)-70))) // whites and blacks in plenty
		}
		w := window{width: 1 + rng.IntN(120), height: 1 + rng.IntN(30)}
		if i%3 == 0 && m.Width > 1 && m.Height > 1 {
			m.Width, m.Height = m.Width&^1, m.Height&^1
			m.Pix = m.Pix[len(m.Pix)-m.Width*m.Height*3:]
			w.width, w.height = m.Width/2, m.Height/2
		}
		w.x0, w.y0 = rng.IntN(w.width), rng.IntN(w.height)
		w.x1, w.y1 = w.x0+1+rng.IntN(w.width-w.x0), w.y0+1+rng.IntN(w.height-w.y0)
		rows := w.y1 - w.y0
		want := make([][]byte, rows)
		switch s := newSampler(m, w, Linear).(type) {
		case *linearSampler:
			if s.across.offsets == nil {
				continue
			}
			fast++
			twin := *s
			twin.across = linearPass{}
			twin.band(0, rows, func(y int, row []byte) { want[y] = bytes.Clone(row) })
		case *halfSampler:
			halves++
			for y := range want {
				want[y] = make([]byte, (w.x1-w.x0)*3)
				halfRow(want[y], m.Row(2 * (w.y0 + y))[w.x0*6:w.x1*6], m.Row(2*(w.y0+y) + 1)[w.x0*6:w.x1*6])
			}
		default:
			continue
		}
		newSampler(m, w, Linear).band(0, rows, func(y int, row []byte) {
			if !bytes.Equal(row, want[y]) {
				t.Fatalf("%dx%d, %+v: row %d\n got %v\nwant %v", m.Width, m.Height, w, y, row, want[y])
			}
		})
	}
	if fast < 100 || halves < 100 {
		t.Errorf("only %d and %d cases", fast, halves)
	}
}
