package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// det is the determinant of each square matrix. ONNX Det-11; -22 extends the types.
type det struct{}

// Infer: [… M M] → […].
func (det) Infer(in []ir.Fact) ([]ir.Fact, error) {
	x := in[0].Shape
	if !x.Ranked {
		return []ir.Fact{ir.Tensor(in[0].DType, x)}, nil
	}
	k := len(x.Dims) - 2
	if k < 0 || x.Dims[k].Known() && x.Dims[k+1].Known() && x.Dims[k].N != x.Dims[k+1].N {
		return nil, fmt.Errorf("needs square matrices in the last two dimensions, it has %s", x)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(x.Dims[:k]...))}, nil
}

// Eval is Gaussian elimination in float64 with partial pivoting.
func (op det) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	x := c.In[0]
	n := x.Dim(-1)
	y, err := c.zeroed(x.DType(), x.Shape()[:x.Rank()-2]...)
	if err != nil {
		return err
	}
	work, err := c.New(tensor.Float64, n, n)
	if err != nil {
		return err
	}
	m := tensor.Data[float64](work)
	for i := range y.Len() {
		if n > 0 {
			tensor.Load(m, x, i*n*n, 1)
		}
		v, err := determinant(c.Run, m, n)
		if err != nil {
			return err
		}
		tensor.Store(y, i, 1, []float64{v})
	}
	return nil
}

// determinant returns the determinant of an n × n matrix, which it overwrites: the product of the
// pivots, with the sign of the row swaps.
func determinant(run *Run, m []float64, n int) (float64, error) {
	product := 1.0
	for col := range n {
		pivot := col
		for r := col + 1; r < n; r++ {
			if math.Abs(m[r*n+col]) > math.Abs(m[pivot*n+col]) {
				pivot = r
			}
		}
		if pivot != col {
			product = -product
			for k := range n {
				m[pivot*n+k], m[col*n+k] = m[col*n+k], m[pivot*n+k]
			}
		}
		top := m[col*n+col]
		product *= top
		if top == 0 {
			return product, nil
		}
		for r := col + 1; r < n; r++ {
			if err := run.Check(); err != nil {
				return 0, err
			}
			addScaled(m[r*n+col:r*n+n], m[col*n+col:], -m[r*n+col]/top)
		}
	}
	return product, nil
}
