package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// contributedMath lists further matrix operators of ONNX Runtime
// (docs/ContribOperators.md).
var contributedMath = []Def{
	{Domain: Microsoft, Name: "CDist", Since: 1, Types: tensor.Types(tensor.Float32, tensor.Float64), In: Exactly(2), Out: Exactly(1), New: newCDist},
	{Domain: Microsoft, Name: "DynamicTimeWarping", Since: 1, Types: tensor.Types(tensor.Float32), In: Exactly(1), Out: Exactly(1), New: noAttributes(timeWarping{})},
	{Domain: Microsoft, Name: "Inverse", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: noAttributes(inverse{})},
	{Domain: Microsoft, Name: "MatMulInteger16", Since: 1, Types: tensor.Types(tensor.Int16, tensor.Uint16), In: Exactly(2), Out: Exactly(1), New: noAttributes(matMulInteger16{})},
	{Domain: Microsoft, Name: "NGramRepeatBlock", Since: 1, Types: tensor.Types(tensor.Int64), In: Exactly(2), Out: Exactly(1), New: newNGramBlock},
}

// cdist is the Euclidean distance of each row of A from each row of B, or its
// square. Operator CDist of com.microsoft.
type cdist struct{ root bool }

func newCDist(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return cdist{a.OneOf("metric", "sqeuclidean", "euclidean") == "euclidean"}, a.Err()
}

// Infer: A [m k], B [n k] → [m n].
func (cdist) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := firstError(sameType(in), wantRank(in, 0, 2), wantRank(in, 1, 2)); err != nil {
		return nil, err
	}
	s := ir.AnyOfRank(2)
	for i, f := range in {
		if f.Shape.Ranked {
			s.Dims[i] = f.Shape.Dims[0]
		}
	}
	if a, b := lastDim(in[0].Shape), lastDim(in[1].Shape); a.Known() && b.Known() && a.N != b.N {
		return nil, fmt.Errorf("rows of %s and %s must have the same length", in[0].Shape, in[1].Shape)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, s)}, nil
}

// squaredDistance sums in four chains: the next number of one would wait for the last.
func squaredDistance(x, y []float64) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4 && len(y) >= 4; x, y = x[4:], y[4:] {
		p, q, r, s := x[0]-y[0], x[1]-y[1], x[2]-y[2], x[3]-y[3]
		a, b, c, d = a+p*p, b+q*q, c+r*r, d+s*s
	}
	for i, v := range x {
		a += (v - y[i]) * (v - y[i])
	}
	return a + b + (c + d)
}

// Eval accumulates in float64.
func (op cdist) Eval(c *Call) error {
	y, err := c.inferred(op)
	if err != nil || y.Len() == 0 {
		return err
	}
	k := c.In[0].Dim(1)
	row, all, out := make([]float64, k), tensor.ToFloat64(c.In[1]), make([]float64, y.Dim(1))
	for i := range y.Dim(0) {
		if err := c.Run.Check(); err != nil {
			return err
		}
		tensor.Load(row, c.In[0], i*k, 1)
		for j := range out {
			out[j] = squaredDistance(row, all[j*k:][:k])
			if op.root {
				out[j] = math.Sqrt(out[j])
			}
		}
		tensor.Store(y, i*len(out), 1, out)
	}
	return nil
}

// inverse inverts each square matrix. Operator Inverse of com.microsoft.
type inverse struct{}

// Infer: [… M M] → the same.
func (inverse) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if _, err := (det{}).Infer(in); err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape)}, nil
}

// Eval is Gauss-Jordan elimination in float64 with partial pivoting. The result
// for a singular matrix is what its divisions by zero give.
func (op inverse) Eval(c *Call) error {
	y, err := c.inferred(op)
	if err != nil || y.Len() == 0 {
		return err
	}
	n := y.Dim(-1)
	if err := c.Run.reserveList(2*n*n, 8); err != nil {
		return err
	}
	rows := make([][]float64, n)
	for at := 0; at < y.Len(); at += n * n {
		for i := range rows {
			rows[i] = make([]float64, 2*n)
			tensor.Load(rows[i][:n], c.In[0], at+i*n, 1)
			rows[i][n+i] = 1
		}
		for k := range rows {
			best := k
			for i := k + 1; i < n; i++ {
				if math.Abs(rows[i][k]) > math.Abs(rows[best][k]) {
					best = i
				}
			}
			rows[k], rows[best] = rows[best], rows[k]
			pivot := rows[k][k]
			for j := range rows[k] {
				rows[k][j] /= pivot
			}
			for i := range rows {
				if err := c.Run.Check(); err != nil {
					return err
				}
				if i != k {
					addScaled(rows[i], rows[k], -rows[i][k])
				}
			}
		}
		for i := range rows {
			tensor.Store(y, at+i*n, 1, rows[i][n:])
		}
	}
	return nil
}

// matMulInteger16 is the product of matrices of 16-bit integers, wrapping around at 32 bits. Operator
// MatMulInteger16 of com.microsoft.
type matMulInteger16 struct{}

// Infer: A, B of int16 or uint16 → shape as MatMul; uint32 if both are unsigned,
// else int32.
func (matMulInteger16) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, tensor.Types(tensor.Int16, tensor.Uint16)); err != nil {
		return nil, err
	}
	d := tensor.Int32
	if in[0].DType == tensor.Uint16 && in[1].DType == tensor.Uint16 {
		d = tensor.Uint32
	}
	return productShape(in[0], in[1], d)
}

func (op matMulInteger16) Eval(c *Call) error {
	f, err := op.Infer(factsOf(c.In))
	if err != nil {
		return err
	}
	sums, err := integerProduct(c, c.In[0], nil, c.In[1], nil)
	if err != nil {
		return err
	}
	c.Out[0], err = c.convert(sums, f[0].DType)
	return err
}

// timeWarping finds a path of low cost from one corner of a matrix to the opposite one, by steps
// right, down, or both (Sakoe and Chiba 1978). As in ONNX Runtime, an element is reached by the
// step to the right unless one of the other two is cheaper than both others; so it is too where
// those two are equal and cheaper. Operator DynamicTimeWarping of com.microsoft.
type timeWarping struct{}

// Infer: X [rows columns] or [1 rows columns] → int32 [2 steps], the row and the
// column of each step.
func (timeWarping) Infer(in []ir.Fact) ([]ir.Fact, error) {
	y := ir.AnyOfRank(2)
	y.Dims[0].N = 2
	return []ir.Fact{ir.Tensor(tensor.Int32, y)}, wantRank(in, 0, 2, 3)
}

func (op timeWarping) Eval(c *Call) error {
	x := c.In[0]
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	if x.Rank() == 3 && x.Dim(0) != 1 {
		return fmt.Errorf("needs one matrix, the input has shape %v", x.Shape())
	}
	n, m := x.Dim(-2), x.Dim(-1)
	if n == 0 || m == 0 || n > math.MaxInt32 || m > math.MaxInt32 {
		return fmt.Errorf("needs a matrix whose indices fit int32, the input has shape %v", x.Shape())
	}
	if err := c.Run.reserveList(n, int64(m)); err != nil {
		return err
	}
	ways := make([]byte, n*m) // step that leads to an element: 0 both, 1 down, 2 right
	before, cost := make([]float32, m+1), make([]float32, m+1)
	for j := range before {
		before[j] = infinity
	}
	before[0] = 0
	data := tensor.Data[float32](x)
	for i := range n {
		if err := c.Run.Check(); err != nil {
			return err
		}
		cost[0] = infinity
		for j := range m {
			both, down, right := before[j], before[j+1], cost[j]
			way, least := byte(2), right
			if both < down && both < right {
				way, least = 0, both
			} else if down < both && down < right {
				way, least = 1, down
			}
			ways[i*m+j], cost[j+1] = way, data[i*m+j]+least
		}
		before, cost = cost, before
	}
	var rows, columns []int32
	for i, j := n-1, m-1; i >= 0 || j >= 0; {
		rows, columns = append(rows, int32(i)), append(columns, int32(j))
		switch {
		case i < 0 || j >= 0 && ways[i*m+j] == 2:
			j--
		case j < 0 || ways[i*m+j] == 1:
			i--
		default:
			i, j = i-1, j-1
		}
	}
	y, err := c.zeroed(tensor.Int32, 2, len(rows))
	if err != nil {
		return err
	}
	for k := range rows {
		tensor.Data[int32](y)[k] = rows[len(rows)-1-k]
		tensor.Data[int32](y)[len(rows)+k] = columns[len(rows)-1-k]
	}
	return nil
}

// nGramBlock forbids words that would repeat an n-gram of the sequence: their scores become -Inf. With
// size 2 and the sequence a b a, the word b is forbidden. Operator NGramRepeatBlock of com.microsoft.
type nGramBlock struct{ size int }

func newNGramBlock(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("ngram_size")
	op := nGramBlock{a.Int("ngram_size", 0)}
	if op.size < 1 {
		a.Fail("attribute %q is %d, it must be 1 or more", "ngram_size", op.size)
	}
	return op, a.Err()
}

// Infer: words [N length], scores [N words] → scores.
func (op nGramBlock) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(in[1].DType, in[1].Shape)}, firstError(wantRank(in, 0, 2), wantRank(in, 1, 2), wantType(in, 1, tensor.FloatTypes))
}

func (op nGramBlock) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	words, scores := c.In[0], c.In[1]
	if words.Dim(0) != scores.Dim(0) {
		return errors.New("words and scores must have the same batch size")
	}
	y, err := c.zeroedLike(scores)
	if err != nil {
		return err
	}
	copy(y.Bytes(), scores.Bytes())
	length, count := words.Dim(1), scores.Dim(1)
	if y.Len() == 0 || length < op.size {
		return nil
	}
	for n := range words.Dim(0) {
		w := tensor.Data[int64](words)[n*length:][:length]
		last := w[length-op.size+1:]
		for i := 0; i+op.size <= length; i++ {
			if err := c.Run.Check(); err != nil {
				return err
			}
			repeats := true
			for k, v := range last {
				repeats = repeats && w[i+k] == v
			}
			if !repeats {
				continue
			}
			id := w[i+op.size-1]
			if id < 0 || id >= int64(count) {
				return fmt.Errorf("word %d is outside the %d scores", id, count)
			}
			tensor.Store(y, n*count+int(id), 1, []float64{math.Inf(-1)})
		}
	}
	return nil
}
