package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
	"unsafe"
)

// TestAttention compares all rungs with the definition in float64.
func TestAttention(t *testing.T) {
	type attentionCase struct {
		why                string
		queries, keys      int
		size, sizeV        int // of a query, and of a value
		heads              []int
		plainK, bias, gelu bool // K is [size][keys]; two biases are added to the scores; Gelu comes after the product with V
		columns            int  // the keys are pixels: their rows and columns have a bias each
	}
	cases := []attentionCase{
		{why: "smaller than a tile", queries: 5, keys: 7, size: 3, sizeV: 2},
		{why: "heads side by side", queries: 99, keys: 99, size: 64, sizeV: 64, heads: []int{3}},
		{why: "pictures of heads", queries: 17, keys: 49, size: 32, sizeV: 32, heads: []int{2, 3}},
		{why: "long lines, half a panel", queries: 70, keys: 300, size: 40, sizeV: 40, heads: []int{2}},
		{why: "blocks of two tiles", queries: 65, keys: 5000, size: 8, sizeV: 9},
	}
	for _, c := range cases {
		c.why, c.bias = c.why+", bias", true
		cases = append(cases, c)
		c.why, c.plainK, c.gelu = c.why+", K by columns, activation", true, true
		cases = append(cases, c)
	}
	cases = append(cases,
		attentionCase{why: "a row of pixels", queries: 5, keys: 7, size: 3, sizeV: 2, columns: 7},
		attentionCase{why: "a column of pixels", queries: 5, keys: 7, size: 3, sizeV: 2, columns: 1},
		attentionCase{why: "pixels", queries: 17, keys: 49, size: 32, sizeV: 32, heads: []int{2, 3}, columns: 7},
		attentionCase{why: "pixels, long lines", queries: 70, keys: 300, size: 40, sizeV: 40, heads: []int{2}, columns: 20, plainK: true},
		attentionCase{why: "pixels, blocks of two tiles", queries: 65, keys: 5000, size: 8, sizeV: 9, columns: 100},
	)
	eachRung(t, func(t *testing.T, k *Rung) {
		for _, c := range cases {
			t.Run(c.why, func(t *testing.T) {
				scores := gemmCase{m: c.queries, n: c.keys, k: c.size, trans: !c.plainK, batch: c.heads, scale: 0.3, strict: true}
				values := gemmCase{m: c.queries, n: c.sizeV, k: c.keys, batch: c.heads, scale: 1, strict: true}
				if c.gelu {
					values.act = Activation{Kind: Gelu}
				}
				a := attentionOf(scores, values)
				rng := rand.New(rand.NewSource(2))
				switch {
				case c.columns > 0:
					a.addGrid(rng, c.columns)
				case c.bias:
					a.addBiases(rng)
				}
				if len(c.heads) > 0 {
					a.addFactors(rng)
				}
				if !k.Attends(&a.Attention) {
					t.Fatal("Attends is false")
				}
				testAttention(t, k, a)
			})
		}
	})
}

// sizedAttention is an attention with the numbers of its operands.
type sizedAttention struct {
	Attention
	q, k, scores, v, out int
	given                []float32 // the second bias, which is not constant
}

// addBiases adds a constant bias for each of the innermost matrices, and then a mask: a row for
// each pass of the loops around them.
func (a *sizedAttention) addBiases(rng *rand.Rand) {
	g := &a.Scores
	bias, mask := ScoreTerm{Row: g.N}, ScoreTerm{}
	inner, outer := 1, 1
	for i, l := range g.Batch {
		b, m := TermLoop{Count: l.Count}, TermLoop{Count: l.Count}
		if i == len(g.Batch)-1 {
			b.Stride, inner = g.M*g.N, l.Count
		} else {
			m.Stride, outer = g.N, l.Count
		}
		bias.Loops, mask.Loops = append(bias.Loops, b), append(mask.Loops, m)
	}
	bias.Const, a.given = normal(rng, inner*g.M*g.N, 1), normal(rng, outer*g.N, 1)
	a.Biases = []ScoreTerm{bias, mask}
}

// addGrid adds a constant bias for each row of keys, the same for all matrices, and then one for each
// column, both of each query.
func (a *sizedAttention) addGrid(rng *rand.Rand, columns int) {
	g := &a.Scores
	down, across := ScoreTerm{Row: g.N / columns}, ScoreTerm{Row: columns}
	stride := g.count() * g.M * columns
	for _, l := range g.Batch {
		stride /= l.Count
		down.Loops, across.Loops = append(down.Loops, TermLoop{Count: l.Count}), append(across.Loops, TermLoop{l.Count, stride})
	}
	down.Const, a.given = normal(rng, g.M*g.N/columns, 1), normal(rng, g.count()*g.M*columns, 1)
	a.Biases, a.Columns = []ScoreTerm{down, across}, columns
}

// addFactors multiplies the scores of each of the innermost matrices by a number.
func (a *sizedAttention) addFactors(rng *rand.Rand) {
	a.Factor = &ScoreTerm{}
	for _, l := range a.Scores.Batch {
		a.Factor.Loops = append(a.Factor.Loops, TermLoop{Count: l.Count})
	}
	last := &a.Factor.Loops[len(a.Factor.Loops)-1]
	last.Stride, a.Factor.Const = 1, normal(rng, last.Count, 1)
}

func attentionOf(scores, values gemmCase) (a sizedAttention) {
	g, q, k, _ := gemmOf(scores)
	h, _, v, out := gemmOf(values)
	a = sizedAttention{Attention: Attention{Scores: *g, Values: *h}, q: q, k: k, scores: scores.m * scores.n, v: v, out: out}
	a.Scores.RowC = scores.n
	for i := len(g.Batch) - 1; i >= 0; i-- { // scores lie one after the other
		a.Scores.Batch[i].C = a.scores
		a.scores *= g.Batch[i].Count
	}
	return a
}

func testAttention(t *testing.T, k *Rung, a sizedAttention) {
	rng := rand.New(rand.NewSource(1))
	q, keys, v := fencedFloats(t, normal(rng, a.q, 1)), fencedFloats(t, normal(rng, a.k, 1)), fencedFloats(t, normal(rng, a.v, 1))
	out := fencedFloats(t, normal(rng, a.out, 1))
	want := attentionReference(&a, q, keys, v, out)
	before := append([]float32(nil), out...)
	work, err := k.Attention(&a.Attention)
	if err != nil {
		t.Fatal(err)
	}
	m := Memory{In: unsafe.Pointer(&q[0]), Out: unsafe.Pointer(&out[0]), More: []unsafe.Pointer{unsafe.Pointer(&keys[0]), unsafe.Pointer(&v[0])}}
	if a.given != nil {
		m.More = append(m.More, unsafe.Pointer(&fencedFloats(t, a.given)[0]))
	}
	run(t, work, m)
	if rel := rmsError(t, out, want, before); !(rel <= 2e-6) {
		t.Errorf("rms error %.2e of the rms output", rel)
	}
}

// attentionReference returns the expected output, with NaN where nothing may be written.
func attentionReference(a *sizedAttention, q, k, v, out []float32) []float64 {
	scores := gemmReference(&a.Scores, q, k, nil, make([]float32, a.scores))
	size := a.Scores.M * a.Scores.N
	for i := range a.Scores.count() {
		if a.Factor != nil {
			for k := range size {
				scores[i*size+k] *= float64(a.Factor.Const[a.Factor.at(i)/4])
			}
		}
		for at, b := range a.Biases {
			from := b.Const
			if from == nil {
				from = a.given
			}
			number := func(key int) int { return key }
			switch {
			case a.Columns > 0 && at == 0:
				number = func(key int) int { return key / a.Columns }
			case a.Columns > 0:
				number = func(key int) int { return key % a.Columns }
			}
			for m := range a.Scores.M {
				for n := range a.Scores.N {
					scores[i*size+m*a.Scores.N+n] += float64(from[b.at(i)/4+m*b.Row+number(n)])
				}
			}
		}
	}
	want := make([]float64, len(out))
	for i := range want {
		want[i] = math.NaN()
	}
	g := &a.Values
	for i := range g.count() {
		_, atV, atOut := g.at(i)
		for m := range g.M {
			line := scores[(i*g.M+m)*g.K:][:g.K]
			top, sum := math.Inf(-1), 0.0
			for _, s := range line {
				top = max(top, s)
			}
			for _, s := range line {
				sum += math.Exp(s - top)
			}
			for n := range g.N {
				y := 0.0
				for k, s := range line {
					y += math.Exp(s-top) / sum * float64(v[atV/4+k*g.RowB+n])
				}
				want[atOut/4+m*g.RowC+n] = g.Act.Of(y)
			}
		}
	}
	return want
}

// TestAttends holds that products on tiles keep their scores unless these are large.
func TestAttends(t *testing.T) {
	for _, c := range []struct {
		tokens int
		want   bool
	}{{197, false}, {4096, true}} {
		g := Gemm{M: c.tokens, N: c.tokens, K: 64, TransB: true, Scale: 1}
		h := Gemm{M: c.tokens, N: 64, K: c.tokens, Scale: 1}
		k := &Rung{Gemms: gemmKernels{tiles: func(*Gemm) bool { return true }}}
		if got := k.Attends(&Attention{Scores: g, Values: h}); got != c.want {
			t.Errorf("%d tokens: %v", c.tokens, got)
		}
	}
}

func BenchmarkAttention(b *testing.B) {
	k := Best()
	for _, c := range []struct{ tokens, size, heads, columns int }{
		{49, 32, 192, 0}, {197, 64, 12, 0}, {1024, 80, 8, 0}, {1370, 64, 6, 0}, {4096, 40, 8, 0},
		{196, 64, 12, 14}, {4096, 64, 1, 64},
	} {
		name := fmt.Sprintf("%d tokens, %d heads of %d", c.tokens, c.heads, c.size)
		if c.columns > 0 {
			name += fmt.Sprintf(", rows of %d", c.columns)
		}
		b.Run(name, func(b *testing.B) {
			heads := []int{c.heads}
			a := attentionOf(gemmCase{m: c.tokens, n: c.tokens, k: c.size, trans: true, batch: heads, scale: 0.1, strict: true},
				gemmCase{m: c.tokens, n: c.size, k: c.tokens, batch: heads, scale: 1, strict: true})
			rng := rand.New(rand.NewSource(1))
			if c.columns > 0 {
				a.addGrid(rng, c.columns)
			}
			work, err := k.Attention(&a.Attention)
			if err != nil {
				b.Fatal(err)
			}
			q, keys, v, out := normal(rng, a.q, 1), normal(rng, a.k, 1), normal(rng, a.v, 1), make([]float32, a.out)
			scratch := alignedFloats(work.Scratch/4 + 1)
			m := Memory{In: unsafe.Pointer(&q[0]), Out: unsafe.Pointer(&out[0]), Scratch: unsafe.Pointer(&scratch[0]),
				More: []unsafe.Pointer{unsafe.Pointer(&keys[0]), unsafe.Pointer(&v[0])}}
			if c.columns > 0 {
				m.More = append(m.More, unsafe.Pointer(&a.given[0]))
			}
			for b.Loop() {
				for _, s := range work.Steps {
					for i := range s.Chunks() {
						s.Run(i, &m)
					}
				}
			}
			flops := 4 * float64(c.tokens) * float64(c.tokens) * float64(c.size) * float64(c.heads)
			b.ReportMetric(flops*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
