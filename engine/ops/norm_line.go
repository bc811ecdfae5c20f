package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// lineNorm normalises the dimensions from axis on and scales the result: Y = (X -
// mean) / √(var + epsilon) · scale + B, or without mean and B Y = X / √(mean(X²)
// + epsilon) · scale. ONNX LayerNormalization-17, Ba et al. 2016;
// RMSNormalization-23, Zhang and Sennrich 2019.
type lineNorm struct {
	axis    int
	epsilon float64
	centred bool         // the mean is subtracted
	stash   tensor.DType // dtype of the outputs mean and 1/√(var + epsilon)
}

func newLayerNorm(n *ir.Node) (Op, error) { return readLineNorm(n, true) }
func newRMSNorm(n *ir.Node) (Op, error)   { return readLineNorm(n, false) }

func readLineNorm(n *ir.Node, centred bool) (Op, error) {
	a := n.ReadAttrs()
	op := &lineNorm{a.Int("axis", -1), float64(a.Float("epsilon", 1e-5)), centred, a.DType("stash_type", tensor.Float32)}
	if !tensor.FloatTypes.Is(op.stash) {
		a.Fail("attribute %q is %s, it must be a float type", "stash_type", op.stash)
	}
	return op, a.Err()
}

// result is the type of Y: that of X, without a mean that of scale.
func (op *lineNorm) result(x, scale tensor.DType) tensor.DType {
	if op.centred {
		return x
	}
	return scale
}

// Infer: X [any shape], scale and B broadcast to X → Y in the shape of X, mean and
// inverse standard deviation with dimensions of 1 from axis on.
func (op *lineNorm) Infer(in []ir.Fact) ([]ir.Fact, error) {
	x := in[0]
	for i := 1; i < len(in); i++ {
		if err := wantType(in, i, tensor.FloatTypes); err != nil {
			return nil, err
		}
	}
	y, moments := ir.Tensor(op.result(x.DType, in[1].DType), x.Shape), ir.Tensor(op.stash, ir.Shape{})
	if x.Shape.Ranked {
		axis, err := tensor.Axis(op.axis, x.Shape.Rank())
		if err != nil {
			return nil, err
		}
		for i := 1; i < len(in); i++ {
			if s, err := broadcastShape(in[i].Shape, x.Shape); in[i].Given() && (err != nil || !fitsShape(s, x.Shape)) {
				return nil, fmt.Errorf("input %d must broadcast to %s, it has shape %s", i, x.Shape, in[i].Shape)
			}
		}
		moments.Shape = ir.ShapeOf(append([]ir.Dim(nil), x.Shape.Dims...)...)
		for i := range moments.Shape.Dims[axis:] {
			moments.Shape.Dims[axis+i] = ir.Dim{N: 1}
		}
	}
	return []ir.Fact{y, moments, moments}, nil
}

func (op *lineNorm) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	inner := *c
	inner.In = append([]*tensor.Tensor{}, c.In...)
	wide := c.In[0].DType()
	for _, t := range c.In { // scale and B may have another dtype than X
		switch {
		case t == nil || t.DType() == wide:
		case t.DType() == tensor.Float64 || wide == tensor.Float64:
			wide = tensor.Float64
		default:
			wide = tensor.Float32
		}
	}
	for i, t := range c.In {
		var err error
		if t != nil && t.DType() != wide {
			if inner.In[i], err = inner.convert(t, wide); err != nil {
				return err
			}
		}
	}
	if err := evalReal(&inner, func(c *Call) error { return evalLineNorm[float32](op, c) }, func(c *Call) error { return evalLineNorm[float64](op, c) }); err != nil {
		return err
	}
	c.taken = inner.taken
	for i, t := range c.Out {
		d := op.stash
		if i == 0 {
			d = op.result(c.In[0].DType(), c.In[1].DType())
		}
		if t.DType() != d {
			var err error
			if c.Out[i], err = c.convert(t, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func evalLineNorm[T real](op *lineNorm, c *Call) error {
	x := c.In[0]
	axis, err := tensor.Axis(op.axis, x.Rank())
	if err != nil {
		return err
	}
	y, err := c.zeroedLike(x)
	if err != nil {
		return err
	}
	outer, inner := tensor.MustCount(x.Shape()[:axis]), tensor.MustCount(x.Shape()[axis:])
	moments := append([]int(nil), x.Shape()...)
	for i := range moments[axis:] {
		moments[axis+i] = 1
	}
	for i := 1; i < len(c.Out); i++ {
		if c.Out[i], err = c.New(tensor.Float64, moments...); err != nil {
			return err
		}
	}
	if y.Len() == 0 && len(c.Out) == 1 {
		return nil // nothing to compute, whatever the number of lines
	}
	scale := newBroadcastLines[T](c.In[1], x.Shape(), axis)
	shift := newBroadcastLines[T](c.input(2), x.Shape(), axis)
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	for i := range outer {
		if err := c.Run.Check(); err != nil {
			return err
		}
		line, out := src[i*inner:(i+1)*inner], dst[i*inner:(i+1)*inner]
		mean, variance := 0.0, 0.0
		if op.centred {
			for _, v := range line {
				mean += float64(v)
			}
			mean /= float64(inner)
		}
		for _, v := range line {
			d := float64(v) - mean
			variance += d * d
		}
		inverse := 1 / math.Sqrt(variance/float64(inner)+op.epsilon)
		factors, addends := scale.line(i), shift.line(i)
		for j, v := range line {
			out[j] = T((float64(v)-mean)*inverse*factors(j) + addends(j))
		}
		for k, m := range [2]float64{mean, inverse} {
			if k+1 < len(c.Out) {
				tensor.Data[float64](c.Out[k+1])[i] = m
			}
		}
	}
	return nil
}

// broadcastLines reads a tensor that is broadcast to the shape of another, whose lines are the
// dimensions from axis on.
type broadcastLines[T real] struct {
	data         []T
	outer, inner []int // sizes of the dimensions before the axis, and from it on
	steps        []int // strides of all dimensions, 0 where broadcast
}

func newBroadcastLines[T real](t *tensor.Tensor, to []int, axis int) broadcastLines[T] {
	if t == nil {
		return broadcastLines[T]{}
	}
	return broadcastLines[T]{tensor.Data[T](t), to[:axis], to[axis:], tensor.BroadcastStrides(t.Shape(), to)}
}

// line returns a function for element j of line i; 0 if there is no tensor.
func (s broadcastLines[T]) line(i int) func(j int) float64 {
	if s.data == nil {
		return func(int) float64 { return 0 }
	}
	at := 0
	for d := len(s.outer) - 1; d >= 0; d-- {
		at += i % s.outer[d] * s.steps[d]
		i /= s.outer[d]
	}
	if len(s.inner) == 1 {
		step := s.steps[len(s.outer)]
		return func(j int) float64 { return float64(s.data[at+j*step]) }
	}
	return func(j int) float64 {
		k := at
		for d := len(s.inner) - 1; d >= 0; d-- {
			k += j % s.inner[d] * s.steps[len(s.outer)+d]
			j /= s.inner[d]
		}
		return float64(s.data[k])
	}
}

// groupNorm normalises each group of channels of each image, then scales and
// shifts each channel (in version 18, each group). With one channel per group it
// is InstanceNormalization. ONNX GroupNormalization-21 and -18, Wu and He 2018;
// InstanceNormalization-1, Ulyanov et al. 2016.
type groupNorm struct {
	groups   int // 0: one for each channel
	epsilon  float64
	perGroup bool // one scale and shift for each group
}

func newInstanceNorm(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &groupNorm{epsilon: float64(a.Float("epsilon", 1e-5))}, a.Err()
}

func newGroupNorm(n *ir.Node) (Op, error) { return readGroupNorm(n, false) }

// newGroupNorm18 reads GroupNormalization-18: one scale and shift for each group.
func newGroupNorm18(n *ir.Node) (Op, error) { return readGroupNorm(n, true) }

func readGroupNorm(n *ir.Node, perGroup bool) (Op, error) {
	a := n.ReadAttrs().Need("num_groups")
	op := &groupNorm{a.Int("num_groups", 1), float64(a.Float("epsilon", 1e-5)), perGroup}
	if op.groups < 1 {
		a.Fail("attribute %q is %d, it must be at least 1", "num_groups", op.groups)
	}
	return op, a.Err()
}

// Infer: X [N C …], scale, B [C] → Y like X.
func (op *groupNorm) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := sameType(in); err != nil {
		return nil, err
	}
	x := in[0]
	if x.Shape.Ranked {
		if x.Shape.Rank() < 2 {
			return nil, fmt.Errorf("needs an input of shape [N C …], it has %s", x.Shape)
		}
		c := x.Shape.Dims[1]
		if op.groups > 0 && c.Known() && c.N%op.groups != 0 {
			return nil, fmt.Errorf("num_groups %d does not divide the channels of %s", op.groups, x.Shape)
		}
		if op.perGroup {
			c = ir.Dim{N: op.groups}
		}
		for i := 1; i < 3; i++ {
			if err := channelVector(in[i], fmt.Sprint("input ", i), c); err != nil {
				return nil, err
			}
		}
	}
	return []ir.Fact{ir.Tensor(x.DType, x.Shape)}, nil
}

func (op *groupNorm) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalGroupNorm[float32](op, c) }, func(c *Call) error { return evalGroupNorm[float64](op, c) })
}

func evalGroupNorm[T real](op *groupNorm, c *Call) error {
	x := c.In[0]
	y, err := c.zeroedLike(x)
	if err != nil {
		return err
	}
	src, dst, scale, shift := tensor.Data[T](x), tensor.Data[T](y), tensor.Data[T](c.In[1]), tensor.Data[T](c.In[2])
	if len(src) == 0 {
		return nil
	}
	channels, groups := x.Dim(1), op.groups
	if groups == 0 {
		groups = channels
	}
	size := len(src) / x.Dim(0) / channels
	line := size * (channels / groups)
	for i := range x.Dim(0) * groups {
		if err := c.Run.Check(); err != nil {
			return err
		}
		in, out := src[i*line:(i+1)*line], dst[i*line:(i+1)*line]
		mean, variance := moments(in)
		inverse := 1 / math.Sqrt(variance+op.epsilon)
		for j, v := range in {
			k := i % groups
			if !op.perGroup {
				k = k*(channels/groups) + j/size
			}
			out[j] = T((float64(v)-mean)*inverse*float64(scale[k]) + float64(shift[k]))
		}
	}
	return nil
}

// moments returns the mean and the population variance, Σ (x - mean)² / n.
func moments[T real](x []T) (mean, variance float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		d := float64(v) - mean
		variance += d * d
	}
	return mean, variance / float64(len(x))
}

// newLpNorm makes x / ‖x‖ along an axis, with the 1- or 2-norm; lines of zeros stay zeros. ONNX
// LpNormalization-1; -22 extends the types.
func newLpNorm(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &lines{lpNormLine2, a.Int("axis", -1), false}
	switch p := a.Int("p", 2); p {
	case 1:
		op.f = lpNormLine1
	case 2:
	default:
		a.Fail("attribute %q is %d, it must be 1 or 2", "p", p)
	}
	return op, a.Err()
}

func lpNormLine1(x []float64) {
	sum := 0.0
	for _, v := range x {
		sum += math.Abs(v)
	}
	divideLine(x, sum)
}

func lpNormLine2(x []float64) {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	divideLine(x, math.Sqrt(sum))
}

func divideLine(x []float64, by float64) {
	for i := range x {
		if by != 0 {
			x[i] /= by
		}
	}
}

// meanVariance is (X - mean) / (√var + 1e-9) over some axes. ONNX
// MeanVarianceNormalization-9; -13 extends the types.
type meanVariance struct {
	axes      []int
	deviation bool // divide by the standard deviation
}

func newMeanVariance(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	axes := a.Ints("axes")
	if axes == nil {
		axes = []int{0, 2, 3}
	}
	return &meanVariance{axes, true}, a.Err()
}

// newMeanVariance1 reads MeanVarianceNormalization-1, whose attribute
// across_channels determines the axes.
func newMeanVariance1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &meanVariance{[]int{0, 2, 3}, a.Bool("normalize_variance", true)}
	if a.Bool("across_channels", false) {
		op.axes = []int{0, 1, 2, 3}
	}
	return op, a.Err()
}

// along returns the axes of an input. Axes that it does not have are left out, as in
// ONNX Runtime: the default ones are those of a picture.
func (op *meanVariance) along(rank int) ([]int, error) {
	return axesOf(slices.DeleteFunc(slices.Clone(op.axes), func(axis int) bool { return axis >= rank }), rank)
}

// Infer: X [any shape] → Y, same shape and dtype.
func (op *meanVariance) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if in[0].Shape.Ranked {
		if _, err := op.along(in[0].Shape.Rank()); err != nil {
			return nil, err
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

func (op *meanVariance) Eval(c *Call) error {
	x := c.In[0]
	axes, err := op.along(x.Rank())
	if err != nil {
		return err
	}
	y, err := c.like(x)
	if err != nil {
		return err
	}
	if c.Out[0] = y; y.Len() == 0 {
		return nil // whatever the number of groups
	}
	return eachGroup(c, x, axes, tensor.Float64, func(o int, group []float64, at *walk) error {
		mean, variance := moments(group)
		by := 1.0
		if op.deviation {
			by = math.Sqrt(variance) + 1e-9
		}
		for i, v := range group {
			group[i] = (v - mean) / by
		}
		done := 0
		return at.rows(c.Run, func(n int, at, step []int) {
			tensor.Store(y, at[0], step[0], group[done:done+n])
			done += n
		})
	})
}
