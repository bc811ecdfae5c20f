package kernel

import (
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

func dynamicCases() []tileCase {
	planar := func(c *tileCase) { c.in, c.out = Planar, Planar }
	return []tileCase{
		square("one step", 64, 16, 32, 1, 1),
		square("clipped", 64, 19, 96, 3, 1).with(func(c *tileCase) { c.act = relu }),
		square("early last tile", 64, 37, 33, 3, 1),
		square("stride 2", 80, 23, 64, 3, 2),
		square("channels that fill no block", 70, 9, 101, 3, 1),
		square("one block out", 40, 9, 16, 3, 1).with(func(c *tileCase) { c.n = 2 }),
		square("few outputs", 64, 9, 3, 3, 1),
		square("dilated", 32, 12, 32, 3, 1).with(func(c *tileCase) { c.dh, c.dw, c.top, c.left, c.bottom, c.right = 3, 3, 3, 3, 3, 3 }),
		square("several chunks", 128, 40, 128, 3, 1),
		square("few channels", 3, 31, 32, 3, 2).with(planarIn),
		square("few channels, dilated", 3, 20, 32, 3, 1).with(func(c *tileCase) {
			c.in, c.dh, c.dw, c.top, c.left, c.bottom, c.right = Planar, 2, 2, 2, 2, 2, 2
		}),
		square("one channel, 5x5", 1, 28, 33, 5, 1).with(planarIn),
		square("a pixel", 3, 1, 45, 1, 1).with(planarIn),
		square("a pixel and padding", 3, 1, 45, 3, 1).with(planarIn),
		square("matrix", 96, 1, 64, 1, 1).with(planar).with(func(c *tileCase) { c.n = 45 }),
		square("matrix with rows that fill no block", 75, 1, 77, 1, 1).with(planar).with(func(c *tileCase) { c.n = 17 }),
		square("one row", 320, 1, 1000, 1, 1).with(planar),
	}
}

func planarIn(c *tileCase) { c.in = Planar }

// TestDynamic compares all rungs with the definition, bit for bit.
func TestDynamic(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		tiles := 0 // cases of Winograd's form
		for _, c := range dynamicCases() {
			for _, f := range []*Format{&c.in, &c.out} {
				if *f != Planar {
					*f = k.Block
				}
			}
			t.Run(c.why, func(t *testing.T) { testDynamic(t, k, c, 128, -3, 5) })
			conv := c.conv()
			if k.codeWinogradPays(&k.NewDynamic(&conv, Floats{}).QConv) {
				tiles++
				t.Run(c.why+", bytes", func(t *testing.T) { testDynamic(t, k, c, 127, -3, 5) })
			}
			if c.cin > 96 {
				continue // slow enough once
			}
			t.Run(c.why+", wide weights", func(t *testing.T) { testDynamic(t, k, c, 255, 0, 4) })
			t.Run(c.why+", only negative", func(t *testing.T) { testDynamic(t, k, c, 128, -9, -1) })
			t.Run(c.why+", zeros", func(t *testing.T) { testDynamic(t, k, c, 128, 0, 0) })
		}
		if k.QConvs.winograd && tiles < 2 {
			t.Error("Winograd's form is hardly tested")
		}
	})
}

// testDynamic quantises numbers between low and high.
func testDynamic(t *testing.T, k *Rung, c tileCase, widest int, low, high float32) {
	rng := rand.New(rand.NewSource(1))
	conv := c.conv()
	per := c.cin * c.kh * c.kw
	weights := make([]int16, c.cout*per)
	for i := range weights {
		weights[i] = int16(rng.Intn(2*widest) - widest + widest%2)
	}
	if widest == 128 { // a single one needs more bytes
		weights[len(weights)/2] = 255
	}
	f := Floats{}
	for range c.cout {
		f.Scales = append(f.Scales, 0.001+rng.Float32())
		f.Bias = append(f.Bias, float32(100*rng.NormFloat64()))
	}
	x := make([]float32, c.n*c.cin*c.h*c.w)
	for i := range x {
		x[i] = low + (high-low)*rng.Float32()
	}
	x[0] = float32(math.NaN()) // becomes the lowest code
	in := fenced(t, conv.In.Size())
	rng.Read(in)
	number := func(l *Layout, base []byte, n, c, y, x int) *float32 {
		each := l.Format.Channels()
		return (*float32)(unsafe.Pointer(&base[l.At(n, c)+l.Pixel(y, x)+4*(c%each)]))
	}
	for n := range c.n {
		for b := range conv.In.Blocks() {
			conv.In.clearAround(unsafe.Pointer(&in[n*conv.In.Image+b*conv.In.Block]), 0, c.h)
		}
	}
	at := func(n, ci, y, x int) int { return ((n*c.cin+ci)*c.h+y)*c.w + x }
	eachPixel(c.n, c.cin, c.h, c.w, func(n, ci, y, xx int) { *number(&conv.In, in, n, ci, y, xx) = x[at(n, ci, y, xx)] })
	out := fenced(t, conv.Out.Size())
	rng.Read(out)
	d := k.NewDynamic(&conv, f)
	w, err := k.PackQConv(&d.QConv, qweights(weights, per), nil)
	if err != nil {
		t.Fatal(err)
	}
	packAll(w)
	work, err := k.Dynamic(d, w)
	if err != nil {
		t.Fatal(err)
	}
	run(t, work, Memory{In: unsafe.Pointer(&in[0]), Out: unsafe.Pointer(&out[0])})

	scale, zero := quantisation(x)
	codes := make([]int32, len(x)) // minus the zero point
	for i, v := range x {
		code := math.RoundToEven(float64(v / scale))
		if math.IsNaN(code) {
			code = math.Inf(-1)
		}
		codes[i] = int32(min(max(code, -float64(zero)), 255-float64(zero)))
	}
	lowest, highest, _ := conv.Act.limits()
	eachPixel(c.n, c.cout, conv.Out.H, conv.Out.W, func(n, co, y, xx int) {
		sum := int32(0)
		for ci := range c.cin {
			for ky := range c.kh {
				for kx := range c.kw {
					iy, ix := y*c.sh+ky*c.dh-c.top, xx*c.sw+kx*c.dw-c.left
					if iy >= 0 && ix >= 0 && iy < c.h && ix < c.w {
						sum += codes[at(n, ci, iy, ix)] * int32(weights[((co*c.cin+ci)*c.kh+ky)*c.kw+kx])
					}
				}
			}
		}
		product := float32(sum) * float32(scale*f.Scales[co])
		want := min(max(float32(product)+f.Bias[co], lowest), highest) // not fused
		if got := *number(&conv.Out, out, n, co, y, xx); got != want {
			t.Fatalf("picture %d, channel %d, pixel %d,%d: %g, want %g", n, co, y, xx, got, want)
		}
	})
	if conv.Out.Format == Planar {
		return
	}
	for n := range c.n {
		for b := range conv.Out.Blocks() {
			for i := range conv.Out.Left {
				if v := *number(&conv.Out, out, n, b*conv.Out.Format.Channels(), conv.Out.H/2, -1-i); v != 0 {
					t.Fatalf("picture %d, block %d: the halo holds %g", n, b, v)
				}
			}
		}
	}
}

func eachPixel(n, c, h, w int, visit func(n, c, y, x int)) {
	for i := range n * c * h * w {
		visit(i/(c*h*w), i/(h*w)%c, i/w%h, i%w)
	}
}

// quantisation is what ONNX's DynamicQuantizeLinear says of the scale and the zero
// point.
func quantisation(x []float32) (scale float32, zero uint8) {
	least, most := float32(0), float32(0)
	for _, v := range x {
		if v < least {
			least = v
		}
		if v > most {
			most = v
		}
	}
	scale = (most - least) / 255
	if scale == 0 {
		return 1, 0
	}
	return scale, uint8(math.RoundToEven(min(max(float64(-least/scale), 0), 255)))
}
