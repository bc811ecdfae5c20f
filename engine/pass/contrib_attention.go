package pass

import (
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Three operators compute attention: the standard's Attention, and Attention (which also projects its
// input) and MultiHeadAttention of ONNX Runtime. All become the same nodes, which have kernels. For
// queries, keys and values in [batch length heads·size]:
//
//	Q -> Reshape -> Transpose(0 2 1 3) -> Mul(scale) ─┐
//	K -> Reshape -> Transpose(0 2 3 1) ───────────────┴> MatMul -> Add(bias) -> Softmax ─┐
//	V -> Reshape -> Transpose(0 2 1 3) ──────────────────────────────────────────────────┴> MatMul
//	     -> Transpose(0 2 1 3) -> Reshape -> Y
//
// Operands of rank 4 are [batch heads length size] already. With a cache of past keys, a mask, other
// outputs than the first, or types other than float32, the node stays.

// spellAttention decomposes the standard's Attention. A mask may hide all keys from a query, which
// gives zeros there but NaN with a Softmax; as many heads of keys as of queries are needed, because
// MatMul does not repeat one for several.
func spellAttention(s *speller) {
	a := s.node.ReadAttrs()
	q, k, v := s.node.Input(0), s.node.Input(1), s.node.Input(2)
	heads := a.Int("q_num_heads", 0)
	if s.given(3, 4, 5, 6) || s.moreOutputs() || !s.float32() || a.Float("softcap", 0) != 0 {
		return
	}
	flat := q.Fact.Shape.Rank() == 3
	if flat != (k.Fact.Shape.Rank() == 3) || flat != (v.Fact.Shape.Rank() == 3) || flat && a.Int("kv_num_heads", 0) != heads ||
		!flat && !sameHeads(q, k, v) {
		return
	}
	s.attend(attended{q: q, k: k, v: v, flat: flat, heads: heads, scale: a.Float("scale", 0), causal: a.Bool("is_causal", false)})
}

// sameHeads reports whether operands of rank 4 surely have one number of heads.
func sameHeads(list ...*ir.Value) bool {
	for _, v := range list {
		if s := v.Fact.Shape; s.Rank() != 4 || !s.Dims[1].Known() || s.Dims[1].N != list[0].Fact.Shape.Dims[1].N {
			return false
		}
	}
	return true
}

// spellPackedAttention decomposes ONNX Runtime's Attention, which first projects its input to queries,
// keys and values with one matrix.
func spellPackedAttention(s *speller) {
	w := s.node.Input(1).Const()
	a := s.node.ReadAttrs()
	if s.given(3, 4, 6) || s.moreOutputs() || !s.float32() || w == nil || w.Rank() != 2 || a.Bool("do_rotary", false) {
		return
	}
	sizes := a.Ints("qkv_hidden_sizes")
	if sizes == nil {
		sizes = []int{w.Dim(1) / 3, w.Dim(1) / 3, w.Dim(1) / 3}
	}
	all := s.add("", "MatMul", 13, s.node.Inputs[:2])
	if b := s.node.Input(2); b != nil {
		all = s.add("", "Add", 14, []*ir.Value{all, b})
	}
	parts := s.addMany("", "Split", 13, 3, []*ir.Value{all, s.integers(sizes...)}, ir.AttrInt("axis", -1))
	s.attend(attended{q: parts[0], k: parts[1], v: parts[2], flat: true, heads: a.Int("num_heads", 1), scale: a.Float("scale", 0),
		bias: s.node.Input(5), causal: a.Bool("unidirectional", false)})
}

// spellMultiHead decomposes MultiHeadAttention, which first adds a bias to each operand: one constant,
// whose parts lie side by side.
func spellMultiHead(s *speller) {
	a := s.node.ReadAttrs()
	q, k, v := s.node.Input(0), s.node.Input(1), s.node.Input(2)
	if s.given(4, 6, 7, 8) || s.moreOutputs() || !s.float32() || k == nil || v == nil ||
		q.Fact.Shape.Rank() != 3 || k.Fact.Shape.Rank() != 3 || v.Fact.Shape.Rank() != 3 {
		return
	}
	if b := s.node.Input(3); b != nil {
		bias, from := floats(b), 0
		if bias == nil {
			return
		}
		for _, p := range []**ir.Value{&q, &k, &v} {
			d := (*p).Fact.Shape.Dims[2]
			if !d.Known() || from+d.N > len(bias) {
				s.made = nil
				return
			}
			*p = s.add("", "Add", 14, []*ir.Value{*p, s.graph.Constant(b.Name+"/part", tensor.Of(bias[from:from+d.N]))})
			from += d.N
		}
	}
	s.attend(attended{q: q, k: k, v: v, flat: true, heads: a.Int("num_heads", 1), scale: a.Float("scale", 0), bias: s.node.Input(5),
		causal: a.Bool("unidirectional", false)})
}

// given reports whether one of the inputs with these numbers is given.
func (s *speller) given(inputs ...int) bool {
	for _, i := range inputs {
		if s.node.Input(i) != nil {
			return true
		}
	}
	return false
}

// moreOutputs reports whether another output than the first is read.
func (s *speller) moreOutputs() bool {
	for _, v := range s.node.Outputs[1:] {
		if v.Name != "" {
			return true
		}
	}
	return false
}

// attended holds the operands of an attention and how it is computed.
type attended struct {
	q, k, v *ir.Value
	flat    bool      // operands are [N length heads·size], else [N heads length size]
	heads   int       // if they are flat
	causal  bool      // a query sees no later keys
	scale   float32   // 0: 1/√size
	bias    *ir.Value // added to the scores; nil: nothing
}

// attend makes output 0 softmax(scale·Q·Kᵀ + bias)·V. It makes nothing if a size that it needs is not
// known.
func (s *speller) attend(o attended) {
	rank := 4
	if o.flat {
		rank = 3
	}
	for _, v := range []*ir.Value{o.q, o.k, o.v} {
		if d := v.Fact.Shape.Dims; len(d) != rank || !d[rank-1].Known() || o.flat && (o.heads < 1 || d[2].N%o.heads != 0) {
			s.made = nil
			return
		}
	}
	size, rows, keys := o.q.Fact.Shape.Dims[rank-1].N, o.q.Fact.Shape.Dims[rank-2], o.k.Fact.Shape.Dims[rank-2]
	if o.causal && (!rows.Known() || !keys.Known() || rows.N > maxCausal || keys.N > maxCausal) {
		s.made = nil
		return
	}
	if o.flat {
		size /= o.heads
	}
	if o.scale == 0 {
		o.scale = float32(1 / math.Sqrt(float64(size)))
	}
	// Dimensions of the transpositions: [N length heads size] to [N heads length size], to [N heads
	// size length], and [N heads length size] to [N heads size length].
	const toHeads, toColumns, swap = "0213", "0231", "0132"
	turn := func(v *ir.Value, order string) *ir.Value {
		p := make([]int64, len(order))
		for i := range order {
			p[i] = int64(order[i] - '0')
		}
		return s.transpose(v, p)
	}
	q, k, v := o.q, o.k, o.v
	if o.flat {
		split := func(v *ir.Value) *ir.Value {
			return s.add("", "Reshape", 13, []*ir.Value{v, s.integers(0, 0, o.heads, v.Fact.Shape.Dims[2].N/o.heads)})
		}
		q, k, v = turn(split(q), toHeads), turn(split(k), toColumns), turn(split(v), toHeads)
	} else {
		k = turn(k, swap)
	}
	scores := s.add("", "MatMul", 13, []*ir.Value{s.add("", "Mul", 14, []*ir.Value{q, s.number(float64(o.scale))}), k})
	if o.bias != nil {
		scores = s.add("", "Add", 14, []*ir.Value{scores, o.bias})
	}
	if o.causal {
		scores = s.add("", "Add", 14, []*ir.Value{scores, s.graph.Constant(s.node.Name+"/later", causalMask(rows.N, keys.N))})
	}
	y := s.add("", "MatMul", 13, []*ir.Value{s.add("", "Softmax", 13, []*ir.Value{scores}, ir.AttrInt("axis", -1)), v})
	if o.flat {
		y = s.add("", "Reshape", 13, []*ir.Value{turn(y, toHeads), s.integers(0, 0, o.v.Fact.Shape.Dims[2].N)})
	}
	s.give(0, y)
}

// maxCausal bounds the numbers of queries and of keys for which causalMask makes a matrix.
const maxCausal = 4096

// causalMask returns the bias of causal attention: -Inf where a key comes after the query, else 0.
func causalMask(rows, keys int) *tensor.Tensor {
	t := tensor.New(tensor.Float32, rows, keys)
	for i := range rows {
		for j := i + 1; j < keys; j++ {
			tensor.Data[float32](t)[i*keys+j] = float32(math.Inf(-1))
		}
	}
	return t
}

// integers is a constant vector of int64.
func (s *speller) integers(v ...int) *ir.Value {
	wide := make([]int64, len(v))
	for i, n := range v {
		wide[i] = int64(n)
	}
	return s.graph.Constant(s.node.Name+"/sizes", tensor.Of(wide))
}
