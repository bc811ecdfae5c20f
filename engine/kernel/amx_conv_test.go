package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

// tileCase is a row of the table below.
type tileCase struct {
	why                      string
	n, cin, h, w, cout       int
	kh, kw, sh, sw, dh, dw   int
	top, left, bottom, right int
	group                    int
	in, out                  Format
	residual                 Format // Planar: there is none
	inPlace, gated           bool
	act                      Activation
}

// square is a case with a square kernel and equal padding.
func square(why string, cin, size, cout, k, stride int) tileCase {
	p := (k - 1) / 2
	return tileCase{why: why, n: 1, cin: cin, h: size, w: size, cout: cout, kh: k, kw: k, sh: stride, sw: stride,
		dh: 1, dw: 1, top: p, left: p, bottom: p, right: p, group: 1, in: Split32, out: Split32}
}

func (c tileCase) with(change func(*tileCase)) tileCase { change(&c); return c }

var relu = Activation{Kind: Clip, Alpha: 0, Beta: float32(math.Inf(1))}

func tileCases() []tileCase {
	all := []tileCase{
		square("one step", 32, 16, 32, 1, 1),
		square("flat through the halo", 64, 7, 64, 3, 1),
		square("by rows, several tiles", 64, 19, 96, 3, 1),
		square("wide row with an early last tile", 32, 37, 32, 3, 1),
		square("stride 2", 64, 23, 64, 3, 2),
		square("stride 2, 1x1", 64, 14, 64, 1, 2),
		square("stride 3", 32, 17, 32, 5, 3),
		square("one pixel", 96, 1, 64, 1, 1),
		square("channels that fill no block", 40, 9, 50, 3, 1),
		square("many steps", 256, 5, 32, 3, 1),
		square("7x7 kernel", 32, 12, 32, 7, 2),
		square("dilation", 32, 15, 32, 3, 1).with(func(c *tileCase) { c.dh, c.dw, c.top, c.left, c.bottom, c.right = 2, 3, 2, 3, 2, 3 }),
		square("one-sided padding", 32, 15, 32, 3, 2).with(func(c *tileCase) { c.top, c.left = 0, 0 }),
		square("1x7 kernel", 32, 17, 64, 1, 1).with(func(c *tileCase) { c.kw, c.left, c.right = 7, 3, 3 }),
		square("no padding, narrow", 32, 6, 32, 3, 1).with(func(c *tileCase) { c.top, c.left, c.bottom, c.right = 0, 0, 0, 0 }),
		square("groups", 128, 9, 192, 3, 1).with(func(c *tileCase) { c.group = 2 }),
		square("groups of one block", 96, 20, 96, 3, 2).with(func(c *tileCase) { c.group = 3 }),
		square("batch", 64, 7, 64, 3, 1).with(func(c *tileCase) { c.n = 3 }),
		square("batch of pixels", 64, 1, 96, 1, 1).with(func(c *tileCase) { c.n = 19 }),
		square("batch of tiny maps", 32, 2, 32, 3, 1).with(func(c *tileCase) { c.n = 33 }),
		square("float32 out", 64, 13, 64, 3, 1).with(func(c *tileCase) { c.out = F32x16 }),
		square("float32 out, half a group", 64, 13, 40, 1, 1).with(func(c *tileCase) { c.out = F32x16 }),
		square("float32 out, less than a block", 64, 5, 10, 1, 1).with(func(c *tileCase) { c.out = F32x16 }),
		square("residual in place with overlapping tiles", 64, 19, 64, 3, 1).with(func(c *tileCase) { c.residual, c.inPlace, c.act = Split32, true, relu }),
		square("residual in place, flat", 64, 7, 96, 1, 1).with(func(c *tileCase) { c.residual, c.inPlace, c.act = Split32, true, relu }),
		square("residual of its own", 64, 10, 64, 1, 1).with(func(c *tileCase) { c.residual = Split32 }),
		square("float32 residual", 64, 10, 50, 1, 1).with(func(c *tileCase) { c.residual = F32x16 }),
		square("float32 residual in place, odd block", 64, 10, 33, 3, 1).with(func(c *tileCase) { c.residual, c.out, c.inPlace = F32x16, F32x16, true }),
		square("large enough for several chunks", 64, 40, 64, 3, 1),
		square("three tiles", 64, 6, 96, 3, 1),
		square("three tiles, residual in place, half a group", 32, 6, 48, 3, 1).with(func(c *tileCase) { c.residual, c.inPlace, c.act = Split32, true, relu }),
		square("four tiles of groups, float32 out", 64, 7, 128, 3, 1).with(func(c *tileCase) { c.group, c.out = 2, F32x16 }),
		square("four tiles, one step a tap", 32, 7, 32, 1, 1).with(func(c *tileCase) { c.kw, c.left, c.right = 3, 1, 1 }),
		square("weights past L2", 512, 7, 64, 3, 1),
		square("narrow with a stride", 64, 14, 64, 3, 2),
		square("narrow with a stride, one tap, odd", 96, 13, 64, 1, 2),
		square("narrow with strides, batch, groups, residual", 64, 18, 128, 5, 3).with(func(c *tileCase) { c.n, c.group, c.sw, c.residual, c.act = 3, 2, 2, Split32, relu }),
		square("narrow with a stride, dilated", 32, 17, 40, 3, 2).with(func(c *tileCase) { c.dh, c.top, c.bottom, c.out = 3, 3, 3, F32x16 }),
		square("narrow with a stride, padded on one side", 32, 15, 32, 4, 3).with(func(c *tileCase) { c.top, c.left = 0, 0 }),
		square("gate", 64, 13, 40, 1, 1).with(func(c *tileCase) { c.gated, c.act = true, relu }),
		square("gate, tails, stride 2, residual", 45, 15, 75, 1, 2).with(func(c *tileCase) { c.gated, c.residual = true, Split32 }),
		square("gate, float32 out", 144, 28, 24, 1, 1).with(func(c *tileCase) { c.gated, c.out = true, F32x16 }),
		square("batch, groups, stride, residual", 64, 11, 128, 3, 2).with(func(c *tileCase) { c.n, c.group, c.residual, c.act = 2, 2, Split32, relu }),
	}
	for k := Clip; k <= Mish; k++ {
		a := Activation{Kind: k, Alpha: 0.2, Beta: 0.5}
		if k == Clip {
			a = Activation{Kind: k, Alpha: -1, Beta: 1.5}
		}
		all = append(all, square(fmt.Sprintf("activation %d", k), 64, 9, 64, 1, 1).with(func(c *tileCase) { c.act = a }))
	}
	halves := all[:len(all):len(all)]
	for _, c := range []tileCase{
		square("first layer 7x7", 3, 40, 64, 7, 2),
		square("first layer 3x3, ends inside a run", 3, 37, 32, 3, 1),
		square("first layer of one channel, stride 3", 1, 30, 40, 5, 3),
		square("first layer of four, narrow", 4, 5, 33, 3, 1),
		square("first layer, one pixel", 3, 1, 32, 3, 1),
		square("first layer 8x8 in patches", 3, 64, 32, 8, 8).with(func(c *tileCase) { c.top, c.left, c.bottom, c.right = 0, 0, 0, 0 }),
		square("first layer, dilated down", 2, 21, 32, 3, 1).with(func(c *tileCase) { c.dh, c.top, c.bottom = 3, 3, 3 }),
		square("first layer, batch, float32 out", 3, 35, 48, 3, 2).with(func(c *tileCase) { c.n, c.out = 3, F32x16 }),
		square("first layer to bf16", 3, 35, 64, 3, 2).with(func(c *tileCase) { c.out = BF16x32 }),
		square("first layer, one-sided padding", 3, 33, 32, 3, 2).with(func(c *tileCase) { c.top, c.left, c.act = 0, 0, relu }),
		square("first layer, silu", 3, 35, 32, 3, 2).with(func(c *tileCase) { c.act.Kind = Silu }),
	} {
		c.in = Planar
		all = append(all, c)
	}
	for _, c := range halves {
		c.in = BF16x32
		if c.out == Split32 {
			c.out = BF16x32
		}
		if c.residual == Split32 {
			c.residual = BF16x32
		}
		all = append(all, c)
	}
	return all
}

// conv returns the convolution of a case; its output has a halo, which must be zero.
func (c tileCase) conv() Conv {
	oh := (c.h+c.top+c.bottom-c.dh*(c.kh-1)-1)/c.sh + 1
	ow := (c.w+c.left+c.right-c.dw*(c.kw-1)-1)/c.sw + 1
	k := Conv{
		In:      NewLayout(c.in, c.n, c.cin, c.h, c.w, Halo{c.top, c.left, c.bottom, c.right}),
		Out:     NewLayout(c.out, c.n, c.cout, oh, ow, Halo{1, 1, 2, 2}),
		KernelH: c.kh, KernelW: c.kw, StrideH: c.sh, StrideW: c.sw, DilationH: c.dh, DilationW: c.dw,
		PadTop: c.top, PadLeft: c.left, Group: c.group, Act: c.act,
	}
	if c.residual != Planar {
		r := NewLayout(c.residual, c.n, c.cout, oh, ow, Halo{0, 3, 0, 3})
		if c.inPlace {
			r = k.Out
		}
		k.Residual = &r
	}
	return k
}

// plane returns fenced memory for a layout: the halo is zero, and memory that belongs to no
// pixel is filled with garbage.
func plane(tb testing.TB, l *Layout, rng *rand.Rand) []byte {
	b := fenced(tb, l.Size())
	for i := range b {
		b[i] = byte(0x3c + rng.Intn(4)) // finite in every format
	}
	for n := range l.N {
		for k := range l.Blocks() {
			l.clearHalo(unsafe.Pointer(&b[n*l.Image+k*l.Block]), 0, 1)
		}
	}
	return b
}

// randomize sets all numbers except those of channels after the last one.
func randomize(l *Layout, b []byte, rng *rand.Rand) {
	for n := range l.N {
		for c := range l.C {
			for y := range l.H {
				for x := range l.W {
					l.set(unsafe.Pointer(&b[0]), n, c, y, x, float32(rng.NormFloat64()))
				}
			}
		}
	}
}

func normal(rng *rand.Rand, n int, scale float64) []float32 {
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(rng.NormFloat64() * scale)
	}
	return w
}

func runAll(steps []Step, m *Memory) {
	for _, s := range steps {
		for i := range s.Chunks() {
			s.Run(i, m)
		}
	}
}

// packAll packs weights. Who looks at what was packed keeps the weights until then: their
// memory goes back to the system when they are garbage, whatever slices of it there are.
func packAll(w interface {
	Chunks() int
	Chunk(int)
}) {
	for i := w.Chunks() - 1; i >= 0; i-- {
		w.Chunk(i)
	}
}

// runWork runs all chunks of each step, in an arbitrary order, with garbage in the scratch.
func runWork(tb testing.TB, w Work, m *Memory, rng *rand.Rand) {
	if w.Scratch > 0 {
		scratch := fenced(tb, roundUp(w.Scratch, 64))
		for i := range scratch {
			scratch[i] = 0xff // NaN in every format
		}
		m.Scratch = unsafe.Pointer(&scratch[0])
	}
	for _, s := range w.Steps {
		for _, i := range rng.Perm(s.Chunks()) {
			s.Run(i, m)
		}
	}
}

// hasKernel reports whether a rung has a kernel of its own for a case; on others it is the twin
// itself.
func (c tileCase) hasKernel(k *Rung) bool {
	return k.Name == "amx" || k.Name == "avx512bf16" && c.in == BF16x32
}

// TestTileConv compares all rungs with the float64 twin. The bounds are rms errors relative
// to the rms output: 1e-5 is documented for bf16x3; bf16 has 8 bits in each factor and in
// its output.
func TestTileConv(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		for _, c := range tileCases() {
			if !c.hasKernel(k) {
				continue
			}
			t.Run(fmt.Sprintf("%v/%s", c.in, c.why), func(t *testing.T) { testTileConv(t, k, c) })
		}
	})
}

func testTileConv(t *testing.T, k *Rung, c tileCase) {
	rng := rand.New(rand.NewSource(1))
	conv := c.conv()
	weights := normal(rng, c.cout*c.cin/c.group*c.kh*c.kw, 1/math.Sqrt(float64(c.cin/c.group*c.kh*c.kw)))
	bias := normal(rng, c.cout, 0.5)
	pack, make := k.PackSplit, k.NewSplit
	bound := 1e-5
	if c.in == BF16x32 {
		pack, make = k.PackBF16, k.NewBF16
		bound = 5e-3
	}
	if c.out == BF16x32 {
		bound = 5e-3
	}
	in := plane(t, &conv.In, rng)
	randomize(&conv.In, in, rng)
	got, want := plane(t, &conv.Out, rng), plane(t, &conv.Out, rng)
	m := Memory{In: unsafe.Pointer(&in[0]), Out: unsafe.Pointer(&got[0])}
	w := Memory{In: m.In, Out: unsafe.Pointer(&want[0])}
	if conv.Residual != nil {
		r := got
		if !c.inPlace {
			r = plane(t, conv.Residual, rng)
		}
		randomize(conv.Residual, r, rng)
		m.Residual, w.Residual = unsafe.Pointer(&r[0]), unsafe.Pointer(&append([]byte(nil), r...)[0])
	}
	if c.gated {
		l := NewLayout(F32x16, 1, c.cin, 1, 1, Halo{0, 1, 0, 1})
		g := plane(t, &l, rng)
		randomize(&l, g, rng)
		conv.Gate = &l
		m.More = []unsafe.Pointer{unsafe.Pointer(&g[0])}
		w.More = m.More
	}
	// The step has to write the halo.
	for n := range conv.Out.N {
		for y := -1; y < conv.Out.H+2; y++ {
			for ch := range conv.Out.C {
				conv.Out.set(m.Out, n, ch, y, -1, 7)
			}
		}
	}
	plain, err := packPlain(c.in, &conv, Numbers{Float32: weights}, bias)
	if err != nil {
		t.Fatal(err)
	}
	packAll(plain)
	reference, err := newPlainConv(&conv, plain)
	if err != nil {
		t.Fatal(err)
	}
	runWork(t, reference, &w, rng)
	compute := func(weights, scale []float32) {
		packed, err := pack(&conv, Numbers{Float32: fencedFloats(t, weights)}, bias)
		if err != nil {
			t.Fatal(err)
		}
		if scale != nil {
			packed.ScaleBy(scale)
		}
		packAll(packed)
		work, err := make(&conv, packed)
		if err != nil {
			t.Fatal(err)
		}
		runWork(t, work, &m, rng)
		compareLayouts(t, &conv.Out, got, want, bound)
		if scale == nil {
			checkSpans(t, work, m, &conv.In, &conv.Out)
		}
	}
	compute(weights, nil)
	if c.gated && !c.inPlace { // gated weights are packed at each run
		compute(unscaled(weights, c.cout))
	}
}

// compareLayouts checks the relative rms error of the numbers, and that the halo is zero.
func compareLayouts(t *testing.T, l *Layout, got, want []byte, bound float64) {
	t.Helper()
	g, w := unsafe.Pointer(&got[0]), unsafe.Pointer(&want[0])
	var e2, r2, worst float64
	for n := range l.N {
		for c := range l.C {
			for y := -l.Top; y < l.H+l.Bottom; y++ {
				for x := -l.Left; x < l.W+l.Right; x++ {
					have, need := float64(l.get(g, n, c, y, x)), float64(l.get(w, n, c, y, x))
					if y < 0 || x < 0 || y >= l.H || x >= l.W {
						if have != 0 {
							t.Fatalf("halo pixel %d,%d of picture %d channel %d is %g", y, x, n, c, have)
						}
						continue
					}
					e2 += (have - need) * (have - need)
					r2 += need * need
					worst = math.Max(worst, math.Abs(have-need))
				}
			}
		}
	}
	rel := math.Sqrt(e2 / r2)
	if !(rel <= bound) {
		t.Errorf("rms error %.2e of the rms output, bound %.0e; worst %.2e", rel, bound, worst)
	}
}
