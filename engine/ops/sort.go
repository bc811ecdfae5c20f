package ops

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var sorts = []Def{
	{Name: "TopK", Since: 11, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(2), New: newTopK},
	{Name: "TopK", Since: 10, Until: 10, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(2), New: newTopK10},
	{Name: "TopK", Since: 1, Until: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(2), New: newTopK1},
	{Name: "Unique", Since: 11, Types: tensor.NumericTypes | tensor.Types(tensor.Bool, tensor.String), In: Exactly(1), Out: Arity{1, 4}, New: newUnique},
	{Name: "NonZero", Since: 9, Types: tensor.AllTypes &^ tensor.ComplexTypes, In: Exactly(1), Out: Exactly(1), New: noAttributes(nonZero{})},
}

// order returns a function that compares elements of t by index: ascending, NaN
// last.
func order(t *tensor.Tensor) func(i, j int) int {
	switch t.DType() {
	case tensor.String:
		s := t.Strings()
		return func(i, j int) int { return strings.Compare(s[i], s[j]) }
	case tensor.Float32:
		return orderFloats(tensor.Data[float32](t))
	case tensor.Float64:
		return orderFloats(tensor.Data[float64](t))
	case tensor.Float16:
		v := tensor.Data[tensor.Float16Bits](t)
		return func(i, j int) int { return compareFloats(v[i].Float32(), v[j].Float32()) }
	case tensor.BFloat16:
		v := tensor.Data[tensor.BFloat16Bits](t)
		return func(i, j int) int { return compareFloats(v[i].Float32(), v[j].Float32()) }
	case tensor.Int8:
		return orderInts(tensor.Data[int8](t))
	case tensor.Int16:
		return orderInts(tensor.Data[int16](t))
	case tensor.Int32:
		return orderInts(tensor.Data[int32](t))
	case tensor.Int64:
		return orderInts(tensor.Data[int64](t))
	case tensor.Uint16:
		return orderInts(tensor.Data[uint16](t))
	case tensor.Uint32:
		return orderInts(tensor.Data[uint32](t))
	case tensor.Uint64:
		return orderInts(tensor.Data[uint64](t))
	}
	return orderInts(t.Bytes()) // uint8, bool
}

func orderInts[T cmp.Ordered](v []T) func(i, j int) int {
	return func(i, j int) int { return cmp.Compare(v[i], v[j]) }
}

func orderFloats[T float32 | float64](v []T) func(i, j int) int {
	return func(i, j int) int { return compareFloats(v[i], v[j]) }
}

// compareFloats orders NaN after all numbers, unlike cmp.Compare.
func compareFloats[T float32 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return -cmp.Compare(a, b)
}

// topK is the k largest or smallest elements along an axis, with their indices. Of equal elements,
// the one with the lower index comes first; NaN is larger than all numbers. ONNX TopK-11; -24
// extends the types.
type topK struct {
	axis     int
	k        int // attribute of version 1; -1: the second input
	smallest bool
}

func newTopK(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	a.Bool("sorted", true) // if false, any order is allowed, also a sorted one
	return topK{a.Int("axis", -1), -1, !a.Bool("largest", true)}, a.Err()
}

// newTopK10 always takes the largest. ONNX TopK-10.
func newTopK10(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return topK{axis: a.Int("axis", -1), k: -1}, a.Err()
}

// newTopK1 has k as an attribute. ONNX TopK-1.
func newTopK1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("k")
	op := topK{axis: a.Int("axis", -1), k: a.Int("k", 0)}
	if op.k < 0 {
		a.Fail("attribute \"k\" is %d, it must be at least 0", op.k)
	}
	return op, a.Err()
}

func checkK(k, dim int) error {
	if k < 0 || k > dim {
		return fmt.Errorf("k is %d, it must be between 0 and the axis' %d elements", k, dim)
	}
	return nil
}

// Infer: X [… d …], K → values [… k …], int64 indices [… k …].
func (op topK) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(wantType(in, 1, tensor.Types(tensor.Int64)), wantRank(in, 1, 0, 1)); err != nil {
		return nil, err
	}
	s := in[0].Shape
	if s.Ranked {
		axis, err := tensor.Axis(op.axis, s.Rank())
		if err != nil {
			return nil, err
		}
		k := ir.Unknown
		switch {
		case op.k >= 0:
			k.N = op.k
		case len(in[1].Ints) == 1:
			k = in[1].Ints[0]
		}
		if c := in[min(1, len(in)-1)].Const; op.k < 0 && c != nil {
			n, err := integer(c)
			if err != nil {
				return nil, fmt.Errorf("input k %w", err)
			}
			k = ir.Dim{N: n}
			if n < 0 {
				return nil, fmt.Errorf("k is %d, it must not be negative", n)
			}
		}
		if d := s.Dims[axis]; d.Known() && k.Known() {
			if err := checkK(k.N, d.N); err != nil {
				return nil, err
			}
		}
		s = withDim(s, axis, k)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, s), ir.Tensor(tensor.Int64, s)}, nil
}

// bounds returns the axis and k of a call.
func (op topK) bounds(c *Call) (axis, k int, err error) {
	x := c.In[0]
	if axis, err = tensor.Axis(op.axis, x.Rank()); err != nil {
		return 0, 0, err
	}
	if k = op.k; k < 0 {
		if k, err = integer(c.In[1]); err != nil {
			return 0, 0, fmt.Errorf("input k %w", err)
		}
	}
	return axis, k, checkK(k, x.Dim(axis))
}

func (op topK) Eval(c *Call) error {
	x := c.In[0]
	axis, k, err := op.bounds(c)
	if err != nil {
		return err
	}
	shape := append([]int{}, x.Shape()...)
	shape[axis] = k
	values, err := c.New(x.DType(), shape...)
	if err != nil {
		return err
	}
	indices, err := c.New(tensor.Int64, shape...)
	if err != nil {
		return err
	}
	c.Out[0], c.Out[1] = values, indices
	if values.Len() == 0 {
		return nil
	}
	before, along, after := split3(x.Shape(), axis)
	if err := c.Run.reserveList(along, 8); err != nil {
		return err
	}
	compare, list := op.before(order(x)), make([]int, along)
	cp, at := newCopier(values, x), tensor.Data[int64](indices)
	for i := range before * after {
		from := i/after*along*after + i%after
		for j := range list {
			list[j] = from + j*after
		}
		best := leading(list, k, compare)
		to := i/after*k*after + i%after
		for j, e := range best {
			cp.copy(to+j*after, e, 1)
			at[to+j*after] = int64((e - from) / after)
		}
		if err := c.Run.Check(); err != nil {
			return err
		}
	}
	return nil
}

// before returns the order of the results, given the ascending order of the elements.
func (op topK) before(compare func(i, j int) int) func(i, j int) int {
	return func(i, j int) int {
		c := compare(i, j)
		if !op.smallest {
			c = -c
		}
		if c == 0 {
			c = i - j
		}
		return c
	}
}

// leading moves the first k elements of the list, in order, to its front, using a
// heap of the k best with the worst at its root.
func leading(list []int, k int, compare func(i, j int) int) []int {
	heap := list[:k]
	down := func(i int) {
		for {
			child := 2*i + 1
			if child >= k {
				return
			}
			if child+1 < k && compare(heap[child+1], heap[child]) > 0 {
				child++
			}
			if compare(heap[i], heap[child]) >= 0 {
				return
			}
			heap[i], heap[child] = heap[child], heap[i]
			i = child
		}
	}
	if k < len(list) {
		for i := k/2 - 1; i >= 0; i-- {
			down(i)
		}
		for _, e := range list[k:] {
			if compare(e, heap[0]) < 0 {
				heap[0] = e
				down(0)
			}
		}
	}
	slices.SortFunc(heap, compare)
	return heap
}

// unique returns the distinct elements, or slices along an axis, with the index of their first
// occurrence, the index among them of each input, and the number of occurrences: [2 1 1] gives [1
// 2] with [1 0], [1 0 0] and [2 1]. ONNX Unique-11.
type unique struct {
	axis         int
	flat, sorted bool
}

func newUnique(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return unique{a.Int("axis", 0), !a.Has("axis"), a.Bool("sorted", true)}, a.Err()
}

// Infer: X [… d …] → Y [… u …], indices [u], inverse [d], counts [u].
func (op unique) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := ir.AnyOfRank(1)
	inverse := ir.Unknown
	if !op.flat {
		if s = in[0].Shape; s.Ranked {
			axis, err := tensor.Axis(op.axis, s.Rank())
			if err != nil {
				return nil, err
			}
			inverse = s.Dims[axis]
			s = withDim(s, axis, ir.Unknown)
		}
	} else if dims := in[0].Shape; dims.Ranked {
		inverse = product(dims.Dims)
	}
	list := ir.Tensor(tensor.Int64, ir.AnyOfRank(1))
	return []ir.Fact{ir.Tensor(in[0].DType, s), list, ir.Tensor(tensor.Int64, ir.ShapeOf(inverse)), list}, nil
}

func (op unique) Eval(c *Call) error {
	x, axis, err := alongOrFlat(c.In[0], op.axis, op.flat)
	if err != nil {
		return err
	}
	groups, err := op.groups(c, x, axis)
	if err != nil {
		return err
	}
	shape := append([]int{}, x.Shape()...)
	shape[axis] = len(groups)
	y, err := c.New(x.DType(), shape...)
	if err != nil {
		return err
	}
	var lists [3]*tensor.Tensor // indices, inverse, counts
	for i, n := range []int{len(groups), x.Dim(axis), len(groups)} {
		if lists[i], err = c.New(tensor.Int64, n); err != nil {
			return err
		}
	}
	first, inverse, counts := tensor.Data[int64](lists[0]), tensor.Data[int64](lists[1]), tensor.Data[int64](lists[2])
	for g, members := range groups {
		first[g], counts[g] = int64(members[0]), int64(len(members))
		for _, m := range members {
			inverse[m] = int64(g)
		}
	}
	if y.Len() > 0 {
		before, along, after := split3(x.Shape(), axis)
		cp := newCopier(y, x)
		for i := range before {
			for g, members := range groups {
				cp.copy((i*len(groups)+g)*after, (i*along+members[0])*after, after)
			}
		}
	}
	for i, t := range []*tensor.Tensor{y, lists[0], lists[1], lists[2]} {
		if i < len(c.Out) {
			c.Out[i] = t
		}
	}
	return nil
}

// groups returns the indices of equal slices along the axis, each group in
// ascending order. The groups are sorted by their elements, or by their first
// indices.
func (op unique) groups(c *Call, x *tensor.Tensor, axis int) ([][]int, error) {
	n := x.Dim(axis)
	if n == 0 {
		return nil, nil
	}
	if err := c.Run.reserveList(n, 64); err != nil {
		return nil, err
	}
	element := order(x)
	before, after := 0, 0
	if x.Len() > 0 {
		before, _, after = split3(x.Shape(), axis)
	}
	var failed error
	work := 0
	compare := func(a, b int) int {
		if work += 8; work > 1<<17 && failed == nil {
			work, failed = 0, c.Run.Check()
		}
		if failed != nil {
			return a - b
		}
		for i := range before {
			for j := range after {
				if r := element((i*n+a)*after+j, (i*n+b)*after+j); r != 0 {
					return r
				}
				work++
			}
		}
		return 0
	}
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	slices.SortStableFunc(list, compare)
	var groups [][]int
	start := 0
	for i := 1; i <= n; i++ {
		if i == n || compare(list[start], list[i]) != 0 {
			groups = append(groups, list[start:i])
			start = i
		}
	}
	if !op.sorted {
		slices.SortFunc(groups, func(a, b []int) int { return a[0] - b[0] })
	}
	return groups, failed
}
