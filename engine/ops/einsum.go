package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// einsum is Einstein summation: each letter of the equation names a dimension, and letters that the
// output lacks are summed over. "ij,jk->ik" is a matrix product, "bii->bi" takes diagonals, "ij->"
// sums a matrix. As in numpy, "..." stands for dimensions that broadcast, and without "->" the
// output has the letters that occur once. ONNX Einsum-12.
type einsum struct {
	terms []string // one for each operand: letters, and '.' for the ellipsis
	out   string   // of the output, likewise
}

func newEinsum(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("equation")
	equation := a.Str("equation", "")
	if a.Err() != nil {
		return nil, a.Err()
	}
	op, err := parseEinsum(equation)
	if err == nil && len(op.terms) != len(n.Inputs) {
		err = fmt.Errorf("has %d operands for %d inputs", len(op.terms), len(n.Inputs))
	}
	if err != nil {
		return nil, fmt.Errorf("equation %s: %w", onnx.Quote(equation), err)
	}
	return op, nil
}

// parseEinsum parses an equation such as "ab...,bc->ac".
func parseEinsum(equation string) (*einsum, error) {
	left, right, explicit := strings.Cut(strings.ReplaceAll(equation, " ", ""), "->")
	op := &einsum{}
	count := map[rune]int{}
	for _, s := range strings.Split(left, ",") {
		term, err := einsumTerm(s)
		if err != nil {
			return nil, err
		}
		for _, r := range term {
			count[r]++
		}
		op.terms = append(op.terms, term)
	}
	if !explicit {
		var once []rune
		for r, n := range count {
			if n == 1 && r != '.' {
				once = append(once, r)
			}
		}
		slices.Sort(once)
		if count['.'] > 0 {
			op.out = "."
		}
		op.out += string(once)
		return op, nil
	}
	out, err := einsumTerm(right)
	if err != nil {
		return nil, err
	}
	for i, r := range out {
		if count[r] == 0 {
			return nil, fmt.Errorf("the output has %q, which no operand has", r)
		}
		if strings.ContainsRune(out[:i], r) {
			return nil, fmt.Errorf("the output has %q twice", r)
		}
	}
	op.out = out
	return op, nil
}

// einsumTerm checks the letters of an operand and replaces its ellipsis by a dot.
func einsumTerm(s string) (string, error) {
	term := strings.Replace(s, "...", ".", 1)
	for i, r := range term {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && !(r == '.' && strings.IndexByte(term, '.') == i && strings.Contains(s, "...")) {
			return "", fmt.Errorf("%s may have only letters and one ellipsis", onnx.Quote(s))
		}
	}
	return term, nil
}

// label names a dimension: a letter, or -1, -2 … for the dimensions of the
// ellipsis, counted from its end.
type label int

// labels returns the labels of a term for an operand of the given rank: "a.b" of rank 4 is a, -2,
// -1, b.
func (op *einsum) labels(term string, rank int) ([]label, error) {
	hidden := rank - len(strings.ReplaceAll(term, ".", ""))
	if hidden < 0 || hidden > 0 && !strings.Contains(term, ".") {
		return nil, fmt.Errorf("operand %s does not match an input of rank %d", onnx.Quote(term), rank)
	}
	var out []label
	for _, r := range term {
		if r != '.' {
			out = append(out, label(r))
			continue
		}
		for i := hidden; i > 0; i-- {
			out = append(out, label(-i))
		}
	}
	return out, nil
}

// resolve returns the labels of each operand and of the output, and the size of each label; sizes of 1
// broadcast.
func (op *einsum) resolve(shapes []ir.Shape) (in [][]label, out []label, size map[label]ir.Dim, err error) {
	size = map[label]ir.Dim{}
	widest := 0 // the longest ellipsis
	for i, s := range shapes {
		labels, err := op.labels(op.terms[i], s.Rank())
		if err != nil {
			return nil, nil, nil, err
		}
		in = append(in, labels)
		for j, l := range labels {
			widest = max(widest, -int(l))
			d, seen := s.Dims[j], true
			if old, ok := size[l]; ok {
				if d, seen = broadcastDim(old, d); !seen {
					return nil, nil, nil, fmt.Errorf("a dimension is %s in one operand and %s in another", old, s.Dims[j])
				}
			}
			size[l] = d
		}
	}
	out, err = op.labels(op.out, len(strings.ReplaceAll(op.out, ".", ""))+min(widest, widest*strings.Count(op.out, ".")))
	return in, out, size, err
}

// Infer: operands of one dtype → the dimensions that the output's labels name.
func (op *einsum) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	shapes := make([]ir.Shape, len(in))
	for i, f := range in {
		if shapes[i] = f.Shape; !f.Shape.Ranked {
			return []ir.Fact{ir.Tensor(in[0].DType, ir.Shape{})}, nil
		}
	}
	_, out, size, err := op.resolve(shapes)
	if err != nil {
		return nil, err
	}
	dims := make([]ir.Dim, len(out))
	for i, l := range out {
		dims[i] = size[l]
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(dims...))}, nil
}

func (op *einsum) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	switch arithmeticOf(c.In[0].DType()) {
	case inSigned:
		return evalEinsum[int64](op, c, tensor.Int64)
	case inUnsigned:
		return evalEinsum[uint64](op, c, tensor.Uint64)
	}
	return evalEinsum[float64](op, c, tensor.Float64)
}

// evalEinsum accumulates the products of all operands in T. "ij,jk->ik" is a loop over the labels of
// the output, i and k, around a sum over the others, j.
func evalEinsum[T wideNumber](op *einsum, c *Call, wide tensor.DType) error {
	shapes := make([]ir.Shape, len(c.In))
	for i, t := range c.In {
		shapes[i] = ir.Dims(t.Shape()...)
	}
	in, out, size, err := op.resolve(shapes)
	if err != nil {
		return err
	}
	var summed []label
	for l := range size {
		if !slices.Contains(out, l) {
			summed = append(summed, l)
		}
	}
	slices.Sort(summed)
	outDims, sumDims := labelSizes(out, size), labelSizes(summed, size)
	if _, err := tensor.Count(sumDims); err != nil {
		return err
	}
	y, err := c.zeroed(c.In[0].DType(), outDims...)
	if err != nil {
		return err
	}
	data := make([][]T, len(c.In))
	outSteps, sumSteps := make([][]int, len(in)), make([][]int, len(in))
	for i, t := range c.In {
		w, err := c.convert(t, wide)
		if err != nil {
			return err
		}
		data[i] = tensor.Data[T](w)
		outSteps[i], sumSteps[i] = labelSteps(out, in[i], t.Shape()), labelSteps(summed, in[i], t.Shape())
	}
	sum := newWalk(sumDims, sumSteps...)
	result := make([]T, 1)
	short, step := singleRow(sum)
	for o := range y.Len() {
		rest := o
		clear(sum.start)
		for d := len(outDims) - 1; d >= 0; d-- {
			for i := range sum.start {
				sum.start[i] += rest % outDims[d] * outSteps[i][d]
			}
			rest /= outDims[d]
		}
		result[0] = 0
		if short >= 0 {
			result[0] = productSum(data, short, sum.start, step)
		} else if err := sum.rows(c.Run, func(n int, at, step []int) { result[0] += productSum(data, n, at, step) }); err != nil {
			return err
		}
		tensor.Store(y, o, 1, result)
		if o&1023 == 0 {
			if err := c.Run.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// singleRow returns the length of a sum that is one row, for which calling rows would cost more than
// the sum, as for most, and the steps of its operands along it. The length of other sums is -1.
func singleRow(sum *walk) (n int, step []int) {
	step = make([]int, len(sum.start))
	switch {
	case len(sum.dims) == 0:
		return 1, step
	case len(sum.dims) > 1 || sum.dims[0] > rowLength:
		return -1, nil
	}
	for i := range step {
		step[i] = sum.step(i)
	}
	return sum.dims[0], step
}

// productSum returns the sum, over n elements, of the products of all operands.
func productSum[T wideNumber](data [][]T, n int, at, step []int) T {
	var sum T
	if len(data) == 2 {
		a, b := data[0], data[1]
		for i, j := at[0], at[1]; n > 0; n-- {
			sum += a[i] * b[j]
			i, j = i+step[0], j+step[1]
		}
		return sum
	}
	for k := range n {
		p := T(1)
		for i, d := range data {
			p *= d[at[i]+k*step[i]]
		}
		sum += p
	}
	return sum
}

// labelSizes returns the size of each label.
func labelSizes(labels []label, size map[label]ir.Dim) []int {
	out := make([]int, len(labels))
	for i, l := range labels {
		out[i] = size[l].N
	}
	return out
}

// labelSteps returns the stride of an operand for each label: the sum of the
// strides of its dimensions with that label, 0 if it has none.
func labelSteps(labels, own []label, shape []int) []int {
	strides := tensor.Strides(shape)
	out := make([]int, len(labels))
	for i, l := range labels {
		for j, o := range own {
			if o == l && shape[j] != 1 {
				out[i] += strides[j]
			}
		}
	}
	return out
}
