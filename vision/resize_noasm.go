//go:build purego || (!amd64 && !arm64)

package vision

// horizontalPass is the horizontal half of Pillow's resampling.
type horizontalPass struct {
	weights
	m *Image
}

func newHorizontalPass(m *Image, w weights) *horizontalPass { return &horizontalPass{w, m} }

// rows writes source rows y … y+n-1, resized, to dst, stride bytes apart.
func (p *horizontalPass) rows(dst []byte, stride, y, n int) {
	for i := range n {
		horizontalTwin(dst[i*stride:], p.m.Row(y+i), &p.weights)
	}
}

// verticalPass is the vertical half.
type verticalPass struct{ weights }

func newVerticalPass(w weights) *verticalPass { return &verticalPass{w} }

// row makes output row i from the lines it needs, stride bytes apart.
func (p *verticalPass) row(dst, lines []byte, stride, i int) {
	verticalTwin(dst, lines, stride, p.k[i*p.size:][:p.count[i]])
}

// resampleLanes is how many multiplications count as one when threads are
// weighed.
func resampleLanes() int { return 1 }
