package ops

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

// factor is an operand of an einsum, or the product of some. A label that stands twice
// is a diagonal.
type factor struct {
	t      *tensor.Tensor
	labels []label
}

// contraction multiplies the factors of an einsum.
type contraction struct {
	*Call
	size map[label]ir.Dim
	kept []any // of each product, from run to run
	done int   // products
}

// maxFactors bounds the orders in which factors can be multiplied.
const maxFactors = 4

// EvalFast sums float32 operands over what they have alone, and multiplies them two at a time, as
// matrices, in the order that costs least.
func (op *einsum) EvalFast(c *Call) (bool, error) {
	if c.vec(c.In...) == nil || len(c.In) > maxFactors {
		return false, nil
	}
	shapes := make([]ir.Shape, len(c.In))
	for i, t := range c.In {
		shapes[i] = ir.Dims(t.Shape()...)
	}
	in, out, size, err := op.resolve(shapes)
	if err != nil {
		return true, err
	}
	for l, d := range size {
		if d.N == 0 || d.N > 1 && !slices.Contains(out, l) && isDiagonal(l, in) {
			return false, nil
		}
	}
	y, err := c.output(tensor.Float32, labelSizes(out, size)...)
	if err != nil {
		return true, err
	}
	factors := make([]factor, len(in))
	for i, t := range c.In {
		factors[i] = factor{t, in[i]}
	}
	x := &contraction{Call: c, size: size}
	for i := range factors {
		rest := slices.Delete(slices.Clone(in), i, i+1)
		if factors[i], err = x.sumAlone(factors[i], append(rest, out)); err != nil {
			return true, err
		}
	}
	x.kept, _ = c.Kept.([]any)
	for len(factors) > 2 {
		_, i, j := x.cheapest(labelsOf(factors), out)
		a, b := factors[i], factors[j]
		factors = slices.Delete(slices.Delete(factors, j, j+1), i, i+1)
		product, err := x.multiply(a, b, needed(a.labels, b.labels, labelsOf(factors), out), nil)
		if err != nil {
			return true, err
		}
		factors = append(factors, product)
	}
	if len(factors) == 1 {
		return true, x.order(y, factors[0], out)
	}
	_, err = x.multiply(factors[0], factors[1], out, y)
	c.Kept = x.kept
	return true, err
}

// isDiagonal reports whether one operand has a label twice and no other has it.
func isDiagonal(l label, in [][]label) bool {
	times, operands := 0, 0
	for _, own := range in {
		if slices.Contains(own, l) {
			operands++
		}
		for _, o := range own {
			if o == l {
				times++
			}
		}
	}
	return operands == 1 && times > 1
}

// sumAlone returns f summed over the labels that no other factor and not the output has.
func (x *contraction) sumAlone(f factor, others [][]label) (factor, error) {
	along, y := make([]bool, len(f.labels)), factor{}
	for i, l := range f.labels {
		if along[i] = !slices.ContainsFunc(others, func(o []label) bool { return slices.Contains(o, l) }); !along[i] {
			y.labels = append(y.labels, l)
		}
	}
	if len(y.labels) == len(f.labels) {
		return f, nil
	}
	shape, _ := reducedShape(ir.Dims(f.t.Shape()...), along, false).Ints()
	inner := *x.Call
	inner.Planned = nil
	var err error
	if y.t, err = inner.New(tensor.Float32, shape...); err != nil {
		return y, err
	}
	return y, x.reduceAlong("ReduceSum", y.t, f.t, along)
}

func labelsOf(factors []factor) [][]label {
	out := make([][]label, len(factors))
	for i, f := range factors {
		out[i] = f.labels
	}
	return out
}

// needed returns the labels of a and b that the output or another factor has.
func needed(a, b []label, others [][]label, out []label) []label {
	var all []label
	for _, l := range slices.Concat(a, b) {
		if !slices.Contains(all, l) && (slices.Contains(out, l) || slices.ContainsFunc(others, func(o []label) bool { return slices.Contains(o, l) })) {
			all = append(all, l)
		}
	}
	return all
}

// cheapest returns the multiplications that all products cost at least, and the factors
// of the first.
func (x *contraction) cheapest(factors [][]label, out []label) (cost float64, first, second int) {
	if len(factors) < 2 {
		return 0, 0, 0
	}
	cost = math.Inf(1)
	for j := range factors {
		for i := range j {
			rest := slices.Delete(slices.Delete(slices.Clone(factors), j, j+1), i, i+1)
			own := 1.0
			for _, l := range needed(factors[i], factors[j], factors, nil) {
				own *= float64(x.size[l].N)
			}
			more, _, _ := x.cheapest(append(rest, needed(factors[i], factors[j], rest, out)), out)
			if own+more < cost {
				cost, first, second = own+more, i, j
			}
		}
	}
	return cost, first, second
}

// multiply returns the product of a and b, summed over the labels that want does not
// have. It is into, if that is not nil, with the labels in the order of want.
func (x *contraction) multiply(a, b factor, want []label, into *tensor.Tensor) (factor, error) {
	if n := len(want); n > 0 && !slices.Contains(b.labels, want[n-1]) {
		a, b = b, a // the columns of the product are last
	}
	var both, rows, columns, sum []label
	for _, l := range want {
		switch inA, inB := slices.Contains(a.labels, l), slices.Contains(b.labels, l); {
		case inA && inB:
			both = append(both, l)
		case inA:
			rows = append(rows, l)
		default:
			columns = append(columns, l)
		}
	}
	for _, l := range a.labels {
		if !slices.Contains(want, l) && !slices.Contains(sum, l) {
			sum = append(sum, l)
		}
	}
	y := factor{into, slices.Concat(both, rows, columns)}
	if len(sum) == 0 {
		y.labels = want
	}
	var err error
	if into == nil || !slices.Equal(y.labels, want) {
		if y.t, err = x.scratch(y.labels); err != nil {
			return y, err
		}
	}
	if len(sum) == 0 {
		err = x.spread(y, a, b)
	} else {
		err = x.matrices(y, a, b, both, rows, sum, columns)
	}
	if err == nil && into != nil && y.t != into {
		err = x.order(into, y, want)
	}
	return y, err
}

// matrices sets y to a batch of matrix products.
func (x *contraction) matrices(y, a, b factor, both, rows, sum, columns []label) error {
	batch, m, k, n := x.count(both), x.count(rows), x.count(sum), x.count(columns)
	left, err := x.ordered(a, slices.Concat(both, rows, sum), batch, m, k)
	if err != nil {
		return err
	}
	right, err := x.ordered(b, slices.Concat(both, sum, columns), batch, k, n)
	if err != nil {
		return err
	}
	to, err := y.t.Reshape(batch, m, n)
	if err != nil {
		return err
	}
	if x.done == len(x.kept) {
		x.kept = append(x.kept, nil)
	}
	inner := Call{In: []*tensor.Tensor{left, right}, Out: make([]*tensor.Tensor, 1), Node: x.Node, Run: x.Run, Planned: []*tensor.Tensor{to}, Kept: x.kept[x.done]}
	done, err := matMul{}.EvalFast(&inner)
	if !done && err == nil {
		err = matMul{}.Eval(&inner)
	}
	x.kept[x.done] = inner.Kept
	x.done++
	return err
}

// spread sets y to the product of a and b, each broadcast along the labels that it has
// not.
func (x *contraction) spread(y, a, b factor) error {
	var in [2]*tensor.Tensor
	for i, f := range [2]factor{a, b} {
		var own []label
		shape := make([]int, len(y.labels))
		for d, l := range y.labels {
			if shape[d] = 1; slices.Contains(f.labels, l) {
				own, shape[d] = append(own, l), x.size[l].N
			}
		}
		var err error
		if in[i], err = x.ordered(f, own, shape...); err != nil {
			return err
		}
	}
	return x.zip(num.Mul, y.t, in[0], in[1])
}

func (x *contraction) count(labels []label) int { return tensor.MustCount(labelSizes(labels, x.size)) }

func (x *contraction) scratch(labels []label) (*tensor.Tensor, error) {
	inner := *x.Call
	inner.Planned = nil
	return inner.New(tensor.Float32, labelSizes(labels, x.size)...)
}

// ordered returns f with its labels in the given order, in another shape.
func (x *contraction) ordered(f factor, order []label, shape ...int) (*tensor.Tensor, error) {
	t := f.t
	if !slices.Equal(order, f.labels) || !slices.Equal(t.Shape(), labelSizes(order, x.size)) {
		var err error
		if t, err = x.scratch(order); err != nil {
			return nil, err
		}
		if err = x.order(t, f, order); err != nil {
			return nil, err
		}
	}
	return t.Reshape(shape...)
}

// order copies f to y, whose dimensions have the given labels.
func (x *contraction) order(y *tensor.Tensor, f factor, labels []label) error {
	return x.move(newWalk(y.Shape(), tensor.Strides(y.Shape()), labelSteps(labels, f.labels, f.t.Shape())), y, f.t)
}
