package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var sequenceMixers = []Def{
	{Name: "RotaryEmbedding", Since: 23, Types: tensor.FloatTypes, In: Arity{3, 4}, Out: Exactly(1), New: newRotary},
	{Name: "LinearAttention", Since: 27, Types: tensor.FloatTypes, In: Arity{3, 7}, Out: Arity{1, 2}, New: newLinearAttention},
	{Name: "CausalConvWithState", Since: 27, Types: tensor.FloatTypes, In: Arity{2, 4}, Out: Arity{1, 2}, New: newCausalConv},
}

// rotary rotates pairs of numbers of each head by angles that depend on the position: (a, b) becomes
// (a·cos - b·sin, a·sin + b·cos). ONNX RotaryEmbedding-23. Su et al. 2021, "RoFormer".
type rotary struct {
	interleaved bool // pairs are neighbours; otherwise half a vector apart
	dims        int  // how many numbers of a head are rotated, 0: all
	heads       int  // of inputs of rank 3
}

func newRotary(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &rotary{a.Bool("interleaved", false), a.Int("rotary_embedding_dim", 0), a.Int("num_heads", 0)}
	if op.dims < 0 || op.dims%2 != 0 || op.heads < 0 {
		a.Fail("attributes %q and %q are %d and %d, the first must be even and neither negative", "rotary_embedding_dim", "num_heads", op.dims, op.heads)
	}
	return op, a.Err()
}

// Infer: X [N heads length size] or [N length heads·size], cos, sin [positions
// half] or [N length half], positions [N length] → Y with the shape of X.
func (op *rotary) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantType(in, 1, tensor.FloatTypes), wantType(in, 2, tensor.FloatTypes), wantType(in, 3, tensor.Types(tensor.Int64))); err != nil {
		return nil, err
	}
	if err := firstError(wantRank(in, 0, 3, 4), wantRank(in, 1, 2, 3), wantRank(in, 2, 2, 3)); err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

// turns says which vectors a call turns by which angles.
type turns struct {
	heads
	dims      int   // numbers of each that are turned
	positions []int // rows of angles; nil: each vector has its own
}

func (op *rotary) turns(c *Call) (turns, error) {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return turns{}, err
	}
	h, err := readHeads("input", c.In[0].Shape(), op.heads)
	if err != nil {
		return turns{}, err
	}
	dims := op.dims
	if dims == 0 {
		dims = h.size
	}
	if dims > h.size || dims%2 != 0 {
		return turns{}, fmt.Errorf("rotary_embedding_dim %d must be even and at most the head size %d", dims, h.size)
	}
	positions, err := callInts(c, 3)
	if err != nil {
		return turns{}, err
	}
	rows, rank := h.batch*h.length, 3
	if positions != nil {
		if rank = 2; len(positions) != rows {
			return turns{}, fmt.Errorf("position_ids must have %d elements, it has shape %v", rows, c.In[3].Shape())
		}
		if rows = 0; c.In[1].Rank() == rank {
			rows = c.In[1].Dim(0)
		}
	}
	for i := 1; i < 3; i++ {
		if t := c.In[i]; t.Rank() != rank || t.Dim(-1) != dims/2 || t.Len() != rows*dims/2 {
			return turns{}, fmt.Errorf("input %d must hold %d rows of %d angles, it has shape %v", i, rows, dims/2, t.Shape())
		}
	}
	for _, p := range positions {
		if p < 0 || p >= rows {
			return turns{}, fmt.Errorf("position %d is outside the %d rows of cos and sin", p, rows)
		}
	}
	return turns{h, dims, positions}, nil
}

// row returns the row of angles of vector v of a head, counted through the batch.
func (t *turns) row(v int) int {
	if t.positions != nil {
		return t.positions[v]
	}
	return v
}

func (op *rotary) Eval(c *Call) error {
	t, err := op.turns(c)
	if err != nil {
		return err
	}
	x, h, dims := c.In[0], t.heads, t.dims
	y, err := c.convert(x, tensor.Float64)
	if err != nil {
		return err
	}
	if y.Len() == 0 { // nothing to compute, whatever the number of heads
		c.Out[0], err = c.convert(y, x.DType())
		return err
	}
	cos, sin, data := tensor.ToFloat64(c.In[1]), tensor.ToFloat64(c.In[2]), tensor.Data[float64](y)
	for v := range h.batch * h.length {
		if err := c.Run.Check(); v&255 == 0 && err != nil {
			return err
		}
		at := t.row(v)
		for head := range h.heads {
			op.rotate(data[h.at(v/h.length, head, v%h.length):][:dims], cos[at*dims/2:], sin[at*dims/2:])
		}
	}
	c.Out[0], err = c.convert(y, x.DType())
	return err
}

// rotate rotates the pairs of one vector x, in place, by the angles with the given cosines and sines.
func (op *rotary) rotate(x, cos, sin []float64) {
	for i := range len(x) / 2 {
		a, b := i, i+len(x)/2
		if op.interleaved {
			a, b = 2*i, 2*i+1
		}
		x[a], x[b] = cos[i]*x[a]-sin[i]*x[b], sin[i]*x[a]+cos[i]*x[b]
	}
}

// causalConv convolves each channel with its current and past inputs, and applies SiLU if asked:
// Y[n,c,t] = B[c] + Σ W[c,0,k]·X[n,c,t-K+1+k]. Inputs before the first are those of past_state, or
// 0. The last K-1 inputs are an output, the state for the next call. ONNX CausalConvWithState-27.
type causalConv struct{ silu bool }

func newCausalConv(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &causalConv{a.OneOf("activation", "none", "silu", "swish") != "none"}, a.Err()
}

// Infer: X [N C L], W [C 1 K], B [C], state [N C K-1] → Y like X, the new state.
func (op *causalConv) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	for i, rank := range []int{3, 3, 1, 3} {
		if err := wantRank(in, i, rank); err != nil {
			return nil, err
		}
	}
	state := ir.AnyOfRank(3)
	if x, w := in[0].Shape, in[1].Shape; x.Ranked && w.Ranked {
		if k := w.Dims[2]; k.Known() {
			if k.N < 1 || !fitsShape(w, ir.ShapeOf(x.Dims[1], ir.Dim{N: 1}, k)) {
				return nil, fmt.Errorf("weights need shape [%s 1 K], they have %s", x.Dims[1], w)
			}
			state = ir.ShapeOf(x.Dims[0], x.Dims[1], ir.Dim{N: k.N - 1})
			if s := fact(in, 3); s.Given() && !fitsShape(s.Shape, state) {
				return nil, fmt.Errorf("past_state needs shape %s, it has %s", state, s.Shape)
			}
		}
		if err := channelVector(fact(in, 2), "bias", x.Dims[1]); err != nil {
			return nil, err
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape), ir.Tensor(in[0].DType, state)}, nil
}

func (op *causalConv) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalCausalConv[float32](op, c) }, func(c *Call) error { return evalCausalConv[float64](op, c) })
}

func evalCausalConv[T real](op *causalConv, c *Call) error {
	x, w := c.In[0], c.In[1]
	channels, length, k := x.Dim(1), x.Dim(2), w.Dim(2)
	y, err := c.like(x)
	if err != nil {
		return err
	}
	state, err := c.New(x.DType(), x.Dim(0), channels, k-1)
	if err != nil {
		return err
	}
	copy(c.Out, []*tensor.Tensor{y, state})
	if y.Len() == 0 && state.Len() == 0 {
		return nil // whatever the number of lines
	}
	scratch, err := c.New(x.DType(), length+k-1)
	if err != nil {
		return err
	}
	line, weights := tensor.Data[T](scratch), tensor.Data[T](w)
	for i := range x.Dim(0) * channels {
		if err := c.Run.Check(); err != nil {
			return err
		}
		if past := c.input(3); past != nil {
			copy(line, tensor.Data[T](past)[i*(k-1):][:k-1])
		}
		copy(line[k-1:], tensor.Data[T](x)[i*length:][:length])
		copy(tensor.Data[T](state)[i*(k-1):][:k-1], line[length:])
		for j := range length {
			sum := 0.0
			if b := c.input(2); b != nil {
				sum = float64(tensor.Data[T](b)[i%channels])
			}
			for t := range k {
				sum += float64(weights[i%channels*k+t]) * float64(line[j+t])
			}
			if op.silu {
				sum /= 1 + math.Exp(-sum)
			}
			tensor.Data[T](y)[i*length+j] = T(sum)
		}
	}
	return nil
}
