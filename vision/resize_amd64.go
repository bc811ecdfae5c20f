//go:build !purego

package vision

import (
	"os"

	"golang.org/x/sys/cpu"
)

//go:generate sh -c "cd ../internal/asm && go run ./vision"

// vectors is whether the AVX2 kernels are used; VISION_CPU=purego turns them off.
var vectors = cpu.X86.HasAVX2 && os.Getenv("VISION_CPU") != "purego"

// lanes is how many multiplications count as one when threads are weighed.
const lanes = 16

// split cuts a weight into two words: k = hi<<11 + lo, 0 ≤ lo < 2^11.
func split(k int32) (hi, lo int16) { return int16(k >> 11), int16(k & 0x7ff) }

// horizontalPass is the horizontal half of Pillow's resampling.
type horizontalPass struct {
	weights
	m       *Image
	groups  int     // of four source pixels an output pixel; 0 where the Go twin serves
	offsets []int32 // byte of the first source pixel of each output pixel
	words   []int16 // as horizontalAVX2 wants them
	last    []byte  // the picture's last row with 4 bytes to spare behind it
}

func newHorizontalPass(m *Image, w weights) *horizontalPass {
	p := &horizontalPass{weights: w, m: m}
	taps := 0
	for _, n := range w.count {
		taps = max(taps, n)
	}
	groups := (taps + 3) / 4
	if !vectors || m.Width < groups*4 || len(w.start) == 0 || taps == 0 {
		return p
	}
	p.groups = groups
	p.offsets = make([]int32, len(w.start))
	p.words = make([]int16, len(w.start)*groups*32)
	for i, start := range w.start {
		from := min(start, m.Width-groups*4)
		p.offsets[i] = int32(from * 3)
		words := p.words[i*groups*32:][:groups*32]
		for x, k := range w.k[i*w.size:][:w.count[i]] {
			spread(words, start-from+x, k)
		}
	}
	p.last = append(make([]byte, 0, m.Width*3+4), m.Row(m.Height-1)...)[:m.Width*3+4]
	return p
}

// spread puts the weight of a source pixel where its colours will be: three
// times in the upper halves, three times in the lower.
func spread(words []int16, pixel int, k int32) {
	hi, lo := split(k)
	at := pixel/4*32 + pixel%4/2*8 + pixel%2
	for c := range 3 {
		words[at+2*c], words[at+16+2*c] = hi, lo
	}
}

// rows writes source rows y … y+n-1, resized, to dst, stride bytes apart; dst
// has room for rowsAtOnce rows and a byte more each.
func (p *horizontalPass) rows(dst []byte, stride, y, n int) {
	if p.groups == 0 {
		for i := range n {
			horizontalTwin(dst[i*stride:], p.m.Row(y+i), &p.weights)
		}
		return
	}
	rows := sourceRows(p.m, p.last, y, n)
	_ = dst[(rowsAtOnce-1)*stride+len(p.offsets)*3]
	horizontalAVX2(&dst[0], stride, &rows, &p.offsets[0], &p.words[0], len(p.offsets), p.groups)
}

// verticalPass is the vertical half.
type verticalPass struct {
	weights
	words [][4]int16 // for each two taps of a row: both upper halves, both lower ones
	pairs int        // a row
}

func newVerticalPass(w weights) *verticalPass {
	p := &verticalPass{weights: w, pairs: (w.size + 1) / 2}
	if !vectors {
		return p
	}
	p.words = make([][4]int16, len(w.start)*p.pairs)
	for i := range w.start {
		for y, k := range w.k[i*w.size:][:w.count[i]] {
			hi, lo := split(k)
			pair := &p.words[i*p.pairs+y/2]
			pair[y%2], pair[2+y%2] = hi, lo
		}
	}
	return p
}

// row makes output row i from the lines it needs, stride bytes apart.
func (p *verticalPass) row(dst, lines []byte, stride, i int) {
	taps := p.count[i]
	k := p.k[i*p.size:][:taps]
	n := len(dst) &^ 15
	if !vectors || n == 0 || taps == 0 {
		verticalTwin(dst, lines, stride, k)
		return
	}
	_ = lines[(taps-1)*stride+n-1]
	verticalAVX2(&dst[0], &lines[0], stride, &p.words[i*p.pairs], taps, n)
	if n < len(dst) {
		verticalTwin(dst[n:], lines[n:], stride, k)
	}
}
