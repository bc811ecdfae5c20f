package ops

import (
	"errors"
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var rearrangements = []Def{
	{Name: "Tile", Since: 6, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: noAttributes(tile{})},
	{Name: "Tile", Since: 1, Until: 5, Types: tensor.AllTypes, In: Exactly(3), Out: Exactly(1), New: newTile1},
	{Name: "DepthToSpace", Since: 11, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newDepthToSpace},
	{Name: "DepthToSpace", Since: 1, Until: 10, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newDepthToSpace1},
	{Name: "SpaceToDepth", Since: 1, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newSpaceToDepth},
	{Name: "ReverseSequence", Since: 10, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newReverseSequence},
	{Name: "Trilu", Since: 14, Types: tensor.AllTypes, In: Arity{1, 2}, Out: Exactly(1), New: newTrilu},
	{Name: "CenterCropPad", Since: 18, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newCenterCropPad},
	{Name: "Compress", Since: 9, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newCompress},
}

// tile repeats the input along each axis: [a b] with repeats [3] is [a b a b a b]. ONNX Tile-6; -13
// extends the types.
type tile struct {
	single bool // version 1: one axis, and the number of repeats along it
}

// newTile1 repeats along one axis. ONNX Tile-1.
func newTile1(n *ir.Node) (Op, error) { return tile{true}, nil }

// repeats returns the number of repeats along each axis.
func (op tile) repeats(rank int, in func(i int) ([]int, error)) ([]int, error) {
	v, err := in(1)
	if err != nil || v == nil {
		return nil, err
	}
	if op.single {
		axis, err := in(2)
		if err != nil || axis == nil {
			return nil, err
		}
		if len(v) != 1 || len(axis) != 1 {
			return nil, errors.New("tiles and axis must be scalars")
		}
		at, err := tensor.Axis(axis[0], rank)
		if err != nil {
			return nil, err
		}
		out := make([]int, rank)
		for i := range out {
			out[i] = 1
		}
		out[at] = v[0]
		v = out
	}
	if len(v) != rank {
		return nil, fmt.Errorf("%d repeats are given for a tensor of rank %d", len(v), rank)
	}
	for _, r := range v {
		if r < 0 {
			return nil, fmt.Errorf("repeats %v must not be negative", v)
		}
	}
	return v, nil
}

// anyIntegers reads a tensor of any numeric type as integers: version 1 has its operands as floats.
func anyIntegers(t *tensor.Tensor) ([]int, error) {
	if integerTypes.Is(t.DType()) {
		return integers(t)
	}
	if !tensor.NumericTypes.Is(t.DType()) || t.Len() > maxRank {
		return nil, fmt.Errorf("%s is not a vector of numbers", t)
	}
	out := make([]int, 0, t.Len()) // not nil: that would mean unknown
	for _, v := range tensor.ToFloat64(t) {
		if v != v || v < -1<<31 || v >= 1<<31 {
			return nil, fmt.Errorf("%v is not an integer in range", v)
		}
		out = append(out, int(v))
	}
	return out, nil
}

// Infer: input [d…], repeats [r…] → [d·r…].
func (op tile) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if !op.single {
		if err := firstError(wantType(in, 1, tensor.Types(tensor.Int64)), wantRank(in, 1, 1)); err != nil {
			return nil, err
		}
	}
	out := ir.Fact{DType: in[0].DType}
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{out}, nil
	}
	out.Shape = ir.AnyOfRank(s.Rank())
	by, err := op.repeats(s.Rank(), func(i int) ([]int, error) {
		if in[i].Const == nil {
			return nil, nil
		}
		return anyIntegers(in[i].Const)
	})
	if err != nil {
		return nil, err
	}
	if by == nil {
		return []ir.Fact{out}, nil
	}
	for i, d := range s.Dims {
		switch {
		case by[i] == 1:
			out.Shape.Dims[i] = d
		case by[i] == 0:
			out.Shape.Dims[i].N = 0
		case d.Known():
			if out.Shape.Dims[i].N, err = tensor.Count([]int{d.N, by[i]}); err != nil {
				return nil, fmt.Errorf("memory: %w", err)
			}
		}
	}
	return []ir.Fact{out}, nil
}

func (op tile) Eval(c *Call) error {
	x := c.In[0]
	by, err := op.repeats(x.Rank(), func(i int) ([]int, error) { return anyIntegers(c.In[i]) })
	if err != nil {
		return err
	}
	// The output as [r0 d0 r1 d1 …]: the input has stride 0 along each r.
	shape, split, steps := make([]int, x.Rank()), []int{}, []int{}
	own := tensor.Strides(x.Shape())
	for i, d := range x.Shape() {
		if shape[i], err = tensor.Count([]int{d, by[i]}); err != nil {
			return fmt.Errorf("memory: %w", err)
		}
		split, steps = append(split, by[i], d), append(steps, 0, own[i])
	}
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil {
		return err
	}
	return c.move(newWalk(split, tensor.Strides(split), steps), y, x)
}

// blockMove moves groups of size² channels to blocks of size × size pixels (DepthToSpace), or back
// (SpaceToDepth): a reshape, a transpose and another reshape. ONNX DepthToSpace-11, SpaceToDepth-1;
// -13 extends the types.
type blockMove struct {
	size  int
	space bool   // SpaceToDepth
	mode  string // order of channels in DepthToSpace: depth-column-row (DCR) or column-row-depth (CRD)
}

// newDepthToSpace reads DepthToSpace-11.
func newDepthToSpace(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("blocksize")
	return newBlockMove(a, blockMove{mode: a.OneOf("mode", "DCR", "CRD")})
}

// newDepthToSpace1 has only the order DCR. ONNX DepthToSpace-1.
func newDepthToSpace1(n *ir.Node) (Op, error) {
	return newBlockMove(n.ReadAttrs().Need("blocksize"), blockMove{mode: "DCR"})
}

// newSpaceToDepth reads SpaceToDepth.
func newSpaceToDepth(n *ir.Node) (Op, error) {
	return newBlockMove(n.ReadAttrs().Need("blocksize"), blockMove{space: true})
}

func newBlockMove(a *ir.Attrs, op blockMove) (Op, error) {
	if op.size = a.Int("blocksize", 1); op.size < 1 || op.size > 1<<20 {
		a.Fail("attribute \"blocksize\" is %d, it must be at least 1", op.size)
	}
	return op, a.Err()
}

// Infer: [n c h w] → [n c/b² h·b w·b], or for SpaceToDepth [n c·b² h/b w/b].
func (op blockMove) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantRank(in, 0, 4); err != nil {
		return nil, err
	}
	out := ir.Tensor(in[0].DType, ir.AnyOfRank(4))
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{out}, nil
	}
	out.Shape.Dims[0] = s.Dims[0]
	for i := 1; i < 4; i++ {
		d := s.Dims[i]
		if !d.Known() {
			continue
		}
		by, divide := op.size, op.space
		if i == 1 {
			by, divide = op.size*op.size, !op.space
		}
		if divide {
			if d.N%by != 0 {
				return nil, fmt.Errorf("dimension %d of %s is not a multiple of %d", i, s, by)
			}
			out.Shape.Dims[i].N = d.N / by
			continue
		}
		n, err := tensor.Count([]int{d.N, by})
		if err != nil {
			return nil, fmt.Errorf("memory: %w", err)
		}
		out.Shape.Dims[i].N = n
	}
	return []ir.Fact{out}, nil
}

func (op blockMove) Eval(c *Call) error {
	x := c.In[0]
	facts, err := op.Infer(factsOf(c.In))
	if err != nil {
		return err
	}
	shape, _ := facts[0].Shape.Ints()
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil {
		return err
	}
	n, ch, h, w, b := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3), op.size
	view, perm := []int{n, b, b, ch / (b * b), h, w}, []int{0, 3, 4, 1, 5, 2}
	switch {
	case op.space:
		view, perm = []int{n, ch, h / b, b, w / b, b}, []int{0, 3, 5, 1, 2, 4}
	case op.mode == "CRD":
		view, perm = []int{n, ch / (b * b), b, b, h, w}, []int{0, 1, 4, 2, 5, 3}
	}
	to, steps := reordered(view, perm), reordered(tensor.Strides(view), perm)
	return c.move(newWalk(to, tensor.Strides(to), steps), y, x)
}

// reverseSequence reverses, in each sequence of a batch, as many of its first elements as an input
// says. ONNX ReverseSequence-10.
type reverseSequence struct{ batch, time int }

func newReverseSequence(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := reverseSequence{a.Int("batch_axis", 1), a.Int("time_axis", 0)}
	if op.batch+op.time != 1 || op.batch*op.time != 0 {
		a.Fail("batch_axis %d and time_axis %d must be 0 and 1, or 1 and 0", op.batch, op.time)
	}
	return op, a.Err()
}

// Infer: input [d0 d1 …], sequence_lens [batch] → the same.
func (op reverseSequence) Infer(in []ir.Fact) ([]ir.Fact, error) {
	err := firstError(wantType(in, 1, integerTypes), wantRank(in, 1, 1))
	if err == nil && in[0].Shape.Ranked && in[0].Shape.Rank() < 2 {
		err = fmt.Errorf("input 0 has shape %s; its rank must be at least 2", in[0].Shape)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, err
}

func (op reverseSequence) Eval(c *Call) error {
	x := c.In[0]
	lens, err := callInts(c, 1)
	if err != nil {
		return err
	}
	if x.Rank() < 2 || len(lens) != x.Dim(op.batch) {
		return fmt.Errorf("there are %d sequence lengths for %s", len(lens), x)
	}
	y, err := c.zeroedLike(x)
	if err != nil || y.Len() == 0 {
		return err
	}
	steps := tensor.Strides(x.Shape())
	cp, inner := newCopier(y, x), steps[1]
	for i, n := range lens {
		if n < 0 || n > x.Dim(op.time) {
			return fmt.Errorf("sequence length %d is outside [0, %d]", n, x.Dim(op.time))
		}
		for t := range x.Dim(op.time) {
			from := t
			if t < n {
				from = n - 1 - t
			}
			cp.copy(i*steps[op.batch]+t*steps[op.time], i*steps[op.batch]+from*steps[op.time], inner)
		}
		if err := c.Run.Check(); err != nil {
			return err
		}
	}
	return nil
}

// trilu keeps the upper or lower triangle of matrices, elements on and above or on and below the k-th
// diagonal, and sets the others to 0. ONNX Trilu-14.
type trilu struct{ upper bool }

func newTrilu(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return trilu{a.Bool("upper", true)}, a.Err()
}

// Infer: [… m n] → the same.
func (op trilu) Infer(in []ir.Fact) ([]ir.Fact, error) {
	err := wantType(in, 1, tensor.Types(tensor.Int64))
	if err == nil && in[0].Shape.Ranked && in[0].Shape.Rank() < 2 {
		err = fmt.Errorf("input 0 has shape %s; its rank must be at least 2", in[0].Shape)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, err
}

func (op trilu) Eval(c *Call) error {
	x := c.In[0]
	k := 0
	if t := c.input(1); t != nil {
		var err error
		if k, err = integer(t); err != nil {
			return fmt.Errorf("input k %w", err)
		}
	}
	if x.Rank() < 2 {
		return fmt.Errorf("input 0 has shape %v; its rank must be at least 2", x.Shape())
	}
	y, err := c.zeroedLike(x)
	if err != nil || y.Len() == 0 {
		return err
	}
	rows, cols := x.Dim(-2), x.Dim(-1)
	k = max(-rows, min(k, cols)) // beyond these, all or nothing is kept
	cp := newCopier(y, x)
	for r := range x.Len() / cols {
		edge := r%rows + k
		from, to := max(0, edge), cols
		if !op.upper {
			from, to = 0, edge+1
		}
		if from, to = min(from, cols), max(0, min(to, cols)); from < to {
			cp.copy(r*cols+from, r*cols+from, to-from)
		}
	}
	return c.Run.Check()
}
