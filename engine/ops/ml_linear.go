package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var mlLinears = []Def{
	{Domain: mlDomain, Name: "LinearRegressor", Since: 1, Types: mlNumbers, In: Exactly(1), Out: Exactly(1), New: newLinearRegressor},
	{Domain: mlDomain, Name: "LinearClassifier", Since: 1, Types: mlNumbers, In: Exactly(1), Out: Arity{1, 2}, New: newLinearClassifier},
}

// rowsOf returns the numbers of rows and columns of a feature matrix; a vector is
// one row.
func rowsOf(s ir.Shape) (rows, columns ir.Dim, err error) {
	switch s.Rank() {
	case -1:
		return ir.Unknown, ir.Unknown, nil
	case 1:
		return ir.Dim{N: 1}, s.Dims[0], nil
	case 2:
		return s.Dims[0], s.Dims[1], nil
	}
	return ir.Unknown, ir.Unknown, fmt.Errorf("needs shape [N features] or [features], the input has shape %s", s)
}

// eachRow calls f with each row of features.
func eachRow(c *Call, x *tensor.Tensor, f func(r int, row []float64) error) error {
	n := x.Dim(-1)
	if err := c.Run.reserveList(n, 8); err != nil {
		return err
	}
	row, rows := make([]float64, n), 1
	if x.Rank() == 2 {
		rows = x.Dim(0)
	}
	for r := range rows {
		if err := c.Run.Check(); err != nil {
			return err
		}
		if n > 0 {
			tensor.Load(row, x, r*n, 1)
		}
		if err := f(r, row); err != nil {
			return err
		}
	}
	return nil
}

// affine computes W·x + b; each row of W gives one number.
type affine struct {
	weights [][]float32
	bias    []float32 // nil: zeros
}

// readAffine reads coefficients and intercepts for the given number of rows of W.
func readAffine(a *ir.Attrs, rows int) affine {
	w, b := a.Floats("coefficients"), a.Floats("intercepts")
	if rows < 1 || len(w)%rows != 0 || len(b) != 0 && len(b) != rows {
		a.Fail("%d coefficients and %d intercepts do not match %d targets", len(w), len(b), rows)
		return affine{}
	}
	op := affine{bias: b}
	for n := len(w) / rows; len(op.weights) < rows; w = w[n:] {
		op.weights = append(op.weights, w[:n])
	}
	return op
}

// fits checks the number of features.
func (op affine) fits(columns ir.Dim) error {
	if n := len(op.weights[0]); columns.Known() && columns.N != n {
		return fmt.Errorf("needs rows of %d features, the input has %d", n, columns.N)
	}
	return nil
}

// scores sets dst to W·x + b.
func (op affine) scores(dst, x []float64) {
	for i, w := range op.weights {
		if dst[i] = dot(x, w); len(op.bias) > 0 {
			dst[i] += float64(op.bias[i])
		}
	}
}

// linearRegressor is W·x + b. ONNX LinearRegressor-1.
type linearRegressor struct {
	affine
	post string // post_transform
}

func newLinearRegressor(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("coefficients")
	return &linearRegressor{readAffine(a, a.Int("targets", 1)), readPost(a)}, a.Err()
}

// Infer: [N features] → float32 [N targets].
func (op *linearRegressor) Infer(in []ir.Fact) ([]ir.Fact, error) {
	rows, columns, err := rowsOf(in[0].Shape)
	if err == nil {
		err = op.fits(columns)
	}
	return []ir.Fact{ir.Tensor(tensor.Float32, ir.ShapeOf(rows, ir.Dim{N: len(op.weights)}))}, err
}

func (op *linearRegressor) Eval(c *Call) error {
	y, err := c.inferred(op)
	if err != nil {
		return err
	}
	sums := make([]float64, len(op.weights))
	return eachRow(c, c.In[0], func(r int, row []float64) error {
		op.scores(sums, row)
		transformScores(op.post, sums)
		tensor.Store(y, r*len(sums), 1, sums)
		return nil
	})
}

// linearClassifier returns the class with the largest of W·x + b. If W has one
// row, the sign decides between two classes. ONNX LinearClassifier-1.
type linearClassifier struct {
	affine
	scores classScores
}

func newLinearClassifier(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("coefficients")
	s := readScores(a, "classlabels_ints")
	rows := len(a.Floats("intercepts"))
	if rows == 0 && s.names != nil {
		rows = s.names.Len()
	}
	return &linearClassifier{readAffine(a, rows), s}, a.Err()
}

// classes returns the number of output scores.
func (op *linearClassifier) classes() int {
	if n := len(op.weights); n > 1 || op.scores.names == nil || op.scores.names.Len() != 2 {
		return n
	}
	return 2
}

// Infer: [N features] → labels [N], scores float32 [N classes].
func (op *linearClassifier) Infer(in []ir.Fact) ([]ir.Fact, error) {
	rows, columns, err := rowsOf(in[0].Shape)
	if err == nil {
		err = op.fits(columns)
	}
	return []ir.Fact{ir.Tensor(op.scores.dtype(), ir.ShapeOf(rows)),
		ir.Tensor(tensor.Float32, ir.ShapeOf(rows, ir.Dim{N: op.classes()}))}, err
}

func (op *linearClassifier) Eval(c *Call) error {
	y, z, err := newLabelled(c, op)
	if err != nil {
		return err
	}
	sums := make([]float64, len(op.weights))
	return eachRow(c, c.In[0], func(r int, row []float64) error {
		op.affine.scores(sums, row)
		if len(sums) == 1 {
			k := 0
			if sums[0] > 0 {
				k = 1
			}
			op.scores.label(y, r, k)
			if op.classes() == 2 {
				two := op.scores.twoScores(sums[0], true)
				tensor.Store(z, 2*r, 1, two[:])
				return nil
			}
		} else {
			op.scores.label(y, r, best(sums))
		}
		op.scores.transform(sums)
		tensor.Store(z, r*len(sums), 1, sums)
		return nil
	})
}

// newLabelled allocates the outputs of a classifier: labels y and scores z.
func newLabelled(c *Call, op Op) (y, z *tensor.Tensor, err error) {
	f, err := op.Infer(factsOf(c.In))
	if err != nil {
		return nil, nil, err
	}
	for i, t := range []**tensor.Tensor{&y, &z} {
		shape, _ := f[i].Shape.Ints()
		if *t, err = c.New(f[i].DType, shape...); err != nil {
			return nil, nil, err
		}
		if i < len(c.Out) {
			c.Out[i] = *t
		}
	}
	return y, z, nil
}
