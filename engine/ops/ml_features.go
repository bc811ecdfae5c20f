package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var mlFeatures = []Def{
	{Domain: mlDomain, Name: "FeatureVectorizer", Since: 1, Types: mlNumbers, In: Arity{1, Many}, Out: Exactly(1), New: newFeatureVectorizer},
	{Domain: mlDomain, Name: "Imputer", Since: 1, Types: mlNumbers, In: Exactly(1), Out: Exactly(1), New: newImputer},
	{Domain: mlDomain, Name: "OneHotEncoder", Since: 1, Types: mlNumbers | stringType, In: Exactly(1), Out: Exactly(1), New: newOneHotEncoder},
}

// featureVectorizer concatenates the rows of its inputs, each truncated or padded with zeros to the
// size that an attribute gives for it. ONNX FeatureVectorizer-1.
type featureVectorizer struct{ sizes []int }

func newFeatureVectorizer(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := featureVectorizer{a.Ints("inputdimensions")}
	if len(op.sizes) != len(n.Inputs) {
		a.Fail("attribute %q has %d elements for %d inputs", "inputdimensions", len(op.sizes), len(n.Inputs))
	}
	for _, k := range op.sizes {
		if k < 0 || k > maxSpan {
			a.Fail("attribute %q has the element %d, it must be between 0 and %d", "inputdimensions", k, maxSpan)
		}
	}
	return op, a.Err()
}

// Infer: [N C] or [C] each → float32 [N sum of sizes].
func (op featureVectorizer) Infer(in []ir.Fact) ([]ir.Fact, error) {
	rows, total := ir.Unknown, 0
	for i, f := range in {
		if err := wantType(in, i, mlNumbers); err != nil {
			return nil, err
		}
		n, _, err := rowsOf(f.Shape)
		if err != nil {
			return nil, err
		}
		if rows.Known() && n.Known() && rows.N != n.N {
			return nil, fmt.Errorf("input %d has %d rows, others have %d", i, n.N, rows.N)
		}
		if n.Known() {
			rows = n
		}
		total += op.sizes[i]
	}
	return []ir.Fact{ir.Tensor(tensor.Float32, ir.ShapeOf(rows, ir.Dim{N: total}))}, nil
}

func (op featureVectorizer) Eval(c *Call) error {
	y, err := c.inferred(op)
	if err != nil {
		return err
	}
	shape := y.Shape()
	if y.Len() == 0 {
		return nil // nothing to compute, whatever the number of rows
	}
	at := 0
	for i, x := range c.In {
		err := eachRow(c, x, func(r int, row []float64) error {
			tensor.Store(y, r*shape[1]+at, 1, row[:min(len(row), op.sizes[i])])
			return nil
		})
		if err != nil {
			return err
		}
		at += op.sizes[i]
	}
	return nil
}

// imputer replaces elements that are equal to a given value by a number, one for
// all features or one for each. ONNX Imputer-1.
type imputer struct {
	floats       []float64
	replaceFloat float64
	ints         []int64 // used if there are no floats
	replaceInt   int64
}

func newImputer(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := imputer{replaceFloat: float64(a.Float("replaced_value_float", 0)), ints: a.Int64s("imputed_value_int64s"), replaceInt: a.Int64("replaced_value_int64", 0)}
	for _, v := range a.Floats("imputed_value_floats") {
		op.floats = append(op.floats, float64(v))
	}
	if len(op.floats)+len(op.ints) == 0 {
		a.Fail("attributes %q and %q: one of the two must not be empty", "imputed_value_floats", "imputed_value_int64s")
	}
	return op, a.Err()
}

// Infer: X [… C] → the same. Floats are replaced by floats, integers by integers.
func (op imputer) Infer(in []ir.Fact) ([]ir.Fact, error) {
	n := len(op.floats)
	if n == 0 {
		n = len(op.ints)
	}
	if tensor.FloatTypes.Is(in[0].DType) != (len(op.floats) > 0) {
		return nil, fmt.Errorf("input is %s, which does not match the imputed values", in[0].DType)
	}
	if d := lastDim(in[0].Shape); n > 1 && (in[0].Shape.Rank() == 0 || d.Known() && d.N != n) {
		return nil, fmt.Errorf("needs %d features in the last dimension, the input has shape %s", n, in[0].Shape)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

func (op imputer) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	y, err := c.zeroedLike(c.In[0])
	if err != nil {
		return err
	}
	i := 0
	if len(op.floats) == 0 {
		return mapElements(c, y, c.In[0], func(v int64) int64 {
			fill := op.ints[i%len(op.ints)]
			if i++; v == op.replaceInt {
				return fill
			}
			return v
		})
	}
	return mapElements(c, y, c.In[0], func(v float64) float64 {
		fill := op.floats[i%len(op.floats)]
		if i++; v == op.replaceFloat || v != v && op.replaceFloat != op.replaceFloat {
			return fill
		}
		return v
	})
}

// oneHotEncoder appends a dimension with an element for each category: 1 for the
// element's category, else 0. ONNX OneHotEncoder-1.
type oneHotEncoder struct {
	categories *tensor.Tensor
	zeros      bool // elements without a category give zeros; otherwise they are an error
}

func newOneHotEncoder(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := oneHotEncoder{zeros: a.Bool("zeros", true)}
	if op.categories = listAttr(a, "cats"); a.Has("cats_strings") == a.Has("cats_int64s") {
		a.Fail("attributes %q and %q: exactly one must be given", "cats_strings", "cats_int64s")
	}
	return op, a.Err()
}

// Infer: […] → float32 [… categories].
func (op oneHotEncoder) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if text := in[0].DType == tensor.String; text != (op.categories.DType() == tensor.String) {
		return nil, fmt.Errorf("input is %s, the categories are %s", in[0].DType, op.categories.DType())
	}
	s := in[0].Shape
	if s.Ranked {
		s = inserted(s, s.Rank(), ir.Dim{N: op.categories.Len()})
	}
	return []ir.Fact{ir.Tensor(tensor.Float32, s)}, nil
}

func (op oneHotEncoder) Eval(c *Call) error {
	x, n := c.In[0], op.categories.Len()
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	y, err := c.zeroed(tensor.Float32, append(append([]int{}, x.Shape()...), n)...)
	if err != nil {
		return err
	}
	if x.DType() != tensor.String && x.DType() != tensor.Int64 {
		if x, err = c.convert(x, tensor.Int64); err != nil {
			return err
		}
	}
	places := map[any]int{}
	for i, key := 0, keysOf(op.categories); i < n; i++ {
		places[key(i)] = i
	}
	element := keysOf(x)
	for i := range x.Len() {
		if i%rowLength == 0 {
			if err := c.Run.Check(); err != nil {
				return err
			}
		}
		if at, ok := places[element(i)]; ok {
			tensor.Data[float32](y)[i*n+at] = 1
		} else if !op.zeros {
			return fmt.Errorf("element %d is not one of the %d categories", i, n)
		}
	}
	return nil
}
