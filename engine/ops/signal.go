package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// signalOps lists window functions and the mel filter bank.
var signalOps = []Def{
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
	y, err := c.zeroed(op.dtype, size)
	if err != nil {
		return err
	}
	period := float64(size)
	if !op.periodic {
		period--
	}
	v := []float64{0}
	for i := range size {
		at := 2 * math.Pi * float64(i) / period
		if v[0] = op.a[0] - op.a[1]*math.Cos(at) + op.a[2]*math.Cos(2*at); period == 0 {
			v[0] = 1 // a window of one, of which the formula makes NaN
		}
		tensor.Store(y, i, 1, v)
		if i&0xffff == 0 {
			if err := c.Run.Check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// melWeights is a matrix that maps the bins of a spectrum to overlapping triangular filters, evenly
// spaced on the mel scale, 2595·log10(1 + hertz/700). Filter i rises from edge i to edge i+1 and
// falls to edge i+2. ONNX MelWeightMatrix-17.
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
	y, err := c.zeroed(op.dtype, length/2+1, bins)
	if err != nil {
		return err
	}
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
