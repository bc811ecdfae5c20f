package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"runtime"
	"testing"
	"time"
	"unsafe"
)

// convCase describes a convolution; zero fields have defaults.
type convCase struct {
	why                    string
	n, cin, h, w, cout     int
	kh, kw, sh, sw, dh, dw int
	pads                   [4]int // top, left, bottom, right
	group                  int
	planar, residual       bool
	act                    Activation
}

var convCases = []convCase{
	{why: "1x1", cin: 32, h: 9, w: 14, cout: 64},
	{why: "1x1 one pixel", cin: 40, h: 1, w: 1, cout: 50},
	{why: "1x1 tails", n: 2, cin: 21, h: 5, w: 33, cout: 19, act: relu},
	{why: "1x1 stride 2", cin: 16, h: 15, w: 15, cout: 32, sh: 2, sw: 2},
	{why: "3x3", cin: 32, h: 14, w: 14, cout: 32, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, act: relu},
	{why: "3x3 narrow", cin: 17, h: 7, w: 7, cout: 48, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, residual: true, act: relu},
	{why: "3x3 two wide", cin: 16, h: 3, w: 2, cout: 16, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, residual: true},
	{why: "3x3 stride 2", n: 2, cin: 24, h: 13, w: 13, cout: 40, kh: 3, kw: 3, sh: 2, sw: 2, pads: [4]int{1, 1, 1, 1}},
	{why: "same-upper padding", cin: 8, h: 12, w: 20, cout: 24, kh: 3, kw: 3, sh: 2, sw: 2, pads: [4]int{0, 0, 1, 1}},
	{why: "odd strides, dilation", cin: 19, h: 23, w: 29, cout: 33, kh: 3, kw: 2, sh: 3, sw: 4, dh: 2, dw: 3, pads: [4]int{2, 3, 1, 0}},
	{why: "7x1", cin: 16, h: 17, w: 17, cout: 20, kh: 7, kw: 1, pads: [4]int{3, 0, 3, 0}},
	{why: "1x7", cin: 16, h: 17, w: 17, cout: 20, kh: 1, kw: 7, pads: [4]int{0, 3, 0, 3}},
	{why: "wide", cin: 3, h: 2, w: 250, cout: 8, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, residual: true},
	{why: "weights larger than L2", cin: 256, h: 4, w: 4, cout: 256, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}},
	{why: "weights larger than L2 for pictures together", n: 3, cin: 512, h: 1, w: 4, cout: 520},
	{why: "kernel over the whole picture", cin: 20, h: 6, w: 6, cout: 33, kh: 6, kw: 6},
	{why: "groups of blocks", cin: 64, h: 6, w: 9, cout: 64, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, group: 2},
	{why: "groups of 4", cin: 64, h: 6, w: 9, cout: 64, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, group: 16},
	{why: "groups of 24", cin: 72, h: 5, w: 5, cout: 72, kh: 3, kw: 3, sh: 2, sw: 2, pads: [4]int{1, 1, 1, 1}, group: 3},
	{why: "groups that narrow", cin: 60, h: 5, w: 5, cout: 30, group: 3, act: relu},
	{why: "depthwise as groups", cin: 20, h: 7, w: 8, cout: 20, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, group: 20},
	{why: "depth multiplier", cin: 10, h: 7, w: 8, cout: 30, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, group: 10},
	{why: "first 7x7", cin: 3, h: 30, w: 30, cout: 64, kh: 7, kw: 7, sh: 2, sw: 2, pads: [4]int{3, 3, 3, 3}, planar: true, act: relu},
	{why: "first 3x3 without padding", n: 2, cin: 3, h: 15, w: 31, cout: 24, kh: 3, kw: 3, sh: 2, sw: 2, planar: true},
	{why: "first 11x11 stride 4", cin: 3, h: 35, w: 35, cout: 33, kh: 11, kw: 11, sh: 4, sw: 4, pads: [4]int{2, 2, 2, 2}, planar: true},
	{why: "first 3x3, one channel, very wide", cin: 1, h: 3, w: 300, cout: 8, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, planar: true},
	{why: "planar dilated, grouped", cin: 4, h: 12, w: 12, cout: 6, kh: 3, kw: 3, dh: 2, dw: 2, pads: [4]int{2, 2, 2, 2}, group: 2, planar: true},
	{why: "silu", cin: 16, h: 5, w: 19, cout: 40, act: Activation{Kind: Silu}},
	{why: "leaky after residual", cin: 16, h: 5, w: 6, cout: 16, residual: true, act: Activation{Kind: LeakyRelu, Alpha: 0.1}},
	{why: "relu6", cin: 16, h: 5, w: 19, cout: 40, act: Activation{Kind: Clip, Beta: 6}},
}

// convFormats are the formats of blocked inputs and of outputs.
var convFormats = [][2]Format{{F32x8, F32x8}, {F32x16, F32x16}, {F32x16, Split32}, {F32x16, BF16x32}}

func orOne(n int) int { return max(n, 1) }

// conv returns the convolution between layouts of the given formats. The halo of the input
// is as wide as necessary, that of the output is 1.
func (k convCase) conv(in, out Format) Conv {
	c := Conv{KernelH: orOne(k.kh), KernelW: orOne(k.kw), StrideH: orOne(k.sh), StrideW: orOne(k.sw),
		DilationH: orOne(k.dh), DilationW: orOne(k.dw), PadTop: k.pads[0], PadLeft: k.pads[1],
		Group: orOne(k.group), Act: k.act}
	oh := (k.h+k.pads[0]+k.pads[2]-(c.KernelH-1)*c.DilationH-1)/c.StrideH + 1
	ow := (k.w+k.pads[1]+k.pads[3]-(c.KernelW-1)*c.DilationW-1)/c.StrideW + 1
	c.In = NewLayout(in, orOne(k.n), k.cin, k.h, k.w, Halo{k.pads[0], k.pads[1], k.pads[2], k.pads[3]})
	c.Out = NewLayout(out, orOne(k.n), k.cout, oh, ow, Halo{1, 1, 1, 1})
	if k.residual {
		r := NewLayout(out, orOne(k.n), k.cout, oh, ow, Halo{0, 2, 1, 0})
		c.Residual = &r
	}
	return c
}

// convolve is the reference in float64, on a canvas's numbers.
func convolve(c *Conv, in []float32, weights, bias []float32, n, co, y, x int) (sum, scale float64) {
	perGroup, inGroup := c.Out.C/c.Group, c.In.C/c.Group
	sum = float64(bias[co])
	scale = math.Abs(sum)
	for i := range inGroup {
		for ky := range c.KernelH {
			for kx := range c.KernelW {
				iy, ix := y*c.StrideH-c.PadTop+ky*c.DilationH, x*c.StrideW-c.PadLeft+kx*c.DilationW
				if iy < 0 || ix < 0 || iy >= c.In.H || ix >= c.In.W {
					continue
				}
				p := float64(weights[((co*inGroup+i)*c.KernelH+ky)*c.KernelW+kx]) * float64(in[((n*c.In.C+co/perGroup*inGroup+i)*c.In.H+iy)*c.In.W+ix])
				sum += p
				scale += math.Abs(p)
			}
		}
	}
	return sum, scale
}

// testConv runs a convolution and compares all outputs with the reference or, if that takes
// long, those of some channels.
func testConv(t *testing.T, k *Rung, c Conv, method ConvMethod, bound float64) {
	t.Helper()
	rng := rand.New(rand.NewSource(1))
	in := newCanvas(t, c.In).randomize(rng)
	out := newCanvas(t, c.Out)
	weights := normals(c.Out.C*c.In.C/c.Group*c.KernelH*c.KernelW, rng)
	bias := normals(c.Out.C, rng)
	m := Memory{In: in.base(), Out: out.base()}
	var residual, means *canvas
	if c.Residual != nil {
		residual = newCanvas(t, *c.Residual).randomize(rng)
		m.Residual = residual.base()
	}
	gated := in
	if c.Gate != nil {
		gate := newCanvas(t, *c.Gate).randomize(rng)
		m.More = []unsafe.Pointer{gate.base()}
		gated = newCanvas(t, c.In)
		gated.each(func(n, ch, y, x int) { gated.set(n, ch, y, x, in.get(n, ch, y, x)*gate.get(n, ch, 0, 0)) })
	}
	if c.Mean != nil {
		means = newCanvas(t, *c.Mean)
		m.Mean = means.base()
	}
	w, err := k.PackConv(method, &c, Numbers{Float32: weights}, bias)
	if err != nil {
		t.Fatal(err)
	}
	packAll(w)
	if n, err := k.ConvWeightBytes(method, &c); err != nil || n != w.Bytes() {
		t.Errorf("%d bytes were announced (%v), %d taken", n, err, w.Bytes())
	}
	work, err := k.Conv(method, &c, w)
	if err != nil {
		t.Fatal(err)
	}
	run(t, work, m)
	in.check(t)
	out.check(t)
	if c.Mean == nil && c.multiplyAdds() < 1e7 {
		checkSpans(t, work, m, &c.In, &c.Out)
	}
	if means != nil {
		means.check(t)
		out.expectMeans(t, means)
	}
	step := 1 + int(c.multiplyAdds()/2e7)
	numbers := gated.numbers()
	for n := range c.Out.N {
		for co := 0; co < c.Out.C; co += step {
			for y := range c.Out.H {
				for x := range c.Out.W {
					sum, scale := convolve(&c, numbers, weights, bias, n, co, y, x)
					if residual != nil {
						r := float64(residual.get(n, co, y, x))
						sum += r
						scale += math.Abs(r)
					}
					want := float64(c.Act.apply(float32(sum)))
					got := float64(out.get(n, co, y, x))
					if !(math.Abs(got-want) <= bound*scale) {
						t.Fatalf("%v\npicture %d channel %d at %d,%d: %g, want %g", &c, n, co, y, x, got, want)
					}
				}
			}
		}
	}
}

func TestConv(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, test := range convCases {
			for _, f := range convFormats {
				in, bound := f[0], 1e-6
				if f[1] != f[0] {
					bound = f[1].precision()
				}
				if test.planar {
					in = Planar
				}
				t.Run(fmt.Sprintf("%s %v", test.why, f[1]), func(t *testing.T) {
					testConv(t, k, test.conv(in, f[1]), ConvDirect, bound)
				})
			}
		}
	})
}

// TestConvEveryWidth tests all combinations of tiles, also those that continue in the next
// row.
func TestConvEveryWidth(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for w := 1; w <= 45; w++ {
			for _, f := range []Format{F32x8, F32x16} {
				c := convCase{cin: 5, h: 3, w: w, cout: 3 * f.Channels(), kh: 2, kw: 3, pads: [4]int{1, 1, 0, 1}, residual: true, act: relu}
				testConv(t, k, c.conv(f, f), ConvDirect, 1e-6)
				c = convCase{cin: 21, h: 2, w: w, cout: 3 * f.Channels()}
				testConv(t, k, c.conv(f, f), ConvDirect, 1e-6)
				if w > 33 {
					continue
				}
				relu6 := Activation{Kind: Clip, Beta: 6}
				c = convCase{cin: 37, h: 9 + w%4, w: w, cout: 5 * f.Channels(), residual: w%2 > 0, act: relu6}
				testConv(t, k, c.conv(f, f), ConvDirect, 1e-6)
				c = convCase{cin: 19, h: 11, w: 2*w - 1, cout: 5 * f.Channels(), kh: 3, kw: 3, sh: 2, sw: 2, pads: [4]int{1, 1, 1, 1}, residual: w%2 == 0}
				testConv(t, k, c.conv(f, f), ConvDirect, 1e-6)
			}
		}
	})
}

// TestConvCut: the chunks of any cut cover all of the work once.
func TestConvCut(t *testing.T) {
	const pictures, units, columns = 5, 7, 6
	for _, cut := range []convCut{
		{unitRanges: 3, columnRanges: 2, group: 1},
		{unitRanges: 3, columnRanges: 4, group: 2},
		{unitRanges: 3, columnRanges: 4, group: 3},
		{unitRanges: 2, columnRanges: 4, group: 4},
		{unitRanges: 1, columnRanges: 6, group: 5},
	} {
		var seen [pictures][units][columns]int
		for chunk := range pictures * cut.unitRanges * cut.columnRanges {
			p := cut.at(chunk, pictures, units, columns)
			for u := p.u0; u < p.u1; u++ {
				for c := p.c0; c < p.c1; c++ {
					seen[p.picture][u][c]++
				}
			}
		}
		for n := range seen {
			for u := range seen[n] {
				for c, times := range seen[n][u] {
					if times != 1 {
						t.Fatalf("%+v: picture %d, unit %d, column %d: %d times", cut, n, u, c, times)
					}
				}
			}
		}
	}
}

// TestFetchedPastTheEnd: prefetches are rounded up, so that the address may pass the end of
// the weights. The garbage collector must not take it for a pointer.
func TestFetchedPastTheEnd(t *testing.T) {
	const n, prefetches = 3 << 16, 5 << 10 // whole pages of Go's heap, and no divisor of them
	var weights [16][]float32
	for i := range weights {
		weights[i] = make([]float32, n)
	}
	for i := 1; i < len(weights); i += 2 {
		weights[i] = nil
	}
	runtime.GC() // what follows the others is free
	var calls []*convArgs
	for i := 0; i < len(weights); i += 2 {
		a := &convArgs{Weights: unsafe.Pointer(&weights[i][0])}
		a.fetch(weights[i], prefetches)
		a.fetched(prefetches)
		calls = append(calls, a)
	}
	runtime.GC()
	runtime.KeepAlive(calls)
}

// TestConvInPlace: the residual may be in the memory of the output.
func TestConvInPlace(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, f := range []Format{F32x8, F32x16} {
			c := convCase{cin: 16, h: 6, w: 37, cout: 40, residual: true, act: Activation{Kind: Silu}}.conv(f, f)
			*c.Residual = c.Out
			rng := rand.New(rand.NewSource(3))
			in, res := newCanvas(t, c.In).randomize(rng), newCanvas(t, c.Out).randomize(rng)
			apart := newCanvas(t, c.Out)
			work := packed(t, k, &c, ConvDirect, normals(16*40, rng), nil)
			run(t, work, Memory{In: in.base(), Residual: res.base(), Out: apart.base()})
			run(t, work, Memory{In: in.base(), Residual: res.base(), Out: res.base()})
			for ch := range c.Out.C {
				for y := range c.Out.H {
					for x := range c.Out.W {
						if got, want := res.get(0, ch, y, x), apart.get(0, ch, y, x); got != want {
							t.Fatalf("channel %d at %d,%d: %g in place, %g apart", ch, y, x, got, want)
						}
					}
				}
			}
		}
	})
}

func TestConvDoesNotAllocate(t *testing.T) {
	c := convCase{cin: 16, h: 6, w: 37, cout: 40, residual: true, act: relu}.conv(F32x16, Split32)
	rng := rand.New(rand.NewSource(3))
	in, out, res := newCanvas(t, c.In).randomize(rng), newCanvas(t, c.Out), newCanvas(t, *c.Residual).randomize(rng)
	k := Best()
	work := packed(t, k, &c, ConvDirect, normals(16*40, rng), nil)
	m := &Memory{In: in.base(), Residual: res.base(), Out: out.base()}
	if n := testing.AllocsPerRun(100, func() { runAll(work.Steps, m) }); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

func TestConvRefuses(t *testing.T) {
	good := convCase{cin: 16, h: 6, w: 7, cout: 16, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}}.conv(F32x16, F32x16)
	k := Best()
	w, err := k.PackConv(ConvDirect, &good, Numbers{Float32: make([]float32, 16*16*9)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for why, spoil := range map[string]func(*Conv){
		"halo too narrow":     func(c *Conv) { c.In = NewLayout(F32x16, 1, 16, 6, 7, Halo{}) },
		"other channels":      func(c *Conv) { c.In.C = 17 },
		"other format":        func(c *Conv) { c.In.Format = BF16x32 },
		"group":               func(c *Conv) { c.Group = 3 },
		"residual of no fit":  func(c *Conv) { r := c.Out; r.C++; c.Residual = &r },
		"no stride":           func(c *Conv) { c.StrideW = 0 },
		"batch of other size": func(c *Conv) { c.Out.N = 2 },
	} {
		c := good
		spoil(&c)
		if _, err := k.Conv(ConvDirect, &c, w); err == nil {
			t.Errorf("%s: no error", why)
		}
	}
	if _, err := k.PackConv(ConvDirect, &good, Numbers{Float32: make([]float32, 5)}, nil); err == nil {
		t.Error("too few weights: no error")
	}
}

// convBenchmarks are layers of well-known networks.
var convBenchmarks = []convCase{
	{cin: 64, h: 56, w: 56, cout: 64, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}},
	{cin: 128, h: 28, w: 28, cout: 128, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}},
	{cin: 256, h: 14, w: 14, cout: 256, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}},
	{cin: 512, h: 7, w: 7, cout: 512, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}},
	{cin: 512, h: 14, w: 14, cout: 512, kh: 3, kw: 3, sh: 2, sw: 2, pads: [4]int{1, 1, 1, 1}},
	{cin: 64, h: 56, w: 56, cout: 256},
	{cin: 256, h: 56, w: 56, cout: 64},
	{cin: 256, h: 14, w: 14, cout: 1024},
	{cin: 2048, h: 14, w: 14, cout: 512},
	{cin: 2048, h: 7, w: 7, cout: 512},
	{cin: 512, h: 7, w: 7, cout: 2048},
	{cin: 1024, h: 14, w: 14, cout: 2048, sh: 2, sw: 2},
	{n: 8, cin: 2048, h: 7, w: 7, cout: 512},
	{n: 8, cin: 512, h: 7, w: 7, cout: 2048},
	{cin: 96, h: 13, w: 13, cout: 384},
	{cin: 16, h: 112, w: 112, cout: 96},
	{cin: 24, h: 56, w: 56, cout: 144},
	{cin: 128, h: 56, w: 56, cout: 128, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, group: 32},
	{cin: 3, h: 224, w: 224, cout: 64, kh: 7, kw: 7, sh: 2, sw: 2, pads: [4]int{3, 3, 3, 3}, planar: true},
	{cin: 3, h: 224, w: 224, cout: 32, kh: 3, kw: 3, sh: 2, sw: 2, pads: [4]int{1, 1, 1, 1}, planar: true},
	{cin: 3, h: 224, w: 224, cout: 64, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, planar: true},
}

func BenchmarkConv(b *testing.B) {
	for _, k := range rungs() {
		if k.Name == "purego" {
			continue
		}
		for _, test := range convBenchmarks {
			in := k.Block
			if test.planar {
				in = Planar
			}
			c := test.conv(in, k.Block)
			benchmarkConv(b, k, &c, c.Method())
		}
		if k.Block == F32x16 {
			break // higher rungs have the same kernels
		}
	}
}

func benchmarkConv(b *testing.B, k *Rung, c *Conv, method ConvMethod) {
	rng := rand.New(rand.NewSource(1))
	in, out := newCanvas(b, c.In).randomize(rng), newCanvas(b, c.Out)
	work := packed(b, k, c, method, normals(c.Out.C*c.In.C/c.Group*c.KernelH*c.KernelW, rng), nil)
	m := &Memory{In: in.base(), Out: out.base()}
	if work.Scratch > 0 {
		m.Scratch = unsafe.Pointer(&alignedBytes(work.Scratch)[0])
	}
	name := fmt.Sprintf("%s/%v/%dx%dx%dto%dk%ds%dd%dg%d", k.Name, method, c.In.C, c.In.H, c.In.W, c.Out.C, c.KernelH, c.StrideH, c.DilationH, c.Group)
	b.Run(name, func(b *testing.B) {
		best := time.Hour // the minimum is the least disturbed by other load
		for b.Loop() {
			start := time.Now()
			runAll(work.Steps, m)
			best = min(best, time.Since(start))
		}
		b.ReportMetric(float64(best)/1e3, "min-µs")
		b.ReportMetric(2*c.multiplyAdds()*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
}

var depthCases = []convCase{
	{why: "3x3", cin: 40, h: 9, w: 29, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, act: Activation{Kind: Clip, Beta: 6}},
	{why: "3x3 stride 2", n: 2, cin: 17, h: 13, w: 15, kh: 3, kw: 3, sh: 2, sw: 2, pads: [4]int{1, 1, 1, 1}, act: Activation{Kind: HardSwish}},
	{why: "5x5", cin: 64, h: 7, w: 7, kh: 5, kw: 5, pads: [4]int{2, 2, 2, 2}, act: Activation{Kind: Silu}},
	{why: "5x5 stride 2", cin: 33, h: 14, w: 14, kh: 5, kw: 5, sh: 2, sw: 2, pads: [4]int{1, 1, 2, 2}},
	{why: "7x7", cin: 20, h: 9, w: 33, kh: 7, kw: 7, pads: [4]int{3, 3, 3, 3}},
	{why: "dilated", cin: 24, h: 15, w: 17, kh: 3, kw: 3, dh: 2, dw: 3, pads: [4]int{2, 3, 2, 3}},
	{why: "9x1 stride 3", cin: 8, h: 20, w: 11, kh: 9, kw: 1, sh: 3, sw: 3, pads: [4]int{4, 0, 4, 0}},
	{why: "residual", cin: 48, h: 5, w: 150, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}, residual: true, act: relu},
	{why: "one channel", cin: 1, h: 5, w: 5, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}},
}

func TestDepthwise(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, test := range depthCases {
			test.cout, test.group = test.cin, test.cin
			for _, f := range convFormats {
				bound := 1e-6
				if f[1] != f[0] {
					bound = f[1].precision()
				}
				t.Run(fmt.Sprintf("%s %v", test.why, f[1]), func(t *testing.T) {
					c := test.conv(f[0], f[1])
					if c.Method() != ConvDepthwise {
						t.Error("not chosen")
					}
					testConv(t, k, c, ConvDepthwise, bound)
					c.tight()
					testConv(t, k, c, ConvDepthwise, bound)
					for _, format := range []Format{f[0], f[1], Planar} {
						means := NewLayout(format, c.Out.N, c.Out.C, 1, 1, Halo{})
						c.Mean = &means
						testConv(t, k, c, ConvDepthwise, bound)
					}
				})
			}
		}
		for w := 1; w <= 45; w++ { // all combinations of tiles
			for kw := 3; kw <= 7; kw += 2 {
				for _, f := range convFormats[:2] {
					c := convCase{cin: 16, h: 2, w: w * (1 + w%2), cout: 16, group: 16, kh: 2, kw: kw, sw: 1 + w%2, pads: [4]int{1, kw / 2, 0, kw / 2}}
					testConv(t, k, c.conv(f[0], f[1]), ConvDepthwise, 1e-6)
				}
			}
		}
	})
}

// tight removes the halo of the output and the residual, so that rows are contiguous.
func (c *Conv) tight() {
	c.Out = NewLayout(c.Out.Format, c.Out.N, c.Out.C, c.Out.H, c.Out.W, Halo{})
	if c.Residual != nil {
		r := c.Out
		c.Residual = &r
	}
}

var depthBenchmarks = []convCase{
	{cin: 32, h: 112, w: 112, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}},
	{cin: 96, h: 112, w: 112, kh: 3, kw: 3, sh: 2, sw: 2, pads: [4]int{1, 1, 1, 1}},
	{cin: 192, h: 28, w: 28, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}},
	{cin: 384, h: 14, w: 14, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}},
	{cin: 960, h: 7, w: 7, kh: 3, kw: 3, pads: [4]int{1, 1, 1, 1}},
	{cin: 480, h: 14, w: 14, kh: 5, kw: 5, pads: [4]int{2, 2, 2, 2}},
	{cin: 672, h: 14, w: 14, kh: 5, kw: 5, sh: 2, sw: 2, pads: [4]int{2, 2, 2, 2}},
	{cin: 192, h: 28, w: 28, kh: 3, kw: 3, dh: 2, dw: 2, pads: [4]int{2, 2, 2, 2}},
}

func BenchmarkDepthwise(b *testing.B) {
	for _, k := range rungs() {
		if k.Name != "avx2" && k.Name != "avx512" && k.Name != "neon" {
			continue
		}
		for _, test := range depthBenchmarks {
			test.cout, test.group = test.cin, test.cin
			c := test.conv(k.Block, k.Block)
			benchmarkConv(b, k, &c, ConvDepthwise)
		}
	}
}
