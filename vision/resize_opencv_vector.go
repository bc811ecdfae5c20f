//go:build (amd64 || arm64) && !purego

package vision

// linearPass is the horizontal half of OpenCV's resampling in vectors; empty
// where the twin serves. A line has four words a pixel and whole vectors.
type linearPass struct {
	offsets []int32       // byte of the first source pixel of each output pixel
	words   []linearWords // its weight and that of the one behind it
	last    []byte        // the picture's last row, with room to load past its end
}

func newLinearPass(m *Image, taps []tap2) linearPass {
	if !vectors || m.Width < 2 {
		return linearPass{}
	}
	n := (len(taps) + 7) &^ 7
	p := linearPass{offsets: make([]int32, n), words: make([]linearWords, n)}
	for i, t := range taps {
		if t.at == m.Width-1 { // the edge alone
			t = tap2{t.at - 1, 0, t.w0}
		}
		p.offsets[i], p.words[i] = int32(t.at*3), newLinearWords(int16(t.w0), int16(t.w1))
	}
	p.last = append(make([]byte, 0, m.Width*3+2), m.Row(m.Height-1)...)[:m.Width*3+2]
	return p
}

// band makes rows y0 ≤ y < y1 of s, or reports false.
func (p *linearPass) band(s *linearSampler, y0, y1 int, put func(int, []byte)) bool {
	n := len(p.offsets)
	if n == 0 {
		return false
	}
	row := make([]byte, n*3+rowSpare)
	linearBand(s, y0, y1, n*4, row, func(dst []int16, y int) { p.line(dst, s.m, y) }, linearDown, put)
	return true
}

// line makes the line of source row y.
func (p *linearPass) line(dst []int16, m *Image, y int) {
	row := p.last
	if y < m.Height-1 {
		row = m.Row(y)
	}
	linearAcrossAsm((*[4]int16)(dst), &row[0], &p.offsets[0], &p.words[0], len(dst)/4)
}

// linearDown makes a row of two lines, and rowSpare bytes behind it.
func linearDown(dst []byte, above, below []int16, w0, w1 int32) {
	n := len(above) / 4
	_, _ = dst[3*n+rowSpare-1], below[4*n-1]
	linearDownAsm(&dst[0], (*[4]int16)(above), (*[4]int16)(below), int(w0), int(w1), n)
}

// halfVectors makes whole vectors of a row out of two that are twice as long, but
// for the last pixels, and returns its bytes. It writes rowSpare bytes behind them.
func halfVectors(dst, a, b []byte) int {
	n := (len(a)/6 - halfSpare) &^ 7
	if !vectors || n <= 0 {
		return 0
	}
	_, _ = dst[3*n+rowSpare-1], b[6*(n+halfSpare)-1]
	linearHalfAsm(&dst[0], &a[0], &b[0], n)
	return 3 * n
}
