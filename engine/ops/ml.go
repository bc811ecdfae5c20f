package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

const mlDomain = "ai.onnx.ml"

var (
	mlNumbers = tensor.Types(tensor.Float32, tensor.Float64, tensor.Int32, tensor.Int64)
	mlLabels  = tensor.Types(tensor.String, tensor.Int64)
)

// The files ml*.go have the operators of domain ai.onnx.ml: classical machine learning on rows of
// features, [N features]. Where the specification leaves something open, they follow ONNX Runtime.
var mlOperators = []Def{
	{Domain: mlDomain, Name: "ArrayFeatureExtractor", Since: 1, Types: mlNumbers | stringType, In: Exactly(2), Out: Exactly(1), New: noAttributes(featureExtractor{})},
	{Domain: mlDomain, Name: "Binarizer", Since: 1, Types: mlNumbers, In: Exactly(1), Out: Exactly(1), New: newBinarizer},
	{Domain: mlDomain, Name: "Scaler", Since: 1, Types: mlNumbers, In: Exactly(1), Out: Exactly(1), New: newScaler},
	{Domain: mlDomain, Name: "Normalizer", Since: 1, Types: mlNumbers, In: Exactly(1), Out: Exactly(1), New: newNormalizer},
	{Domain: mlDomain, Name: "LabelEncoder", Since: 2, Types: stringType | tensor.NumericTypes, In: Exactly(1), Out: Exactly(1), New: newLabelEncoder},
	{Domain: mlDomain, Name: "LabelEncoder", Since: 1, Until: 1, Types: mlLabels, In: Exactly(1), Out: Exactly(1), New: newLabelEncoder1},
	{Domain: mlDomain, Name: "CategoryMapper", Since: 1, Types: mlLabels, In: Exactly(1), Out: Exactly(1), New: newCategoryMapper},
	{Domain: mlDomain, Name: "TreeEnsemble", Since: 5, Types: tensor.Types(tensor.Float32, tensor.Float64, tensor.Float16), In: Exactly(1), Out: Exactly(1), New: newTreeEnsemble},
}

// featureExtractor selects columns of the last dimension. ONNX
// ArrayFeatureExtractor-1.
type featureExtractor struct{}

// Infer: X […, C], indices int64 [n] → […, n]; a vector is one row.
func (featureExtractor) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, tensor.Types(tensor.Int64)); err != nil {
		return nil, err
	}
	x, y := in[0].Shape, in[1].Shape
	if !x.Ranked {
		return []ir.Fact{ir.Tensor(in[0].DType, ir.Shape{})}, nil
	}
	if x.Rank() == 0 {
		return nil, fmt.Errorf("needs an input of rank 1 or more, it has a scalar")
	}
	n := ir.Unknown
	if k, ok := y.Count(); ok {
		n = ir.Dim{N: k}
	}
	rows := []ir.Dim{{N: 1}}
	if x.Rank() > 1 {
		rows = slices.Clone(x.Dims[:x.Rank()-1])
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(append(rows, n)...))}, nil
}

// Eval copies one column at a time.
func (featureExtractor) Eval(c *Call) error {
	x := c.In[0]
	if x.Rank() == 0 {
		return fmt.Errorf("needs an input of rank 1 or more, it has a scalar")
	}
	index := tensor.Data[int64](c.In[1])
	width := x.Dim(-1)
	rows := tensor.MustCount(x.Shape()[:x.Rank()-1])
	shape := []int{1, len(index)}
	if x.Rank() > 1 {
		shape = append(slices.Clone(x.Shape()[:x.Rank()-1]), len(index))
	}
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil {
		return err
	}
	for i, k := range index {
		if k < 0 || k >= int64(width) {
			return fmt.Errorf("index %d is outside the last dimension, which has %d elements", k, width)
		}
		w := newWalk([]int{rows}, []int{len(index)}, []int{width})
		w.start[0], w.start[1] = i, int(k)
		if err := w.move(c.Run, y, x); err != nil {
			return err
		}
	}
	return nil
}

// newBinarizer makes y = 1 for x > threshold, 0 otherwise. ONNX Binarizer-1.
func newBinarizer(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	threshold := float64(a.Float("threshold", 0))
	return elementwise{throughFloat(func(x float64) float64 {
		if x > threshold {
			return 1
		}
		return 0
	})}, a.Err()
}

// perRow applies a function to each row (the last dimension), in place; the result is float32.
type perRow struct {
	width int // required length of rows; 0: any
	f     func(x []float64)
}

// newScaler makes y = (x - offset)·scale, with one number for all features or one
// for each. ONNX Scaler-1.
func newScaler(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	offset, scale := a.Floats("offset"), a.Floats("scale")
	if len(offset) == 0 || len(scale) == 0 {
		a.Fail("attributes \"offset\" and \"scale\" must not be empty")
		return nil, a.Err()
	}
	op := perRow{}
	for _, v := range [][]float32{offset, scale} {
		if len(v) > 1 {
			if op.width != 0 && op.width != len(v) {
				a.Fail("attributes \"offset\" and \"scale\" have %d and %d elements, they must have 1 or the number of features", len(offset), len(scale))
			}
			op.width = len(v)
		}
	}
	op.f = func(x []float64) {
		for i := range x {
			x[i] = (x[i] - float64(offset[i%len(offset)])) * float64(scale[i%len(scale)])
		}
	}
	return op, a.Err()
}

// newNormalizer divides each row by its norm: the largest number, the sum of
// magnitudes or the Euclidean length. ONNX Normalizer-1.
func newNormalizer(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	kind := a.OneOf("norm", "MAX", "L1", "L2")
	return perRow{f: func(x []float64) {
		norm := 0.0
		if kind == "MAX" {
			norm = math.Inf(-1)
		}
		for _, v := range x {
			switch kind {
			case "MAX":
				norm = math.Max(norm, v)
			case "L1":
				norm += math.Abs(v)
			default:
				norm = math.Hypot(norm, v)
			}
		}
		for i := range x {
			if norm != 0 {
				x[i] /= norm
			}
		}
	}}, a.Err()
}

// Infer: X […, C] → float32 of the same shape.
func (op perRow) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if s.Ranked && s.Rank() == 0 {
		return nil, fmt.Errorf("needs an input of rank 1 or more, it has a scalar")
	}
	if s.Ranked && op.width != 0 {
		if d := s.Dims[s.Rank()-1]; d.Known() && d.N != op.width {
			return nil, fmt.Errorf("needs %d features in the last dimension, the input has shape %v", op.width, s)
		}
	}
	return []ir.Fact{ir.Tensor(tensor.Float32, s)}, nil
}

// Eval computes one row at a time.
func (op perRow) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	x := c.In[0]
	y, err := c.zeroed(tensor.Float32, x.Shape()...)
	if err != nil {
		return err
	}
	n := x.Dim(-1)
	if err := c.Run.reserveList(n, 8); err != nil {
		return err
	}
	row := make([]float64, n)
	for at := 0; at < x.Len(); at += n {
		tensor.Load(row, x, at, 1)
		op.f(row)
		tensor.Store(y, at, 1, row)
		if err := c.Run.Check(); err != nil {
			return err
		}
	}
	return nil
}
