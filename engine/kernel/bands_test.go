package kernel

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"unsafe"
)

// bandCase is a chain of a 1x1 convolution, a depthwise one and a 1x1
// convolution, of which the first or the last may be missing.
type bandCase struct {
	why                string
	n, cin, mid, cout  int
	h, w               int
	k, stride, dilated int
	pads               [4]int // of the depthwise one: top, left, bottom, right
	noFirst, noLast    bool
	residual           bool
	act                Activation
}

var bandCases = []bandCase{
	{why: "inverted residual", n: 1, cin: 24, mid: 72, cout: 24, h: 30, w: 17, k: 3, stride: 1, pads: [4]int{1, 1, 1, 1}, residual: true, act: relu},
	{why: "stride 2", n: 1, cin: 32, mid: 96, cout: 40, h: 29, w: 30, k: 3, stride: 2, pads: [4]int{1, 1, 1, 1}, act: relu},
	{why: "stride 2, padded below only", n: 1, cin: 16, mid: 64, cout: 32, h: 28, w: 14, k: 3, stride: 2, pads: [4]int{0, 0, 1, 1}},
	{why: "5x5", n: 1, cin: 40, mid: 120, cout: 48, h: 21, w: 9, k: 5, stride: 1, pads: [4]int{2, 2, 2, 2}, residual: false, act: Activation{Kind: HardSwish}},
	{why: "5x5 of stride 2", n: 2, cin: 24, mid: 33, cout: 24, h: 19, w: 20, k: 5, stride: 2, pads: [4]int{2, 2, 2, 2}, act: Activation{Kind: Silu}},
	{why: "dilated", n: 1, cin: 24, mid: 48, cout: 31, h: 16, w: 15, k: 3, stride: 1, dilated: 2, pads: [4]int{2, 2, 2, 2}},
	{why: "no padding", n: 1, cin: 24, mid: 48, cout: 24, h: 18, w: 12, k: 3, stride: 1},
	{why: "more padding than kernel", n: 1, cin: 24, mid: 32, cout: 24, h: 9, w: 8, k: 3, stride: 1, pads: [4]int{2, 2, 2, 2}},
	{why: "a batch", n: 3, cin: 24, mid: 64, cout: 24, h: 15, w: 15, k: 3, stride: 1, pads: [4]int{1, 1, 1, 1}, residual: true},
	{why: "flat", n: 1, cin: 24, mid: 32, cout: 32, h: 2, w: 40, k: 3, stride: 1, pads: [4]int{1, 1, 1, 1}},
	{why: "depthwise first", n: 2, mid: 48, cout: 24, h: 31, w: 16, k: 3, stride: 1, pads: [4]int{1, 1, 1, 1}, noFirst: true, act: relu},
	{why: "depthwise last", n: 2, cin: 24, mid: 48, h: 31, w: 16, k: 3, stride: 2, pads: [4]int{1, 1, 1, 1}, noLast: true, act: relu},
}

// TestBands: a chain in bands gives the same bits as its links one after the other, however
// it is cut, and fills the halo.
func TestBands(t *testing.T) {
	for _, r := range rungs() {
		switch r.Name {
		case "vnni", "dotprod", "i8mm": // their convolutions are those of avx512 and neon
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			for _, test := range bandCases {
				t.Run(test.why, func(t *testing.T) {
					rng := rand.New(rand.NewSource(4))
					testBands(t, test.chain(t, r, rng), rng)
				})
			}
		})
	}
}

// TestBandsOfPools tests a first convolution and the pool after it.
func TestBandsOfPools(t *testing.T) {
	for _, r := range rungs() {
		for _, p := range []Pool{
			{KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1},
			{KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, PadBottom: 1, PadRight: 1},
			{KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2},
			{KernelH: 5, KernelW: 2, StrideH: 1, StrideW: 3, PadTop: 2, PadBottom: 2},
		} {
			t.Run(fmt.Sprintf("%s %dx%d", r.Name, p.KernelH, p.KernelW), func(t *testing.T) {
				rng := rand.New(rand.NewSource(4))
				c := convCase{n: 2, cin: 3, h: 61, w: 49, cout: 40, kh: 7, kw: 7, sh: 2, sw: 2, pads: [4]int{3, 3, 3, 3}, planar: true, act: relu}.conv(Planar, r.Block)
				data := normals(40*3*49, rng)
				link := convLink(t, r, ConvDirect, c, data, nil)
				if r.Name == "amx" {
					link = tileLink(t, r, c, data, nil)
				}
				p.DilationH, p.DilationW = 1, 1
				out := func(in, kernel, stride, pads int) int { return (in+pads-kernel)/stride + 1 }
				to := NewLayout(r.Block, 2, 40, out(c.Out.H, p.KernelH, p.StrideH, p.PadTop+p.PadBottom),
					out(c.Out.W, p.KernelW, p.StrideW, p.PadLeft+p.PadRight), Halo{1, 1, 1, 1})
				window := Conv{In: c.Out, Out: to, KernelH: p.KernelH, KernelW: p.KernelW, StrideH: p.StrideH, StrideW: p.StrideW,
					DilationH: 1, DilationW: 1, PadTop: p.PadTop, PadLeft: p.PadLeft, Group: 40}
				testBands(t, []Link{link, {window, func(c *Conv) (Work, error) {
					p.In, p.Out, p.PadTop = c.In, c.Out, c.PadTop
					return r.MaxPool(p)
				}}}, rng)
			})
		}
	}
}

func testBands(t *testing.T, chain []Link, rng *rand.Rand) {
	first, last := &chain[0].Conv, &chain[len(chain)-1].Conv
	in, out := newCanvas(t, first.In).randomize(rng), newCanvas(t, last.Out)
	m := Memory{In: in.base(), Out: out.base()}
	if last.Residual != nil {
		m.Residual = newCanvas(t, *last.Residual).randomize(rng).base()
	}
	step := m
	for i := range chain {
		c := &chain[i].Conv
		work, err := chain[i].Plan(c)
		if err != nil {
			t.Fatal(err)
		}
		step.Out = newCanvas(t, c.Out).base()
		if i == len(chain)-1 {
			step.Out = m.Out
		}
		run(t, work, step)
		step.In = step.Out
	}
	out.check(t)
	single := slices.Clone(chain)
	for i := range single {
		c := &single[i].Conv
		c.In.N, c.Out.N = 1, 1
	}
	for _, rooms := range []int{1, 2, 3} {
		for _, room := range []int{1, 16 << 10, 40 << 10, bandRoom} {
			work, err := bandsWithin(chain, rooms, room)
			if err != nil {
				t.Fatal(err)
			}
			banded := newCanvas(t, last.Out)
			m.Out = banded.base()
			run(t, work, m)
			banded.check(t)
			if !banded.same(out) {
				t.Errorf("%d rooms of %d bytes: other bits than link by link", rooms, room)
			}
			if work, err = bandsWithin(single, rooms, room); err != nil {
				t.Fatal(err)
			}
			checkSpans(t, work, m, &single[0].Conv.In, &single[len(chain)-1].Conv.Out)
		}
	}
}

// same reports whether two activations have the same numbers.
func (c *canvas) same(other *canvas) bool {
	for n := range c.N {
		for ch := range c.C {
			for y := range c.H {
				for x := range c.W {
					if c.get(n, ch, y, x) != other.get(n, ch, y, x) {
						return false
					}
				}
			}
		}
	}
	return true
}

// chain returns the links with the layouts and packed weights that a plan uses on a rung.
func (test *bandCase) chain(t testing.TB, r *Rung, rng *rand.Rand) []Link {
	block := r.Block
	wide := block // what 1x1 convolutions read
	switch r.Name {
	case "amx":
		wide = Split32
	case "avx512bf16":
		wide = BF16x32
	}
	d := orOne(test.dilated)
	oh := (test.h+test.pads[0]+test.pads[2]-(test.k-1)*d-1)/test.stride + 1
	ow := (test.w+test.pads[1]+test.pads[3]-(test.k-1)*d-1)/test.stride + 1
	mid := NewLayout(block, test.n, test.mid, test.h, test.w, Halo{test.pads[0], test.pads[1], test.pads[2], test.pads[3]})
	thin := NewLayout(wide, test.n, test.mid, oh, ow, Halo{})
	var chain []Link
	if !test.noFirst {
		in := NewLayout(wide, test.n, test.cin, test.h, test.w, Halo{1, 1, 1, 1})
		chain = append(chain, pointwiseLink(t, r, in, mid, test.act, rng))
	}
	c := Conv{In: mid, Out: thin, KernelH: test.k, KernelW: test.k, StrideH: test.stride, StrideW: test.stride,
		DilationH: d, DilationW: d, PadTop: test.pads[0], PadLeft: test.pads[1], Group: test.mid, Act: test.act}
	if test.noLast {
		c.Out = NewLayout(block, test.n, test.mid, oh, ow, Halo{1, 2, 1, 2})
	}
	chain = append(chain, convLink(t, r, ConvDepthwise, c, normals(test.mid*test.k*test.k, rng), normals(test.mid, rng)))
	if !test.noLast {
		out := NewLayout(wide, test.n, test.cout, oh, ow, Halo{1, 2, 1, 2})
		l := pointwiseLink(t, r, thin, out, test.act, rng)
		if test.residual {
			z := NewLayout(wide, test.n, test.cout, oh, ow, Halo{0, 1, 0, 1})
			l.Conv.Residual = &z
		}
		chain = append(chain, l)
	}
	return chain
}

func pointwiseLink(t testing.TB, r *Rung, in, out Layout, act Activation, rng *rand.Rand) Link {
	c := Conv{In: in, Out: out, KernelH: 1, KernelW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Group: 1, Act: act}
	data, bias := normals(out.C*in.C, rng), normals(out.C, rng)
	if in.Format != r.Block {
		return tileLink(t, r, c, data, bias)
	}
	return convLink(t, r, ConvDirect, c, data, bias)
}

// convLink is a convolution of a chain with packed weights, tileLink one of bfloat16.
func convLink(t testing.TB, r *Rung, m ConvMethod, c Conv, data, bias []float32) Link {
	w, err := r.PackConv(m, &c, Numbers{Float32: data}, bias)
	if err != nil {
		t.Fatal(err)
	}
	packAll(w)
	return Link{c, func(c *Conv) (Work, error) { return r.Conv(m, c, w) }}
}

func tileLink(t testing.TB, r *Rung, c Conv, data, bias []float32) Link {
	pack, plan := r.PackSplit, r.NewSplit
	if c.In.Format == BF16x32 {
		pack, plan = r.PackBF16, r.NewBF16
	}
	w, err := pack(&c, Numbers{Float32: data}, bias)
	if err != nil {
		t.Fatal(err)
	}
	packAll(w)
	return Link{c, func(c *Conv) (Work, error) { return plan(c, w) }}
}

// Links that are not a chain give an error.
func TestBandsOf(t *testing.T) {
	r := Best()
	rng := rand.New(rand.NewSource(4))
	chain := bandCases[0].chain(t, r, rng)
	chain[1].Conv.In.C++
	if _, err := Bands(chain, 1); err == nil {
		t.Error("no error for links that do not meet")
	}
}

// BenchmarkBands runs inverted residuals of MobileNetV2 in bands and link by link.
func BenchmarkBands(b *testing.B) {
	r, rng := Best(), rand.New(rand.NewSource(4))
	for _, test := range []bandCase{
		{cin: 16, mid: 96, cout: 24, h: 112, w: 112, stride: 2},
		{cin: 24, mid: 144, cout: 24, h: 56, w: 56, stride: 1},
		{cin: 32, mid: 192, cout: 32, h: 28, w: 28, stride: 1},
		{cin: 64, mid: 384, cout: 64, h: 14, w: 14, stride: 1},
	} {
		test.n, test.k, test.pads, test.act = 1, 3, [4]int{1, 1, 1, 1}, relu
		chain := test.chain(b, r, rng)
		banded, err := Bands(chain, 1)
		if err != nil {
			b.Fatal(err)
		}
		in, out := newCanvas(b, chain[0].Conv.In).randomize(rng), newCanvas(b, chain[2].Conv.Out)
		room := alignedBytes(banded.Scratch)
		works, memory := []Work{banded}, []Memory{{In: in.base(), Out: out.base(), Scratch: unsafe.Pointer(&room[0])}}
		bench := func(b *testing.B) {
			for b.Loop() {
				for i, w := range works {
					for _, s := range w.Steps {
						for chunk := range s.Chunks() {
							s.Run(chunk, &memory[i])
						}
					}
				}
			}
		}
		name := fmt.Sprintf("%dx%dx%d", test.mid, test.h, test.w)
		b.Run(name+"/bands", bench)
		works, memory = nil, nil
		from := in.base()
		for i := range chain {
			w, err := chain[i].Plan(&chain[i].Conv)
			if err != nil {
				b.Fatal(err)
			}
			to := newCanvas(b, chain[i].Conv.Out).base()
			works, memory = append(works, w), append(memory, Memory{In: from, Out: to})
			from = to
		}
		b.Run(name+"/links", bench)
	}
}
