package kernel

import (
	"bytes"
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

// checkSpans checks the spans of the steps of a work on one picture: chunks write no other
// rows, and other rows of the input make no difference.
func checkSpans(t testing.TB, w Work, m Memory, in, out *Layout) {
	t.Helper()
	if in.N > 1 || m.Out == m.Residual {
		return
	}
	if w.Scratch > 0 {
		m.Scratch = unsafe.Pointer(&alignedBytes(w.Scratch)[0])
	}
	for _, s := range w.Steps {
		if l, ok := s.(Local); ok && l.Chunks() > 1 {
			for chunk := range l.Chunks() {
				checkSpan(t, l, chunk, m, in, out)
			}
		}
		m.Out = newCanvas(t, *out).base()
		runAll([]Step{s}, &m)
	}
}

// TestSpans checks the spans of larger layers than other tests compute.
func TestSpans(t *testing.T) {
	relu := Activation{Kind: Clip, Beta: float32(math.Inf(1))}
	same := [4]int{1, 1, 1, 1}
	layers := []convCase{
		{cin: 64, h: 55, w: 55, cout: 64, kh: 3, kw: 3, pads: same, act: relu},
		{cin: 64, h: 55, w: 55, cout: 64, residual: true},
		{cin: 40, h: 29, w: 31, cout: 96, kh: 3, kw: 3, sh: 2, sw: 2, pads: same},
		{cin: 256, h: 14, w: 14, cout: 256, kh: 3, kw: 3, pads: same},
		{cin: 512, h: 7, w: 7, cout: 256, kh: 3, kw: 3, pads: same},
		{cin: 72, h: 40, w: 40, cout: 72, kh: 5, kw: 5, group: 72, pads: [4]int{2, 2, 2, 2}},
		{cin: 3, h: 64, w: 64, cout: 32, kh: 3, kw: 3, sh: 2, sw: 2, pads: same, planar: true},
	}
	eachRung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(9))
		for _, layer := range layers {
			weights := normals(layer.cout*layer.cin/orOne(layer.group)*orOne(layer.kh)*orOne(layer.kw), rng)
			format := k.Block
			if layer.planar {
				format = Planar
			}
			for _, m := range []ConvMethod{ConvDirect, ConvWinograd, ConvSmallWinograd} {
				c := layer.conv(format, k.Block)
				if m.winograd() && c.winogradFits() != nil {
					continue
				}
				checkConvSpans(t, packed(t, k, &c, m, weights, nil), &c, rng)
			}
			if k.Name != "amx" || layer.group > 1 {
				continue
			}
			if !layer.planar {
				format = Split32
			}
			c := layer.conv(format, Split32)
			work, err := tileLink(t, k, c, weights, nil).Plan(&c)
			if err != nil {
				t.Fatal(err)
			}
			checkConvSpans(t, work, &c, rng)
		}
	})
}

func checkConvSpans(t *testing.T, w Work, c *Conv, rng *rand.Rand) {
	t.Helper()
	m := Memory{In: newCanvas(t, c.In).randomize(rng).base()}
	if c.Residual != nil {
		m.Residual = newCanvas(t, *c.Residual).randomize(rng).base()
	}
	checkSpans(t, w, m, &c.In, &c.Out)
}

func checkSpan(t testing.TB, s Local, chunk int, m Memory, in, out *Layout) {
	t.Helper()
	reads, writes := s.Spans(chunk)
	blank := func(fill byte) []byte { return bytes.Repeat([]byte{fill}, out.Size()) }
	into := func(fill byte) []byte {
		to := alignedBytes(out.Size())
		copy(to, blank(fill))
		m.Out = unsafe.Pointer(&to[0])
		s.Run(chunk, &m)
		return to
	}
	want := into(0x5a)
	for fill, got := range map[byte][]byte{0x5a: want, 0xa5: into(0xa5)} {
		same := func(b, from, to int) {
			if from < to && !bytes.Equal(got[b*out.Block+from:b*out.Block+to], blank(fill)[from:to]) {
				t.Fatalf("%T: chunk %d of %d of %v to %v writes other rows than %v", s, chunk, s.Chunks(), in, out, writes)
			}
		}
		start := func(y int) int { // the halo of the last row extends into the first pixels of one more
			return min(out.Pixel(min(max(y, -out.Top), out.H+out.Bottom+1), -out.Left), out.Block)
		}
		for b := range out.Blocks() {
			same(b, 0, start(writes.From))
			same(b, start(writes.To), out.Block)
		}
	}
	spoilt := alignedBytes(in.Size())
	copy(spoilt, unsafe.Slice((*byte)(m.In), in.Size()))
	size := in.Format.PixelBytes()
	rubbish := bytes.Repeat([]byte{0x3d}, in.W*size) // finite in every format
	for b := range in.Blocks() {
		for y := -in.Top; y < in.H+in.Bottom; y++ {
			if y < reads.From || y >= reads.To {
				copy(spoilt[b*in.Block+in.Pixel(y, 0):], rubbish)
			}
		}
	}
	m.In = unsafe.Pointer(&spoilt[0])
	if !bytes.Equal(into(0x5a), want) {
		t.Fatalf("%T: chunk %d of %d of %v to %v reads other rows than %v", s, chunk, s.Chunks(), in, out, reads)
	}
}

// TestAroundEveryRow holds that a step on several pictures, which may touch every row, does so with
// a halo too: its span must not become empty, or the next step would not wait for it.
func TestAroundEveryRow(t *testing.T) {
	l := NewLayout(F32x8, 2, 8, 5, 4, Halo{3, 0, 1, 1})
	if got := l.around(EveryRow); got != EveryRow {
		t.Errorf("around %v is %v", EveryRow, got)
	}
	k, err := Select("purego")
	if err != nil {
		t.Fatal(err)
	}
	in := NewLayout(k.Block, 2, 8, 5, 4, Halo{})
	w, err := k.Interleave(Interleave{In: []Layout{in}, Rows: 1, Columns: 1, Out: l})
	if err != nil {
		t.Fatal(err)
	}
	if _, writes := w.Steps[0].(Local).Spans(0); writes != EveryRow {
		t.Errorf("an interleaving of two pictures writes rows %v", writes)
	}
}
