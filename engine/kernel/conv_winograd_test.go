package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

var winogradCases = []convCase{
	{why: "whole tiles", cin: 32, h: 16, w: 16, cout: 32, act: relu},
	{why: "partial tiles", n: 2, cin: 21, h: 14, w: 15, cout: 19, residual: true, act: relu},
	{why: "smaller than a tile", cin: 40, h: 3, w: 2, cout: 50},
	{why: "wide", cin: 8, h: 5, w: 245, cout: 8, act: Activation{Kind: Silu}},
	{why: "many passes", n: 3, cin: 64, h: 29, w: 31, cout: 64, residual: true, act: Activation{Kind: HardSwish}},
	{why: "weights larger than L2", n: 2, cin: 260, h: 13, w: 14, cout: 136, residual: true, act: Activation{Kind: LeakyRelu, Alpha: 0.1}},
	{why: "few tiles", n: 3, cin: 37, h: 7, w: 8, cout: 50, residual: true, act: relu},
	{why: "few tiles of more pictures than a chunk has room for", n: 70, cin: 3, h: 2, w: 6, cout: 17},
	{why: "passes that all cores share", cin: 32, h: 58, w: 61, cout: 230},
	{why: "dilated", n: 2, cin: 21, h: 14, w: 15, cout: 19, dh: 2, dw: 3, residual: true, act: relu},
	{why: "dilated, smaller than the dilation", cin: 40, h: 5, w: 3, cout: 50, dh: 6, dw: 4},
	{why: "dilated, activated pixel by pixel", n: 2, cin: 20, h: 17, w: 61, cout: 40, dh: 1, dw: 4, act: Activation{Kind: HardSwish}},
	{why: "dilated rows, activated in runs", cin: 20, h: 61, w: 17, cout: 40, dh: 5, dw: 1, act: Activation{Kind: Silu}},
	{why: "dilated, few tiles", n: 3, cin: 37, h: 7, w: 8, cout: 50, dh: 2, dw: 2, residual: true, act: relu},
}

// winogradBound is the largest error of a number, relative to the sum of the magnitudes of
// its products. It is large because of pixels at the edge: their sums are short, but the
// transforms combine them with the whole tile.
const winogradBound = 5e-5

func TestWinograd(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, test := range winogradCases {
			for _, f := range []Format{F32x8, F32x16} {
				test.kh, test.kw = 3, 3
				dh, dw := orOne(test.dh), orOne(test.dw)
				test.pads = [4]int{dh, dw, dh, dw}
				t.Run(fmt.Sprintf("%s %v", test.why, f), func(t *testing.T) {
					testConv(t, k, test.conv(f, f), ConvWinograd, winogradBound)
					testConv(t, k, test.conv(f, f), ConvSmallWinograd, winogradBound)
				})
			}
		}
	})
}

// TestWinogradEverySize tests all sizes of partial tiles and all paddings, also with tiles of
// every second row and third column, so that no reads beyond the halo are missed.
func TestWinogradEverySize(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for h := 3; h <= 9; h++ {
			for w := 3; w <= 18; w++ {
				for _, f := range []Format{F32x8, F32x16} {
					c := convCase{cin: 5, h: h, w: w, cout: 3 * f.Channels(), kh: 3, kw: 3, pads: [4]int{h % 3, w % 2, w % 3, h % 2}, residual: true, act: relu}
					testConv(t, k, c.conv(f, f), ConvWinograd, winogradBound)
					testConv(t, k, c.conv(f, f), ConvSmallWinograd, winogradBound)
					if h >= 5 && w >= 7 {
						c.dh, c.dw = 2, 3
						testConv(t, k, c.conv(f, f), ConvWinograd, winogradBound)
						testConv(t, k, c.conv(f, f), ConvSmallWinograd, winogradBound)
					}
				}
			}
		}
	})
}

// TestWinogradBatch: a picture gives the same bits alone and in a batch, however the tiles
// are cut into passes and chunks.
func TestWinogradBatch(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, size := range []struct{ cin, h, w, cout int }{{200, 7, 7, 130}, {140, 26, 25, 140}, {48, 9, 30, 40}} {
			alone := convCase{n: 1, cin: size.cin, h: size.h, w: size.w, cout: size.cout, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}}
			among := alone
			among.n = 5
			one, many := alone.conv(k.Block, k.Block), among.conv(k.Block, k.Block)
			rng := rand.New(rand.NewSource(7))
			in, out, outs := newCanvas(t, one.In).randomize(rng), newCanvas(t, one.Out), newCanvas(t, many.Out)
			ins := newCanvas(t, many.In)
			for i := range many.In.N {
				copy(ins.data[i*many.In.Image:], in.data[:one.In.Image])
			}
			weights := normals(size.cout*size.cin*9, rng)
			run(t, packed(t, k, &one, ConvWinograd, weights, nil), Memory{In: in.base(), Out: out.base()})
			run(t, packed(t, k, &many, ConvWinograd, weights, nil), Memory{In: ins.base(), Out: outs.base()})
			for i := range many.Out.N {
				if got := outs.data[i*many.Out.Image:][:one.Out.Image]; !bytes.Equal(got, out.data[:one.Out.Image]) {
					t.Errorf("%+v: picture %d of 5 is not what it is alone", size, i)
				}
			}
		}
	})
}

// TestWinogradFew compares the kernels for few tiles with their twin: all columns and
// numbers of tiles, with and without an incomplete block of channels.
func TestWinogradFew(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		if k.Lanes16.Winograd.few == nil {
			t.Skip("these kernels are of AVX-512; run on a processor that has it")
		}
		const plane, block = 5 * 64, 7 * 5 * 64
		rng := rand.New(rand.NewSource(11))
		scales := normals(6, rng)
		for _, channels := range []int{1, 15, 16, 53} {
			in, weights := normals(4*block/4, rng), normals(2*9*channels*16, rng)
			for i := range 6 * winogradFewTiles {
				vecs, column, tiles := 1+i%2, i/winogradFewTiles, 1+i%winogradFewTiles
				got, want := make([]float32, 6*plane/4), make([]float32, 6*plane/4)
				a := &winogradFewArgs{In: unsafe.Pointer(&in[0]), Plane: plane, Block: block, Blocks: channels / 16, Rest: channels % 16,
					Weights: unsafe.Pointer(&weights[0]), Step: 64 * vecs, Out: unsafe.Pointer(&got[0]), Scales: unsafe.Pointer(&scales[0]),
					Ahead: uintptr(unsafe.Pointer(&weights[0]))}
				k.Lanes16.Winograd.few(column, tiles, a)
				a.Out = unsafe.Pointer(&want[0])
				winogradSums(16, column, tiles, a)
				for j := range want {
					if d := math.Abs(float64(got[j] - want[j])); !(d <= 1e-3) {
						t.Fatalf("%d channels, column %d, %d tiles: number %d is %v, not %v", channels, column, tiles, j, got[j], want[j])
					}
				}
			}
		}
	})
}

// TestWinogradErrors checks the documented root mean square error against float64.
func TestWinogradErrors(t *testing.T) {
	k := Best()
	for _, side := range []int{14, 7} {
		testWinogradErrors(t, k, convCase{cin: 256, h: side, w: side, cout: 64, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}}.conv(k.Block, k.Block))
	}
}

func testWinogradErrors(t *testing.T, k *Rung, c Conv) {
	rng := rand.New(rand.NewSource(5))
	in, out := newCanvas(t, c.In).randomize(rng), newCanvas(t, c.Out)
	weights, bias := normals(64*256*9, rng), make([]float32, 64)
	for m, bound := range map[ConvMethod]float64{ConvWinograd: 3.5e-6, ConvSmallWinograd: 1e-6} {
		run(t, packed(t, k, &c, m, weights, bias), Memory{In: in.base(), Out: out.base()})
		if e := rootMeanSquare(&c, in, out, weights, bias); !(e < bound) {
			t.Errorf("%v of %v: relative error %.2g", m, &c, e)
		}
	}
}

// rootMeanSquare returns the rms error of a convolution relative to the rms output.
func rootMeanSquare(c *Conv, in, out *canvas, weights, bias []float32) float64 {
	var errors, squares float64
	numbers := in.numbers()
	for co := range c.Out.C {
		for y := range c.Out.H {
			for x := range c.Out.W {
				want, _ := convolve(c, numbers, weights, bias, 0, co, y, x)
				d := float64(out.get(0, co, y, x)) - want
				errors += d * d
				squares += want * want
			}
		}
	}
	return math.Sqrt(errors / squares)
}

// packed plans a convolution with packed weights.
func packed(t testing.TB, k *Rung, c *Conv, m ConvMethod, weights, bias []float32) Work {
	t.Helper()
	w, err := k.PackConv(m, c, Numbers{Float32: weights}, bias)
	if err != nil {
		t.Fatal(err)
	}
	packAll(w)
	work, err := k.Conv(m, c, w)
	if err != nil {
		t.Fatal(err)
	}
	return work
}

func TestWinogradRefuses(t *testing.T) {
	k := Best()
	for why, test := range map[string]convCase{
		"stride": {cin: 16, h: 9, w: 9, cout: 16, kh: 3, kw: 3, sh: 2, sw: 2},
		"kernel": {cin: 16, h: 9, w: 9, cout: 16, kh: 5, kw: 5},
		"groups": {cin: 16, h: 9, w: 9, cout: 16, kh: 3, kw: 3, group: 2},
	} {
		c := test.conv(k.Block, k.Block)
		if _, err := k.ConvWeightBytes(ConvWinograd, &c); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
}

var winogradBenchmarks = []convCase{
	{cin: 64, h: 56, w: 56, cout: 64},
	{cin: 128, h: 56, w: 56, cout: 32},
	{cin: 128, h: 28, w: 28, cout: 128},
	{cin: 256, h: 14, w: 14, cout: 256},
	{cin: 512, h: 7, w: 7, cout: 512},
	{cin: 64, h: 224, w: 224, cout: 64},
	{cin: 128, h: 112, w: 112, cout: 128},
	{cin: 256, h: 56, w: 56, cout: 256},
	{cin: 512, h: 28, w: 28, cout: 512},
	{cin: 512, h: 14, w: 14, cout: 512},
	{cin: 256, h: 65, w: 65, cout: 256, dh: 2, dw: 2},
	{cin: 512, h: 65, w: 65, cout: 512, dh: 4, dw: 4},
	{cin: 512, h: 33, w: 33, cout: 512, dh: 4, dw: 4},
	{cin: 512, h: 19, w: 19, cout: 1024, dh: 6, dw: 6},
	{cin: 256, h: 33, w: 33, cout: 256, dh: 12, dw: 12},
	{cin: 64, h: 28, w: 28, cout: 64, dh: 8, dw: 8},
}

func BenchmarkWinograd(b *testing.B) {
	for _, k := range rungs() {
		if k.Name != "avx2" && k.Name != "avx512" && k.Name != "neon" {
			continue
		}
		for _, test := range winogradBenchmarks {
			dh, dw := orOne(test.dh), orOne(test.dw)
			test.kh, test.kw, test.pads = 3, 3, [4]int{dh, dw, dh, dw}
			c := test.conv(k.Block, k.Block)
			benchmarkConv(b, k, &c, ConvDirect)
			benchmarkConv(b, k, &c, ConvWinograd)
			benchmarkConv(b, k, &c, ConvSmallWinograd)
		}
	}
}
