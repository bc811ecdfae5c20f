package ops

import (
	"context"
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// untrustedRow is a call that a malicious or broken model may lead to. Eval gets
// it unchecked if shapes are not known before the run.
type untrustedRow struct {
	name, domain, op string
	version          int
	attrs            attrs
	in               []*tensor.Tensor
	outputs          int
	shape            []int  // of the first output
	fails            string // or: a part of the expected error
}

// empty returns a tensor without elements; other dimensions may have any size.
func empty(shape ...int) *tensor.Tensor { return tensor.New(tensor.Float32, shape...) }

// far is a dimension too large to loop over, 2^40 if int has 64 bits.
const far = 1 << (bits.UintSize / 8 * 5)

// A tensor without elements may have dimensions of any size: no operator may loop
// over them or allocate memory for them. Attributes may have any value, too.
func TestUntrusted(t *testing.T) {
	if bits.UintSize < 64 {
		t.Skip("sides beyond 32 bits; run it where int has 64")
	}
	one, zero := ramp(1), tensor.New(tensor.Float32, 1)
	for _, r := range []untrustedRow{
		{"no rows of far channels", "", "Conv", 11, attrs{"pads": []int{0, 1 << 28}}, []*tensor.Tensor{empty(0, 1, 4), ramp(1, 1, 1)}, 1, []int{0, 1, 4 + 1<<28}, ""},
		{"empty lists are none", "", "ConvTranspose", 11, attrs{"pads": []int{}, "strides": []int{}, "kernel_shape": []int{}, "dilations": []int{}},
			[]*tensor.Tensor{ramp(1, 1, 2), ramp(1, 1, 1)}, 1, []int{1, 1, 2}, ""},
		{"far channels", "", "MaxPool", 12, attrs{"kernel_shape": []int{1, 1}}, []*tensor.Tensor{empty(1, far, 3, 0)}, 1, nil, "padded input"},
		{"far channels, same", "", "MaxPool", 12, attrs{"kernel_shape": []int{1, 1}, "auto_pad": "SAME_UPPER"}, []*tensor.Tensor{empty(1, far, 3, 0)}, 1, []int{1, far, 3, 0}, ""},
		{"far lines", "", "LayerNormalization", 17, nil, []*tensor.Tensor{empty(far, 0), empty(0)}, 1, []int{far, 0}, ""},
		{"far groups", "", "MeanVarianceNormalization", 13, attrs{"axes": []int{0}}, []*tensor.Tensor{empty(far, 0)}, 1, []int{far, 0}, ""},
		{"far axis", "", "ReduceSum", 11, attrs{"axes": []int{0}}, []*tensor.Tensor{empty(far, 0)}, 1, []int{1, 0}, ""},
		{"far outer", "", "QuantizeLinear", 13, attrs{"axis": 1}, []*tensor.Tensor{empty(far, 0), empty(0)}, 1, []int{far, 0}, ""},
		{"the largest block", "", "QuantizeLinear", 23, attrs{"axis": 1, "block_size": math.MaxInt}, []*tensor.Tensor{ramp(3, 2), empty(3, 0)}, 1, nil, "scale must have shape [3 1]"},
		{"far classes", "", "NonMaxSuppression", 10, nil, []*tensor.Tensor{empty(1, 0, 4), empty(1, far, 0)}, 1, []int{0, 3}, ""},
		{"far cells", "", "RoiAlign", 16, attrs{"output_height": 1 << 20, "output_width": 1 << 20}, []*tensor.Tensor{empty(1, 0, 2, 2), empty(1, 4), tensor.New(tensor.Int64, 1)}, 1, []int{1, 0, 1 << 20, 1 << 20}, ""},
		{"far heads of nothing", "", "Attention", 23, attrs{"q_num_heads": far, "kv_num_heads": far}, []*tensor.Tensor{empty(1, 1, 0), empty(1, 1, 0), empty(1, 1, 0)}, 1, nil, "number of heads"},
		{"far heads that see nothing", "", "Attention", 23, nil, []*tensor.Tensor{empty(1, far, 1, 0), empty(1, 1, 0, 0), empty(1, 1, 0, 0)}, 1, []int{1, far, 1, 0}, ""},
		{"far memories", "", "LinearAttention", 27, attrs{"q_num_heads": far, "kv_num_heads": far, "update_rule": "linear"}, []*tensor.Tensor{empty(1, 1, 0), empty(1, 1, 0), empty(1, 1, 0)}, 1, nil, "at least one element"},
		{"no memories of far width", "", "LinearAttention", 27, attrs{"q_num_heads": 1, "kv_num_heads": 1, "update_rule": "delta"}, []*tensor.Tensor{empty(0, 1, 1), empty(0, 1, 1), empty(0, 1, far), nil, nil, empty(0, 1, 1)}, 1, []int{0, 1, far}, ""},
		{"far rows of nothing", "", "GatherElements", 13, attrs{"axis": 1}, []*tensor.Tensor{empty(far, 0), tensor.New(tensor.Int64, far, 0)}, 1, []int{far, 0}, ""},
		{"far rows of nothing", "", "ScatterElements", 18, attrs{"axis": 1}, []*tensor.Tensor{empty(far, 0), tensor.New(tensor.Int64, far, 0), empty(far, 0)}, 1, []int{far, 0}, ""},
		{"far taps", "", "MaxPool", 12, attrs{"kernel_shape": []int{1 << 28, 1 << 28}, "auto_pad": "SAME_LOWER"}, []*tensor.Tensor{ramp(1, 1, 8, 8)}, 1, []int{1, 1, 8, 8}, ""},
		{"nothing within a list", "", "Einsum", 12, attrs{"equation": "i,i,i->i"}, []*tensor.Tensor{one, nil, one}, 1, nil, "input 1 is missing"},
		{"nothing within a list", "", "Concat", 13, attrs{"axis": 0}, []*tensor.Tensor{one, nil, one}, 1, nil, "input 1 is missing"},
		{"far turned heads", "", "RotaryEmbedding", 23, nil, []*tensor.Tensor{empty(1, far, 1, 0), empty(1, 1, 0), empty(1, 1, 0)}, 1, []int{1, far, 1, 0}, ""},
		{"angles of no rows", "", "RotaryEmbedding", 23, nil, []*tensor.Tensor{ramp(1, 1, 1, 2), zero, zero, tensor.New(tensor.Int64, 1, 1)}, 1, nil, "rank"},
		{"far groups of no channels", "com.microsoft", "GroupNorm", 1, attrs{"groups": far, "activation": 0}, []*tensor.Tensor{empty(1, 2, 0), empty(0), empty(0)}, 1, []int{1, 2, 0}, ""},
		{"far rows of no grams", "", "TfIdfVectorizer", 9, attrs{"max_gram_length": 1, "max_skip_count": 0, "min_gram_length": 1, "mode": "TF", "ngram_counts": []int{0}, "ngram_indexes": []int{}, "pool_int64s": []int{}},
			[]*tensor.Tensor{tensor.New(tensor.Int64, far, 0)}, 1, []int{far, 0}, ""},
		{"the last index", "", "TfIdfVectorizer", 9, attrs{"max_gram_length": 1, "max_skip_count": 0, "min_gram_length": 1, "mode": "TF", "ngram_counts": []int{0}, "ngram_indexes": []int{math.MaxInt}, "pool_int64s": []int{1}},
			[]*tensor.Tensor{ints(1)}, 1, nil, "ngram_indexes"},
		{"far rows of no features", "ai.onnx.ml", "FeatureVectorizer", 1, attrs{"inputdimensions": []int{0}}, []*tensor.Tensor{empty(far, 0)}, 1, []int{far, 0}, ""},
		{"the last feature", "ai.onnx.ml", "TreeEnsembleRegressor", 1, attrs{"nodes_nodeids": []int{0, 1}, "nodes_treeids": []int{0, 0}, "nodes_modes": []string{"BRANCH_LEQ", "LEAF"},
			"nodes_featureids": []int{math.MaxInt, 0}, "nodes_truenodeids": []int{1, 0}, "nodes_falsenodeids": []int{1, 0}, "nodes_values": []float32{0, 0},
			"target_treeids": []int{0}, "target_nodeids": []int{1}, "target_ids": []int{0}, "target_weights": []float32{1}}, []*tensor.Tensor{ramp(1, 1)}, 1, nil, "tree node 0"},
		{"far sums of nothing", "", "Gemm", 11, nil, []*tensor.Tensor{empty(0, far), empty(far, 0)}, 1, []int{0, 0}, ""},
		{"far rows of nothing", "", "Gemm", 11, nil, []*tensor.Tensor{empty(far, 0), empty(0, 0)}, 1, []int{far, 0}, ""},
		{"far cells of empty boxes", "", "RoiAlign", 16, attrs{"output_height": 10_000_000}, []*tensor.Tensor{ramp(1, 1, 1, 1000), tensor.Of([]float32{0, 1, 4e6, 0}, 1, 4), ints(0)}, 1, nil, "samples"},
		{"far cells", "", "MaxRoiPool", 1, attrs{"pooled_shape": []int{far, 1}}, []*tensor.Tensor{empty(1, 0, 4, 4), tensor.New(tensor.Float32, 1, 5)}, 1, []int{1, 0, far, 1}, ""},
		{"no words of far size", "com.microsoft", "EmbedLayerNormalization", 1, nil, []*tensor.Tensor{tensor.New(tensor.Int32, 0, 0), nil, empty(0, far), empty(0, far), nil, empty(0), empty(0)}, 1, nil, "broadcast"},
		{"far steps of no state", "", "RNN", 14, nil, []*tensor.Tensor{empty(far, 1, 0), empty(1, 0, 0), empty(1, 0, 0)}, 2, []int{far, 1, 1, 0}, ""},
		{"far steps of no state", "", "GRU", 14, nil, []*tensor.Tensor{empty(far, 1, 0), empty(1, 0, 0), empty(1, 0, 0)}, 2, []int{far, 1, 1, 0}, ""},
		{"far steps of no state", "", "LSTM", 14, nil, []*tensor.Tensor{empty(far, 1, 0), empty(1, 0, 0), empty(1, 0, 0)}, 3, []int{far, 1, 1, 0}, ""},
		{"far pictures of no channels", "", "ConvTranspose", 11, nil, []*tensor.Tensor{empty(far, 0, 1), empty(0, 0, 1)}, 1, []int{far, 0, 1}, ""},
		{"far lines of nothing", "", "CausalConvWithState", 27, nil, []*tensor.Tensor{empty(far, 1, 0), ramp(1, 1, 1)}, 2, []int{far, 1, 0}, ""},
		{"far groups of nothing", "", "MeanVarianceNormalization", 13, nil, []*tensor.Tensor{empty(1, far, 0, 0)}, 1, []int{1, far, 0, 0}, ""},
		{"no repeats", "", "Tile", 1, nil, []*tensor.Tensor{ramp(2), tensor.New(tensor.Float32, 0), tensor.New(tensor.Float32, 1)}, 1, nil, "must be scalars"},
		{"angles of rank 0", "com.microsoft", "RotaryEmbedding", 1, nil, []*tensor.Tensor{ramp(1, 1, 2), tensor.New(tensor.Int64, 1), tensor.Scalar(float32(1)), tensor.Scalar(float32(1))}, 1, nil, "rank"},
		{"far states", "", "RNN", 14, nil, []*tensor.Tensor{empty(0, 1, 1), empty(1, 0, 1), empty(1, 0, far)}, 1, nil, "too much memory"},
		{"far sizes", "", "Resize", 18, nil, []*tensor.Tensor{ramp(1, 1, 2, 2), nil, nil, ints(1, 1, 2, math.MaxInt64)}, 1, nil, "too much memory"},
		{"blocks that weights do not lie in", "com.microsoft.nchwc", "Conv", 1, nil, []*tensor.Tensor{ramp(1, 3, 2, 2), ramp(3, 3, 1, 1)}, 1, nil, "blocks"},
		{"a sum of other shapes", "com.microsoft", "FusedConv", 1, nil, []*tensor.Tensor{ramp(1, 1, 2, 2), ramp(4, 1, 1, 1), nil, ramp(1, 2, 4, 2)}, 1, nil, "input 3"},
		{"blocks of no channels", "com.microsoft.nchwc", "ReorderInput", 1, attrs{"block": 0}, []*tensor.Tensor{ramp(1, 3, 2, 2)}, 1, nil, "block"},
		{"more channels than there are", "com.microsoft.nchwc", "ReorderOutput", 1, attrs{"channels": 4}, []*tensor.Tensor{ramp(1, 3, 2, 2)}, 1, nil, "channels"},
		{"far channels in blocks", "com.microsoft.nchwc", "ReorderInput", 1, nil, []*tensor.Tensor{empty(0, far, 1)}, 1, nil, "channels"},
		{"far rows of nothing", "com.microsoft", "CDist", 1, nil, []*tensor.Tensor{empty(far, 0), empty(0, 0)}, 1, []int{far, 0}, ""},
		{"far matrices", "com.microsoft", "Inverse", 1, nil, []*tensor.Tensor{empty(0, 1<<20, 1<<20)}, 1, []int{0, 1 << 20, 1 << 20}, ""},
		{"no way", "com.microsoft", "DynamicTimeWarping", 1, nil, []*tensor.Tensor{empty(far, 0)}, 1, nil, "fit int32"},
		{"far words", "com.microsoft", "NGramRepeatBlock", 1, attrs{"ngram_size": far}, []*tensor.Tensor{tensor.New(tensor.Int64, far, 0), empty(far, 0)}, 1, []int{far, 0}, ""},
		{"a word without a score", "com.microsoft", "NGramRepeatBlock", 1, attrs{"ngram_size": 1}, []*tensor.Tensor{tensor.Of([]int64{7}, 1, 1), ramp(1, 2)}, 1, nil, "word 7"},
		{"windows that do not fit", "com.microsoft", "UnfoldTensor", 1, attrs{"size": 3}, []*tensor.Tensor{ramp(1, 2)}, 1, nil, "do not fit"},
		{"far crops", "com.microsoft", "CropAndResize", 1, nil, []*tensor.Tensor{ramp(1, 1, 2, 2), ramp(1, 4), ints(0), ints(1<<30, 1<<30)}, 1, nil, "memory"},
		{"a crop of no picture", "com.microsoft", "CropAndResize", 1, nil, []*tensor.Tensor{ramp(1, 1, 2, 2), ramp(1, 4), ints(1), ints(1, 1)}, 1, nil, "batch index 1"},
		{"a crop of nothing", "com.microsoft", "CropAndResize", 1, nil, []*tensor.Tensor{empty(1, 1, 0, 0), ramp(1, 4), ints(0), ints(1, 1)}, 1, []int{1, 1, 1, 1}, ""},
		{"one pad", "com.microsoft", "ConvTransposeWithDynamicPads", 1, nil, []*tensor.Tensor{ramp(1, 1, 2), ramp(1, 1, 1), ints(1)}, 1, nil, "pads"},
		{"no pads", "com.microsoft", "ConvTransposeWithDynamicPads", 1, nil, []*tensor.Tensor{ramp(1, 1, 2), ramp(1, 1, 1), ints()}, 1, []int{1, 1, 2}, ""},
		{"a negative overlap", "", "NonMaxSuppression", 11, nil, []*tensor.Tensor{ramp(1, 2, 4), ramp(1, 1, 2), ints(2), tensor.Scalar(float32(-0.5))}, 1, nil, "0 to 1"},
		{"a vector", "", "Trilu", 14, nil, []*tensor.Tensor{one}, 1, nil, "rank"},
		{"a scalar", "", "Trilu", 14, nil, []*tensor.Tensor{tensor.Scalar(float32(1))}, 1, nil, "rank"},
		{"past of another rank", "com.microsoft", "MultiHeadAttention", 1, attrs{"num_heads": 1}, []*tensor.Tensor{ramp(1, 1, 2), ramp(1, 1, 2), ramp(1, 1, 2), nil, nil, nil, ramp(1, 0), ramp(1, 0)}, 1, nil, "rank"},
	} {
		t.Run(r.op+"/"+r.name, r.check)
	}
}

func (r *untrustedRow) check(t *testing.T) {
	t.Run("Eval", func(t *testing.T) { r.checkBy(t, nil) })
	if r.fails == "" {
		t.Run("EvalFast", func(t *testing.T) { r.checkBy(t, fastRungs()[len(fastRungs())-1]) })
	}
}

// checkBy evaluates with the kernels of a rung, or the reference kernel if it is nil.
func (r *untrustedRow) checkBy(t *testing.T, k *kernel.Rung) {
	n := testNode(r.op, r.version, len(r.in), r.outputs, r.attrs)
	n.Domain = r.domain
	for i, x := range r.in {
		if x == nil {
			n.Inputs[i] = nil
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := &Call{In: r.in, Out: make([]*tensor.Tensor, r.outputs), Node: n, Run: NewRun(ctx, 1<<26, 1<<20)}
	err := BindNode(n, Find(r.domain, r.op, r.version))
	if err == nil && k == nil {
		err = n.Operator.(Op).Eval(c)
	} else if err == nil {
		c.Run.Kernel = k
		f, fast := n.Operator.(Fast)
		if fast {
			fast, err = f.EvalFast(c)
		}
		if !fast && err == nil {
			return // has no kernel for these
		}
	}
	switch {
	case r.fails != "" && (err == nil || !strings.Contains(err.Error(), r.fails)):
		t.Errorf("gave %v, want an error about %q", err, r.fails)
	case r.fails == "" && err != nil:
		t.Error(err)
	case r.fails == "" && !slices.Equal(c.Out[0].Shape(), r.shape):
		t.Errorf("shape is %v, want %v", c.Out[0].Shape(), r.shape)
	}
}

// Declared and inferred facts may describe tensors that cannot exist.
func TestUntrustedFacts(t *testing.T) {
	float := func(dims ...int) ir.Fact { return ir.Tensor(tensor.Float32, ir.Dims(dims...)) }
	elem := float(2)
	list := ir.Fact{DType: tensor.Sequence, Elem: &elem}
	for _, r := range []struct {
		name, domain, op string
		version          int
		in               []ir.Fact
		fails            string // empty: no error
	}{
		{"a bound of too many numbers", "", "Clip", 13, []ir.Fact{float(2), float(far, far)}, ""},
		{"scales of too many numbers", "", "QuantizeLinear", 13, []ir.Fact{float(2), float(far, far), ir.Tensor(tensor.Int8, ir.Dims(far, far))}, ""},
		{"a scale of two dimensions for an unknown size", "", "QuantizeLinear", 13, []ir.Fact{float(-1, 2), float(1, 1)}, ""},
		{"off and on as a list", "", "OneHot", 11, []ir.Fact{ir.Tensor(tensor.Int64, ir.Dims(2)), ir.Tensor(tensor.Int64, ir.Dims()), list}, "input 2"},
		{"a choice between lists", "", "Where", 16, []ir.Fact{ir.Tensor(tensor.Bool, ir.Dims(2)), list, list}, "input 1"},
		{"a scale that is text", "com.microsoft", "QGemm", 1, []ir.Fact{ir.Tensor(tensor.Uint8, ir.Dims(1, 1)), ir.Tensor(tensor.String, ir.Dims()), ir.Tensor(tensor.Uint8, ir.Dims()),
			ir.Tensor(tensor.Uint8, ir.Dims(1, 1)), float(), ir.Tensor(tensor.Uint8, ir.Dims())}, "input 1"},
	} {
		t.Run(r.op+"/"+r.name, func(t *testing.T) {
			n := testNode(r.op, r.version, len(r.in), 1, nil)
			n.Domain = r.domain
			if err := BindNode(n, Find(r.domain, r.op, r.version)); err != nil {
				t.Fatal(err)
			}
			if _, err := InferNode(n, r.in); r.fails == "" && err != nil || r.fails != "" && (err == nil || !strings.Contains(err.Error(), r.fails)) {
				t.Errorf("gave %v, want %q", err, r.fails)
			}
		})
	}
}

// States of an optimiser keep their own dtype.
func TestStatesOfAnotherType(t *testing.T) {
	n := testNode("Adagrad", 1, 5, 2, nil)
	n.Domain = training
	if err := BindNode(n, Find(training, "Adagrad", 1)); err != nil {
		t.Fatal(err)
	}
	c := &Call{In: []*tensor.Tensor{tensor.Scalar(float32(1)), tensor.Scalar(int64(0)), ramp(2), ramp(2), tensor.Of([]float64{1, 2})},
		Out: make([]*tensor.Tensor, 2), Node: n, Run: NewRun(context.Background(), 1<<20, 1)}
	if err := n.Operator.(Op).Eval(c); err != nil {
		t.Fatal(err)
	}
	if got := tensor.Data[float64](c.Out[1]); got[0] != 1 || got[1] != 3 {
		t.Errorf("the sums of squares are %v, want [1 3]", got)
	}
}

// Outputs without a name are left out: a node that has them is not in training.
func TestBatchNormWithoutStatistics(t *testing.T) {
	for _, version := range []int{1, 7, 9, 14} {
		outputs := 5
		if version == 14 {
			outputs = 3
		}
		n := testNode("BatchNormalization", version, 5, outputs, nil)
		for _, v := range n.Outputs[1:] {
			v.Name = ""
		}
		if err := BindNode(n, Find("", "BatchNormalization", version)); err != nil {
			t.Error(err)
			continue
		}
		c := &Call{In: []*tensor.Tensor{tensor.Of([]float32{1, 5}, 1, 1, 2), f32s(1), f32s(0), f32s(0), f32s(1)}, Out: make([]*tensor.Tensor, outputs), Node: n, Run: NewRun(context.Background(), 1<<20, 1)}
		if err := n.Operator.(Op).Eval(c); err != nil {
			t.Error(err)
			continue
		}
		if y := tensor.Data[float32](c.Out[0]); math.Abs(float64(y[1])-5) > 1e-3 {
			t.Errorf("version %d gave %v, want about 1 and 5, with the statistics of the inputs", version, y)
		}
	}
}

// The moments of an empty batch are NaN.
func TestBatchNormOfNothing(t *testing.T) {
	out, err := evaluate("BatchNormalization", 15, 3, attrs{"training_mode": 1}, empty(2, 1, 0), ramp(1), ramp(1), ramp(1), ramp(1))
	if err != nil {
		t.Fatal(err)
	}
	if v := tensor.Data[float32](out[1])[0]; v == v {
		t.Errorf("the mean of nothing is %v, want NaN", v)
	}
}
