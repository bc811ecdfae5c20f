package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

const preview = "ai.onnx.preview"

var previews = []Def{
	{Domain: preview, Name: "FlexAttention", Since: 1, Types: tensor.Types(tensor.Float16, tensor.BFloat16, tensor.Float32, tensor.Float64),
		In: Exactly(3), Out: Exactly(1), New: newFlexAttention},
}

// flexAttention computes softmax(scale·Q·Kᵀ)·V for each head. Two optional
// subgraphs modify the scores and the probabilities, each as a whole: [N heads
// queries keys]. ONNX FlexAttention-1 of the preview domain. Dong et al. 2024.
type flexAttention struct {
	scale       float64  // 0: 1/√(head size)
	score, prob regionOn // applied to scores before, to probabilities after the softmax
	precision   tensor.DType
}

// regionOn is an optional subgraph with one input and one output of the same type.
type regionOn struct {
	name string    // of the attribute
	body *ir.Graph // nil: there is none
}

func newFlexAttention(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &flexAttention{scale: float64(a.Float("scale", 0)), precision: a.DType("softmax_precision", tensor.Invalid),
		score: regionOn{"score_mod", a.Graph("score_mod")}, prob: regionOn{"prob_mod", a.Graph("prob_mod")}}
	for _, r := range []regionOn{op.score, op.prob} {
		if r.body != nil && (len(r.body.Inputs) != 1 || len(r.body.Outputs) != 1) {
			a.Fail("attribute %q has %d inputs and %d outputs, it needs one of each", r.name, len(r.body.Inputs), len(r.body.Outputs))
		}
	}
	if op.precision != tensor.Invalid && !tensor.FloatTypes.Is(op.precision) {
		a.Fail("attribute %q is %s, it must be a float type", "softmax_precision", op.precision)
	}
	return op, a.Err()
}

// dtype returns the element type of scores and probabilities.
func (op *flexAttention) dtype(q tensor.DType) tensor.DType {
	switch {
	case op.precision != tensor.Invalid:
		return op.precision
	case q == tensor.Float64:
		return q
	}
	return tensor.Float32
}

func (op *flexAttention) Infer(in []ir.Fact) ([]ir.Fact, error) { return inferAlone(op, in) }

// inferWith: Q [N heads queries size], K [N groups keys size], V [N groups keys
// width] → [N heads queries width]; groups divides heads.
func (op *flexAttention) inferWith(i *inference, in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(sameType(in), wantRank(in, 0, 4), wantRank(in, 1, 4), wantRank(in, 2, 4)); err != nil {
		return nil, err
	}
	out, scores := ir.AnyOfRank(4), ir.AnyOfRank(4)
	if s := in[0].Shape; s.Ranked {
		copy(out.Dims, s.Dims[:3])
		copy(scores.Dims, s.Dims[:3])
	}
	if s := in[1].Shape; s.Ranked {
		scores.Dims[3] = s.Dims[2]
	}
	if s := in[2].Shape; s.Ranked {
		out.Dims[3] = s.Dims[3]
	}
	q, okQ := in[0].Shape.Ints()
	k, okK := in[1].Shape.Ints()
	v, okV := in[2].Shape.Ints()
	if okQ && okK && okV {
		if err := fitHeads(q, k, v); err != nil {
			return nil, err
		}
	}
	f := ir.Tensor(op.dtype(in[0].DType), scores)
	for _, r := range []regionOn{op.score, op.prob} {
		if r.body == nil {
			continue
		}
		at := i
		if i.trial > 0 {
			at = i.try()
		}
		got, err := at.region(r.body, []ir.Fact{f})
		if err != nil {
			return nil, err
		}
		if got[0].DType != f.DType || !fitsShape(got[0].Shape, scores) {
			return nil, fmt.Errorf("%s must return %s, it returns %s", r.name, f, got[0])
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, out)}, nil
}

// fitHeads checks the shapes of Q, K and V against one another.
func fitHeads(q, k, v []int) error {
	if len(q) != 4 || len(k) != 4 || len(v) != 4 || k[0] != q[0] || v[0] != q[0] || k[3] != q[3] || v[1] != k[1] || v[2] != k[2] || k[1] == 0 || q[1]%k[1] != 0 {
		return fmt.Errorf("query %v, key %v and value %v have incompatible shapes", q, k, v)
	}
	return nil
}

// Eval computes in float64. Scores and probabilities are rounded to the dtype of the softmax only if a
// subgraph reads them.
func (op *flexAttention) Eval(c *Call) error {
	shape := func(i int) []int { return c.In[i].Shape() }
	if err := fitHeads(shape(0), shape(1), shape(2)); err != nil {
		return err
	}
	var wide [3]*tensor.Tensor
	for i, t := range c.In {
		var err error
		if wide[i], err = c.convert(t, tensor.Float64); err != nil {
			return err
		}
	}
	n, heads, queries, size := shape(0)[0], shape(0)[1], shape(0)[2], shape(0)[3]
	groups, keys, width := shape(1)[1], shape(1)[2], shape(2)[3]
	scores, err := c.New(tensor.Float64, n, heads, queries, keys)
	if err != nil {
		return err
	}
	scale := op.scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(size))
	}
	q, k, v := tensor.Data[float64](wide[0]), tensor.Data[float64](wide[1]), tensor.Data[float64](wide[2])
	group := func(i int) int { return i/heads*groups + i%heads/(heads/groups) } // of head i, counted over all batches
	rows := tensor.Data[float64](scores)
	for i := range len(rows) / max(keys, 1) {
		if err := c.Run.Check(); err != nil {
			return err
		}
		for j := range keys {
			rows[i*keys+j] = scale * dot(q[i*size:][:size], k[(group(i/queries)*keys+j)*size:])
		}
	}
	if scores, err = op.score.apply(c, scores, op.dtype(c.In[0].DType())); err != nil {
		return err
	}
	for rows := tensor.Data[float64](scores); len(rows) > 0; rows = rows[keys:] {
		if err := c.Run.Check(); err != nil {
			return err
		}
		softmaxLine(rows[:keys])
	}
	if scores, err = op.prob.apply(c, scores, op.dtype(c.In[0].DType())); err != nil {
		return err
	}
	y, err := c.New(tensor.Float64, n, heads, queries, width)
	if err != nil {
		return err
	}
	rows = tensor.Data[float64](scores)
	for i := range y.Len() / max(width, 1) {
		if err := c.Run.Check(); err != nil {
			return err
		}
		for j := range keys {
			addScaled(tensor.Data[float64](y)[i*width:][:width], v[(group(i/queries)*keys+j)*width:], rows[i*keys+j])
		}
	}
	c.Out[0], err = c.convert(y, c.In[0].DType())
	return err
}

// apply runs the subgraph on float64 numbers converted to dtype d, and converts
// the result back.
func (r regionOn) apply(c *Call, x *tensor.Tensor, d tensor.DType) (*tensor.Tensor, error) {
	if r.body == nil {
		return x, nil
	}
	narrow, err := c.convert(x, d)
	if err != nil {
		return nil, err
	}
	out, err := c.Region(r.body, narrow)
	if err != nil {
		return nil, err
	}
	if out[0].DType() != d || !slices.Equal(out[0].Shape(), x.Shape()) {
		return nil, fmt.Errorf("%s must return %s, it returns %s", r.name, narrow, out[0])
	}
	return c.convert(out[0], tensor.Float64)
}
