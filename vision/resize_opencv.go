package vision

import "math"

// OpenCV's INTER_LINEAR on 8 bits (imgproc/src/resize.cpp of 4.6): half-pixel
// centres, weights of 11 bits, no antialias.
//
// Horizontally r = s[x]*a0 + s[x+1]*a1 in 32 bits, where a source position left
// of the first or right of the last pixel takes that pixel alone; vertically
// (((b0*(r0>>4))>>16) + ((b1*(r1>>4))>>16) + 2) >> 2, where the weights stay and
// only the row numbers are clipped.

// tap2 holds the two weights of an output position and the first of its two source
// positions.
type tap2 struct {
	at     int
	w0, w1 int32
}

// linearTaps returns the taps of the output positions lo ≤ i < hi (of n) over m
// input positions. If clip is set, positions outside read the edge alone.
func linearTaps(m, n, lo, hi int, clip bool) []tap2 {
	scale := float64(m) / float64(n)
	taps := make([]tap2, hi-lo)
	for i := range taps {
		f := float32(float64((float64(lo+i)+0.5)*scale) - 0.5)
		x := int(math.Floor(float64(f)))
		f -= float32(x)
		if clip && x < 0 {
			x, f = 0, 0
		}
		if clip && x >= m-1 {
			x, f = m-1, 0
		}
		taps[i] = tap2{x, int32(math.RoundToEven(float64((1 - f) * 2048))), int32(math.RoundToEven(float64(f * 2048)))}
	}
	return taps
}

type linearSampler struct {
	m      *Image
	xs, ys []tap2
	across linearPass
}

func newLinearSampler(m *Image, w window) *linearSampler {
	s := &linearSampler{m: m, xs: linearTaps(m.Width, w.width, w.x0, w.x1, true), ys: linearTaps(m.Height, w.height, w.y0, w.y1, false)}
	s.across = newLinearPass(m, s.xs)
	return s
}

// work counts the sums and, if the picture shrinks, loading two rows for each
// output row.
func (s *linearSampler) work() int64 {
	rows := int64(len(s.ys))
	return int64(len(s.xs))*rows*12/int64(resampleLanes()) + rows*int64(s.m.Width)/2
}

func (s *linearSampler) band(y0, y1 int, put func(int, []byte)) {
	if s.across.band(s, y0, y1, put) {
		return
	}
	n := len(s.xs) * 3
	linearBand(s, y0, y1, n, make([]byte, n), func(dst []int32, y int) { linearRow(dst, s.m.Row(y), s.xs) }, linearBlend, put)
}

// linearBand computes rows from lines: source rows after the horizontal pass, of n
// numbers each. across computes a line and blend a row, of which the window's width
// is passed to put.
func linearBand[T int16 | int32](s *linearSampler, y0, y1, n int, row []byte, across func(dst []T, y int), blend func(dst []byte, above, below []T, w0, w1 int32), put func(int, []byte)) {
	// The two lines used last, by the numbers of their source rows.
	above, below := make([]T, n), make([]T, n)
	aboveAt, belowAt := -1, -1
	for y := y0; y < y1; y++ {
		t := s.ys[y]
		r0, r1 := clip(t.at, s.m.Height), clip(t.at+1, s.m.Height)
		if r0 == belowAt {
			above, below = below, above
			aboveAt, belowAt = belowAt, aboveAt
		}
		if r0 != aboveAt {
			across(above, r0)
			aboveAt = r0
		}
		if r1 != belowAt {
			across(below, r1)
			belowAt = r1
		}
		blend(row, above, below, t.w0, t.w1)
		put(y, row[:len(s.xs)*3])
	}
}

func clip(y, height int) int { return min(max(y, 0), height-1) }

// linearRow makes dst[3i+c] = src[x]*w0 + src[x+1]*w1 of the taps.
func linearRow(dst []int32, src []byte, taps []tap2) {
	dst = dst[:len(taps)*3]
	for i, t := range taps {
		p := src[t.at*3:]
		d := dst[i*3 : i*3+3 : i*3+3]
		if t.w1 == 0 { // also the right edge, where there is no neighbour
			d[0], d[1], d[2] = int32(p[0])*t.w0, int32(p[1])*t.w0, int32(p[2])*t.w0
			continue
		}
		q := p[:6:6]
		d[0] = int32(q[0])*t.w0 + int32(q[3])*t.w1
		d[1] = int32(q[1])*t.w0 + int32(q[4])*t.w1
		d[2] = int32(q[2])*t.w0 + int32(q[5])*t.w1
	}
}

func linearBlend(dst []byte, r0, r1 []int32, w0, w1 int32) {
	r0, r1 = r0[:len(dst)], r1[:len(dst)]
	for i := range dst {
		v := (((w0 * (r0[i] >> 4)) >> 16) + ((w1 * (r1[i] >> 4)) >> 16) + 2) >> 2
		dst[i] = byte(min(max(v, 0), 255))
	}
}

// halfSampler is an exception in OpenCV: if both sides shrink by exactly 2, it
// averages blocks of 2x2.
type halfSampler struct {
	m *Image
	w window
}

func (s *halfSampler) work() int64 {
	return int64(s.w.x1-s.w.x0) * int64(s.w.y1-s.w.y0) * 12 / int64(resampleLanes())
}

func (s *halfSampler) band(y0, y1 int, put func(int, []byte)) {
	n := (s.w.x1 - s.w.x0) * 3
	row := make([]byte, n+rowSpare)
	for y := y0; y < y1; y++ {
		a := s.m.Row(2 * (s.w.y0 + y))[s.w.x0*6 : s.w.x1*6]
		b := s.m.Row(2*(s.w.y0+y) + 1)[s.w.x0*6 : s.w.x1*6]
		done := halfVectors(row, a, b)
		halfRow(row[done:n], a[2*done:], b[2*done:])
		put(y, row[:n])
	}
}

// rowSpare is how many bytes the vector kernels write past a row.
const rowSpare = 4

// halfRow computes dst from two rows that are twice as long.
func halfRow(dst, a, b []byte) {
	for i := 0; i < len(dst); i += 3 {
		for c := range 3 {
			j := 2*i + c
			dst[i+c] = byte((int(a[j]) + int(a[j+3]) + int(b[j]) + int(b[j+3]) + 2) >> 2)
		}
	}
}
