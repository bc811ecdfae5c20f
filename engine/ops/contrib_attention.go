package ops

import (
	"errors"
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// contributedAttentions lists the attention operators of ONNX Runtime
// (docs/ContribOperators.md).
var contributedAttentions = []Def{
	{Domain: Microsoft, Name: "Attention", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 7}, Out: Arity{1, 2}, New: newPackedAttention},
	{Domain: Microsoft, Name: "MultiHeadAttention", Since: 1, Types: tensor.FloatTypes, In: Arity{1, 8}, Out: Arity{1, 4}, New: newMultiHead},
	{Domain: Microsoft, Name: "RotaryEmbedding", Since: 1, Types: tensor.FloatTypes, In: Exactly(4), Out: Exactly(1), New: newRotaryOffset},
}

// headAttention is what Attention and MultiHeadAttention have in common: after their own
// preparation of queries, keys and values, they compute the standard's attention. Scores of masked
// keys are lowered by filter, not set to -Inf.
type headAttention struct {
	heads  int
	filter float64
	core   attention // the standard's, which shows probabilities as output 3
}

// readHeadAttention reads num_heads, scale and mask_filter_value.
func readHeadAttention(a *ir.Attrs) headAttention {
	a.Need("num_heads")
	h := headAttention{heads: a.Int("num_heads", 0), filter: float64(a.Float("mask_filter_value", -10000)),
		core: attention{causal: a.Bool("unidirectional", false), scale: float64(a.Float("scale", 0)), show: 3}}
	if h.core.qHeads, h.core.kv = h.heads, h.heads; h.heads < 1 {
		a.Fail("attribute %q is %d, it must be 1 or more", "num_heads", h.heads)
	}
	for _, name := range []string{"do_rotary", "past_present_share_buffer"} {
		if a.Bool(name, false) {
			a.Fail("attribute %q is set, which is not supported", name)
		}
	}
	return h
}

// run computes attention on float64 operands: q, k and v [N length heads·size] or
// [N heads length size], a mask of keys, a bias added to the scores, and past
// keys and values. It returns Y, present keys and present values, in float64.
func (h *headAttention) run(c *Call, q, k, v, keyMask, bias, pastK, pastV *tensor.Tensor) ([]*tensor.Tensor, error) {
	past := 0
	if pastK != nil {
		past = pastK.Dim(2)
	}
	length := k.Dim(1)
	if k.Rank() == 4 {
		length = k.Dim(2)
	}
	mask, err := h.mask(c, q.Dim(0), q.Dim(1), past+length, keyMask, bias)
	if err != nil {
		return nil, err
	}
	inner := *c
	inner.In, inner.Out, inner.Planned = []*tensor.Tensor{q, k, v, mask, pastK, pastV}, make([]*tensor.Tensor, 4), nil
	err = h.core.Eval(&inner)
	return inner.Out, err
}

// mask returns what is added to the scores, [batch, 1 or heads, queries, keys],
// or nil for nothing. keyMask has key lengths [batch], ends and starts [2·batch],
// or ones for visible keys [batch keys] or [batch queries keys].
func (h *headAttention) mask(c *Call, batch, queries, keys int, keyMask, bias *tensor.Tensor) (*tensor.Tensor, error) {
	if keyMask == nil && bias == nil {
		return nil, nil
	}
	heads := 1
	if bias != nil {
		if s := bias.Shape(); len(s) != 4 || s[0] != 1 && s[0] != batch || s[1] != 1 && s[1] != h.heads || s[2] != queries || s[3] != keys {
			return nil, fmt.Errorf("attention_bias needs shape [%d %d %d %d], where either of the first two may be 1; it has %v", batch, h.heads, queries, keys, s)
		}
		heads = bias.Dim(1)
	}
	m, err := c.New(tensor.Float64, batch, heads, queries, keys)
	if err != nil {
		return nil, err
	}
	if bias != nil {
		zero := tensor.Scalar(0.0)
		wide, err := c.convert(bias, tensor.Float64)
		if err != nil {
			return nil, err
		}
		if err := add.apply(c, m, wide, zero); err != nil {
			return nil, err
		}
	}
	if keyMask == nil {
		return m, nil
	}
	hidden, err := hiddenKeys(keyMask, batch, queries, keys)
	if err != nil {
		return nil, err
	}
	rows := tensor.Data[float64](m)
	for i := range batch * heads * queries {
		if err := c.Run.Check(); err != nil {
			return nil, err
		}
		for j := range keys {
			if hidden(i/queries/heads, i%queries, j) {
				rows[i*keys+j] += h.filter
			}
		}
	}
	return m, nil
}

// hiddenKeys returns a function that reports whether query i of sequence n must not see key j, by a
// mask in one of the forms that mask names.
func hiddenKeys(t *tensor.Tensor, batch, queries, keys int) (func(n, i, j int) bool, error) {
	v, err := integers(t)
	if err != nil {
		return nil, fmt.Errorf("the mask %w", err)
	}
	switch s := t.Shape(); {
	case len(s) == 1 && s[0] == batch:
		return func(n, _, j int) bool { return j >= v[n] }, nil
	case len(s) == 1 && s[0] == 2*batch:
		return func(n, _, j int) bool { return j >= v[n] || j < v[batch+n] }, nil
	case len(s) == 2 && s[0] == batch && s[1] == keys:
		return func(n, _, j int) bool { return v[n*keys+j] == 0 }, nil
	case len(s) == 3 && s[0] == batch && s[1] == queries && s[2] == keys:
		return func(n, i, j int) bool { return v[(n*queries+i)*keys+j] == 0 }, nil
	}
	return nil, fmt.Errorf("a mask needs shape [%d], [%d], [%d %d] or [%d %d %d], it has %v", batch, 2*batch, batch, keys, batch, queries, keys, t.Shape())
}

// packedAttention first projects its input X to queries, keys and values with one matrix, whose
// columns lie side by side: [Q K V] = X·W + B. Operator Attention of com.microsoft.
type packedAttention struct {
	headAttention
	sizes []int // widths of q, k and v; nil: a third each
}

func newPackedAttention(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &packedAttention{readHeadAttention(a), a.Ints("qkv_hidden_sizes")}
	if op.sizes != nil && (len(op.sizes) != 3 || op.sizes[0] != op.sizes[1]) {
		a.Fail("attribute %q is %v, it needs three numbers of which two are equal", "qkv_hidden_sizes", op.sizes)
	}
	for _, s := range op.sizes {
		if s < 1 || s > maxSpan || s%max(op.heads, 1) != 0 {
			a.Fail("attribute %q is %v, %d heads do not divide it", "qkv_hidden_sizes", op.sizes, op.heads)
		}
	}
	if len(n.Inputs) > 6 && n.Inputs[6] != nil {
		a.Fail("input 6 (past_sequence_length) is given, which is not supported")
	}
	return op, a.Err()
}

// split returns the widths of q, k and v for weights with the given number of
// columns.
func (op *packedAttention) split(columns int) ([]int, error) {
	s := op.sizes
	if s == nil {
		s = []int{columns / 3, columns / 3, columns / 3}
	}
	if s[0]+s[1]+s[2] != columns || s[0]%op.heads != 0 {
		return nil, fmt.Errorf("weights with %d columns cannot be divided into widths %v for %d heads", columns, s, op.heads)
	}
	return s, nil
}

// Infer: X [N length D], weights [D 3·width], bias [3·width], mask, past [2 N
// heads past size], a bias of the scores → Y [N length width], present like past.
func (op *packedAttention) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantRank(in, 0, 3), wantRank(in, 1, 2), wantType(in, 1, tensor.Types(in[0].DType)), wantType(in, 2, tensor.Types(in[0].DType)),
		wantType(in, 3, tensor.Types(tensor.Int32)), wantRank(in, 4, 5), wantType(in, 4, tensor.Types(in[0].DType)), wantType(in, 5, tensor.Types(in[0].DType))); err != nil {
		return nil, err
	}
	y, present := ir.AnyOfRank(3), ir.AnyOfRank(5)
	present.Dims[0].N, present.Dims[2].N = 2, op.heads
	if x := in[0].Shape; x.Ranked {
		y.Dims[0], y.Dims[1], present.Dims[1] = x.Dims[0], x.Dims[1], x.Dims[0]
		if w := in[1].Shape; w.Ranked && x.Dims[2].Known() && w.Dims[0].Known() && x.Dims[2].N != w.Dims[0].N {
			return nil, fmt.Errorf("weights must have %d rows, they are %s", x.Dims[2].N, w)
		}
	}
	if w := in[1].Shape; w.Ranked && w.Dims[1].Known() {
		s, err := op.split(w.Dims[1].N)
		if err != nil {
			return nil, err
		}
		y.Dims[2].N, present.Dims[4].N = s[2], s[1]/op.heads
		if err := channelVector(fact(in, 2), "bias", w.Dims[1]); err != nil {
			return nil, err
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, y), ir.Tensor(in[0].DType, present)}, nil
}

func (op *packedAttention) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	x, w := c.In[0], c.In[1]
	sizes, err := op.split(w.Dim(1))
	if err != nil {
		return err
	}
	all, err := projected(c, x, w, c.input(2))
	if err != nil {
		return err
	}
	var parts [3]*tensor.Tensor
	from := 0
	for i, n := range sizes {
		if parts[i], err = columns(c, all, from, n); err != nil {
			return err
		}
		from += n
	}
	var pastK, pastV *tensor.Tensor
	if p := c.input(4); p != nil {
		if p.Dim(0) != 2 || sizes[2] != sizes[1] {
			return fmt.Errorf("past must have shape [2 N heads past size] with values as wide as keys, it has %v", p.Shape())
		}
		if pastK, pastV, err = halves(c, p); err != nil {
			return err
		}
	}
	out, err := op.run(c, parts[0], parts[1], parts[2], c.input(3), c.input(5), pastK, pastV)
	if err != nil {
		return err
	}
	d := x.DType()
	if c.Out[0], err = c.convert(out[0], d); err != nil || len(c.Out) < 2 {
		return err
	}
	if sizes[2] != sizes[1] {
		return errors.New("the output present needs values as wide as keys")
	}
	both, err := stack(c, []*tensor.Tensor{out[1], out[2]}, 0)
	if err != nil {
		return err
	}
	c.Out[1], err = c.convert(both, d)
	return err
}

// projected computes x·w + bias in float64.
func projected(c *Call, x, w, bias *tensor.Tensor) (*tensor.Tensor, error) {
	inner := *c
	inner.In, inner.Out, inner.Planned = make([]*tensor.Tensor, 2), make([]*tensor.Tensor, 1), nil
	for i, t := range []*tensor.Tensor{x, w} {
		var err error
		if inner.In[i], err = c.convert(t, tensor.Float64); err != nil {
			return nil, err
		}
	}
	if err := (matMul{}).Eval(&inner); err != nil {
		return nil, err
	}
	return inner.Out[0], addVector(c, inner.Out[0], bias, 0)
}

// addVector adds the numbers of a bias, beginning with number from, to each row
// of y.
func addVector(c *Call, y, bias *tensor.Tensor, from int) error {
	if bias == nil || y.Len() == 0 {
		return nil
	}
	n := y.Dim(-1)
	if from+n > bias.Len() {
		return fmt.Errorf("bias has %d elements, it needs %d", bias.Len(), from+n)
	}
	row := make([]float64, n)
	tensor.Load(row, bias, from, 1)
	for at := 0; at < y.Len(); at += n {
		addScaled(tensor.Data[float64](y)[at:at+n], row, 1)
	}
	return c.Run.Check()
}

// columns copies n columns of the last dimension, beginning with column from.
func columns(c *Call, t *tensor.Tensor, from, n int) (*tensor.Tensor, error) {
	shape := append(append([]int{}, t.Shape()[:t.Rank()-1]...), n)
	y, err := c.New(t.DType(), shape...)
	if err != nil {
		return nil, err
	}
	w := newWalk(shape, tensor.Strides(shape), tensor.Strides(t.Shape()))
	w.start[1] = from
	return y, w.move(c.Run, y, t)
}

// halves splits a tensor along its first dimension, of size 2, and returns both parts in float64.
func halves(c *Call, t *tensor.Tensor) (a, b *tensor.Tensor, err error) {
	for i, dst := range []**tensor.Tensor{&a, &b} {
		wide, err := c.convert(t, tensor.Float64)
		if err != nil {
			return nil, nil, err
		}
		n := t.Len() / 2
		if *dst, err = tensor.FromBytes(tensor.Float64, wide.Bytes()[8*n*i:8*n*(i+1)], t.Shape()[1:]...); err != nil {
			return nil, nil, err
		}
	}
	return a, b, nil
}

// multiHead computes attention on operands that are already projected, except for
// their bias. Operator MultiHeadAttention of com.microsoft.
type multiHead struct{ headAttention }

func newMultiHead(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &multiHead{readHeadAttention(a)}
	given := func(i int) bool { return i < len(n.Inputs) && n.Inputs[i] != nil }
	if given(2) && !given(1) || given(6) != given(7) {
		a.Fail("values need keys, and past keys come with past values")
	}
	return op, a.Err()
}

// Infer: Q [N length heads·size], K and V [N keys heads·size] or [N heads keys
// size]; a Q of [N length heads 3 size] holds all three, a K of [N keys heads 2
// size] holds K and V; bias of q, k and v, mask, a bias of the scores, past keys
// and values → Y [N length heads·width], present keys and values, probabilities.
func (op *multiHead) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantRank(in, 0, 3, 5), wantRank(in, 1, 3, 4, 5), wantRank(in, 2, 3, 4), wantRank(in, 6, 4), wantRank(in, 7, 4),
		wantType(in, 4, tensor.Types(tensor.Int32))); err != nil {
		return nil, err
	}
	for _, i := range []int{1, 2, 3, 5, 6, 7} {
		if err := wantType(in, i, tensor.Types(in[0].DType)); err != nil {
			return nil, err
		}
	}
	y, kv, qk := ir.AnyOfRank(3), ir.AnyOfRank(4), ir.AnyOfRank(4)
	kv.Dims[1].N, qk.Dims[1].N = op.heads, op.heads
	if q := in[0].Shape; q.Ranked {
		y.Dims[0], y.Dims[1], kv.Dims[0], qk.Dims[0], qk.Dims[2] = q.Dims[0], q.Dims[1], q.Dims[0], q.Dims[0], q.Dims[1]
	}
	d := in[0].DType
	return []ir.Fact{ir.Tensor(d, y), ir.Tensor(d, kv), ir.Tensor(d, kv), ir.Tensor(d, qk)}, nil
}

func (op *multiHead) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	q, k, v, err := op.operands(c)
	if err != nil {
		return err
	}
	var past [2]*tensor.Tensor
	for i := range past {
		if t := c.input(6 + i); t != nil {
			if past[i], err = c.convert(t, tensor.Float64); err != nil {
				return err
			}
		}
	}
	out, err := op.run(c, q, k, v, c.input(4), c.input(5), past[0], past[1])
	if err != nil {
		return err
	}
	for i := range c.Out {
		if c.Out[i], err = c.convert(out[i], c.In[0].DType()); err != nil {
			return err
		}
	}
	return nil
}

// operands returns q, k and v in float64 with their bias added.
func (op *multiHead) operands(c *Call) (q, k, v *tensor.Tensor, err error) {
	wide := func(i int) *tensor.Tensor {
		t := c.input(i)
		if t != nil && err == nil {
			t, err = c.convert(t, tensor.Float64)
		}
		return t
	}
	part := func(t *tensor.Tensor, i, parts int) *tensor.Tensor {
		if err != nil {
			return nil
		}
		if t.Dim(3) != parts {
			err = fmt.Errorf("packed operands must have %d in dimension 3, the shape is %v", parts, t.Shape())
			return nil
		}
		var p *tensor.Tensor
		s := t.Shape()
		flat, e := t.Reshape(s[0]*s[1]*s[2], parts*s[4])
		if err = e; err != nil {
			return nil
		}
		if p, err = columns(c, flat, i*s[4], s[4]); err == nil {
			p, err = p.Reshape(s[0], s[1], s[2]*s[4])
		}
		return p
	}
	q, k, v = wide(0), wide(1), wide(2)
	switch {
	case err != nil:
	case k == nil && q.Rank() == 5:
		q, k, v = part(q, 0, 3), part(q, 1, 3), part(q, 2, 3)
	case k != nil && v == nil && k.Rank() == 5:
		k, v = part(k, 0, 2), part(k, 1, 2)
	case k == nil || v == nil || q.Rank() != 3 || k.Rank() == 5:
		err = fmt.Errorf("query %v needs key and value, or packed keys and values", q.Shape())
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if b := c.input(3); b != nil {
		from := 0
		for _, t := range []*tensor.Tensor{q, k, v} {
			if t.Rank() != 3 {
				return nil, nil, nil, fmt.Errorf("a bias needs operands of rank 3, one has shape %v", t.Shape())
			}
			if err := addVector(c, t, b, from); err != nil {
				return nil, nil, nil, err
			}
			from += t.Dim(2)
		}
	}
	return q, k, v, nil
}

// rotaryOffset is the standard's RotaryEmbedding with its inputs in another order. A single
// position is that of the first element of each sequence. Operator RotaryEmbedding of
// com.microsoft.
type rotaryOffset struct{ *rotary }

func newRotaryOffset(n *ir.Node) (Op, error) {
	op, err := newRotary(n)
	if err != nil {
		return nil, err
	}
	a := n.ReadAttrs()
	if a.Bool("is_packed_batching", false) || a.Float("scale", 1) != 1 {
		a.Fail("attributes %q and %q are set, which is not supported", "is_packed_batching", "scale")
	}
	return rotaryOffset{op.(*rotary)}, a.Err()
}

// Infer: X, positions [N length] or [1], cos, sin → Y like X.
func (op rotaryOffset) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return op.rotary.Infer([]ir.Fact{in[0], in[2], in[3], in[1]})
}

func (op rotaryOffset) Eval(c *Call) error {
	inner, standard, err := op.standard(c)
	if err != nil {
		return err
	}
	return standard.Eval(inner)
}

// standard returns the standard's operator and its call; the call's outputs are those of c.
func (op rotaryOffset) standard(c *Call) (*Call, *rotary, error) {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return nil, nil, err
	}
	positions := c.In[1]
	heads := op.heads
	if heads == 0 && c.In[0].Rank() == 3 { // derived from the number of angles
		size := 2 * c.In[2].Dim(-1)
		if op.dims > 0 || size == 0 || c.In[0].Dim(2)%size != 0 {
			return nil, nil, errors.New("attribute \"num_heads\" is missing: the input has 3 dimensions")
		}
		heads = c.In[0].Dim(2) / size
	}
	if positions.Len() == 1 {
		x, length := c.In[0], c.In[0].Dim(1)
		if x.Rank() == 4 {
			length = x.Dim(2)
		}
		first := tensor.Data[int64](positions)[0]
		all, err := c.New(tensor.Int64, x.Dim(0), length)
		if err != nil {
			return nil, nil, err
		}
		for i := range tensor.Data[int64](all) {
			tensor.Data[int64](all)[i] = first + int64(i%max(length, 1))
		}
		positions = all
	}
	inner := *c
	inner.In = []*tensor.Tensor{c.In[0], c.In[2], c.In[3], positions}
	return &inner, &rotary{op.interleaved, op.dims, heads}, nil
}
