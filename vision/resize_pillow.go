package vision

import "math"

// Pillow's resampling (libImaging/Resample.c of 9.4): two passes, horizontal
// then vertical, each rounding to 8 bits; weights made in double and then fixed
// to 22 bits. A pass whose length does not change is skipped, and only the rows
// that the vertical pass reads are made by the horizontal one.

// weightBits is Pillow's PRECISION_BITS, 32-8-2.
const weightBits = 22

// kernels holds each filter's radius and shape; the conversions to float64 keep
// compilers from fusing multiplications with additions.
var kernels = [filterCount]struct {
	radius float64
	at     func(x float64) float64
}{
	Box: {0.5, func(x float64) float64 {
		if x > -0.5 && x <= 0.5 {
			return 1
		}
		return 0
	}},
	Bilinear: {1, func(x float64) float64 { return max(0, 1-math.Abs(float64(x))) }},
	Hamming: {1, func(x float64) float64 {
		x = math.Abs(x)
		if x == 0 {
			return 1
		}
		if x >= 1 {
			return 0
		}
		x *= math.Pi
		const a, b = float64(float32(0.54)), float64(float32(0.46)) // Pillow writes them as floats
		return math.Sin(x) / x * (a + float64(b*math.Cos(x)))
	}},
	Bicubic: {2, func(x float64) float64 {
		const a = -0.5
		x = math.Abs(x)
		switch {
		case x < 1:
			return float64(float64(float64(float64((a+2)*x)-(a+3))*x)*x) + 1
		case x < 2:
			return float64(float64(float64(float64(float64(x-5)*x)+8)*x)-4) * a
		}
		return 0
	}},
	Lanczos: {3, func(x float64) float64 {
		if x >= -3 && x < 3 {
			return sinc(x) * sinc(x/3)
		}
		return 0
	}},
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// weights holds the weights of one pass: output position i is the sum of count[i]
// source positions from start[i], weighted by k[i*size:], in units of 2^-22.
type weights struct {
	start, count []int
	k            []int32
	size         int
}

// pillowSize is how many of m input positions at most an output position (of n) is
// the sum of.
func pillowSize(m, n int, f Filter) int {
	return int(math.Ceil(kernels[f].radius*max(float64(m)/float64(n), 1)))*2 + 1
}

// pillowWeights computes the weights of the output positions lo ≤ i < hi (of n)
// over m input positions.
func pillowWeights(m, n, lo, hi int, f Filter) weights {
	kernel := kernels[f]
	scale := float64(m) / float64(n)
	stretch := max(scale, 1)
	support := kernel.radius * stretch
	size := pillowSize(m, n, f)
	w := weights{make([]int, hi-lo), make([]int, hi-lo), make([]int32, (hi-lo)*size), size}
	inverse := 1 / stretch
	raw := make([]float64, size)
	for i := range w.start {
		center := float64((float64(lo+i) + 0.5) * scale)
		from := max(0, int(center-support+0.5))
		to := min(m, int(center+support+0.5))
		sum := 0.0
		for x := from; x < to; x++ {
			v := kernel.at((float64(x) - center + 0.5) * inverse)
			raw[x-from] = v
			sum += v
		}
		w.start[i], w.count[i] = from, to-from
		for x, v := range raw[:to-from] {
			if sum != 0 {
				v /= sum
			}
			w.k[i*size+x] = fixWeight(v)
		}
	}
	return w
}

// pillowSource is the range of input positions (of m) that the output positions lo
// ≤ i < hi (of n) read.
func pillowSource(m, n, lo, hi int, f Filter) (from, to int) {
	if m == n {
		return lo, hi
	}
	first, last := pillowWeights(m, n, lo, lo+1, f), pillowWeights(m, n, hi-1, hi, f)
	return first.start[0], last.start[0] + last.count[0]
}

// fixWeight rounds a weight to 22 bits, halves away from zero.
func fixWeight(v float64) int32 {
	if v < 0 {
		return int32(float64(v*(1<<weightBits)) - 0.5)
	}
	return int32(float64(v*(1<<weightBits)) + 0.5)
}

// pillowSampler resizes in one or two passes; a nil pass keeps its length.
type pillowSampler struct {
	m      *Image
	w      window
	across *horizontalPass
	down   *verticalPass
}

func newPillowSampler(m *Image, w window, f Filter) *pillowSampler {
	s := &pillowSampler{m: m, w: w}
	if w.width != m.Width {
		s.across = newHorizontalPass(m, pillowWeights(m.Width, w.width, w.x0, w.x1, f))
	}
	if w.height != m.Height {
		s.down = newVerticalPass(pillowWeights(m.Height, w.height, w.y0, w.y1, f))
	}
	return s
}

// work counts multiplications, of which a vector instruction does as many as there
// are lanes.
func (s *pillowSampler) work() int64 {
	columns, rows := int64(s.w.x1-s.w.x0)*3, int64(s.w.y1-s.w.y0)
	var n int64
	if s.down != nil {
		n += columns * rows * int64(s.down.size)
		rows = rows * int64(s.m.Height) / int64(s.w.height)
	}
	if s.across != nil {
		n += columns * rows * int64(s.across.size)
	}
	return n / int64(resampleLanes())
}

func (s *pillowSampler) band(y0, y1 int, put func(int, []byte)) {
	columns := (s.w.x1 - s.w.x0) * 3
	if s.down == nil {
		s.bandAcross(y0, y1, columns, put)
		return
	}
	rows := newRowBuffer(s, columns, s.down.size)
	out := make([]byte, columns)
	for y := y0; y < y1; y++ {
		from, count := s.down.start[y], s.down.count[y]
		lines, stride := rows.get(from, count)
		s.down.row(out, lines, stride, y)
		put(y, out)
	}
}

// bandAcross is band for pictures whose height does not change.
func (s *pillowSampler) bandAcross(y0, y1, columns int, put func(int, []byte)) {
	rows := newRowBuffer(s, columns, rowsAtOnce)
	for y := y0; y < y1; y++ {
		line, _ := rows.get(s.w.y0+y, 1)
		put(y, line[:columns])
	}
}

// rowsAtOnce is how many source rows the horizontal pass processes together.
const rowsAtOnce = 4

// rowBuffer holds consecutive source rows after the horizontal pass; requests only
// move downwards.
type rowBuffer struct {
	s          *pillowSampler
	buf        []byte
	stride     int
	held       int // rows that fit
	first, end int // source rows first ≤ y < end are in buf
}

func newRowBuffer(s *pillowSampler, columns, window int) *rowBuffer {
	b := &rowBuffer{s: s}
	if s.across == nil {
		return b
	}
	b.held = 2*window + 2*rowsAtOnce
	b.stride = (columns + 31 + 4) &^ 31 // the horizontal pass writes a byte past the row
	b.buf = make([]byte, (b.held+rowsAtOnce)*b.stride)
	return b
}

// get returns count rows beginning with from as one slice, and the distance between
// them.
func (b *rowBuffer) get(from, count int) ([]byte, int) {
	if b.s.across == nil {
		stride := b.s.m.Width * 3
		return b.s.m.Pix[from*stride+b.s.w.x0*3:], stride
	}
	if b.end == 0 || from >= b.end {
		b.first, b.end = from, from
	}
	if from+count-b.first > b.held {
		copy(b.buf, b.buf[(from-b.first)*b.stride:(b.end-b.first)*b.stride])
		b.first = from
	}
	for b.end < from+count {
		n := min(rowsAtOnce, b.s.m.Height-b.end)
		b.s.across.rows(b.buf[(b.end-b.first)*b.stride:], b.stride, b.end, n)
		b.end += n
	}
	return b.buf[(from-b.first)*b.stride:], b.stride
}

// horizontalTwin makes dst[3i+c] = clip((2^21 + Σ src[3(start+x)+c]*k[x]) >> 22).
func horizontalTwin(dst, src []byte, w *weights) {
	for i, start := range w.start {
		count := w.count[i]
		p := src[start*3 : (start+count)*3]
		r, g, b := int32(1<<(weightBits-1)), int32(1<<(weightBits-1)), int32(1<<(weightBits-1))
		for _, k := range w.k[i*w.size:][:count] {
			q := p[:3:3]
			r += int32(q[0]) * k
			g += int32(q[1]) * k
			b += int32(q[2]) * k
			p = p[3:]
		}
		d := dst[i*3 : i*3+3 : i*3+3]
		d[0], d[1], d[2] = clip8(r), clip8(g), clip8(b)
	}
}

// verticalTwin makes dst[i] = clip((2^21 + Σ lines[i+y*stride]*k[y]) >> 22).
func verticalTwin(dst, lines []byte, stride int, k []int32) {
	const step = 64 // sums of so many columns stay in cache
	var sums [step]int32
	for at := 0; at < len(dst); at += step {
		d := dst[at:min(at+step, len(dst))]
		s := sums[:len(d)]
		for i := range s {
			s[i] = 1 << (weightBits - 1)
		}
		for y, w := range k {
			p := lines[at+y*stride:][:len(s)]
			for i := range s {
				s[i] += int32(p[i]) * w
			}
		}
		for i := range d {
			d[i] = clip8(s[i])
		}
	}
}

// clip8 rounds a sum back to a byte.
func clip8(v int32) byte { return byte(min(max(v>>weightBits, 0), 255)) }
