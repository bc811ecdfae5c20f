package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var attentions = []Def{
	{Name: "Attention", Since: 24, Types: tensor.FloatTypes, In: Arity{3, 7}, Out: Arity{1, 4}, New: newAttention},
	{Name: "Attention", Since: 23, Until: 23, Types: tensor.FloatTypes, In: Arity{3, 6}, Out: Arity{1, 4}, New: newAttention23},
}

// attention computes softmax(scale·Q·Kᵀ + mask)·V for each head. If K and V have
// fewer heads than Q, each serves a group of query heads. A query for which all
// keys are masked gives zeros.
//
// ONNX Attention-24. The mask may have fewer keys than there are; those beyond it are masked.
// Its input nonpad_kv_seqlen has, for each sequence, how many keys of a cache are filled. In
// Attention-23 there is no such input, and a mask with a single key broadcasts to all keys. Vaswani
// et al. 2017, "Attention Is All You Need"; Ainslie et al. 2023, "GQA" (grouped queries).
type attention struct {
	causal       bool    // a query sees no later keys
	qHeads, kv   int     // numbers of heads, for inputs of rank 3
	scale        float64 // 0: 1/√(head size)
	softcap      float64 // c: scores s become c·tanh(s/c) before the mask; 0: they stay
	show         int     // the stage that output 3 shows: 0 products, 1 capped, 2 masked, 3 probabilities
	oneKeyForAll bool    // a mask of one key is for all keys (Attention-23)
}

func newAttention(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &attention{causal: a.Bool("is_causal", false), qHeads: a.Int("q_num_heads", 0), kv: a.Int("kv_num_heads", 0),
		scale: float64(a.Float("scale", 0)), softcap: float64(a.Float("softcap", 0)), show: a.Int("qk_matmul_output_mode", 0)}
	if op.qHeads < 0 || op.kv < 0 || op.show < 0 || op.show > 3 {
		a.Fail("attributes %q, %q and %q are out of range", "q_num_heads", "kv_num_heads", "qk_matmul_output_mode")
	}
	return op, a.Err()
}

// newAttention23 reads Attention-23, whose masks broadcast along keys too.
func newAttention23(n *ir.Node) (Op, error) {
	op, err := newAttention(n)
	op.(*attention).oneKeyForAll = true
	return op, err
}

// heads describes an operand of attention: for each head of each sequence a list of vectors. Its
// layout is [N heads length size], or flat [N length heads·size].
type heads struct {
	batch, heads, length, size int
	flat                       bool
}

// readHeads reads an operand of rank 4, or of rank 3 that is to be divided into n
// heads.
func readHeads(what string, shape []int, n int) (heads, error) {
	switch {
	case len(shape) == 4:
		return heads{shape[0], shape[1], shape[2], shape[3], false}, nil
	case len(shape) == 3 && n > 0 && shape[2]%n == 0 && (shape[2] > 0 || n == 1): // an empty dimension is divisible by any number of heads
		return heads{shape[0], n, shape[1], shape[2] / n, true}, nil
	}
	return heads{}, fmt.Errorf("%s must have rank 4, or rank 3 and a last dimension that the number of heads divides; it has shape %v and %d heads", what, shape, n)
}

// at returns the offset of vector i of a head of sequence n.
func (h heads) at(n, head, i int) int {
	if h.flat {
		return ((n*h.length+i)*h.heads + head) * h.size
	}
	return ((n*h.heads+head)*h.length + i) * h.size
}

// Infer: Q, K, V [N heads length size] or [N length heads·size], mask, past keys,
// past values, lengths → Y with the shape of Q, present keys and present values
// (the past followed by K and V), [N heads queries keys].
func (op *attention) Infer(in []ir.Fact) ([]ir.Fact, error) {
	for i, types := range []tensor.TypeSet{1: tensor.FloatTypes, 2: tensor.FloatTypes, 3: tensor.NumericTypes | tensor.Types(tensor.Bool),
		4: tensor.FloatTypes, 5: tensor.FloatTypes, 6: integerTypes} {
		if err := wantType(in, i, types); i > 0 && err != nil {
			return nil, err
		}
	}
	shapes, known := givenShapes(in)
	out := []ir.Fact{ir.Tensor(in[0].DType, ir.Shape{}), ir.Tensor(in[1].DType, ir.Shape{}), ir.Tensor(in[2].DType, ir.Shape{}), ir.Tensor(in[0].DType, ir.Shape{})}
	if !known {
		return out, nil
	}
	g, err := op.geometry(shapes)
	if err != nil {
		return nil, err
	}
	out[0].Shape = ir.Dims(g.out()...)
	out[1].Shape = ir.Dims(g.q.batch, g.k.heads, g.total, g.k.size)
	out[2].Shape = ir.Dims(g.q.batch, g.k.heads, g.total, g.v.size)
	out[3].Shape = ir.Dims(g.q.batch, g.q.heads, g.q.length, g.total)
	return out, nil
}

// attentionSizes holds the sizes of one call, checked against one another.
type attentionSizes struct {
	q, k, v     heads
	past, total int   // numbers of keys: in the cache, and including K
	mask        []int // shape of the mask, nil if there is none
}

// out returns the shape of Y.
func (g *attentionSizes) out() []int {
	if g.q.flat {
		return []int{g.q.batch, g.q.length, g.q.heads * g.v.size}
	}
	return []int{g.q.batch, g.q.heads, g.q.length, g.v.size}
}

// geometry checks the shapes of all inputs, nil for those that are omitted, against one another.
func (op *attention) geometry(shapes [][]int) (g attentionSizes, err error) {
	if g.q, err = readHeads("query", shapes[0], op.qHeads); err != nil {
		return g, err
	}
	if g.k, err = readHeads("key", shapes[1], op.kv); err != nil {
		return g, err
	}
	if g.v, err = readHeads("value", shapes[2], op.kv); err != nil {
		return g, err
	}
	if g.k.heads == 0 || g.q.heads%max(g.k.heads, 1) != 0 || g.v.heads != g.k.heads || g.q.size != g.k.size || g.k.length != g.v.length ||
		g.k.batch != g.q.batch || g.v.batch != g.q.batch {
		return g, fmt.Errorf("query %v, key %v and value %v have incompatible shapes", shapes[0], shapes[1], shapes[2])
	}
	g.total = g.k.length
	for i := 4; i < min(len(shapes), 6); i++ {
		p := shapes[i]
		if p == nil {
			continue
		}
		size := []int{g.k.size, g.v.size}[i-4]
		if len(p) != 4 || p[0] != g.q.batch || p[1] != g.k.heads || p[3] != size || i == 5 && p[2] != g.past {
			return g, fmt.Errorf("past keys and values need shape [%d %d past %d], input %d has %v", g.q.batch, g.k.heads, size, i, p)
		}
		g.past = p[2]
	}
	if len(shapes) > 5 && (shapes[4] == nil) != (shapes[5] == nil) || len(shapes) == 5 && shapes[4] != nil {
		return g, fmt.Errorf("past_key and past_value must be given together")
	}
	g.total += g.past
	if len(shapes) > 3 && shapes[3] != nil {
		g.mask = shapes[3]
		full := []int{g.q.batch, g.q.heads, g.q.length, g.total}
		for i := range g.mask {
			j := i + 4 - len(g.mask)
			if j < 0 || g.mask[i] != 1 && g.mask[i] != full[j] && !(j == 3 && g.mask[i] <= g.total) {
				return g, fmt.Errorf("the mask must broadcast to %v, it has shape %v", full, g.mask)
			}
		}
	}
	if len(shapes) > 6 && shapes[6] != nil && (len(shapes[6]) != 1 || shapes[6][0] != g.q.batch) {
		return g, fmt.Errorf("nonpad_kv_seqlen needs shape [%d], it has %v", g.q.batch, shapes[6])
	}
	return g, nil
}

// Eval computes in float64 and rounds each output once.
func (op *attention) Eval(c *Call) error {
	shapes, wide := make([][]int, len(c.In)), make([]*tensor.Tensor, len(c.In))
	for i, t := range c.In {
		if t == nil {
			continue
		}
		shapes[i] = append([]int{}, t.Shape()...)
		var err error
		if wide[i], err = c.convert(t, tensor.Float64); err != nil {
			return err
		}
	}
	g, err := op.geometry(shapes)
	if err != nil {
		return err
	}
	keys, err := joinPast(c, &g, g.k, wide, 1, 4)
	if err != nil {
		return err
	}
	values, err := joinPast(c, &g, g.v, wide, 2, 5)
	if err != nil {
		return err
	}
	y, err := c.New(tensor.Float64, g.out()...)
	if err != nil {
		return err
	}
	shown, err := c.New(tensor.Float64, g.q.batch, g.q.heads, g.q.length, g.total)
	if err != nil {
		return err
	}
	if err := op.rows(c, &g, wide, keys, values, y, shown); err != nil {
		return err
	}
	for i, t := range []*tensor.Tensor{y, keys, values, shown}[:len(c.Out)] {
		d := c.In[min(i, 2)].DType()
		if i == 3 {
			d = c.In[0].DType()
		}
		if c.Out[i], err = c.convert(t, d); err != nil {
			return err
		}
	}
	return nil
}

// joinPast concatenates the past and the new keys or values: [N heads total
// size].
func joinPast(c *Call, g *attentionSizes, h heads, in []*tensor.Tensor, now, before int) (*tensor.Tensor, error) {
	t, err := c.New(tensor.Float64, h.batch, h.heads, g.total, h.size)
	if err != nil {
		return nil, err
	}
	if t.Len() == 0 {
		return t, nil
	}
	dst, src := tensor.Data[float64](t), tensor.Data[float64](in[now])
	for n := range h.batch {
		for head := range h.heads {
			to := dst[(n*h.heads+head)*g.total*h.size:]
			if g.past > 0 {
				copy(to, tensor.Data[float64](in[before])[(n*h.heads+head)*g.past*h.size:][:g.past*h.size])
			}
			for i := range h.length {
				copy(to[(g.past+i)*h.size:], src[h.at(n, head, i):][:h.size])
			}
		}
	}
	return t, nil
}

// rows computes the attention of all queries: y and, if output 3 is requested,
// shown.
func (op *attention) rows(c *Call, g *attentionSizes, in []*tensor.Tensor, keys, values, y, shown *tensor.Tensor) error {
	scale := op.scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(g.q.size))
	}
	q, k, v := tensor.Data[float64](in[0]), tensor.Data[float64](keys), tensor.Data[float64](values)
	dst, show := tensor.Data[float64](y), tensor.Data[float64](shown)
	if len(dst) == 0 && len(show) == 0 {
		return nil // nothing to compute, whatever the number of heads
	}
	out := heads{g.q.batch, g.q.heads, g.q.length, g.v.size, g.q.flat}
	row := make([]float64, g.total)
	for n := range g.q.batch {
		for head := range g.q.heads {
			group := n*g.k.heads + head/(g.q.heads/g.k.heads)
			for i := range g.q.length {
				if err := c.Run.Check(); err != nil {
					return err
				}
				seen := show[((n*g.q.heads+head)*g.q.length+i)*g.total:][:g.total]
				query := q[g.q.at(n, head, i):][:g.q.size]
				for j := range row {
					row[j] = scale * dot(query, k[(group*g.total+j)*g.k.size:])
				}
				op.probabilities(row, seen, func() { op.mask(c, g, in, row, n, head, i) })
				result := dst[out.at(n, head, i):][:g.v.size]
				for j, p := range row {
					if p != 0 {
						addScaled(result, v[(group*g.total+j)*g.v.size:], p)
					}
				}
			}
		}
	}
	return nil
}

// probabilities turns the scores of a query into probabilities, in place, and copies to seen the
// stage that output 3 shows. mask masks the scores.
func (op *attention) probabilities(row, seen []float64, mask func()) {
	op.keep(0, seen, row)
	if op.softcap > 0 {
		for j := range row {
			row[j] = op.softcap * math.Tanh(row[j]/op.softcap)
		}
	}
	op.keep(1, seen, row)
	mask()
	op.keep(2, seen, row)
	if top := lineTop(row); math.IsInf(top, -1) {
		clear(row) // every key is masked
	} else {
		softmaxLine(row)
	}
	op.keep(3, seen, row)
}

// keep copies a row of scores if output 3 shows this stage.
func (op *attention) keep(stage int, seen, row []float64) {
	if op.show == stage {
		copy(seen, row)
	}
}

// mask adds the mask to the scores of query i, and sets those of keys to -Inf that come after the
// query (causal), beyond the sequence's length, or beyond the mask. The queries are the last ones
// of the sequence: query i stands at position past + i or, in a cache without past inputs, at
// length - queries + i.
func (op *attention) mask(c *Call, g *attentionSizes, in []*tensor.Tensor, row []float64, n, head, i int) {
	end, last := g.total, g.total
	offset := g.past
	if len(in) > 6 && in[6] != nil {
		end = clampIndex(tensor.Data[float64](in[6])[n], g.total+1)
		if g.past == 0 {
			offset = end - g.q.length
		}
	}
	if op.causal {
		last = i + offset + 1
	}
	var data []float64
	base, step, length := op.maskAt(g, n, head, i)
	if g.mask != nil {
		data = tensor.Data[float64](in[3])
	}
	boolean := g.mask != nil && c.In[3].DType() == tensor.Bool
	for j := range row {
		switch {
		case j >= end || j >= last || g.mask != nil && j >= length:
			row[j] = math.Inf(-1)
		case boolean && data[base+j*step] == 0:
			row[j] = math.Inf(-1)
		case g.mask != nil && !boolean:
			row[j] += data[base+j*step]
		}
	}
}

// maskAt returns where the mask's numbers for a query begin, the step from one key to the next (0
// if one number is for all keys), and for how many keys there are any.
func (op *attention) maskAt(g *attentionSizes, n, head, i int) (base, step, length int) {
	if g.mask == nil {
		return 0, 0, 0
	}
	strides, place := tensor.Strides(g.mask), []int{n, head, i}
	for d := range g.mask {
		if j := d + 4 - len(g.mask); j < 3 && g.mask[d] != 1 {
			base += place[j] * strides[d]
		}
	}
	if r := len(g.mask); r > 0 && !(op.oneKeyForAll && g.mask[r-1] == 1) {
		return base, 1, g.mask[r-1]
	}
	return base, 0, g.total
}
