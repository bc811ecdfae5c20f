package ops

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"sync"
	"testing"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// fastRow is a node for which EvalFast must agree with Eval.
type fastRow struct {
	op      string
	version int
	domain  string
	attrs   attrs
	in      []*tensor.Tensor
	outputs int
	// tolerances, relative and absolute
	relative, absolute float64
	plain              bool // EvalFast may decline
}

// fastRun returns a run with the kernels of a rung; shared divides its loops
// among threads.
func fastRun(k *kernel.Rung, shared bool) *Run {
	r := NewRun(context.Background(), 1<<30, 1<<20)
	r.Kernel = k
	if shared {
		r.Parallel = func(n int, chunk func(i int)) {
			var all sync.WaitGroup
			for i := range n {
				all.Go(func() { chunk(i) })
			}
			all.Wait()
		}
	}
	return r
}

// fastRungs returns the rungs that have different kernels.
func fastRungs() []*kernel.Rung {
	return slices.DeleteFunc(slices.Clone(kernel.Rungs()), func(k *kernel.Rung) bool {
		return k.Name == "vnni" || k.Name == "avx512bf16" || k.Name == "dotprod" || k.Name == "i8mm"
	})
}

func (r fastRow) String() string {
	return fmt.Sprintf("%s-%d %v of %v", r.op, r.version, r.attrs, r.in)
}

// check compares EvalFast with Eval: on every rung, on one thread and on several,
// into new memory and into planned memory, with constants packed and not.
func (r fastRow) check(t *testing.T) {
	t.Helper()
	outputs := max(1, r.outputs)
	n := testNode(r.op, r.version, len(r.in), outputs, r.attrs)
	n.Domain = r.domain
	for i, x := range r.in {
		if x == nil {
			n.Inputs[i] = nil
		}
	}
	if err := BindNode(n, Find(r.domain, r.op, r.version)); err != nil {
		t.Fatalf("%v: %v", r, err)
	}
	ref := &Call{In: r.in, Out: make([]*tensor.Tensor, outputs), Node: n, Run: NewRun(context.Background(), 1<<30, 1<<20)}
	if err := n.Operator.(Op).Eval(ref); err != nil {
		t.Fatalf("%v: %v", r, err)
	}
	fast, ok := n.Operator.(Fast)
	if !ok {
		t.Fatalf("%v: no fast path", r)
	}
	for _, k := range fastRungs() {
		for _, shared := range []bool{false, true} {
			c := &Call{In: r.in, Out: make([]*tensor.Tensor, outputs), Node: n, Run: fastRun(k, shared)}
			if m, ok := fast.(Multiplier); ok && shared {
				c.Packed = packConstants(t, k, m, r.in)
			}
			for again := range 2 { // the second call with Kept of the first, into memory with old contents
				c.Reset()
				done, err := fast.EvalFast(c)
				if err != nil {
					t.Fatalf("%v on %s: %v", r, k.Name, err)
				}
				if !done {
					if !r.plain {
						t.Fatalf("%v on %s: declined", r, k.Name)
					}
					return
				}
				for i := range c.Out {
					r.compare(t, fmt.Sprint(k.Name, " output ", i, " run ", again), c.Out[i], ref.Out[i])
				}
				c.Planned = make([]*tensor.Tensor, outputs)
				for i, y := range ref.Out {
					c.Planned[i] = y.Clone()
					for j := range c.Planned[i].Bytes() {
						c.Planned[i].Bytes()[j] = 0x55
					}
				}
			}
		}
	}
}

// packConstants packs the constants of m's products as a plan does, all inputs but the
// first being constants.
func packConstants(t *testing.T, k *kernel.Rung, m Multiplier, in []*tensor.Tensor) []*kernel.GemmWeights {
	t.Helper()
	facts := factsOf(in)
	for i := range facts[1:] {
		facts[1+i].Const = in[1+i]
	}
	var all []*kernel.GemmWeights
	for _, p := range m.Products(facts) {
		w, err := k.PackGemm(&p.Gemm, kernel.Numbers{Float32: tensor.Data[float32](in[p.Input])}.From(p.From), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range w.Chunks() {
			w.Chunk(i)
		}
		all = append(all, w)
	}
	return all
}

func (r fastRow) compare(t *testing.T, what string, got, want *tensor.Tensor) {
	t.Helper()
	if got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
		t.Fatalf("%v, %s: %v, want %v", r, what, got, want)
	}
	a, b := tensor.ToFloat64(got), tensor.ToFloat64(want)
	for i, w := range b {
		g := a[i]
		if g == w || g != g && w != w {
			continue
		}
		if !(math.Abs(g-w) <= r.relative*math.Abs(w)+r.absolute) || math.IsInf(w, 0) {
			t.Fatalf("%v, %s: element %d is %g, want %g", r, what, i, g, w)
		}
	}
}

var fastSpecials = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.5, 20, -20, 90, -110, 3e38, -3e38, 1e-40,
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}

// random returns a float32 tensor of ordinary numbers.
func random(seed int64, shape ...int) *tensor.Tensor {
	rng := rand.New(rand.NewSource(seed))
	t := tensor.New(tensor.Float32, shape...)
	for i := range tensor.Data[float32](t) {
		tensor.Data[float32](t)[i] = float32(rng.NormFloat64())
	}
	return t
}

// special is random with NaN, infinities and other special values among the
// numbers.
func special(seed int64, shape ...int) *tensor.Tensor {
	t := random(seed, shape...)
	rng := rand.New(rand.NewSource(seed + 1000))
	for i := range tensor.Data[float32](t) {
		if rng.Intn(5) == 0 {
			tensor.Data[float32](t)[i] = fastSpecials[rng.Intn(len(fastSpecials))]
		}
	}
	return t
}

// counted returns an integer tensor 0, 1, 2 … modulo a number, minus an offset.
func counted[T int32 | int64](mod, offset int, shape ...int) *tensor.Tensor {
	data := make([]T, tensor.MustCount(shape))
	for i := range data {
		data[i] = T((i*7+i/3)%mod - offset)
	}
	return tensor.Of(data, shape...)
}

func ints64(v ...int64) *tensor.Tensor { return tensor.Of(v) }

func list(t ...*tensor.Tensor) []*tensor.Tensor { return t }

func TestFastElementwise(t *testing.T) {
	const ulp = 1.0 / (1 << 23)
	shapes := [][]int{{}, {0}, {1}, {3, 0, 2}, {5}, {3, 37}, {2, 3, 4, 1025}, {70001}}
	type f struct {
		op                 string
		version            int
		attrs              attrs
		relative, absolute float64
	}
	for i, f := range []f{
		{"Relu", 14, nil, 0, 0}, {"Exp", 13, nil, 2 * ulp, 1e-44}, {"Sigmoid", 13, nil, 4 * ulp, 3e-38}, {"Tanh", 13, nil, 4 * ulp, 0},
		{"Erf", 13, nil, 4 * ulp, 0}, {"Gelu", 20, nil, 2e-6, 1e-9}, {"Gelu", 20, attrs{"approximate": "tanh"}, 2e-6, 1e-9},
		{"Mish", 18, nil, 8 * ulp, 1e-35}, {"HardSwish", 14, nil, 2 * ulp, 2e-6}, {"HardSigmoid", 6, nil, 2 * ulp, 2e-7},
		{"LeakyRelu", 16, attrs{"alpha": float32(0.1)}, ulp, 0}, {"Swish", 24, attrs{"alpha": float32(1.5)}, 6e-6, 1e-35},
		{"Abs", 13, nil, 0, 0}, {"Neg", 13, nil, 0, 0}, {"Sqrt", 13, nil, 0, 0}, {"Reciprocal", 13, nil, 0, 0}, {"Floor", 13, nil, 0, 0},
		{"Ceil", 13, nil, 0, 0}, {"Round", 11, nil, 0, 0}, {"Log", 13, nil, ulp, 0}, {"Sin", 7, nil, ulp, 0}, {"Cos", 7, nil, ulp, 0}, {"Atan", 7, nil, ulp, 0},
		{"Asin", 7, nil, ulp, 0}, {"Acos", 7, nil, ulp, 0}, {"Sign", 13, nil, 0, 0}, {"Elu", 6, nil, 4 * ulp, 1e-44},
		{"Elu", 6, attrs{"alpha": float32(-2)}, 4 * ulp, 1e-44}, {"Softplus", 1, nil, 4 * ulp, 2e-38}, {"Clip", 6, attrs{"min": float32(-1), "max": float32(0.7)}, 0, 0},
		{"ThresholdedRelu", 10, nil, 0, 0}, {"ThresholdedRelu", 10, attrs{"alpha": float32(-1)}, 0, 0}, {"Selu", 6, nil, 4 * ulp, 1e-7}, {"Selu", 1, nil, 4 * ulp, 1e-7},
		{"Celu", 12, nil, 4 * ulp, 1e-44}, {"Celu", 12, attrs{"alpha": float32(0.4)}, 5 * ulp, 1e-44}, {"Celu", 12, attrs{"alpha": float32(-0.4)}, 0, 0},
		{"Softsign", 1, nil, ulp, 1e-44}, {"Shrink", 9, attrs{"lambd": float32(0.3), "bias": float32(0.1)}, ulp, 0},
		{"Shrink", 9, attrs{"lambd": float32(-0.3), "bias": float32(0.1)}, 0, 0},
	} {
		for j, shape := range shapes {
			fastRow{op: f.op, version: f.version, attrs: f.attrs, in: list(special(int64(i*100+j), shape...)), relative: f.relative, absolute: f.absolute}.check(t)
		}
	}
	low, high, none := tensor.Scalar(float32(-0.5)), tensor.Scalar(float32(1)), (*tensor.Tensor)(nil)
	for _, in := range [][]*tensor.Tensor{list(special(1, 3, 37)), list(special(2, 3, 37), low), list(special(3, 40), none, high), list(special(4, 999), low, high), list(special(4, 99), high, low)} {
		fastRow{op: "Clip", version: 13, in: in}.check(t)
	}
	for kind := kernel.Clip; kind <= kernel.Elu; kind++ {
		a := attrs{"activation": int(kind), "activation_params": []float32{-0.25, 0.5}}
		row := fastRow{op: "Activate", version: 1, domain: Internal, attrs: a, in: list(special(int64(kind), 5, 1001)), relative: 3e-6, absolute: 2e-6}
		row.check(t)
		row = fastRow{op: "ScaleShift", version: 1, domain: Internal, attrs: a, relative: 3e-6, absolute: 3e-6}
		row.in = list(random(1, 2, 7, 5, 9), random(2, 7), random(3, 7))
		row.check(t)
	}
}

func TestFastBinary(t *testing.T) {
	pairs := [][2][]int{
		{{}, {}}, {{0}, {0}}, {{0}, {1}}, {{7}, {7}}, {{7}, {1}}, {{1}, {7}}, {{3, 1}, {1, 5}}, {{2, 3, 4, 5}, {3, 1, 1}}, {{3, 1, 1}, {2, 3, 4, 5}},
		{{2, 17, 33}, {33}}, {{2, 17, 33}, {17, 1}}, {{1, 5}, {6, 1, 5}}, {{40, 50, 60}, {40, 50, 60}}, {{2, 1, 4, 1}, {1, 3, 1, 5}}, {{100000}, {1}},
		{{300, 1, 65}, {300, 9, 1}}, {{5, 0, 3}, {0, 1}},
		{{6, 7, 9}, {7, 1}}, {{7, 1, 3, 1}, {2, 3, 7, 2, 3, 5}}, {{5, 4, 300, 9}, {4, 300, 1}}, // unrolled, unless too long
		{{68, 1, 2}, {1, 49, 2}}, {{1, 49, 2}, {68, 1, 2}}, {{301, 1}, {301, 16}}, {{5, 1, 3}, {5, 300, 1}}, {{9, 7, 1, 5}, {9, 1, 6, 1}}, {{3, 1, 17}, {3, 40, 1}}, // short rows are joined
	}
	const ulp = 1.0 / (1 << 23)
	for i, shapes := range pairs {
		a, b := special(int64(i), shapes[0]...), special(int64(i+50), shapes[1]...)
		for _, op := range []string{"Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean"} {
			version := map[string]int{"Max": 13, "Min": 13, "Sum": 13, "Mean": 13}[op]
			fastRow{op: op, version: max(version, 7), in: list(a, b)}.check(t)
			if version > 0 {
				fastRow{op: op, version: version, in: list(a, b, random(3, shapes[1]...))}.check(t)
			}
		}
		fastRow{op: "Pow", version: 13, in: list(a, b), relative: ulp, absolute: 1e-45}.check(t)
		x, y := counted[int64](11, 4, shapes[0]...), counted[int64](5, 2, shapes[1]...)
		for _, op := range []string{"Add", "Sub", "Mul", "Div"} {
			fastRow{op: op, version: 14, in: list(x, y)}.check(t)
		}
		fastRow{op: "Add", version: 14, in: list(counted[int32](11, 4, shapes[0]...), counted[int32](5, 2, shapes[1]...))}.check(t)
	}
	for _, power := range []float32{2, 3, 4, 0, 0.5, -1, 1.7, -3} {
		p := tensor.Of([]float32{power}, 1, 1)
		for _, d := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int8, tensor.Int32, tensor.Int64, tensor.Uint16} {
			for _, by := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int32, tensor.Int64} {
				x := counted[int64](90, 45, 1001)
				if d == tensor.Float32 || d == tensor.Float64 {
					x = special(8, 1001)
				}
				fastRow{op: "Pow", version: 13, in: list(as(d, x), as(by, p)), relative: 2e-7, plain: true}.check(t)
			}
		}
	}
	for _, in := range [][]*tensor.Tensor{list(special(1, 40, 50), special(2, 50)), list(special(3, 3, 700), tensor.Scalar(float32(0.1)))} {
		fastRow{op: "Mod", version: 13, attrs: attrs{"fmod": 1}, in: in}.check(t)
	}
	fastRow{op: "PRelu", version: 9, in: list(special(1, 2, 5, 7, 7), special(2, 5, 1, 1))}.check(t)
	fastRow{op: "PRelu", version: 9, in: list(random(1, 2, 3, 5), tensor.Of([]float32{float32(math.Inf(1)), float32(math.NaN()), 1}, 3, 1))}.check(t)
	fastRow{op: "PRelu", version: 9, in: list(special(1, 2, 5, 7), special(2, 7)), plain: true}.check(t)
	fastRow{op: "Add", version: 6, attrs: attrs{"broadcast": 1, "axis": 1}, in: list(special(1, 2, 5, 7, 3), special(2, 5))}.check(t)
	fastRow{op: "Mul", version: 6, attrs: attrs{"broadcast": 1}, in: list(special(1, 2, 5, 7), special(2, 7))}.check(t)
}

func TestFastProducts(t *testing.T) {
	for i, s := range [][2][]int{
		{{3, 4}, {4, 5}}, {{1, 64}, {64, 17}}, {{17, 64}, {64, 33}}, {{2, 3, 19, 40}, {2, 3, 40, 21}}, {{2, 3, 19, 40}, {40, 21}}, {{3, 7, 9}, {1, 9, 8}},
		{{1, 50, 32}, {5, 32, 50}}, {{4, 1, 33, 64}, {1, 3, 64, 33}}, {{64}, {64, 30}}, {{30, 64}, {64}}, {{64}, {64}}, {{300, 33}, {33, 1}}, {{2, 3, 19, 7}, {1, 3, 7, 1}}, {{2, 0, 4}, {4, 5}}, {{7, 0}, {0, 3}},
	} {
		// Sums of K products of ordinary numbers: 1e-5 of the output's size.
		k := float64(s[0][len(s[0])-1])
		plain := slices.Contains(s[0], 0)
		a, b := random(int64(i), s[0]...), random(int64(i+50), s[1]...)
		fastRow{op: "MatMul", version: 13, in: list(a, b), relative: 1e-5, absolute: 5e-5 * math.Sqrt(k+1), plain: plain}.check(t)
		for _, d := range []tensor.DType{tensor.Int8, tensor.Uint8} {
			x, y, zero := as(d, counted[int64](120, 0, a.Shape()...)), as(tensor.Uint8, counted[int64](256, 0, b.Shape()...)), as(d, ints64(100))
			fastRow{op: "MatMulInteger", version: 10, in: list(x, y, zero, tensor.Scalar(uint8(3))), plain: true}.check(t)
		}
		for _, d := range []tensor.DType{tensor.Int32, tensor.Int64} {
			x, y := counted[int64](1000, 500, a.Shape()...), counted[int64](77, 30, b.Shape()...)
			fastRow{op: "MatMul", version: 13, in: list(as(d, x), as(d, y)), plain: true}.check(t)
			x, y = numbersOf(tensor.Int64, 1, a.Shape()...), numbersOf(tensor.Int64, 2, b.Shape()...) // beyond float64
			fastRow{op: "MatMul", version: 13, in: list(as(d, x), as(d, y)), plain: true}.check(t)
		}
		fastRow{op: "MatMul", version: 13, in: list(as(tensor.Float64, a), as(tensor.Float64, b)), relative: 1e-13, absolute: 1e-13 * (k + 1), plain: plain || len(s[0]) < 2 || s[0][len(s[0])-2] < 4}.check(t)
	}
	for i, in := range [][]*tensor.Tensor{
		list(random(1, 9, 40), random(2, 40, 21), random(3, 21)), list(random(1, 9, 40), random(2, 21, 40), random(3, 9, 1)),
		list(random(1, 1, 40), random(2, 40, 21), random(3, 1)), list(random(1, 50, 64), random(2, 64, 64)), list(random(1, 5, 6), random(2, 6, 7), tensor.Scalar(float32(3))),
		list(random(1, 40, 9), random(2, 40, 21), random(3, 21)), list(random(1, 64, 64), random(2, 64, 64), random(3, 64)), list(random(1, 40, 9), random(2, 40, 1), random(3, 9, 1)),
	} {
		a := attrs{"alpha": float32(0.5), "beta": float32(2)}
		if i == 1 {
			a["transB"] = 1
		}
		if i > 4 {
			a["transA"] = 1
		}
		fastRow{op: "Gemm", version: 13, attrs: a, in: in, relative: 1e-5, absolute: 5e-4}.check(t)
		for k, x := range in {
			in[k] = as(tensor.Float64, x)
		}
		fastRow{op: "Gemm", version: 13, attrs: a, in: in, relative: 1e-13, absolute: 1e-12, plain: in[0].Dim(0) < 4}.check(t)
	}
}

func TestFastEinsum(t *testing.T) {
	for _, s := range []struct {
		equation string
		shapes   [][]int
	}{
		{"ij->ji", [][]int{{5, 70}}}, {"ii->i", [][]int{{9, 9}}}, {"bijk->bkij", [][]int{{2, 3, 4, 5}}}, {"ij,j->i", [][]int{{33, 70}, {70}}}, {"i,j->ij", [][]int{{33}, {70}}},
		{"i,i->", [][]int{{70}, {70}}}, {"bi,bi->b", [][]int{{3, 70}, {3, 70}}}, {"ij,ij->ij", [][]int{{3, 70}, {3, 70}}}, {",ij->ij", [][]int{{}, {3, 70}}}, {"ij,k->kji", [][]int{{3, 7}, {5}}},
		{"bqc,bchw->bqhw", [][]int{{2, 9, 32}, {2, 32, 5, 7}}}, {"bqnc,bnchw->bqnhw", [][]int{{2, 9, 3, 8}, {2, 3, 8, 5, 7}}}, {"nkctv,kvw->nctw", [][]int{{2, 3, 4, 5, 7}, {3, 7, 7}}},
		{"abc,cd,de->abe", [][]int{{2, 9, 7}, {7, 40}, {40, 5}}}, {"ab,bc,cd,de->ea", [][]int{{2, 9}, {9, 7}, {7, 11}, {11, 3}}}, {"ab,ab,ab->a", [][]int{{4, 9}, {4, 9}, {4, 9}}},
		{"...ij,...jk->...ik", [][]int{{2, 1, 5, 4}, {3, 4, 7}}}, {"iij,j->i", [][]int{{4, 4, 5}, {5}}}, {"ij,jk", [][]int{{1, 5}, {5, 1}}}, {"bij,bjk->bik", [][]int{{1, 5, 4}, {3, 4, 7}}},
		{"bcxn,bckn->bkn", [][]int{{2, 5, 1, 9}, {2, 5, 3, 9}}}, {"x->", [][]int{{1}}}, {"xj,yk->j", [][]int{{1, 5}, {1, 1}}}, {"xxj,jk->k", [][]int{{1, 1, 5}, {5, 4}}},
		{"ij->i", [][]int{{5, 4}}}, {"ij,k->i", [][]int{{5, 4}, {2}}}, {"ij->", [][]int{{50, 40}}}, {"bchw->bh", [][]int{{2, 3, 40, 5}}}, {"ij,jk->i", [][]int{{5, 40}, {40, 7}}},
		{"ijk,jl->l", [][]int{{5, 4, 3}, {4, 7}}}, {"iij->i", [][]int{{4, 4, 5}}}, {"ii->", [][]int{{4, 4}}}, {"ij,jk->ik", [][]int{{0, 4}, {4, 2}}}, {"a,b,c,d,e->abcde", [][]int{{2}, {2}, {2}, {2}, {2}}},
	} {
		var in []*tensor.Tensor
		for i, shape := range s.shapes {
			in = append(in, random(int64(i), shape...))
		}
		plain := slices.Contains([]string{"ii->", "ij,jk->ik", "a,b,c,d,e->abcde"}, s.equation)
		fastRow{op: "Einsum", version: 12, attrs: attrs{"equation": s.equation}, in: in, relative: 1e-5, absolute: 1e-4, plain: plain}.check(t)
	}
}

func TestFastNormalisation(t *testing.T) {
	const ulp = 1.0 / (1 << 23)
	for i, shape := range [][]int{{1}, {7}, {3, 37}, {2, 3, 5, 9}, {1, 1000}, {4, 600, 3}, {2, 21, 40, 41}} {
		for axis := range shape {
			for _, version := range []int{11, 13} {
				x := random(int64(i), shape...)
				if len(shape) > 1 {
					tensor.Data[float32](x)[0] = float32(math.Inf(-1))
					tensor.Data[float32](x)[x.Len()-1] = float32(math.NaN())
				}
				fastRow{op: "Softmax", version: version, attrs: attrs{"axis": axis}, in: list(x), relative: 10 * ulp, absolute: 1e-8}.check(t)
				fastRow{op: "LogSoftmax", version: version, attrs: attrs{"axis": axis}, in: list(x), relative: 4 * ulp, absolute: 2e-6}.check(t)
			}
			inner := shape[axis:]
			in := list(random(int64(i), shape...), random(2, inner...), random(3, inner...))
			fastRow{op: "LayerNormalization", version: 17, attrs: attrs{"axis": axis}, in: in, relative: 1e-5, absolute: 1e-5}.check(t)
			fastRow{op: "LayerNormalization", version: 17, attrs: attrs{"axis": axis}, in: in[:2], relative: 1e-5, absolute: 1e-5}.check(t)
			fastRow{op: "RMSNormalization", version: 23, attrs: attrs{"axis": axis}, in: in[:2], relative: 1e-5, absolute: 1e-5}.check(t)
		}
	}
	x := random(1, 2, 6, 7, 9)
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] += 30 // a large mean
	}
	fastRow{op: "InstanceNormalization", version: 6, in: list(x, random(2, 6), random(3, 6)), relative: 1e-5, absolute: 3e-5}.check(t)
	fastRow{op: "GroupNormalization", version: 21, attrs: attrs{"num_groups": 3}, in: list(x, random(2, 6), random(3, 6)), relative: 1e-5, absolute: 3e-5}.check(t)
	fastRow{op: "GroupNormalization", version: 18, attrs: attrs{"num_groups": 3}, in: list(x, random(2, 3), random(3, 3)), relative: 1e-5, absolute: 3e-5}.check(t)
}

func TestFastReductions(t *testing.T) {
	for i, shape := range [][]int{{5}, {3, 37}, {2, 3, 5, 9}, {1, 7, 1, 1030}, {130, 6, 700}} {
		for _, axes := range [][]int{{0}, {-1}, {1, 2}, {0, 1}, {2, 3}, {0, 2}, {0, 2, 3}, {1, 3}, nil} {
			if slices.ContainsFunc(axes, func(a int) bool { return a >= len(shape) }) {
				continue
			}
			for _, op := range []string{"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"} {
				for _, x := range list(random(int64(i), shape...), special(int64(i), shape...)) {
					if op == "ReduceSumSquare" || op == "ReduceSum" || op == "ReduceMean" {
						for j, v := range tensor.Data[float32](x) { // 3e38 overflows in float32
							if math.Abs(float64(v)) > 1e30 && !math.IsInf(float64(v), 0) {
								tensor.Data[float32](x)[j] = 1
							}
						}
					}
					a := attrs{"keepdims": i % 2}
					if axes != nil {
						a["axes"] = axes
					}
					version := 11
					fastRow{op: op, version: version, attrs: a, in: list(x), relative: 4e-6, absolute: 1e-4, plain: true}.check(t)
				}
			}
			a := attrs{}
			if axes != nil {
				a["axes"] = axes
			}
			fastRow{op: "ReduceProd", version: 11, attrs: a, in: list(random(int64(i), shape...)), relative: 1e-6, absolute: 1e-40}.check(t)
		}
	}
	fastRow{op: "ReduceMean", version: 18, in: list(random(1, 3, 5, 7), ints64(-1))}.check2(t, 1e-6)
	for i, shape := range [][]int{{2, 3}, {1, 5, 1}, {2, 70, 13, 13}, {1, 3, 2, 5, 61}} {
		fastRow{op: "GlobalAveragePool", version: 1, in: list(random(int64(i), shape...))}.check2(t, 1e-6)
		fastRow{op: "GlobalMaxPool", version: 1, in: list(special(int64(i), shape...))}.check(t)
	}
	for _, shape := range [][]int{{7}, {3, 85}, {5, 3, 2}, {2, 21, 9, 70}, {1, 1, 3}, {3, 1100}} {
		for axis := range shape {
			for _, op := range []string{"ArgMax", "ArgMin"} {
				fastRow{op: op, version: 13, attrs: attrs{"axis": axis, "keepdims": axis % 2}, in: list(special(1, shape...))}.check(t)
				for _, d := range []tensor.DType{tensor.Float32, tensor.Int32, tensor.Int64, tensor.Int8, tensor.Uint8} {
					for _, values := range []int{3, 100} {
						fastRow{op: op, version: 13, attrs: attrs{"axis": axis}, in: list(as(d, counted[int32](values, 0, shape...)))}.check(t)
					}
					fastRow{op: op, version: 13, attrs: attrs{"axis": axis}, in: list(as(d, counted[int32](100, map[tensor.DType]int{tensor.Uint8: -50}[d]+50, shape...)))}.check(t)
				}
			}
		}
	}
}

func (r fastRow) check2(t *testing.T, absolute float64) {
	t.Helper()
	r.absolute = absolute
	r.check(t)
}

func TestFastChoices(t *testing.T) {
	for i, shapes := range [][2][]int{{{}, {}}, {{0}, {1}}, {{3, 37}, {37}}, {{3, 1}, {1, 5}}, {{60000}, {60000}}, {{2, 3, 4, 5}, {3, 1, 1}}} {
		for _, op := range []string{"Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"} {
			fastRow{op: op, version: 16, in: list(special(int64(i), shapes[0]...), special(int64(i), shapes[1]...))}.check(t)
			fastRow{op: op, version: 16, in: list(counted[int64](5, 2, shapes[0]...), counted[int64](3, 1, shapes[1]...))}.check(t)
			fastRow{op: op, version: 16, in: list(counted[int32](5, 2, shapes[0]...), counted[int32](3, 1, shapes[1]...))}.check(t)
		}
		cond, other := as(tensor.Bool, counted[int64](3, 0, shapes[1]...)), as(tensor.Bool, counted[int64](2, 0, shapes[0]...))
		for _, op := range []string{"And", "Or", "Xor", "Equal"} {
			fastRow{op: op, version: 7, in: list(other, cond)}.check(t)
			fastRow{op: op, version: 7, in: list(cond, cond)}.check(t)
		}
		fastRow{op: "Not", version: 1, in: list(cond)}.check(t)
		fastRow{op: "Equal", version: 19, in: list(as(tensor.Uint8, cond), as(tensor.Uint8, other))}.check(t)
		fastRow{op: "BitwiseXor", version: 18, in: list(counted[int32](1000, 500, shapes[0]...), counted[int32](70, 0, shapes[1]...)), plain: true}.check(t)
		for _, d := range []tensor.DType{tensor.Bool, tensor.Float16} {
			fastRow{op: "Where", version: 16, in: list(cond, as(d, other), as(d, counted[int64](5, 2, 1)))}.check(t)
		}
		fastRow{op: "Where", version: 16, in: list(cond, special(1, shapes[0]...), special(2, shapes[1]...))}.check(t)
		fastRow{op: "Where", version: 16, in: list(cond, counted[int64](5, 2, shapes[0]...), counted[int64](3, 1, 1))}.check(t)
	}
	far := []float64{1.5, -2.5, math.NaN(), 1e300, 0, 255.9, -129, 1 << 31, -1 << 31, 1 << 62, -1 << 62, 1<<63 - 1024, 1 << 63, -1 << 63, 1 << 64, math.Inf(1), math.Inf(-1)}
	from := list(special(1, 5, 1001), counted[int64](300, 150, 40), counted[int32](300, 150, 40), tensor.New(tensor.Bool, 3),
		tensor.Of([]uint8{0, 1, 255}), tensor.Of(far), as(tensor.Float32, tensor.Of(far)), as(tensor.Float16, special(2, 2000)), as(tensor.BFloat16, special(2, 77)),
		tensor.Of([]int8{-128, 127, 0}), tensor.Of([]uint16{65535, 1, 0}), tensor.Of([]int16{-32768, 1, 0}), tensor.Of([]uint32{1 << 31, math.MaxUint32, 0}), tensor.Of([]uint64{1 << 63, math.MaxUint64, 1<<53 + 1}))
	tensor.Data[bool](from[3])[1] = true
	for _, x := range from {
		for _, to := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int64, tensor.Int32, tensor.Bool, tensor.Uint8, tensor.Int8, tensor.Int16, tensor.Float16, tensor.BFloat16} {
			fastRow{op: "Cast", version: 13, attrs: attrs{"to": int(to)}, in: list(x), plain: true}.check(t)
		}
	}
}

func TestFastTopK(t *testing.T) {
	for i, shape := range [][]int{{1}, {7}, {1000}, {2, 3000}, {3, 50}, {2, 40, 3}, {0, 4}} {
		for axis := range shape {
			n := shape[axis]
			for _, k := range []int{0, min(1, n), n / 2, n} {
				for largest := range 2 {
					a := attrs{"axis": axis - largest*len(shape), "largest": largest}
					for _, x := range list(special(int64(i), shape...), random(int64(i), shape...), ties(shape...), counted[int32](50, 20, shape...),
						counted[int64](50, 20, shape...)) {
						fastRow{op: "TopK", version: 11, attrs: a, in: list(x, ints64(int64(k))), outputs: 2}.check(t)
					}
				}
			}
		}
	}
}

func TestFastTopKOfLargeIntegers(t *testing.T) {
	for _, x := range list(tensor.Of([]int64{math.MaxInt32, math.MinInt32, 0, -1}), tensor.Of([]int32{math.MaxInt32, math.MinInt32, 0, -1}),
		tensor.Of([]int64{1, 1 << 32, -1 << 40, 2})) { // the last do not fit in 32 bits
		for largest := range 2 {
			fastRow{op: "TopK", version: 11, attrs: attrs{"largest": largest}, in: list(x, ints64(3)), outputs: 2, plain: true}.check(t)
		}
	}
}

// ties returns a tensor with few distinct numbers, among them zeros of both
// signs.
func ties(shape ...int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, shape...)
	for i, d := 0, tensor.Data[float32](t); i < len(d); i++ {
		d[i] = []float32{0, 1, float32(math.Copysign(0, -1)), -2, 1}[i*7%5]
	}
	return t
}

func TestFastNonZero(t *testing.T) {
	for _, shape := range [][]int{{9}, {3, 5}, {2, 1, 3, 4}, {700, 3}, {2, 0}, {3, 700}} {
		signs := special(1, shape...)
		for _, x := range list(signs, counted[int64](3, 1, shape...)) {
			for _, d := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int32, tensor.Int64, tensor.Uint16, tensor.Int8, tensor.Bool} {
				c := &Call{Run: testRun()}
				narrow, err := c.convert(x, d)
				if err != nil {
					t.Fatal(err)
				}
				fastRow{op: "NonZero", version: 13, in: list(narrow)}.check(t)
			}
		}
	}
}

func BenchmarkTopK(b *testing.B) {
	x := random(1, 1, 163200)
	n := testNode("TopK", 11, 2, 2, nil)
	if err := BindNode(n, Find("", "TopK", 11)); err != nil {
		b.Fatal(err)
	}
	for name, eval := range map[string]func(c *Call) error{
		"fast":      func(c *Call) error { _, err := n.Operator.(Fast).EvalFast(c); return err },
		"reference": n.Operator.(Op).Eval,
	} {
		b.Run(name, func(b *testing.B) {
			c := &Call{In: list(x, ints64(1000)), Out: make([]*tensor.Tensor, 2), Node: n, Run: testRun()}
			for b.Loop() {
				if err := eval(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
