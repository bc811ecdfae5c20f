//go:build !purego

package vision

import "os"

// vectors is whether the NEON kernels are used; VISION_CPU=purego turns them off.
var vectors = os.Getenv("VISION_CPU") != "purego"

// lanes is how many multiplications count as one when threads are weighed.
const lanes = 8

// horizontalPass is the horizontal half of Pillow's resampling.
type horizontalPass struct {
	weights
	m    *Image
	last []byte // the picture's last row with a byte to spare behind it; nil where the Go twin serves
}

func newHorizontalPass(m *Image, w weights) *horizontalPass {
	p := &horizontalPass{weights: w, m: m}
	if vectors && len(w.start) > 0 {
		p.last = append(make([]byte, 0, m.Width*3+1), m.Row(m.Height-1)...)[:m.Width*3+1]
	}
	return p
}

// rows writes source rows y … y+n-1, resized, to dst, stride bytes apart; dst
// has room for rowsAtOnce rows and a byte more each.
func (p *horizontalPass) rows(dst []byte, stride, y, n int) {
	if p.last == nil {
		for i := range n {
			horizontalTwin(dst[i*stride:], p.m.Row(y+i), &p.weights)
		}
		return
	}
	rows := sourceRows(p.m, p.last, y, n)
	_ = dst[(rowsAtOnce-1)*stride+len(p.start)*3]
	horizontalNEON(&dst[0], stride, &rows, &p.start[0], &p.count[0], &p.k[0], p.size, len(p.start))
}

// verticalPass is the vertical half.
type verticalPass struct{ weights }

func newVerticalPass(w weights) *verticalPass { return &verticalPass{w} }

// row makes output row i from the lines it needs, stride bytes apart.
func (p *verticalPass) row(dst, lines []byte, stride, i int) {
	k := p.k[i*p.size:][:p.count[i]]
	n := len(dst) &^ 15
	if !vectors || n == 0 || len(k) == 0 {
		verticalTwin(dst, lines, stride, k)
		return
	}
	_ = lines[(len(k)-1)*stride+n-1]
	verticalNEON(&dst[0], &lines[0], stride, &k[0], len(k), n)
	if n < len(dst) {
		verticalTwin(dst[n:], lines[n:], stride, k)
	}
}
