package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

const training = "ai.onnx.preview.training"

var optimizers = []Def{
	{Domain: training, Name: "Adagrad", Since: 1, Types: tensor.FloatTypes, In: Arity{5, Many}, Out: Arity{2, Many}, New: newAdagrad},
	{Domain: training, Name: "Adam", Since: 1, Types: tensor.FloatTypes, In: Arity{6, Many}, Out: Arity{3, Many}, New: newAdam},
	{Domain: training, Name: "Momentum", Since: 1, Types: tensor.FloatTypes, In: Arity{5, Many}, Out: Arity{2, Many}, New: newMomentum},
}

// optimizer is a step of gradient descent. Inputs: the rate R, the step count T,
// then all tensors X, their gradients G, and one or two states of each. Outputs:
// the new tensors and states.
type optimizer struct {
	states int
	// step returns a function that computes the new x, given x, its gradient and
	// its states, and updates the states.
	step func(rate float64, count int64) func(x, g float64, s *[2]float64) float64
}

// newAdagrad makes h += g², x -= r·g/(√h + epsilon), where g includes norm·x and r = R/(1 +
// T·decay). ONNX Adagrad-1. Duchi et al. 2011, "Adaptive Subgradient Methods".
func newAdagrad(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	decay, epsilon, norm := float64(a.Float("decay_factor", 0)), float64(a.Float("epsilon", 1e-6)), float64(a.Float("norm_coefficient", 0))
	op := optimizer{states: 1, step: func(rate float64, count int64) func(x, g float64, s *[2]float64) float64 {
		rate /= 1 + float64(count)*decay
		return func(x, g float64, s *[2]float64) float64 {
			g += norm * x
			s[0] += g * g
			return x - rate*g/(math.Sqrt(s[0])+epsilon)
		}
	}}
	return op, op.check(n, a)
}

// newAdam makes v = alpha·v + (1-alpha)·g, h = beta·h + (1-beta)·g², x = (1-post)·(x - r·v/(√h +
// epsilon)), where g includes norm·x and r = R·√(1-beta^T)/(1-alpha^T) for T > 0. ONNX Adam-1.
// Kingma and Ba 2014, "Adam".
func newAdam(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha, beta, epsilon := float64(a.Float("alpha", 0.9)), float64(a.Float("beta", 0.999)), float64(a.Float("epsilon", 1e-6))
	norm, post := float64(a.Float("norm_coefficient", 0)), float64(a.Float("norm_coefficient_post", 0))
	op := optimizer{states: 2, step: func(rate float64, count int64) func(x, g float64, s *[2]float64) float64 {
		if count > 0 {
			rate *= math.Sqrt(1-math.Pow(beta, float64(count))) / (1 - math.Pow(alpha, float64(count)))
		}
		return func(x, g float64, s *[2]float64) float64 {
			g += norm * x
			s[0] = alpha*s[0] + (1-alpha)*g
			s[1] = beta*s[1] + (1-beta)*g*g
			return (1 - post) * (x - rate*s[0]/(math.Sqrt(s[1])+epsilon))
		}
	}}
	return op, op.check(n, a)
}

// newMomentum makes v = alpha·v + b·g, x -= R·v, or in Nesterov's form x -= R·(g + alpha·v), where
// g includes norm·x and b is beta, but 1 in the first step. ONNX Momentum-1. Polyak 1964; Sutskever
// et al. 2013, "On the Importance of Initialization and Momentum".
func newMomentum(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("alpha", "beta", "mode", "norm_coefficient")
	alpha, beta, norm := float64(a.Float("alpha", 0)), float64(a.Float("beta", 0)), float64(a.Float("norm_coefficient", 0))
	nesterov := a.OneOf("mode", "standard", "nesterov") == "nesterov"
	op := optimizer{states: 1, step: func(rate float64, count int64) func(x, g float64, s *[2]float64) float64 {
		by := beta
		if count <= 0 {
			by = 1
		}
		return func(x, g float64, s *[2]float64) float64 {
			g += norm * x
			s[0] = alpha*s[0] + by*g
			if nesterov {
				return x - rate*(g+alpha*s[0])
			}
			return x - rate*s[0]
		}
	}}
	return op, op.check(n, a)
}

// check checks the numbers of inputs and outputs.
func (op optimizer) check(n *ir.Node, a *ir.Attrs) error {
	each := 2 + op.states
	if (len(n.Inputs)-2)%each != 0 || slices.Contains(n.Inputs, nil) {
		a.Fail("has %d inputs; after R and T there are %d for each tensor", len(n.Inputs), each)
	} else if count := (len(n.Inputs) - 2) / each; len(n.Outputs) > count*(1+op.states) {
		a.Fail("has %d outputs for %d tensors with %d states each", len(n.Outputs), count, op.states)
	}
	return a.Err()
}

// Infer: each output has the fact of the tensor or state that it replaces.
func (op optimizer) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, tensor.Types(tensor.Int64)); err != nil {
		return nil, err
	}
	for i := 2; i < len(in); i++ {
		if err := wantType(in, i, tensor.FloatTypes); err != nil {
			return nil, err
		}
	}
	count := (len(in) - 2) / (2 + op.states)
	var out []ir.Fact
	for i := range count * (1 + op.states) {
		from := 2 + i
		if i >= count {
			from += count // skip the gradients
		}
		out = append(out, ir.Tensor(in[from].DType, in[from].Shape))
	}
	return out, nil
}

// Eval updates tensor by tensor.
func (op optimizer) Eval(c *Call) error {
	rate, err := c.scalar(0)
	if err != nil {
		return err
	}
	steps, err := c.scalar(1)
	if err != nil {
		return err
	}
	f := op.step(rate, tensor.ToInt64(steps))
	count := (len(c.In) - 2) / (2 + op.states)
	for i := range count {
		x := c.In[2+i]
		news := make([]*tensor.Tensor, 1+op.states)
		olds := []*tensor.Tensor{x, c.In[2+count+i]}
		for s := range op.states {
			olds = append(olds, c.In[2+(2+s)*count+i])
		}
		for k := range news {
			like := x
			if k > 0 {
				like = olds[1+k] // a state may have another dtype
			}
			if news[k], err = c.like(like); err != nil {
				return err
			}
		}
		for _, t := range olds {
			if !slices.Equal(t.Shape(), x.Shape()) {
				return fmt.Errorf("tensor %d has shape %v, its gradient or state %v; they must be equal", i, x.Shape(), t.Shape())
			}
		}
		if err := op.update(c, f, news, olds); err != nil {
			return err
		}
		for k, t := range news {
			if at := k*count + i; at < len(c.Out) {
				c.Out[at] = t
			}
		}
	}
	return nil
}

// update applies f to the elements of one tensor: olds are x, its gradient and
// its states, news the new x and states.
func (op optimizer) update(c *Call, f func(x, g float64, s *[2]float64) float64, news, olds []*tensor.Tensor) error {
	var lines [4][rowLength]float64
	return newWalk([]int{olds[0].Len()}, []int{1}).rows(c.Run, func(n int, at, _ []int) {
		for k, t := range olds {
			tensor.Load(lines[k][:n], t, at[0], 1)
		}
		for i := range n {
			s := [2]float64{lines[2][i], lines[3][i]}
			lines[0][i] = f(lines[0][i], lines[1][i], &s)
			lines[2][i], lines[3][i] = s[0], s[1]
		}
		tensor.Store(news[0], at[0], 1, lines[0][:n])
		for s := range op.states {
			tensor.Store(news[1+s], at[0], 1, lines[2+s][:n])
		}
	})
}

// scalar reads an input of one element.
func (c *Call) scalar(i int) (float64, error) {
	t := c.input(i)
	if t == nil || t.Len() != 1 {
		return 0, fmt.Errorf("input %d must have one element, it is %s", i, t)
	}
	var v [1]float64
	tensor.Load(v[:], t, 0, 1)
	return v[0], nil
}
