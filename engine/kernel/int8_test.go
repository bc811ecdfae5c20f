package kernel

import (
	"bytes"
	"math/rand"
	"runtime"
	"slices"
	"testing"
	"unsafe"
)

func qconvCases() []tileCase {
	cases := []tileCase{
		square("one step", 64, 16, 32, 1, 1),
		square("flat through the halo", 64, 7, 96, 3, 1),
		square("several tiles", 128, 19, 64, 3, 1),
		square("early last tile", 64, 37, 33, 3, 1),
		square("stride 2", 64, 23, 64, 3, 2),
		square("channels that fill no block", 70, 9, 100, 3, 1),
		square("one pixel", 320, 1, 64, 1, 1),
		square("batch of pixels", 64, 1, 96, 1, 1).with(func(c *tileCase) { c.n = 19 }),
		square("groups", 128, 9, 192, 3, 1).with(func(c *tileCase) { c.group = 2 }),
		square("several chunks", 256, 20, 256, 3, 1),
		square("depthwise", 70, 13, 70, 3, 1).with(func(c *tileCase) { c.group = 70 }),
		square("depthwise stride 2", 70, 14, 70, 3, 2).with(func(c *tileCase) { c.group = 70 }),
		square("depthwise stride 3", 64, 10, 64, 3, 3).with(func(c *tileCase) { c.group = 64 }),
		square("depthwise, one pixel", 64, 1, 64, 3, 1).with(func(c *tileCase) { c.group = 64 }),
		square("depthwise stride 2, one pixel", 64, 2, 64, 3, 2).with(func(c *tileCase) { c.group = 64 }),
		square("depthwise stride 2, 5x5", 130, 11, 130, 5, 2).with(func(c *tileCase) { c.group, c.n = 130, 2 }),
		square("depthwise dilated", 64, 12, 64, 3, 1).with(func(c *tileCase) {
			c.group, c.dh, c.dw, c.top, c.left, c.bottom, c.right = 64, 2, 2, 2, 2, 2, 2
		}),
		square("other groups", 48, 9, 96, 3, 1).with(func(c *tileCase) { c.group = 3 }),
		square("one channel, 5x5", 1, 28, 33, 5, 1).with(func(c *tileCase) { c.in = U8x4 }),
		square("few channels, dilated", 3, 20, 32, 3, 1).with(func(c *tileCase) {
			c.in, c.dh, c.dw, c.top, c.left, c.bottom, c.right = U8x4, 2, 2, 2, 2, 2, 2
		}),
		square("few channels", 3, 31, 32, 3, 2).with(func(c *tileCase) { c.in = U8x4 }),
		square("few channels, 7x7", 3, 20, 40, 7, 2).with(func(c *tileCase) { c.in, c.n = U8x4, 2 }),
	}
	for i := range cases {
		if cases[i].in != U8x4 {
			cases[i].in = U8x64
		}
		cases[i].out = U8x64
	}
	return cases
}

// TestQConv compares all rungs with the definition, bit for bit.
func TestQConv(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		for _, c := range qconvCases() {
			t.Run(c.why, func(t *testing.T) { testQConv(t, k, c, 128, 1) })
			if c.cin > 70 {
				continue // slow enough once
			}
			t.Run(c.why+", wide weights", func(t *testing.T) { testQConv(t, k, c, 255, 1) })
			t.Run(c.why+", large scales", func(t *testing.T) { testQConv(t, k, c, 128, 1e6) })
		}
	})
}

func testQConv(t *testing.T, k *Rung, c tileCase, widest int, scale float32) {
	rng := rand.New(rand.NewSource(1))
	q := &QConv{Conv: c.conv(), InZero: 114, OutZero: 37}
	per := c.cin / c.group * c.kh * c.kw
	weights, bias := make([]int16, c.cout*per), make([]int32, c.cout)
	for i := range weights {
		weights[i] = int16(rng.Intn(2*widest) - widest + widest%2)
	}
	if widest == 128 { // a single one needs more bytes
		weights[len(weights)/2] = -255
	}
	for i := range bias {
		bias[i] = int32(rng.Intn(4001) - 2000)
		q.Scales = append(q.Scales, scale*float32(0.5+rng.Float64())/float32(100*(1+per/8)))
	}
	in := fenced(t, q.In.Size())
	rng.Read(in)
	checkQConv(t, k, q, in, weights, bias)
}

// TestQConvExtremes: sums of the largest products are exact, and saturate.
func TestQConvExtremes(t *testing.T) {
	cases := map[string]tileCase{}
	for _, c := range append(qconvCases(), qconvTiles()...) {
		cases[c.why] = c
	}
	eachRung(t, func(t *testing.T, k *Rung) {
		for _, why := range []string{"channels that fill no block", "depthwise", "depthwise stride 2", "depthwise dilated", "few channels", "tiles of two pictures"} {
			c := cases[why]
			per := c.cin / c.group * c.kh * c.kw
			for i, weight := range []int16{-128, 127, -255, 255} {
				q := &QConv{Conv: c.conv(), InZero: []uint8{0, 255, 128, 127}[i], OutZero: []uint8{255, 0, 128, 1}[i]}
				weights := slices.Repeat([]int16{weight}, c.cout*per)
				for co := range c.cout { // some sums fit their codes
					q.Scales = append(q.Scales, []float32{0.9999, -0.9999, 1.5 / 65025 / float32(per)}[co%3])
				}
				in := fenced(t, q.In.Size())
				for at := range in {
					in[at] = byte(at / 97 % 2 * 255)
				}
				checkQConv(t, k, q, in, weights, make([]int32, c.cout))
			}
		}
	})
}

// checkQConv compares a convolution of what is in, apart from the halo, with the definition.
func checkQConv(t *testing.T, k *Rung, q *QConv, in []byte, weights []int16, bias []int32) {
	t.Helper()
	q.In.Fill, q.Out.Fill = q.InZero, q.OutZero
	for n := range q.In.N {
		for b := range q.In.Blocks() {
			q.In.clearAround(unsafe.Pointer(&in[n*q.In.Image+b*q.In.Block]), 0, q.In.H)
		}
	}
	out := fenced(t, q.Out.Size())
	rand.New(rand.NewSource(2)).Read(out)
	w, err := k.PackQConv(q, qweights(weights, len(weights)/q.Out.C), bias)
	if err != nil {
		t.Fatal(err)
	}
	packAll(w)
	work, err := k.QConv(q, w)
	if err != nil {
		t.Fatal(err)
	}
	m := Memory{In: unsafe.Pointer(&in[0]), Out: unsafe.Pointer(&out[0])}
	run(t, work, m)
	checkSpans(t, work, m, &q.In, &q.Out)
	sums := qconvReference(q, in, weights, bias)
	for n := range q.Out.N {
		for co := range q.Out.C {
			for y := -q.Out.Top; y < q.Out.H+q.Out.Bottom; y++ {
				for x := -q.Out.Left; x < q.Out.W+q.Out.Right; x++ {
					want := q.OutZero
					if y >= 0 && x >= 0 && y < q.Out.H && x < q.Out.W {
						want = q.requantize(sums[((n*q.Out.C+co)*q.Out.H+y)*q.Out.W+x], q.Scales[co])
					}
					if got := *q.Out.byteAt(unsafe.Pointer(&out[0]), n, co, y, x); got != want {
						t.Fatalf("picture %d, channel %d, pixel %d,%d: %d, want %d", n, co, y, x, got, want)
					}
				}
			}
		}
	}
}

// qconvReference computes the sums [N][Cout][H][W] as ONNX defines them: zero points
// are subtracted from each factor, and padding adds nothing.
func qconvReference(q *QConv, in []byte, weights []int16, bias []int32) []int32 {
	plane := make([]int32, q.In.H*q.In.W)
	cin, outs := q.In.C/q.Group, q.Out.C/q.Group
	sums := make([]int32, 0, q.Out.N*q.Out.C*q.Out.H*q.Out.W)
	for range q.Out.N {
		for _, b := range bias {
			sums = append(sums, slices.Repeat([]int32{b}, q.Out.H*q.Out.W)...)
		}
	}
	for n := range q.In.N {
		for c := range q.In.C {
			for i := range plane {
				plane[i] = int32(*q.In.byteAt(unsafe.Pointer(&in[0]), n, c, i/q.In.W, i%q.In.W)) - int32(q.InZero)
			}
			for co := c / cin * outs; co < (c/cin+1)*outs; co++ {
				for t, w := range weights[(co*cin+c%cin)*q.KernelH*q.KernelW:][:q.KernelH*q.KernelW] {
					q.addTap(sums[(n*q.Out.C+co)*q.Out.H*q.Out.W:], plane, t/q.KernelW, t%q.KernelW, int32(w))
				}
			}
		}
	}
	return sums
}

// addTap adds what one weight of a kernel contributes to a plane of sums.
func (c *Conv) addTap(sums, plane []int32, ky, kx int, weight int32) {
	for y := range c.Out.H {
		iy := y*c.StrideH + ky*c.DilationH - c.PadTop
		if iy < 0 || iy >= c.In.H {
			continue
		}
		row, to := plane[iy*c.In.W:][:c.In.W], sums[y*c.Out.W:][:c.Out.W]
		for x, ix := 0, kx*c.DilationW-c.PadLeft; x < len(to); x, ix = x+1, ix+c.StrideW {
			if ix >= 0 && ix < len(row) {
				to[x] += weight * row[ix]
			}
		}
	}
}

// TestQConvRefuses: invalid convolutions give errors.
func TestQConvRefuses(t *testing.T) {
	c := qconvCases()[1]
	for why, spoil := range map[string]func(q *QConv){
		"format": func(q *QConv) { q.Out.Format = F32x16 },
		"halo":   func(q *QConv) { q.In.Halo = Halo{} },
		"fill":   func(q *QConv) { q.In.Fill = 3 },
		"scales": func(q *QConv) { q.Scales = q.Scales[1:] },
	} {
		q := &QConv{Conv: c.conv(), Scales: make([]float32, c.cout)}
		spoil(q)
		if _, err := Best().PackQConv(q, QWeights{}, nil); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
}

// qweights returns the weights of a slice.
func qweights(all []int16, per int) QWeights {
	w := QWeights{Fill: func(first, n int, dst []int16) { copy(dst, all[first*per:][:n*per]) }}
	for _, v := range all {
		w.Max = max(w.Max, int(v), int(-v-1))
	}
	return w
}

// TestQConvCodes: weights given as bytes are packed as those given as numbers are.
func TestQConvCodes(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(1))
		for _, c := range qconvCases() {
			q := &QConv{Conv: c.conv(), InZero: 114, Scales: make([]float32, c.cout)}
			q.In.Fill = q.InZero
			per := c.cin / c.group * c.kh * c.kw
			codes := make([]int8, c.cout*per)
			for i := range codes {
				codes[i] = int8(rng.Intn(256))
			}
			zeros := make([]int16, c.cout)
			for i := range zeros {
				zeros[i] = int16(rng.Intn(256) - 128)
			}
			for _, zeros := range [][]int16{nil, slices.Repeat([]int16{-3}, c.cout), zeros} {
				numbers := make([]int16, len(codes))
				for i, code := range codes {
					if numbers[i] = int16(code); zeros != nil {
						numbers[i] -= zeros[i/per]
					}
				}
				want := packedQConv(t, k, q, qweights(numbers, per))
				for _, flip := range []byte{0, 0x80} {
					weights := qweights(numbers, per)
					weights.Flip, weights.Zeros = flip, zeros
					for _, code := range codes {
						weights.Codes = append(weights.Codes, byte(code)^flip)
					}
					got := packedQConv(t, k, q, weights)
					if !bytes.Equal(got.data, want.data) || !bytes.Equal(got.ends, want.ends) || !slices.Equal(got.bias, want.bias) {
						t.Errorf("%s, flip %d, zero points %v: other bytes than of numbers", c.why, flip, zeros)
					}
					runtime.KeepAlive(got)
					runtime.KeepAlive(want)
				}
			}
		}
	})
}

func packedQConv(t *testing.T, k *Rung, q *QConv, weights QWeights) *QConvWeights {
	w, err := k.PackQConv(q, weights, nil)
	if err != nil {
		t.Fatal(err)
	}
	packAll(w)
	return w
}
