package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// contributedNorms lists normalisations of ONNX Runtime (docs/ContribOperators.md). One of them is in
// the default domain, though the standard does not have it.
var contributedNorms = []Def{
	{Name: "SimplifiedLayerNormalization", Since: 1, Types: tensor.FloatTypes, In: Exactly(2), Out: Arity{1, 2}, New: newSimplifiedNorm},
	{Domain: Microsoft, Name: "SkipLayerNormalization", Since: 1, Types: tensor.FloatTypes, In: Arity{3, 5}, Out: Arity{1, 4}, New: newSkipNorm},
	{Domain: Microsoft, Name: "SkipSimplifiedLayerNormalization", Since: 1, Types: tensor.FloatTypes, In: Arity{3, 4}, Out: Arity{1, 4}, New: newSkipSimplifiedNorm},
	{Domain: Microsoft, Name: "EmbedLayerNormalization", Since: 1, Types: tensor.Types(tensor.Int32), In: Arity{1, 9}, Out: Arity{1, 3}, New: newEmbedNorm},
	{Domain: Microsoft, Name: "GroupNorm", Since: 1, Types: tensor.FloatTypes, In: Exactly(3), Out: Exactly(1), New: newGroupNormLast},
	{Domain: Microsoft, Name: "BiasSplitGelu", Since: 1, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(biasSplitGelu{})},
}

// simplifiedNorm is lineNorm without a mean: x / √(mean(x²) + epsilon) · scale. Its second output
// is the inverse root, which is the third of lineNorm.
type simplifiedNorm struct{ *lineNorm }

func newSimplifiedNorm(n *ir.Node) (Op, error) {
	op, err := readLineNorm(n, false)
	if err != nil {
		return nil, err
	}
	return simplifiedNorm{op.(*lineNorm)}, nil
}

func (op simplifiedNorm) Infer(in []ir.Fact) ([]ir.Fact, error) {
	out, err := op.lineNorm.Infer(in)
	return out[:min(len(out), 2)], err
}

func (op simplifiedNorm) Eval(c *Call) error {
	inner := *c
	inner.Out = make([]*tensor.Tensor, 3)
	if err := op.lineNorm.Eval(&inner); err != nil {
		return err
	}
	copy(c.Out, []*tensor.Tensor{inner.Out[0], inner.Out[2]})
	return nil
}

// skipNorm normalises the sum of two inputs and a bias along the last dimension. Output 3 is the sum
// itself, which the next layer of a transformer adds to. Operators SkipLayerNormalization and
// SkipSimplifiedLayerNormalization of com.microsoft.
type skipNorm struct {
	norm *lineNorm
	bias int // index of the bias input: after scale and, with a mean, shift
}

func newSkipNorm(n *ir.Node) (Op, error)           { return readSkipNorm(n, true, 4) }
func newSkipSimplifiedNorm(n *ir.Node) (Op, error) { return readSkipNorm(n, false, 3) }

func readSkipNorm(n *ir.Node, centred bool, bias int) (Op, error) {
	a := n.ReadAttrs()
	return skipNorm{&lineNorm{-1, float64(a.Float("epsilon", 1e-12)), centred, tensor.Float32}, bias}, a.Err()
}

// Infer: X […, C], skip that broadcasts to it, scale [C], shift [C], bias [C] → Y
// like X, mean and inverse standard deviation, the sum like X.
func (op skipNorm) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	for _, i := range []int{1, op.bias} {
		f := fact(in, i)
		if s, err := broadcastShape(f.Shape, in[0].Shape); f.Given() && (err != nil || !fitsShape(s, in[0].Shape)) {
			return nil, fmt.Errorf("input %d must broadcast to %s, it has shape %s", i, in[0].Shape, f.Shape)
		}
	}
	lines := []ir.Fact{in[0], in[2]}
	if op.norm.centred {
		lines = append(lines, fact(in, 3))
	}
	out, err := op.norm.Infer(lines)
	return append(out, ir.Tensor(in[0].DType, in[0].Shape)), err
}

func (op skipNorm) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	sum, err := c.like(c.In[0])
	if err != nil {
		return err
	}
	if err := add.apply(c, sum, c.In[0], c.In[1]); err != nil {
		return err
	}
	if b := c.input(op.bias); b != nil {
		if err := add.apply(c, sum, sum, b); err != nil {
			return err
		}
	}
	inner := *c
	inner.In, inner.Out, inner.Planned = []*tensor.Tensor{sum, c.In[2], nil}, make([]*tensor.Tensor, min(len(c.Out), 3)), nil
	if op.norm.centred {
		inner.In[2] = c.input(3)
	}
	if err := op.norm.Eval(&inner); err != nil {
		return err
	}
	if copy(c.Out, inner.Out); len(c.Out) > 3 {
		c.Out[3] = sum
	}
	return nil
}

// embedNorm sums the embeddings of words, positions and segments and normalises the sum: the first
// layer of BERT (Devlin et al. 2018). Operator EmbedLayerNormalization of com.microsoft.
type embedNorm struct{ epsilon float64 }

func newEmbedNorm(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	for _, i := range []int{0, 2, 3, 5, 6} { // not the two inputs of segments, which are optional
		if i >= len(n.Inputs) || n.Inputs[i] == nil {
			a.Fail("required input %d is left out", i)
		}
	}
	return embedNorm{float64(a.Float("epsilon", 1e-12))}, a.Err()
}

// Infer: words [N length], segments [N length], their tables [count size] for
// words, positions and segments, scale and shift [size], mask and positions [N
// length] → Y [N length size], the number of set elements of each mask [N], the
// sum.
func (op embedNorm) Infer(in []ir.Fact) ([]ir.Fact, error) {
	types := []tensor.TypeSet{integerTypes, integerTypes, tensor.FloatTypes, tensor.FloatTypes, tensor.FloatTypes, tensor.FloatTypes, tensor.FloatTypes, integerTypes, integerTypes}
	for i := range in {
		rank := 2
		if i == 5 || i == 6 {
			rank = 1
		}
		if err := firstError(wantType(in, i, types[i]), wantRank(in, i, rank)); err != nil {
			return nil, err
		}
	}
	y, mask := ir.AnyOfRank(3), ir.AnyOfRank(1)
	if s := in[0].Shape; s.Ranked {
		y.Dims[0], y.Dims[1], mask.Dims[0] = s.Dims[0], s.Dims[1], s.Dims[0]
	}
	if s := in[2].Shape; s.Ranked {
		y.Dims[2] = s.Dims[1]
	}
	d := in[2].DType
	return []ir.Fact{ir.Tensor(d, y), ir.Tensor(tensor.Int32, mask), ir.Tensor(d, y)}, nil
}

func (op embedNorm) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	n, length, size := c.In[0].Dim(0), c.In[0].Dim(1), c.In[2].Dim(1)
	sum, err := c.New(c.In[2].DType(), n, length, size)
	if err != nil {
		return err
	}
	for _, table := range []struct{ ids, rows int }{{0, 2}, {8, 3}, {1, 4}} {
		if err := addRows(c, sum, table.ids, table.rows, length); err != nil {
			return err
		}
	}
	inner := *c
	inner.In, inner.Out = []*tensor.Tensor{sum, c.In[5], c.In[6]}, make([]*tensor.Tensor, 1)
	if err := (&lineNorm{-1, op.epsilon, true, tensor.Float32}).Eval(&inner); err != nil {
		return err
	}
	c.Out[0] = inner.Out[0]
	if len(c.Out) > 1 {
		if c.Out[1], err = c.New(tensor.Int32, n); err != nil {
			return err
		}
		mask, err := callInts(c, 7)
		if err != nil {
			return err
		}
		if mask != nil && len(mask) != n*length {
			return fmt.Errorf("the mask must have shape [%d %d], it has %v", n, length, c.In[7].Shape())
		}
		for i, v := range mask {
			if v == 1 {
				tensor.Data[int32](c.Out[1])[i/length]++
			}
		}
	}
	if len(c.Out) > 2 {
		c.Out[2] = sum
	}
	return nil
}

// addRows adds to sum the rows of a table that the indices select; ids and rows are the inputs with
// the indices and the table. Without indices, row i is added at position i of each sequence, except
// for segments (ids 1), which are then left out.
func addRows(c *Call, sum *tensor.Tensor, ids, rows, length int) error {
	table := c.input(rows)
	index, err := callInts(c, ids)
	if err != nil {
		return err
	}
	if table == nil || index == nil && ids == 1 {
		return nil // without segments
	}
	size, total := sum.Dim(-1), sum.Dim(0)*length
	if table.DType() != sum.DType() || table.Dim(1) != size || index != nil && len(index) != total && len(index) != length {
		return fmt.Errorf("table %s and indices (input %d) have shapes that do not match the sum, %s", table, ids, sum)
	}
	if total == 0 {
		return nil // whatever the size of a row
	}
	if err := c.Run.reserveList(size, 16); err != nil {
		return err
	}
	row, own := make([]float64, size), make([]float64, size)
	for i := range total {
		at := i % length
		if index != nil {
			at = index[i%len(index)]
		}
		if at < 0 || at >= table.Dim(0) {
			return fmt.Errorf("index %d (input %d) is outside the %d rows of its table", at, ids, table.Dim(0))
		}
		if err := c.Run.Check(); err != nil {
			return err
		}
		if size == 0 {
			continue
		}
		tensor.Load(row, table, at*size, 1)
		tensor.Load(own, sum, i*size, 1)
		addScaled(own, row, 1)
		tensor.Store(sum, i*size, 1, own)
	}
	return nil
}

// groupNormLast is group normalisation with channels last, optionally followed by SiLU, x·sigmoid(x).
// Operator GroupNorm of com.microsoft.
type groupNormLast struct {
	epsilon float64
	groups  int
	silu    bool
}

func newGroupNormLast(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("groups", "activation")
	op := groupNormLast{float64(a.Float("epsilon", 1e-5)), a.Int("groups", 1), a.Int("activation", 0) != 0}
	if op.groups < 1 || !a.Bool("channels_last", true) {
		a.Fail("needs groups of 1 or more and channels_last")
	}
	return op, a.Err()
}

// Infer: X [N … C], scale and shift [C] → Y like X.
func (op groupNormLast) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	d := lastDim(s)
	if s.Ranked && (s.Rank() < 2 || d.Known() && d.N%op.groups != 0) {
		return nil, fmt.Errorf("the last dimension must be divisible into %d groups, the input has shape %s", op.groups, s)
	}
	for i := 1; i < 3; i++ {
		if err := firstError(wantType(in, i, tensor.FloatTypes), channelVector(in[i], fmt.Sprintf("input %d", i), d)); err != nil {
			return nil, err
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, s)}, nil
}

// Eval computes in float64.
func (op groupNormLast) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	wide, err := c.convert(c.In[0], tensor.Float64)
	if err != nil {
		return err
	}
	if wide.Len() == 0 {
		c.Out[0], err = c.convert(wide, c.In[0].DType())
		return err
	}
	channels := wide.Dim(-1)
	scale, shift := tensor.ToFloat64(c.In[1]), tensor.ToFloat64(c.In[2])
	each := channels / op.groups
	picture := tensor.MustCount(wide.Shape()[1:])
	for n := range wide.Dim(0) {
		x := tensor.Data[float64](wide)[n*picture:][:picture]
		for g := range op.groups {
			if err := c.Run.Check(); err != nil {
				return err
			}
			op.normalise(x, channels, g*each, (g+1)*each, scale, shift)
		}
	}
	c.Out[0], err = c.convert(wide, c.In[0].DType())
	return err
}

// normalise normalises the group of channels first to end-1 of a picture, in place.
func (op groupNormLast) normalise(x []float64, channels, first, end int, scale, shift []float64) {
	group := func(f func(v *float64, k int)) { // calls f for each number, of channel k
		for at := 0; at < len(x); at += channels {
			for k := first; k < end; k++ {
				f(&x[at+k], k)
			}
		}
	}
	sum, squares, count := 0.0, 0.0, float64(len(x)/channels*(end-first))
	group(func(v *float64, _ int) { sum += *v })
	mean := sum / count
	group(func(v *float64, _ int) { squares += (*v - mean) * (*v - mean) })
	inverse := 1 / math.Sqrt(squares/count+op.epsilon)
	group(func(v *float64, k int) {
		*v = (*v-mean)*inverse*scale[k] + shift[k]
		if op.silu {
			*v *= sigmoid(*v)
		}
	})
}

// biasSplitGelu splits x + bias along the last dimension into halves a and b, and gives a·gelu(b).
// Operator BiasSplitGelu of com.microsoft.
type biasSplitGelu struct{}

// Infer: X […, 2C], bias [2C] → […, C].
func (biasSplitGelu) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s, d := in[0].Shape, lastDim(in[0].Shape)
	if s.Ranked && (s.Rank() < 1 || d.Known() && d.N%2 != 0) {
		return nil, fmt.Errorf("the last dimension must be even, the input has shape %s", s)
	}
	if err := firstError(sameType(in), channelVector(in[1], "bias", d)); err != nil || !s.Ranked {
		return []ir.Fact{ir.Tensor(in[0].DType, s)}, err
	}
	out := ir.ShapeOf(append([]ir.Dim{}, s.Dims...)...)
	if out.Dims[s.Rank()-1] = ir.Unknown; d.Known() {
		out.Dims[s.Rank()-1].N = d.N / 2
	}
	return []ir.Fact{ir.Tensor(in[0].DType, out)}, nil
}

func (op biasSplitGelu) Eval(c *Call) error {
	f, err := op.Infer(factsOf(c.In))
	if err != nil {
		return err
	}
	x := c.In[0]
	if x.Rank() == 0 {
		return errors.New("needs an input of rank 1 or more")
	}
	shape, _ := f[0].Shape.Ints()
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil || y.Len() == 0 {
		return err
	}
	n := y.Dim(-1)
	row, bias := make([]float64, 2*n), tensor.ToFloat64(c.In[1])
	for r := range y.Len() / n {
		if err := c.Run.Check(); err != nil {
			return err
		}
		tensor.Load(row, x, r*2*n, 1)
		addScaled(row, bias, 1)
		for k := range n {
			row[k] *= gelu(row[n+k])
		}
		tensor.Store(y, r*n, 1, row[:n])
	}
	return nil
}
