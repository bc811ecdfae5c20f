package kernel

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"unsafe"
)

// qconvTiles are convolutions that Winograd's form computes if their weights are bytes.
func qconvTiles() []tileCase {
	cases := []tileCase{
		square("tiles of two pictures", 70, 21, 100, 3, 1).with(func(c *tileCase) { c.n = 2 }),
		square("dilated tiles", 66, 25, 80, 3, 1).with(func(c *tileCase) {
			c.dh, c.dw, c.top, c.left, c.bottom, c.right = 2, 3, 2, 3, 2, 3
		}),
		square("without padding", 64, 22, 64, 3, 1).with(func(c *tileCase) { c.top, c.left, c.bottom, c.right = 0, 0, 0, 0 }),
		square("parts of tiles", 192, 40, 130, 3, 1).with(func(c *tileCase) { c.w = 33 }),
		square("parts that transform their input", 64, 88, 64, 3, 1),
	}
	for i := range cases {
		cases[i].in, cases[i].out = U8x64, U8x64
	}
	return cases
}

// TestQConvWinograd compares Winograd's form with the definition, bit for bit.
func TestQConvWinograd(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		if !k.QConvs.winograd {
			t.Skip("no integer convolutions in Winograd's form")
		}
		for _, c := range qconvTiles() {
			q := &QConv{Conv: c.conv()}
			if !k.codeWinogradPays(q) {
				t.Errorf("%s: in another form", c.why)
			}
			t.Run(c.why, func(t *testing.T) { testQConv(t, k, c, 127, 1) })
		}
	})
}

// TestSumsWinograd compares sums that are outputs themselves with the definition.
func TestSumsWinograd(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		if !k.QConvs.winograd {
			t.Skip("no integer convolutions in Winograd's form")
		}
		for _, c := range qconvTiles()[:3] {
			t.Run(c.why, func(t *testing.T) { testSumsWinograd(t, k, c) })
		}
	})
}

func testSumsWinograd(t *testing.T, k *Rung, c tileCase) {
	c.out = k.Block
	q := &QConv{Conv: c.conv(), InZero: 77, Floats: &Floats{Sums: true}}
	q.In.Fill = q.InZero
	rng := rand.New(rand.NewSource(1))
	per := 9 * c.cin
	weights := make([]int16, c.cout*per)
	for i := range weights {
		weights[i] = int16(rng.Intn(255) - 127)
	}
	in, out := fenced(t, q.In.Size()), fenced(t, q.Out.Size())
	rng.Read(in)
	for n := range q.In.N {
		for b := range q.In.Blocks() {
			q.In.clearAround(unsafe.Pointer(&in[n*q.In.Image+b*q.In.Block]), 0, q.In.H)
		}
	}
	w := packedQConv(t, k, q, qweights(weights, per))
	if w.form != qconvWinograd {
		t.Fatal("in another form")
	}
	ends := make([]int32, roundUp(c.cout, 32)/32*floatEnds/4)
	for co, b := range w.bias {
		ends[co/32*floatEnds/4+co%32] = w.products.zero(q.InZero) * b
	}
	work, err := k.QConv(q, w)
	if err != nil {
		t.Fatal(err)
	}
	m := Memory{In: unsafe.Pointer(&in[0]), Out: unsafe.Pointer(&out[0]), Ends: unsafe.Pointer(&ends[0])}
	run(t, work, m)
	checkSpans(t, work, m, &q.In, &q.Out)
	want, lanes := qconvReference(q, in, weights, make([]int32, c.cout)), q.Out.Format.Channels()
	eachPixel(c.n, c.cout, q.Out.H, q.Out.W, func(n, co, y, x int) {
		got := *(*int32)(unsafe.Pointer(&out[q.Out.At(n, co)+q.Out.Pixel(y, x)+4*(co%lanes)]))
		if want := want[((n*c.cout+co)*q.Out.H+y)*q.Out.W+x]; got != want {
			t.Fatalf("picture %d, channel %d, pixel %d,%d: %d, want %d", n, co, y, x, got, want)
		}
	})
}

// TestWinogradExact: the largest sums that Winograd's form takes are exact, and larger ones have
// another form.
func TestWinogradExact(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		if !k.QConvs.winograd {
			t.Skip("no integer convolutions in Winograd's form")
		}
		c := qconvTiles()[0]
		c.n, c.cin, c.cout = 1, 128, 64
		per := 9 * c.cin // 1,152 weights: 255 times their sum is below 2^25 if each is at most 114
		for _, test := range []struct {
			weight, last int16 // last: those of the last output
			exact        bool
		}{{114, 114, true}, {-114, -114, true}, {100, 115, false}, {-100, -115, false}} {
			q := &QConv{Conv: c.conv(), Scales: slices.Repeat([]float32{1.0 / 131072}, c.cout)}
			weights := slices.Repeat([]int16{test.weight}, per*c.cout)
			copy(weights[per*(c.cout-1):], slices.Repeat([]int16{test.last}, per))
			if got := packedQConv(t, k, q, qweights(weights, per)).form == qconvWinograd; got != test.exact {
				t.Errorf("weights of %d, the last of %d: Winograd's form is %v", test.weight, test.last, got)
			}
			in := fenced(t, q.In.Size())
			copy(in, bytes.Repeat([]byte{255}, len(in)))
			checkQConv(t, k, q, in, weights, make([]int32, c.cout))
		}
	})
}

// TestSumMagnitudes adds bytes of all values, in rows of any length.
func TestSumMagnitudes(t *testing.T) {
	row := make([]byte, 0, 3000)
	want := int32(0)
	for i := range cap(row) {
		if got := sumMagnitudes(row); got != want {
			t.Fatalf("%d bytes: %d, want %d", len(row), got, want)
		}
		b := byte(i * 37)
		if i > 1500 {
			b = 0x80
		}
		row = append(row, b)
		want += max(int32(int8(b)), -int32(int8(b)))
	}
}

// BenchmarkQConvWinograd times 3x3 convolutions of integers in their direct form and in Winograd's.
func BenchmarkQConvWinograd(b *testing.B) {
	for _, k := range rungs() {
		if !k.QConvs.winograd {
			continue
		}
		for _, size := range [][3]int{{64, 56, 64}, {128, 28, 128}, {256, 14, 256}, {512, 14, 512}, {512, 7, 512}, {128, 10, 128}, {256, 20, 256}, {32, 14, 32}, {32, 56, 32}, {48, 28, 48}, {64, 13, 256}, {16, 55, 64}, {48, 13, 192}, {32, 27, 128}, {24, 40, 24}} {
			for _, winograd := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/%v/winograd=%v", k.Name, size, winograd), func(b *testing.B) {
					direct := *k
					direct.QConvs.winograd = winograd
					benchmarkQConv(b, &direct, square("", size[0], size[1], size[2], 3, 1))
				})
			}
		}
	}
}

func benchmarkQConv(b *testing.B, k *Rung, c tileCase) {
	c.in, c.out = U8x64, U8x64
	q := &QConv{Conv: c.conv(), InZero: 114, OutZero: 37}
	q.In.Fill, q.Out.Fill = q.InZero, q.OutZero
	rng := rand.New(rand.NewSource(1))
	weights := make([]int16, c.cout*c.cin*9)
	for i := range weights {
		weights[i] = int16(max(-127, min(127, rng.NormFloat64()*30)))
	}
	for range c.cout {
		q.Scales = append(q.Scales, 1e-5)
	}
	w, err := k.PackQConv(q, qweights(weights, len(weights)/c.cout), nil)
	if err != nil {
		b.Fatal(err)
	}
	packAll(w)
	work, err := k.QConv(q, w)
	if err != nil {
		b.Fatal(err)
	}
	in, out, scratch := newRoom(q.In.Size()), newRoom(q.Out.Size()), newRoom(work.Scratch+64)
	m := Memory{In: unsafe.Pointer(in), Out: out, Scratch: scratch}
	b.ResetTimer()
	for range b.N {
		for _, s := range work.Steps {
			for i := range s.Chunks() {
				s.Run(i, &m)
			}
		}
	}
	b.ReportMetric(2*float64(q.Out.H*q.Out.W*len(weights))*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GOP/s")
}
