package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

// formatPairs are the formats of inputs and outputs of row-wise steps.
var formatPairs = [][2]Format{{F32x8, F32x8}, {F32x16, F32x16}, {F32x16, Split32}, {Split32, F32x16},
	{Split32, Split32}, {BF16x32, BF16x32}, {F32x16, BF16x32}, {Split32, BF16x32}}

// precision is the relative error of a number stored in a format.
func (f Format) precision() float64 {
	switch f {
	case Split32:
		return 1e-5
	case BF16x32:
		return 5e-3
	}
	return 1e-6
}

// expect compares an activation with a function of the position.
func (c *canvas) expect(t *testing.T, bound float64, want func(n, ch, y, x int) float64) {
	t.Helper()
	for n := range c.N {
		for ch := range c.C {
			for y := range c.H {
				for x := range c.W {
					got, want := float64(c.get(n, ch, y, x)), want(n, ch, y, x)
					if !(math.Abs(got-want) <= bound*(1+math.Abs(want))) && got != want {
						t.Fatalf("%v\npicture %d channel %d at %d,%d: %g, want %g", c.Layout, n, ch, y, x, got, want)
					}
				}
			}
		}
	}
}

var poolCases = []struct {
	why            string
	h, w           int
	kh, kw, sh, sw int
	pads           [4]int
	extra          int // additional rows and columns of the output, as in ceil mode
	dilation       int
}{
	{why: "2x2", h: 8, w: 14, kh: 2, kw: 2, sh: 2, sw: 2},
	{why: "3x3 stride 2 padded", h: 13, w: 15, kh: 3, kw: 3, sh: 2, sw: 2, pads: [4]int{1, 1, 1, 1}},
	{why: "3x3 stride 1", h: 7, w: 7, kh: 3, kw: 3, sh: 1, sw: 1, pads: [4]int{1, 1, 1, 1}},
	{why: "ceil mode", h: 8, w: 8, kh: 3, kw: 3, sh: 2, sw: 2, extra: 1},
	{why: "ceil mode padded", h: 7, w: 6, kh: 3, kw: 2, sh: 2, sw: 3, pads: [4]int{1, 0, 1, 1}, extra: 1},
	{why: "13x13 of 10x10", h: 10, w: 10, kh: 13, kw: 13, sh: 1, sw: 1, pads: [4]int{6, 6, 6, 6}},
	{why: "5x5 of strips", h: 9, w: 70, kh: 5, kw: 5, sh: 1, sw: 1, pads: [4]int{2, 2, 2, 2}},
	{why: "7x9 stride 2, dilated", h: 33, w: 35, kh: 7, kw: 9, sh: 2, sw: 3, pads: [4]int{3, 4, 3, 4}, dilation: 2, extra: 1},
	{why: "5x5 in the padding", h: 4, w: 4, kh: 5, kw: 5, sh: 1, sw: 1, pads: [4]int{6, 6, 6, 6}},
	{why: "dilated", h: 11, w: 12, kh: 3, kw: 3, sh: 1, sw: 2, pads: [4]int{2, 2, 2, 2}, dilation: 2},
	{why: "wide", h: 2, w: 240, kh: 2, kw: 2, sh: 1, sw: 1},
	{why: "wide 3x3", h: 5, w: 240, kh: 3, kw: 3, sh: 1, sw: 1, pads: [4]int{1, 1, 1, 1}},
	{why: "taps far apart", h: 4, w: 6, kh: 4, kw: 2, sh: 1, sw: 1, pads: [4]int{1 << 26, 1 << 26, 1 << 27, 0}, dilation: 1 << 26},
	{why: "one pixel", h: 1, w: 1, kh: 1, kw: 1, sh: 1, sw: 1},
}

func TestPool(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, test := range poolCases {
			for i, f := range formatPairs {
				channels := []int{19, 64, 8, 33, 70, 32, 5, 16}[i]
				d := orOne(test.dilation)
				oh := (test.h+test.pads[0]+test.pads[2]-(test.kh-1)*d-1)/test.sh + 1 + test.extra
				ow := (test.w+test.pads[1]+test.pads[3]-(test.kw-1)*d-1)/test.sw + 1 + test.extra
				p := Pool{In: NewLayout(f[0], 2, channels, test.h, test.w, Halo{0, 1, 2, 1}), Out: NewLayout(f[1], 2, channels, oh, ow, Halo{1, 1, 1, 1}),
					KernelH: test.kh, KernelW: test.kw, StrideH: test.sh, StrideW: test.sw, DilationH: d, DilationW: d,
					PadTop: test.pads[0], PadLeft: test.pads[1], PadBottom: test.pads[2], PadRight: test.pads[3]}
				for mode, plan := range map[string]func(Pool) (Work, error){"max": k.MaxPool, "average": k.AveragePool, "average with padding": k.AveragePool} {
					p.CountPad = mode == "average with padding"
					t.Run(fmt.Sprintf("%s %s %v to %v", test.why, mode, f[0], f[1]), func(t *testing.T) { testPool(t, p, mode == "max", plan) })
				}
			}
		}
	})
}

func testPool(t *testing.T, p Pool, isMax bool, plan func(Pool) (Work, error)) {
	in, out := newCanvas(t, p.In).randomize(rand.New(rand.NewSource(5))), newCanvas(t, p.Out)
	work, err := plan(p)
	if err != nil {
		t.Fatal(err)
	}
	m := Memory{In: in.base(), Out: out.base()}
	run(t, work, m)
	out.check(t)
	one := p
	one.In.N, one.Out.N = 1, 1
	if work, err = plan(one); err != nil {
		t.Fatal(err)
	}
	checkSpans(t, work, m, &one.In, &one.Out)
	out.expect(t, p.Out.Format.precision(), func(n, ch, y, x int) float64 {
		best, sum, inside, counted := math.Inf(-1), 0.0, 0, 0
		if !p.Out.Format.blockedF32() {
			best = -math.MaxFloat32 / 2
		}
		for ky := range p.KernelH {
			for kx := range p.KernelW {
				iy, ix := y*p.StrideH-p.PadTop+ky*p.DilationH, x*p.StrideW-p.PadLeft+kx*p.DilationW
				if iy < p.In.H+p.PadBottom && ix < p.In.W+p.PadRight {
					counted++
				}
				if iy < 0 || ix < 0 || iy >= p.In.H || ix >= p.In.W {
					continue
				}
				v := float64(in.get(n, ch, iy, ix))
				best, sum = max(best, v), sum+v
				inside++
			}
		}
		switch {
		case isMax:
			return best
		case inside == 0:
			return 0
		case p.CountPad:
			return sum / float64(counted)
		}
		return sum / float64(inside)
	})
}

func TestPointwise(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, op := range []PointOp{Copy, Add, Sub, Mul} {
			for i, f := range formatPairs {
				channels, w := []int{19, 64, 8, 33, 70, 32, 5, 16}[i], []int{5, 70}[i%2]
				for _, second := range family(f[0]) {
					for _, broadcast := range []bool{false, true} {
						for _, act := range []Activation{{}, relu, {Kind: Sigmoid}} {
							if second != f[1] && (op != Add || act.Kind != Identity) {
								continue
							}
							name := fmt.Sprintf("%v %v %v %v broadcast=%v act=%d", op, f[0], second, f[1], broadcast, act.Kind)
							t.Run(name, func(t *testing.T) {
								p := Pointwise{Op: op, A: NewLayout(f[0], 2, channels, 3, w, Halo{1, 0, 0, 0}), B: NewLayout(second, 2, channels, 3, w, Halo{}),
									Out: NewLayout(f[1], 2, channels, 3, w, Halo{1, 1, 1, 1}), Act: act}
								if broadcast {
									p.B = NewLayout(second, 2, channels, 1, 1, Halo{})
								}
								testPointwise(t, k, p)
								if op == Mul && second == f[1] { // one number per pixel
									q := p
									q.B = NewLayout(Planar, 2, 1, 3, w, Halo{})
									testPointwise(t, k, q)
								}
								if op != Add && act.Kind != Identity {
									return
								}
								tight := func(l *Layout) Layout { return NewLayout(l.Format, 2, channels, 33, l.W, Halo{}) }
								p.A, p.Out = tight(&p.A), tight(&p.Out)
								if !broadcast {
									p.B = tight(&p.B)
								}
								testPointwise(t, k, p)
							})
						}
					}
				}
			}
		}
	})
}

// family returns the formats that can be combined with one.
func family(f Format) []Format {
	if f == F32x8 {
		return []Format{F32x8}
	}
	return []Format{F32x16, Split32, BF16x32}
}

func testPointwise(t *testing.T, k *Rung, p Pointwise) {
	rng := rand.New(rand.NewSource(6))
	a, b, out := newCanvas(t, p.A).randomize(rng), newCanvas(t, p.B).randomize(rng), newCanvas(t, p.Out)
	work, err := k.Pointwise(p)
	if err != nil {
		t.Fatal(err)
	}
	m := Memory{In: a.base(), Out: out.base()}
	if p.Op != Copy {
		m.More = []unsafe.Pointer{b.base()}
	}
	run(t, work, m)
	out.check(t)
	one := p
	one.A.N, one.B.N, one.Out.N = 1, 1, 1
	if work, err = k.Pointwise(one); err != nil {
		t.Fatal(err)
	}
	checkSpans(t, work, m, &one.A, &one.Out)
	out.expect(t, p.Out.Format.precision(), func(n, ch, y, x int) float64 {
		u, v := float64(a.get(n, ch, y, x)), 0.0
		if p.Op != Copy {
			if p.B.H == 1 {
				v = float64(b.get(n, ch, 0, 0))
			} else if p.B.Format == Planar {
				v = float64(b.get(n, 0, y, x))
			} else {
				v = float64(b.get(n, ch, y, x))
			}
		}
		return p.Act.Of([]float64{u, u + v, u - v, u * v}[p.Op])
	})
}

func TestGlobalAverage(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, f := range append(formatPairs, [2]Format{F32x8, Planar}, [2]Format{F32x16, Planar}, [2]Format{Split32, Planar}) {
			for _, c := range []int{7, 16, 37, 64} {
				for _, in := range []Layout{NewLayout(f[0], 2, c, 5, 130, Halo{1, 1, 1, 1}),
					NewLayout(f[0], 2, c, 31, 29, Halo{1, 0, 0, 0}), NewLayout(f[0], 1, c, 60, 113, Halo{0, 1, 0, 0}), NewLayout(f[0], 3, c, 7, 7, Halo{})} {
					testGlobalAverage(t, k, in, NewLayout(f[1], in.N, c, 1, 1, Halo{1, 1, 1, 1}))
				}
			}
		}
	})
}

func testGlobalAverage(t *testing.T, k *Rung, from, to Layout) {
	in, out := newCanvas(t, from).randomize(rand.New(rand.NewSource(7))), newCanvas(t, to)
	work, err := k.GlobalAverage(from, to)
	if err != nil {
		t.Fatal(err)
	}
	run(t, work, Memory{In: in.base(), Out: out.base()})
	out.check(t)
	in.expectMeans(t, out)
}

func TestConvert(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		formats := []Format{Planar, F32x8, F32x16, Split32, BF16x32}
		for _, f := range formats {
			for _, g := range formats {
				for _, c := range []int{3, 16, 45} {
					from, to := NewLayout(f, 2, c, 3, 117, Halo{1, 1, 1, 1}), NewLayout(g, 2, c, 3, 117, Halo{1, 1, 1, 1})
					if f == Planar || g == Planar || sameFamily(&from, &to) == nil {
						testConvert(t, k, from, to)
					} else if _, err := k.Convert(from, to); err == nil {
						t.Errorf("%v to %v: no error", from, to)
					}
				}
			}
		}
	})
}

func testConvert(t *testing.T, k *Rung, from, to Layout) {
	t.Helper()
	in, out := newCanvas(t, from).randomize(rand.New(rand.NewSource(8))), newCanvas(t, to)
	work, err := k.Convert(from, to)
	if err != nil {
		t.Fatal(err)
	}
	run(t, work, Memory{In: in.base(), Out: out.base()})
	out.check(t)
	bound := max(from.Format.precision(), to.Format.precision())
	if from.Format == to.Format {
		bound = 0
	}
	out.expect(t, bound, func(n, ch, y, x int) float64 { return float64(in.get(n, ch, y, x)) })
}

// TestRowStepsOfNothing: an empty activation needs no work.
func TestRowStepsOfNothing(t *testing.T) {
	k := Best()
	for _, l := range []Layout{NewLayout(F32x16, 0, 8, 3, 3, Halo{}), NewLayout(F32x16, 1, 8, 0, 3, Halo{})} {
		work, err := k.Pointwise(Pointwise{A: l, Out: l})
		if err != nil {
			t.Fatal(err)
		}
		if n := work.Steps[0].Chunks(); n != 0 {
			t.Errorf("%v: %d chunks", l, n)
		}
	}
}

func TestRowStepsDoNotAllocate(t *testing.T) {
	k := Best()
	l := NewLayout(Split32, 1, 40, 9, 9, Halo{1, 1, 1, 1})
	a, b, out := newCanvas(t, l).randomize(rand.New(rand.NewSource(1))), newCanvas(t, l).randomize(rand.New(rand.NewSource(2))), newCanvas(t, l)
	add, err := k.Pointwise(Pointwise{Op: Add, A: l, B: l, Out: l, Act: Activation{Kind: Silu}})
	if err != nil {
		t.Fatal(err)
	}
	window := Pool{In: l, Out: l, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	average, err := k.AveragePool(window)
	if err != nil {
		t.Fatal(err)
	}
	window.KernelH, window.KernelW, window.PadTop, window.PadLeft, window.PadBottom, window.PadRight = 5, 5, 2, 2, 2, 2
	pool, err := k.MaxPool(window)
	if err != nil {
		t.Fatal(err)
	}
	m := &Memory{In: a.base(), Out: out.base(), More: []unsafe.Pointer{b.base()}}
	for name, w := range map[string]Work{"add": add, "average pool": average, "max pool by columns": pool} {
		if n := testing.AllocsPerRun(100, func() { runAll(w.Steps, m) }); n != 0 {
			t.Errorf("%s: %v allocations a run", name, n)
		}
	}
}
