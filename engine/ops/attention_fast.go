package ops

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// plannedAttention is kept from run to run: two matrix products for the group of query heads that
// share a head of keys and values, which are the same for every group.
type plannedAttention struct {
	shapes [][]int        // of the inputs it was planned for
	scores plannedProduct // scale·Q·Kᵀ
	values plannedProduct // probabilities·V
}

// EvalFast computes float32 with the kernels, one group of heads after the other, if there are no past
// keys or lengths of a cache and only Y is wanted.
func (op *attention) EvalFast(c *Call) (bool, error) {
	v := c.vec(c.In[:3]...)
	mask := c.input(3)
	if v == nil || mask != nil && mask.DType() != tensor.Float32 && mask.DType() != tensor.Bool || c.wants(1) || c.wants(2) || c.wants(3) {
		return false, nil
	}
	shapes := make([][]int, 3, 4)
	for i, t := range c.In {
		switch {
		case i > 3 && t != nil:
			return false, nil
		case i < 3:
			shapes[i] = t.Shape()
		case i == 3 && t != nil:
			shapes = append(shapes, t.Shape())
		}
	}
	g, err := op.geometry(shapes)
	if err != nil {
		return true, err
	}
	group := g.q.heads / g.k.heads
	size, err := tensor.Count([]int{4, group, g.q.length, g.total})
	if err != nil || c.In[0].Len() == 0 || c.In[1].Len() == 0 || c.In[2].Len() == 0 || c.Run.ReserveBytes(int64(size)) != nil {
		return false, nil
	}
	p := op.planned(c, &g, shapes[:3], group)
	if p == nil {
		return false, nil
	}
	y, err := c.output(tensor.Float32, g.out()...)
	if err != nil {
		return true, err
	}
	scores, err := c.New(tensor.Float32, group*g.q.length, g.total)
	if err != nil {
		return true, err
	}
	out := heads{g.q.batch, g.q.heads, g.q.length, g.v.size, g.q.flat}
	for n := range g.q.batch {
		for k := range g.k.heads {
			if err := p.scores.run(c, scores, elementsFrom(c.In[0], g.q.at(n, k*group, 0)), elementsFrom(c.In[1], g.k.at(n, k, 0))); err != nil {
				return true, err
			}
			rows := tensor.Data[float32](scores)
			err := c.share(group*g.q.length, 2*float64(g.total)+20, func(first, end int) {
				for i := first; i < end; i++ {
					op.softmax(v, rows[i*g.total:(i+1)*g.total], mask, &g, n, k*group+i/g.q.length, i%g.q.length)
				}
			})
			if err != nil {
				return true, err
			}
			if err := p.values.run(c, elementsFrom(y, out.at(n, k*group, 0)), scores, elementsFrom(c.In[2], g.v.at(n, k, 0))); err != nil {
				return true, err
			}
		}
	}
	return true, nil
}

// elementsFrom returns what begins at an element of a tensor, without a shape: kernels know their
// sizes.
func elementsFrom(t *tensor.Tensor, at int) *tensor.Tensor {
	return tensor.View(t.DType(), t.Bytes()[at*t.DType().Size():], nil)
}

// planned returns the products for heads that share keys, from an earlier run if the
// shapes are the same; nil if there are no kernels for them.
func (op *attention) planned(c *Call, g *attentionSizes, shapes [][]int, group int) *plannedAttention {
	if p, ok := c.Kept.(*plannedAttention); ok && slices.EqualFunc(p.shapes, shapes, slices.Equal[[]int]) {
		return p
	}
	row := func(h heads) int { return h.at(0, 0, 1) }
	head := func(h heads) int { return h.at(0, 1, 0) }
	out := heads{g.q.batch, g.q.heads, g.q.length, g.v.size, g.q.flat}
	scale := op.scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(g.q.size))
	}
	area := g.q.length * g.total
	p := &plannedAttention{}
	for i, m := range []*kernel.Gemm{
		{M: g.q.length, N: g.total, K: g.q.size, RowA: row(g.q), RowB: row(g.k), RowC: g.total, TransB: true, Scale: float32(scale),
			Batch: []kernel.GemmBatch{{Count: group, A: head(g.q), C: area}}},
		{M: g.q.length, N: g.v.size, K: g.total, RowA: g.total, RowB: row(g.v), RowC: row(out), Scale: 1,
			Batch: []kernel.GemmBatch{{Count: group, A: area, C: head(out)}}},
	} {
		m.Strict = c.Run.Strict
		w, err := c.Run.Kernel.Gemm(m, nil)
		if err != nil {
			return nil
		}
		[]*plannedProduct{&p.scores, &p.values}[i].work = w
	}
	for _, s := range shapes {
		p.shapes = append(p.shapes, slices.Clone(s))
	}
	c.Kept = p
	return p
}

// softmax turns the scores of query i of a head of sequence n into probabilities, in place. Scores of
// keys that the query does not see become 0.
func (op *attention) softmax(v *vec.Unit, row []float32, mask *tensor.Tensor, g *attentionSizes, n, head, i int) {
	if op.softcap > 0 {
		v.Apply(vec.Affine, row, row, float32(1/op.softcap), 0)
		v.Apply(vec.Tanh, row, row, 0, 0)
		v.Apply(vec.Affine, row, row, float32(op.softcap), 0)
	}
	hidden := float32(math.Inf(-1))
	seen := len(row) // keys beyond these are masked
	if op.causal {
		seen = min(seen, i+1)
	}
	if mask != nil {
		base, step, length := op.maskAt(g, n, head, i)
		seen = min(seen, length)
		switch {
		case mask.DType() == tensor.Bool:
			for j := range seen {
				if mask.Bytes()[base+j*step] == 0 {
					row[j] = hidden
				}
			}
		case step == 1:
			v.Zip(num.Add, row[:seen], row[:seen], tensor.Data[float32](mask)[base:base+seen])
		default:
			v.Zip(num.Add, row[:seen], row[:seen], tensor.Data[float32](mask)[base:base+1])
		}
	}
	clear(row[seen:])
	if row = row[:seen]; math.IsInf(float64(v.Largest(row)), -1) {
		clear(row)
		return
	}
	v.Softmax(row, row)
}
