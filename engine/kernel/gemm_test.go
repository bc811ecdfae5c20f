package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

// gemmCase is a product and the form of its operands.
type gemmCase struct {
	why      string
	m, n, k  int
	trans    bool
	wide     int // numbers between the end of a row and the beginning of the next
	batch    []int
	constant bool // B and the bias
	bias     bool
	residual bool // in place
	act      Activation
	scale    float32
	strict   bool
	often    bool
	bf16     bool // of every case with a constant B; with the rung avx512bf16 it matters
}

func gemmCases() []gemmCase {
	cases := []gemmCase{
		{why: "one number", m: 1, n: 1, k: 1},
		{why: "row times matrix", m: 1, n: 300, k: 77},
		{why: "few rows", m: 3, n: 131, k: 259},
		{why: "five rows", m: 5, n: 33, k: 40},
		{why: "one tile", m: 16, n: 32, k: 32},
		{why: "tails everywhere", m: 29, n: 45, k: 67},
		{why: "long sums", m: 20, n: 40, k: 1500},
		{why: "short sums", m: 40, n: 50, k: 3},
		{why: "narrow", m: 50, n: 7, k: 64},
		{why: "many rows", m: 197, n: 96, k: 64},
		{why: "three tiles", m: 41, n: 70, k: 100},
		{why: "four tiles", m: 64, n: 65, k: 33},
		{why: "one tile, weights past L2", m: 9, n: 260, k: 1100},
		{why: "several chunks", m: 130, n: 260, k: 300},
		{why: "rows that fill L2", m: 210, n: 70, k: 2000},
		{why: "parts of larger matrices", m: 30, n: 50, k: 45, wide: 11},
		{why: "batch", m: 9, n: 10, k: 33, batch: []int{5}},
		{why: "heads", m: 17, n: 49, k: 32, batch: []int{2, 3}, wide: 5},
	}
	var all []gemmCase
	for _, c := range cases {
		c.scale = 1
		for _, trans := range []bool{false, true} {
			c.trans = trans
			all = append(all, c)
			if len(c.batch) == 0 {
				d := c
				d.constant, d.bias = true, true
				d.act = relu
				all = append(all, d)
				if c.m <= InPlaceRows {
					d.why, d.often = c.why+", often", true
					all = append(all, d)
				}
			}
			d := c
			d.why, d.residual, d.scale, d.act = c.why+", residual, scale, gelu", true, 0.25, Activation{Kind: Gelu}
			all = append(all, d)
		}
	}
	all = append(all, gemmCase{why: "rows that fill L2, residual", m: 210, n: 70, k: 2000, constant: true, bias: true, residual: true, scale: 0.5,
		act: Activation{Kind: Gelu}})
	strict := all[len(all)-2]
	strict.why, strict.strict = "strict", true
	all = append(all, strict)
	all = append(all, gemmCase{why: "batch by one matrix", m: 15, n: 49, k: 70, batch: []int{2, 3}, constant: true, bias: true, scale: 1})
	for _, c := range all {
		if c.constant {
			c.why, c.bf16 = c.why+", bf16", true
			all = append(all, c)
		}
	}
	return all
}

// TestGemm compares all rungs with the definition in float64.
func TestGemm(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		for _, c := range gemmCases() {
			t.Run(fmt.Sprintf("%s/%d,%d,%d,%v,%v", c.why, c.m, c.n, c.k, c.trans, c.constant), func(t *testing.T) { testGemm(t, k, c) })
		}
	})
}

// gemmOf returns the product of a case and the numbers of its operands. The matrices of
// the innermost loop lie side by side, like the heads of an attention.
func gemmOf(c gemmCase) (g *Gemm, sizeA, sizeB, sizeC int) {
	inner := 1
	if len(c.batch) > 0 {
		inner = c.batch[len(c.batch)-1]
	}
	rowsB, columnsB := c.k, c.n
	if c.trans {
		rowsB, columnsB = c.n, c.k
	}
	g = &Gemm{M: c.m, N: c.n, K: c.k, TransB: c.trans, Scale: c.scale, Act: c.act, Residual: c.residual, Strict: c.strict, Often: c.often, BF16: c.bf16,
		RowA: inner*c.k + c.wide, RowB: inner*columnsB + c.wide, RowC: inner*c.n + c.wide, RowResidual: inner*c.n + c.wide}
	outer := 1
	for i, n := range c.batch {
		if i == len(c.batch)-1 {
			g.Batch = append(g.Batch, GemmBatch{n, c.k, columnsB, c.n})
		} else {
			g.Batch = append(g.Batch, GemmBatch{n, c.m * g.RowA, rowsB * g.RowB, c.m * g.RowC})
			outer *= n
		}
	}
	if c.constant {
		for i := range g.Batch {
			g.Batch[i].B = 0
		}
	}
	return g, outer*c.m*g.RowA - c.wide, outer*rowsB*g.RowB - c.wide, outer*c.m*g.RowC - c.wide
}

func testGemm(t *testing.T, k *Rung, c gemmCase) {
	rng := rand.New(rand.NewSource(1))
	g, sizeA, sizeB, sizeC := gemmOf(c)
	a, b := fencedFloats(t, normal(rng, sizeA, 1)), fencedFloats(t, normal(rng, sizeB, 1))
	out := fencedFloats(t, normal(rng, sizeC, 1))
	before := append([]float32(nil), out...)
	var bias []float32
	if c.bias {
		bias = normal(rng, c.n, 1)
	}
	want := gemmReference(g, a, b, bias, before)
	var w *GemmWeights
	if c.constant {
		var err error
		if w, err = k.PackGemm(g, Numbers{Float32: b}, bias); err != nil {
			t.Fatal(err)
		}
		packAll(w)
	}
	work, err := k.Gemm(g, w)
	if err != nil {
		t.Fatal(err)
	}
	m := Memory{In: unsafe.Pointer(&a[0]), Out: unsafe.Pointer(&out[0]), Residual: unsafe.Pointer(&out[0]), More: []unsafe.Pointer{unsafe.Pointer(&b[0])}}
	run(t, work, m)
	bound := 2e-6
	switch {
	case (k.Name == "avx512bf16" || k.Name == "amx") && c.bf16:
		bound = 5e-3
	case k.Name == "amx" && !c.strict:
		bound = 1e-5
	}
	if rel := rmsError(t, out, want, before); !(rel <= bound) {
		t.Errorf("rms error %.2e of the rms output, bound %.0e", rel, bound)
	}
}

// rmsError returns the rms error of an output over its rms. Where want is NaN nothing may have
// been written.
func rmsError(t *testing.T, out []float32, want []float64, before []float32) float64 {
	t.Helper()
	var e2, r2 float64
	for i, v := range out {
		if math.IsNaN(want[i]) {
			if v != before[i] {
				t.Fatalf("number %d is between the rows and was written", i)
			}
			continue
		}
		e2 += (float64(v) - want[i]) * (float64(v) - want[i])
		r2 += want[i] * want[i]
	}
	return math.Sqrt(e2 / r2)
}

// gemmReference returns the expected C, with NaN where nothing may be written.
func gemmReference(g *Gemm, a, b, bias, c []float32) []float64 {
	want := make([]float64, len(c))
	for i := range want {
		want[i] = math.NaN()
	}
	for i := range g.count() {
		atA, atB, atC := g.at(i)
		for m := range g.M {
			for n := range g.N {
				sum := 0.0
				for k := range g.K {
					place := k*g.RowB + n
					if g.TransB {
						place = n*g.RowB + k
					}
					sum += float64(a[atA/4+m*g.RowA+k]) * float64(b[atB/4+place])
				}
				sum *= float64(g.Scale)
				if bias != nil {
					sum += float64(bias[n])
				}
				place := atC/4 + m*g.RowC + n
				if g.Residual {
					sum += float64(c[place])
				}
				want[place] = g.Act.Of(sum)
			}
		}
	}
	return want
}

func BenchmarkGemm(b *testing.B) {
	cases := []gemmCase{
		{why: "vit mlp", m: 197, n: 3072, k: 768, trans: false, constant: true},
		{why: "vit proj", m: 197, n: 768, k: 768, trans: true, constant: true},
		{why: "vit qk", m: 197, n: 197, k: 64, trans: true, batch: []int{1, 12}},
		{why: "vit av", m: 197, n: 64, k: 197, batch: []int{1, 12}},
		{why: "swin qkv", m: 3136, n: 288, k: 96, constant: true},
		{why: "swin qk", m: 49, n: 49, k: 32, trans: true, batch: []int{64, 3}},
		{why: "fc 2048", m: 1, n: 1000, k: 2048, trans: true, constant: true},
		{why: "fc6", m: 1, n: 4096, k: 25088, trans: true, constant: true},
		{why: "fc columns", m: 1, n: 1000, k: 2048, constant: true},
	}
	for _, name := range Available()[1:] {
		switch name {
		case "vnni", "avx512bf16", "dotprod", "i8mm": // the products of avx512 and neon
			continue
		}
		k, _ := Select(name)
		for _, c := range cases {
			c.scale = 1
			if name == "amx" && c.m == 1 {
				continue
			}
			b.Run(name+"/"+c.why, func(b *testing.B) { benchGemm(b, k, c) })
		}
	}
}

// BenchmarkGemmCold alternates between as many weights as a network has, so that none are
// in a cache.
func BenchmarkGemmCold(b *testing.B) {
	for _, name := range Available()[1:] {
		k, _ := Select(name)
		for _, c := range []gemmCase{
			{why: "vit mlp.0", m: 197, n: 3072, k: 768},
			{why: "vit mlp.3", m: 197, n: 768, k: 3072},
			{why: "convnext 7.3", m: 49, n: 3072, k: 768},
			{why: "convnext 5.5", m: 196, n: 384, k: 1536},
			{why: "convnext 1.3", m: 3136, n: 384, k: 96},
			{why: "swin 1 qkv", m: 3136, n: 288, k: 96},
		} {
			c.scale, c.constant = 1, true
			b.Run(name+"/"+c.why, func(b *testing.B) { benchGemmCold(b, k, c) })
		}
	}
}

func benchGemmCold(b *testing.B, k *Rung, c gemmCase) {
	rng := rand.New(rand.NewSource(1))
	g, sizeA, sizeB, sizeC := gemmOf(c)
	x, y, out := alignedFloats(sizeA), normal(rng, sizeB, 1), alignedFloats(sizeC)
	copy(x, normal(rng, sizeA, 1))
	works := make([]Work, 1+min(63, 128<<20/(4*sizeB)))
	for i := range works {
		w, err := k.PackGemm(g, Numbers{Float32: y}, nil)
		if err != nil {
			b.Fatal(err)
		}
		packAll(w)
		if works[i], err = k.Gemm(g, w); err != nil {
			b.Fatal(err)
		}
	}
	m := Memory{In: unsafe.Pointer(&x[0]), Out: unsafe.Pointer(&out[0]), Scratch: unsafe.Pointer(&alignedBytes(works[0].Scratch + 1)[0])}
	for i := 0; b.Loop(); i++ {
		runAll(works[i%len(works)].Steps, &m)
	}
	b.ReportMetric(2*float64(c.m*c.n*c.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

func benchGemm(b *testing.B, k *Rung, c gemmCase) {
	rng := rand.New(rand.NewSource(1))
	g, sizeA, sizeB, sizeC := gemmOf(c)
	fill := normal(rng, 1<<16, 1)
	x, y, out := alignedFloats(sizeA), alignedFloats(sizeB), alignedFloats(sizeC)
	for _, s := range [][]float32{x, y} {
		for len(s) > 0 {
			s = s[copy(s, fill):]
		}
	}
	var w *GemmWeights
	if c.constant {
		w, _ = k.PackGemm(g, Numbers{Float32: y}, nil)
		packAll(w)
	}
	work, err := k.Gemm(g, w)
	if err != nil {
		b.Fatal(err)
	}
	m := Memory{In: unsafe.Pointer(&x[0]), Out: unsafe.Pointer(&out[0]), More: []unsafe.Pointer{unsafe.Pointer(&y[0])}}
	if work.Scratch > 0 {
		m.Scratch = unsafe.Pointer(&alignedBytes(work.Scratch)[0])
	}
	chunks := 0
	for b.Loop() {
		chunks = 0
		runAll(work.Steps, &m)
		for _, s := range work.Steps {
			chunks += s.Chunks()
		}
	}
	flop := 2 * float64(c.m*c.n*c.k*g.count())
	b.ReportMetric(flop*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(float64(chunks), "chunks")
	if c.m == 1 {
		b.ReportMetric(4*float64(sizeB)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
	}
}
