package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var losses = []Def{
	{Name: "NegativeLogLikelihoodLoss", Since: 12, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Exactly(1), New: newNLL},
	{Name: "SoftmaxCrossEntropyLoss", Since: 12, Types: tensor.FloatTypes, In: Arity{2, 3}, Out: Arity{1, 2}, New: newCrossEntropy},
}

// classLoss is -weight[t]·x[t] for the target class t of each position. x are log
// probabilities, or scores to which log-softmax is applied first. ONNX
// NegativeLogLikelihoodLoss-12, SoftmaxCrossEntropyLoss-12; newer versions extend
// the types.
type classLoss struct {
	softmax   bool
	reduction string // mean (weighted), sum, none
	ignored   int64
	ignores   bool
}

func newNLL(n *ir.Node) (Op, error)          { return readClassLoss(n, false) }
func newCrossEntropy(n *ir.Node) (Op, error) { return readClassLoss(n, true) }

func readClassLoss(n *ir.Node, softmax bool) (Op, error) {
	a := n.ReadAttrs()
	return &classLoss{softmax, a.OneOf("reduction", "mean", "sum", "none"), int64(a.Int("ignore_index", 0)), a.Has("ignore_index")}, a.Err()
}

// Infer: x [N C …], target [N …], weight [C] → a scalar or [N …], and log
// probabilities like x.
func (op *classLoss) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, integerTypes); err != nil {
		return nil, err
	}
	x := in[0]
	if err := wantType(in, 2, tensor.Types(x.DType)); err != nil {
		return nil, err
	}
	loss := ir.Tensor(x.DType, ir.Dims())
	if op.reduction == "none" {
		loss.Shape = in[1].Shape
	}
	if x.Shape.Ranked {
		if x.Shape.Rank() < 2 {
			return nil, fmt.Errorf("needs an input of shape [N C …], it has %s", x.Shape)
		}
		want := ir.ShapeOf(append([]ir.Dim{x.Shape.Dims[0]}, x.Shape.Dims[2:]...)...)
		if !fitsShape(in[1].Shape, want) {
			return nil, fmt.Errorf("the target must have shape %s, it has %s", want, in[1].Shape)
		}
		if err := channelVector(fact(in, 2), "weight", x.Shape.Dims[1]); err != nil {
			return nil, err
		}
	}
	return []ir.Fact{loss, ir.Tensor(x.DType, x.Shape)}, nil
}

func (op *classLoss) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	return evalReal(c, func(c *Call) error { return evalClassLoss[float32](op, c) }, func(c *Call) error { return evalClassLoss[float64](op, c) })
}

func evalClassLoss[T real](op *classLoss, c *Call) error {
	x, target := c.In[0], c.In[1]
	logs := tensor.Data[T](x)
	if op.softmax {
		t, err := logProbabilities(c, x)
		if err != nil {
			return err
		}
		logs = tensor.Data[T](t)
		if len(c.Out) > 1 {
			c.Out[1] = t
		}
	}
	right, err := callInts(c, 1)
	if err != nil {
		return err
	}
	var weight []T
	if w := c.input(2); w != nil {
		weight = tensor.Data[T](w)
	}
	shape := []int{}
	if op.reduction == "none" {
		shape = target.Shape()
	}
	y, err := c.New(x.DType(), shape...)
	if err != nil {
		return err
	}
	c.Out[0] = y
	dst := tensor.Data[T](y)
	classes, size := x.Dim(1), tensor.MustCount(x.Shape()[2:])
	sum, total := 0.0, 0.0
	for i, t := range right {
		l, w := 0.0, 0.0
		if !op.ignores || int64(t) != op.ignored {
			if t < 0 || t >= classes {
				return fmt.Errorf("target %d is outside the %d classes", t, classes)
			}
			w = 1
			if weight != nil {
				w = float64(weight[t])
			}
			l = -float64(logs[(i/size*classes+t)*size+i%size]) * w
		}
		sum, total = sum+l, total+w
		if op.reduction == "none" {
			dst[i] = T(l)
		}
	}
	switch op.reduction {
	case "sum":
		dst[0] = T(sum)
	case "mean":
		dst[0] = T(sum / total)
	}
	return nil
}

// logProbabilities returns the log-softmax over the classes.
func logProbabilities(c *Call, x *tensor.Tensor) (*tensor.Tensor, error) {
	inner := *c
	inner.In, inner.Out = []*tensor.Tensor{x}, make([]*tensor.Tensor, 1)
	err := (&lines{logSoftmaxLine, 1, false}).Eval(&inner)
	return inner.Out[0], err
}

// signals lists the operators of signal processing and losses of windows.
var signals = []Def{
	{Name: "HannWindow", Since: 17, Types: integerTypes, In: Exactly(1), Out: Exactly(1), New: windowOf(0.5, 0.5, 0)},
	{Name: "HammingWindow", Since: 17, Types: integerTypes, In: Exactly(1), Out: Exactly(1), New: windowOf(25.0/46, 21.0/46, 0)},
	{Name: "BlackmanWindow", Since: 17, Types: integerTypes, In: Exactly(1), Out: Exactly(1), New: windowOf(0.42, 0.5, 0.08)},
	{Name: "MelWeightMatrix", Since: 17, Types: integerTypes, In: Exactly(5), Out: Exactly(1), New: newMelWeights},
}

// cosineWindow is a0 - a1·cos(2πn/N) + a2·cos(4πn/N), where N is the size if the
// window is periodic, otherwise one less. ONNX HannWindow-17, HammingWindow-17,
// BlackmanWindow-17.
type cosineWindow struct {
	a        [3]float64
	periodic bool
	dtype    tensor.DType
}

func windowOf(a0, a1, a2 float64) func(*ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		a := n.ReadAttrs()
		op := &cosineWindow{[3]float64{a0, a1, a2}, a.Bool("periodic", true), a.DType("output_datatype", tensor.Float32)}
		if !tensor.NumericTypes.Is(op.dtype) {
			a.Fail("attribute %q is %s, it must be a numeric type", "output_datatype", op.dtype)
		}
		return op, a.Err()
	}
}

// Infer: size, a scalar → [size].
func (op *cosineWindow) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantRank(in, 0, 0, 1); err != nil {
		return nil, err
	}
	n := ir.Unknown
	if len(in[0].Ints) == 1 {
		n = in[0].Ints[0]
	}
	return []ir.Fact{ir.Tensor(op.dtype, ir.ShapeOf(n))}, nil
}

func (op *cosineWindow) Eval(c *Call) error {
	size, err := integer(c.In[0])
	if err != nil {
		return err
	}
	if size < 0 {
		return fmt.Errorf("size is %d, it must not be negative", size)
	}
	y, err := c.New(op.dtype, size)
	if err != nil {
		return err
	}
	c.Out[0] = y
	period := float64(size)
	if !op.periodic {
		period--
	}
	v := []float64{0}
	for i := range size {
		at := 2 * math.Pi * float64(i) / period
		if v[0] = op.a[0] - op.a[1]*math.Cos(at) + op.a[2]*math.Cos(2*at); size == 1 {
			v[0] = 1
		}
		tensor.Store(y, i, 1, v)
		if err := c.Run.Check(); i&0xffff == 0 && err != nil {
			return err
		}
	}
	return nil
}

// melWeights is a matrix that maps the bins of a spectrum to overlapping
// triangular filters, evenly spaced on the mel scale. ONNX MelWeightMatrix-17.
type melWeights struct{ dtype tensor.DType }

func newMelWeights(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &melWeights{a.DType("output_datatype", tensor.Float32)}
	if !tensor.NumericTypes.Is(op.dtype) {
		a.Fail("attribute %q is %s, it must be a numeric type", "output_datatype", op.dtype)
	}
	return op, a.Err()
}

// Infer: num_mel_bins, dft_length, sample_rate, lower and upper edge in hertz,
// all scalars → [dft_length/2+1 num_mel_bins].
func (op *melWeights) Infer(in []ir.Fact) ([]ir.Fact, error) {
	for i := range 5 {
		types := integerTypes
		if i > 2 {
			types = tensor.FloatTypes
		}
		if err := wantType(in, i, types); err != nil {
			return nil, err
		}
		if err := wantRank(in, i, 0, 1); err != nil {
			return nil, err
		}
	}
	bins, length := ir.Unknown, ir.Unknown
	if len(in[0].Ints) == 1 {
		bins = in[0].Ints[0]
	}
	if len(in[1].Ints) == 1 && in[1].Ints[0].Known() {
		length = ir.Dim{N: in[1].Ints[0].N/2 + 1}
	}
	return []ir.Fact{ir.Tensor(op.dtype, ir.ShapeOf(length, bins))}, nil
}

func (op *melWeights) Eval(c *Call) error {
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = integer(c.In[i]); err != nil {
			return err
		}
	}
	bins, length, rate := n[0], n[1], n[2]
	if bins < 0 || length < 0 || rate < 1 || bins > maxSpan || length > maxSpan || c.In[3].Len() != 1 || c.In[4].Len() != 1 {
		return fmt.Errorf("num_mel_bins %d, dft_length %d and sample_rate %d are out of range, or an edge is not a scalar", bins, length, rate)
	}
	mel := func(hertz float64) float64 { return 2595 * math.Log10(1+hertz/700) }
	low, high := mel(tensor.ToFloat64(c.In[3])[0]), mel(tensor.ToFloat64(c.In[4])[0])
	y, err := c.New(op.dtype, length/2+1, bins)
	if err != nil {
		return err
	}
	c.Out[0] = y
	edge := func(i int) int {
		m := low + float64(i)*(high-low)/float64(bins+2)
		hertz := 700 * (math.Pow(10, m/2595) - 1)
		return clampIndex(math.Floor(float64(length+1)*hertz/float64(rate)), length/2+2)
	}
	set := func(j, i int, v float64) {
		if j <= length/2 {
			tensor.Store(y, j*bins+i, 1, []float64{v})
		}
	}
	for i := range bins {
		if err := c.Run.Check(); err != nil {
			return err
		}
		first, centre, last := edge(i), edge(i+1), edge(i+2)
		if first == centre {
			set(centre, i, 1)
		}
		for j := first; j <= centre && first < centre; j++ {
			set(j, i, float64(j-first)/float64(centre-first))
		}
		for j := centre; j < last; j++ {
			set(j, i, float64(last-j)/float64(last-centre))
		}
	}
	return nil
}
