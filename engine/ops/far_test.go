package ops

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// required are attributes that operators of this name do not do without.
var required = map[string]attrs{
	"Attention": {"num_heads": 1}, "AveragePool": {"kernel_shape": []int{1, 1}}, "BitCast": {"to": int(tensor.Int64)}, "BitShift": {"direction": "LEFT"},
	"Cast": {"to": int(tensor.Int64)}, "Concat": {"axis": 0}, "DepthToSpace": {"blocksize": 1}, "DictVectorizer": {"int64_vocabulary": []int{1}},
	"Einsum": {"equation": "ij,jk->ik"}, "FeatureVectorizer": {"inputdimensions": []int{1}}, "GivenTensorFill": {"values": []float32{1}},
	"GroupNorm": {"groups": 1, "activation": 0}, "GroupNormalization": {"num_groups": 1}, "Imputer": {"imputed_value_floats": []float32{1}},
	"LRN": {"size": 1}, "LabelEncoder": {"keys_floats": []float32{1}, "values_floats": []float32{1}}, "LinearAttention": {"q_num_heads": 1, "kv_num_heads": 1},
	"LinearClassifier": {"coefficients": []float32{1}, "classlabels_ints": []int{1}}, "LinearRegressor": {"coefficients": []float32{1}},
	"LpPool": {"kernel_shape": []int{1, 1}}, "MatMulNBits": {"K": 16, "N": 1, "block_size": 16}, "MaxPool": {"kernel_shape": []int{1, 1}},
	"MaxRoiPool": {"pooled_shape": []int{far, 1}}, "MaxUnpool": {"kernel_shape": []int{1, 1}}, "Momentum": {"alpha": float32(1), "beta": float32(1), "mode": "standard", "norm_coefficient": float32(1)},
	"MultiHeadAttention": {"num_heads": 1}, "NGramRepeatBlock": {"ngram_size": 1}, "NhwcMaxPool": {"kernel_shape": []int{1, 1}},
	"OneHotEncoder": {"cats_int64s": []int{1}}, "Pad": {"paddings": []int{0, 0, 0, 1}, "pads": []int{0, 0, 0, 1}}, "QLinearAveragePool": {"kernel_shape": []int{1, 1}},
	"QLinearConcat": {"axis": 0}, "QLinearSoftmax": {"opset": 13}, "ReorderOutput": {"channels": 1}, "RoiAlign": {"output_height": 1 << 30},
	"SVMClassifier": {"coefficients": []float32{1}, "rho": []float32{1}, "classlabels_ints": []int{1}}, "SVMRegressor": {"coefficients": []float32{1}, "rho": []float32{1}},
	"Scaler": {"offset": []float32{1}, "scale": []float32{1}}, "Slice": {"starts": []int{0}, "ends": []int{1}}, "SpaceToDepth": {"blocksize": 1}, "TopK": {"k": 1},
	"UnfoldTensor": {"size": 1}, "Unsqueeze": {"axes": []int{0}}, "Upsample": {"height_scale": float32(1), "width_scale": float32(1), "scales": []float32{1, 1, 1, 2}},
	"ZipMap": {"classlabels_int64s": []int{1}},
}

// TestFarAndEmpty evaluates every operator on inputs of which some have a dimension
// of far and, where they do, one of 0: it must answer or refuse at once and within
// its memory limit, by Eval and by EvalFast.
func TestFarAndEmpty(t *testing.T) {
	if bits.UintSize < 64 {
		t.Skip("sides beyond 32 bits; run it where int has 64")
	}
	tries := 150
	if testing.Short() {
		tries = 40
	}
	done := 0
	for _, d := range Defs() {
		if d.Domain == Internal { // created by passes, from operators that were checked
			continue
		}
		rng := rand.New(rand.NewSource(1))
		for range tries {
			if farCase(t, rng, d) {
				done++
			}
		}
	}
	if done < 10*tries {
		t.Errorf("%d of the calls were answered: most operators refuse what they are given", done)
	}
}

// farCase evaluates an operator on random inputs and reports whether it accepted
// them.
func farCase(t *testing.T, rng *rand.Rand, d *Def) bool {
	in := farInputs(rng, d)
	n := testNode(d.Name, d.Since, len(in), max(d.Out.Min, 1), required[d.Name])
	n.Domain = d.Domain
	facts := make([]ir.Fact, len(in))
	for i, x := range in {
		facts[i] = ir.Tensor(x.DType(), ir.Shape{}) // the dtypes are always checked, the shapes not before the run
	}
	if BindNode(n, d) != nil {
		return false
	}
	if _, err := InferNode(n, facts); err != nil {
		return false
	}
	op := n.Operator.(Op)
	accepted := withinBounds(t, n, in, op.Eval)
	if f, ok := op.(Fast); ok && accepted {
		withinBounds(t, n, in, func(c *Call) error {
			c.Run.Kernel = fastRungs()[len(fastRungs())-1]
			_, err := f.EvalFast(c)
			return err
		})
	}
	return accepted
}

// withinBounds evaluates a node; it reports whether there was no error.
func withinBounds(t *testing.T, n *ir.Node, in []*tensor.Tensor, eval func(c *Call) error) (accepted bool) {
	const limit = 1 << 20
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	c := &Call{In: in, Out: make([]*tensor.Tensor, len(n.Outputs)), Node: n, Run: NewRun(ctx, limit, 1<<20)}
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s of %v: panic: %v", n, in, p)
		}
	}()
	hangs := time.AfterFunc(20*time.Second, func() { panic(fmt.Sprintf("%s of %v does not look at its context", n, in)) })
	defer hangs.Stop()
	before := allocated()
	err := eval(c)
	if ctx.Err() != nil {
		t.Errorf("%s of %v took longer than 2 s", n, in)
	}
	if used := allocated() - before; used > 4*limit {
		t.Errorf("%s of %v allocated %d bytes, the limit is %d", n, in, used, limit)
	}
	return err == nil
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// farInputs returns inputs with sides of far and 0, and some small ones, of the
// dtypes that an operator takes first and others.
func farInputs(rng *rand.Rand, d *Def) []*tensor.Tensor {
	common := []tensor.DType{tensor.Float32, tensor.Int64, tensor.Int32, tensor.Bool, tensor.Uint8}
	in := make([]*tensor.Tensor, d.In.Min+rng.Intn(min(d.In.Max, d.In.Min+2, 8)-min(d.In.Min, 8)+1))
	rank, sides := rng.Intn(6), [][]int{{0, 1, far}, {0, 1, 1, far}, {0, far}, {0, 1, 2, far}}[rng.Intn(4)]
	first := common[rng.Intn(len(common))]
	if !d.Types.Is(first) && d.Types.Is(tensor.Float32) {
		first = tensor.Float32
	}
	for i := range in {
		t, r := first, rank
		if i > 0 && rng.Intn(3) == 0 {
			t = common[rng.Intn(len(common))]
		}
		if rng.Intn(2) == 0 {
			r = rng.Intn(6)
		}
		shape, count := make([]int, r), 1
		for k := range shape {
			shape[k] = sides[rng.Intn(len(sides))]
			count *= min(shape[k], 2)
		}
		if n, err := tensor.Count(shape); err != nil || n > 64 || count > 64 { // far, and nowhere 0
			clear(shape[:1])
		}
		if _, err := tensor.Count(shape); err != nil {
			shape = []int{far, 0}
		}
		in[i] = tensor.New(t, shape...)
		if t == tensor.Int64 {
			for k := range tensor.Data[int64](in[i]) {
				tensor.Data[int64](in[i])[k] = []int64{0, 1, 1, 2, -1, far}[rng.Intn(6)]
			}
		}
	}
	return in
}
