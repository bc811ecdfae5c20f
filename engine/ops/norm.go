package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var normalizations = []Def{
	{Name: "BatchNormalization", Since: 14, Types: tensor.FloatTypes, In: Exactly(5), Out: Arity{1, 3}, New: newBatchNorm},
	{Name: "BatchNormalization", Since: 9, Until: 13, Types: tensor.FloatTypes, In: Exactly(5), Out: Arity{1, 5}, New: newBatchNorm9},
	{Name: "BatchNormalization", Since: 7, Until: 8, Types: tensor.FloatTypes, In: Exactly(5), Out: Arity{1, 5}, New: newBatchNorm7},
	{Name: "BatchNormalization", Since: 1, Until: 6, Types: tensor.FloatTypes, In: Exactly(5), Out: Arity{1, 5}, New: newBatchNorm1},
	// Part of the standard from opset 17 on; ONNX Runtime's optimiser writes it
	// into files of any opset.
	{Name: "LayerNormalization", Since: 1, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Arity{1, 3}, New: newLayerNorm},
	{Name: "RMSNormalization", Since: 23, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: newRMSNorm},
	{Name: "InstanceNormalization", Since: 1, Types: tensor.FloatTypes, In: Exactly(3), Out: Exactly(1), New: newInstanceNorm},
	{Name: "GroupNormalization", Since: 21, Types: tensor.FloatTypes, In: Exactly(3), Out: Exactly(1), New: newGroupNorm},
	{Name: "GroupNormalization", Since: 18, Until: 20, Types: tensor.FloatTypes, In: Exactly(3), Out: Exactly(1), New: newGroupNorm18},
	{Name: "LpNormalization", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newLpNorm},
	{Name: "MeanVarianceNormalization", Since: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newMeanVariance},
	{Name: "MeanVarianceNormalization", Since: 1, Until: 8, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newMeanVariance1},
	{Name: "LRN", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newLRN},
}

// batchNorm is Y = (X - mean) / √(var + epsilon) · scale + B, with one mean and variance for each
// channel (with perPixel, for each element of an image). In training, mean and variance are those
// of the batch, and the running ones are updated. ONNX BatchNormalization-14; Ioffe and Szegedy
// 2015, "Batch Normalization". The versions differ in how a node is put into training mode: 14 has
// an attribute, 7 and 9 go by the outputs, 1 and 6 have is_test.
type batchNorm struct {
	epsilon, momentum float64
	training          bool
	perPixel          bool // attribute spatial is 0 (versions 1 to 8)
	saved             bool // outputs 3 and 4 are the mean and variance of the batch (versions 1 to 13)
}

func readBatchNorm(a *ir.Attrs) *batchNorm {
	return &batchNorm{epsilon: float64(a.Float("epsilon", 1e-5)), momentum: float64(a.Float("momentum", 0.9))}
}

func newBatchNorm(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := readBatchNorm(a)
	op.training = a.Bool("training_mode", false)
	if !op.training && hasStatistics(n) {
		a.Fail("has %d outputs; without training_mode it has only one", len(n.Outputs))
	}
	return op, a.Err()
}

// hasStatistics reports whether a node has outputs beside Y. Those without a name
// are left out.
func hasStatistics(n *ir.Node) bool {
	return slices.ContainsFunc(n.Outputs[min(1, len(n.Outputs)):], func(v *ir.Value) bool { return v.Name != "" })
}

// newBatchNorm9 reads BatchNormalization-9, which is in training mode if the node
// has more than one output.
func newBatchNorm9(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := readBatchNorm(a)
	op.training, op.saved = hasStatistics(n), true
	return op, a.Err()
}

// newBatchNorm7 reads BatchNormalization-7: like -9, with attribute spatial.
func newBatchNorm7(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := readBatchNorm(a)
	op.training, op.saved = hasStatistics(n), true
	op.perPixel = !a.Bool("spatial", true)
	return op, a.Err()
}

// newBatchNorm1 reads BatchNormalization-1 and -6, with spatial and is_test;
// consumed_inputs of version 1 is a hint that is ignored.
func newBatchNorm1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := readBatchNorm(a)
	op.training = !a.Bool("is_test", false) && hasStatistics(n)
	op.saved, op.perPixel = true, !a.Bool("spatial", true)
	return op, a.Err()
}

// Infer: X [N C …], scale, B, mean, var [C] (perPixel: [C …]) → Y like X, then
// updated mean and variance.
func (op *batchNorm) Infer(in []ir.Fact) ([]ir.Fact, error) {
	x := in[0]
	for i := 1; i < 5; i++ {
		if err := wantType(in, i, tensor.FloatTypes); err != nil {
			return nil, err
		}
	}
	if x.Shape.Ranked {
		if x.Shape.Rank() < 2 && !(x.Shape.Rank() == 1 && !op.perPixel) {
			return nil, fmt.Errorf("needs an input of shape [N C …], it has %s", x.Shape)
		}
		want := ir.ShapeOf(ir.Dim{N: 1})
		switch {
		case op.perPixel:
			want = ir.ShapeOf(x.Shape.Dims[1:]...)
		case x.Shape.Rank() > 1:
			want = ir.ShapeOf(x.Shape.Dims[1])
		}
		for i := 1; i < 5; i++ {
			if !op.fits(in[i].Shape, want) {
				return nil, fmt.Errorf("input %d must have shape %s, it has %s", i, want, in[i].Shape)
			}
		}
	}
	mean, variance := ir.Tensor(in[3].DType, in[3].Shape), ir.Tensor(in[4].DType, in[4].Shape)
	return []ir.Fact{ir.Tensor(x.DType, x.Shape), mean, variance, mean, variance}, nil
}

// fits reports whether statistics may have shape got where the specification wants shape want.
func (op *batchNorm) fits(got, want ir.Shape) bool {
	if !got.Ranked {
		return true
	}
	if op.perPixel && got.Rank() != want.Rank() {
		// Some exporters flatten the statistics of an image.
		g, ok1 := got.Count()
		w, ok2 := want.Count()
		return ok1 && ok2 && g == w
	}
	return fitsShape(got, want)
}

func (op *batchNorm) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	// X may have another type than the statistics: xy is the call with X and Y alone, of which evalReal
	// widens those of 16 bits.
	xy := *c
	xy.In, xy.Out = c.In[:1], c.Out[:1]
	err := evalReal(&xy, func(xy *Call) error { return evalBatchNorm[float32](op, c, xy) }, func(xy *Call) error { return evalBatchNorm[float64](op, c, xy) })
	c.taken = xy.taken
	return err
}

// evalBatchNorm computes Y, the output of xy, and in training the other outputs, of c.
func evalBatchNorm[T real](op *batchNorm, c, xy *Call) error {
	x := xy.In[0]
	y, err := xy.like(x)
	if err != nil {
		return err
	}
	xy.Out[0] = y
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	scale, shift, mean, variance := tensor.ToFloat64(c.In[1]), tensor.ToFloat64(c.In[2]), tensor.ToFloat64(c.In[3]), tensor.ToFloat64(c.In[4])
	channels, batch, size := len(scale), 0, 0
	switch { // size: elements of a channel of one image
	case len(src) == 0:
	case x.Rank() == 1:
		batch, size = len(src), 1
	default:
		batch = x.Dim(0)
		size = len(src) / batch / channels
	}
	if op.training {
		bm, bv := batchMoments(src, batch, channels, size)
		if err := op.moments(c, mean, variance, bm, bv); err != nil {
			return err
		}
		mean, variance = bm, bv
	}
	for i := range batch * channels {
		if err := c.Run.Check(); err != nil {
			return err
		}
		ch := i % channels
		factor := scale[ch] / math.Sqrt(variance[ch]+op.epsilon)
		for j := i * size; j < (i+1)*size; j++ {
			dst[j] = T((float64(src[j])-mean[ch])*factor + shift[ch])
		}
	}
	return nil
}

// batchMoments returns the mean and the population variance of each channel, NaN
// for channels without elements.
func batchMoments[T real](x []T, batch, channels, size int) (mean, variance []float64) {
	n := float64(batch * size)
	mean, variance = slices.Repeat([]float64{0 / n}, channels), slices.Repeat([]float64{0 / n}, channels)
	each := func(f func(ch int, v float64)) {
		for i := range batch * channels {
			for _, v := range x[i*size : (i+1)*size] {
				f(i%channels, float64(v))
			}
		}
	}
	each(func(ch int, v float64) { mean[ch] += v / n })
	each(func(ch int, v float64) { variance[ch] += (v - mean[ch]) * (v - mean[ch]) / n })
	return mean, variance
}

// moments sets the outputs after the first: the running mean and variance, updated with those of the
// batch, and these themselves where the version has them.
func (op *batchNorm) moments(c *Call, mean, variance, batchMean, batchVariance []float64) error {
	for i := 1; i < len(c.Out); i++ {
		like, values := c.In[3], batchMean
		if i%2 == 0 {
			like, values = c.In[4], batchVariance
		}
		if !op.saved || i < 3 {
			old := mean
			if i%2 == 0 {
				old = variance
			}
			values = blend(old, values, op.momentum)
		}
		t, err := fromFloat64(c, values, like)
		if err != nil {
			return err
		}
		c.Out[i] = t
	}
	return nil
}

// blend returns momentum·old + (1-momentum)·new.
func blend(old, new []float64, momentum float64) []float64 {
	out := make([]float64, len(old))
	for i := range out {
		out[i] = momentum*old[i] + (1-momentum)*new[i]
	}
	return out
}

// fromFloat64 makes a tensor of the given values with the dtype and shape of
// like.
func fromFloat64(c *Call, values []float64, like *tensor.Tensor) (*tensor.Tensor, error) {
	t, err := c.like(like)
	if err != nil {
		return nil, err
	}
	tensor.Store(t, 0, 1, values)
	return t, nil
}

// lrn is Y = X / (bias + alpha/size · Σ X²)^beta, where the sum is over size channels around each.
// ONNX LRN-1; -13 extends the types. Krizhevsky et al. 2012, "ImageNet Classification with Deep
// Convolutional Neural Networks", §3.3.
type lrn struct {
	alpha, beta, bias float64
	size              int
}

func newLRN(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("size")
	op := &lrn{float64(a.Float("alpha", 0.0001)), float64(a.Float("beta", 0.75)), float64(a.Float("bias", 1)), a.Int("size", 1)}
	if op.size < 1 {
		a.Fail("attribute %q is %d, it must be at least 1", "size", op.size)
	}
	return op, a.Err()
}

// Infer: X [N C …] → Y, same shape and dtype.
func (op *lrn) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if in[0].Shape.Ranked && in[0].Shape.Rank() < 2 {
		return nil, fmt.Errorf("needs an input of shape [N C …], it has %s", in[0].Shape)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

func (op *lrn) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalLRN[float32](op, c) }, func(c *Call) error { return evalLRN[float64](op, c) })
}

func evalLRN[T real](op *lrn, c *Call) error {
	x := c.In[0]
	y, err := c.zeroedLike(x)
	if err != nil {
		return err
	}
	src, dst := tensor.Data[T](x), tensor.Data[T](y)
	if len(src) == 0 {
		return nil
	}
	channels := x.Dim(1)
	size := len(src) / x.Dim(0) / channels
	sum := make([]float64, size)
	for n := range x.Dim(0) {
		for ch := range channels {
			if err := c.Run.Check(); err != nil {
				return err
			}
			clear(sum)
			from, to := max(0, ch-min((op.size-1)/2, channels)), min(channels, ch+min(op.size/2, channels)+1)
			for i := from; i < to; i++ {
				for j, v := range src[(n*channels+i)*size:][:size] {
					sum[j] += float64(v) * float64(v)
				}
			}
			at := (n*channels + ch) * size
			for j, s := range sum {
				dst[at+j] = T(float64(src[at+j]) / math.Pow(op.bias+op.alpha/float64(op.size)*s, op.beta))
			}
		}
	}
	return nil
}
