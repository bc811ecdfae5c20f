package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// linearAttention replaces the softmax of attention by a state matrix S [size width] for each head
// of keys, so that time and memory do not grow with the length of the past. At each step
//
//	S = exp(decay)·S           if gated
//	v = beta·(v - Sᵀ·(e⊙k))    if delta: what S already predicts for the key is not added again
//	S = S + k⊗v
//	y = scale·Sᵀ·q
//
// where e is the erase gate, if there is one. Several query heads may share one S. ONNX
// LinearAttention-27. Katharopoulos et al. 2020, "Transformers are RNNs"; Yang et al. 2024, "Gated
// Delta Networks".
type linearAttention struct {
	heads, groups int     // heads of queries, heads of keys and values
	gated, delta  bool    // update_rule
	scale         float64 // 0: 1/√(key size)
}

func newLinearAttention(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("q_num_heads", "kv_num_heads")
	op := &linearAttention{heads: a.Int("q_num_heads", 0), groups: a.Int("kv_num_heads", 0), scale: float64(a.Float("scale", 0))}
	rule := a.OneOf("update_rule", "gated_delta", "linear", "gated", "delta")
	op.gated, op.delta = rule == "gated" || rule == "gated_delta", rule == "delta" || rule == "gated_delta"
	if op.groups < 1 || op.heads < 1 || op.heads%op.groups != 0 {
		a.Fail("attributes %q and %q are %d and %d; the second must divide the first", "q_num_heads", "kv_num_heads", op.heads, op.groups)
	}
	has := func(i int) bool { return i < len(n.Inputs) && n.Inputs[i] != nil }
	if has(4) != op.gated || has(5) != op.delta || has(6) && !op.delta {
		a.Fail("update rule %s takes decay: %v, beta: %v; the node has decay: %v, beta: %v, erase_gate: %v", rule, op.gated, op.delta, has(4), has(5), has(6))
	}
	return op, a.Err()
}

// Infer: Q [N steps heads·size], K [N steps groups·size], V [N steps
// groups·width], state [N groups size width], decay [N steps groups·size] or [N
// steps groups], beta [N steps groups] or [N steps 1], erase like K → Y [N steps
// heads·width], the new state.
func (op *linearAttention) Infer(in []ir.Fact) ([]ir.Fact, error) {
	for _, i := range []int{0, 1, 2, 4, 5, 6} {
		if err := firstError(wantRank(in, i, 3), wantType(in, i, tensor.FloatTypes)); err != nil {
			return nil, err
		}
	}
	if err := firstError(wantRank(in, 3, 4), wantType(in, 3, tensor.FloatTypes)); err != nil {
		return nil, err
	}
	state := in[0].DType
	if f := fact(in, 3); f.Given() {
		state = f.DType
	}
	y, s := ir.AnyOfRank(3), ir.AnyOfRank(4)
	s.Dims[1].N = op.groups
	if q := in[0].Shape; q.Ranked {
		y.Dims[0], y.Dims[1], s.Dims[0] = q.Dims[0], q.Dims[1], q.Dims[0]
		if d := q.Dims[2]; d.Known() {
			s.Dims[2].N = d.N / op.heads
		}
	}
	if v := in[2].Shape; v.Ranked && v.Dims[2].Known() {
		s.Dims[3].N = v.Dims[2].N / op.groups
		y.Dims[2].N = s.Dims[3].N * op.heads
	}
	if shapes, known := givenShapes(in); known {
		if err := op.fit(shapes); err != nil {
			return nil, err
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, y), ir.Tensor(state, s)}, nil
}

// fit checks all shapes, nil for omitted inputs, against one another.
func (op *linearAttention) fit(shapes [][]int) error {
	q, k, v := shapes[0], shapes[1], shapes[2]
	size, width := q[2]/op.heads, v[2]/op.groups
	n, steps := q[0], q[1]
	if size == 0 || width == 0 {
		return fmt.Errorf("query %v and value %v must have at least one element for each of %d and %d heads", q, v, op.heads, op.groups)
	}
	want := [][][]int{
		{{n, steps, size * op.heads}}, {{n, steps, size * op.groups}}, {{n, steps, width * op.groups}},
		{{n, op.groups, size, width}}, {{n, steps, size * op.groups}, {n, steps, op.groups}}, {{n, steps, op.groups}, {n, steps, 1}},
		{{n, steps, size * op.groups}},
	}
	for i, s := range shapes {
		ok := s == nil
		for _, w := range want[i] {
			ok = ok || fmt.Sprint(w) == fmt.Sprint(s)
		}
		if !ok {
			return fmt.Errorf("%s needs shape %v beside query %v, key %v and value %v; it has %v",
				[...]string{"query", "key", "value", "past_state", "decay", "beta", "erase_gate"}[i], want[i][0], q, k, v, s)
		}
	}
	return nil
}

// Eval computes in float64 and rounds each output once.
func (op *linearAttention) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	var in [7][]float64
	for i, t := range c.In {
		if t != nil {
			wide, err := c.convert(t, tensor.Float64)
			if err != nil {
				return err
			}
			in[i] = tensor.Data[float64](wide)
		}
	}
	n, steps, size, width := c.In[0].Dim(0), c.In[0].Dim(1), c.In[0].Dim(2)/op.heads, c.In[2].Dim(2)/op.groups
	y, err := c.New(tensor.Float64, n, steps, op.heads*width)
	if err != nil {
		return err
	}
	state, err := c.New(tensor.Float64, n, op.groups, size, width)
	if err != nil {
		return err
	}
	if y.Len() == 0 && state.Len() == 0 { // whatever the numbers of sequences and steps and the width
		steps, n, width = 0, 0, 0
	}
	copy(tensor.Data[float64](state), in[3])
	m := linearState{op: op, in: in, size: size, width: width, scale: op.scale, y: tensor.Data[float64](y), fresh: make([]float64, width)}
	if m.scale == 0 {
		m.scale = 1 / math.Sqrt(float64(size))
	}
	for b := range n {
		for g := range op.groups {
			m.s = tensor.Data[float64](state)[(b*op.groups+g)*size*width:][:size*width]
			for t := range steps {
				if err := c.Run.Check(); err != nil {
					return err
				}
				m.step(b*steps+t, g, c.In)
			}
		}
	}
	d := c.In[0].DType()
	if c.Out[0], err = c.convert(y, d); err != nil || len(c.Out) < 2 {
		return err
	}
	if p := c.input(3); p != nil {
		d = p.DType()
	}
	c.Out[1], err = c.convert(state, d)
	return err
}

// linearState is the state of one key head of one sequence during evaluation.
type linearState struct {
	op          *linearAttention
	in          [7][]float64 // the inputs, nil if omitted
	size, width int          // of a key and a value
	scale       float64
	s           []float64 // [size width]
	y           []float64 // the output of all sequences
	fresh       []float64 // the value that is added, [width]
}

// step processes one time step for key head g; t counts the steps of all sequences.
func (m *linearState) step(t, g int, in []*tensor.Tensor) {
	row := func(i, heads, head, size int) []float64 { return m.in[i][(t*heads+head)*size:][:size] }
	groups, size, width := m.op.groups, m.size, m.width
	k, v := row(1, groups, g, size), m.fresh
	copy(v, row(2, groups, g, width))
	if m.op.gated {
		each := in[4].Dim(2) / groups // size of decay for one head: 1, or one number for each row of S
		decay := row(4, groups, g, each)
		for i := range size {
			fade := math.Exp(decay[min(i, each-1)])
			for j := range width {
				m.s[i*width+j] *= fade
			}
		}
	}
	if m.op.delta {
		for i, x := range k {
			if m.in[6] != nil {
				x *= row(6, groups, g, size)[i]
			}
			addScaled(v, m.s[i*width:], -x)
		}
		betas := in[5].Dim(2)
		beta := m.in[5][t*betas+min(g, betas-1)]
		for j := range v {
			v[j] *= beta
		}
	}
	for i, x := range k {
		addScaled(m.s[i*width:][:width], v, x)
	}
	shared := m.op.heads / groups
	for h := g * shared; h < (g+1)*shared; h++ {
		y := m.y[(t*m.op.heads+h)*width:][:width]
		for i, x := range row(0, m.op.heads, h, size) {
			addScaled(y, m.s[i*width:], m.scale*x)
		}
	}
}
