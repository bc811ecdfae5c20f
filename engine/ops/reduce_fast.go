package ops

import (
	"math"
	"slices"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast reduces float32, float64 and integers: along the last axes row by row, along other
// neighbouring ones in strips of the elements after them or, where strips have no kernel, transposed.
// Of axes that are no neighbours the longest run is reduced first, and what is left of it with the
// others.
func (op *reduce) EvalFast(c *Call) (bool, error) {
	x, axes := c.In[0], op.axes
	if r := reductionOf(op.name, x.DType()); r == nil || c.Run.Kernel == nil || c.Node.Domain != "" || x.Len() == 0 {
		return false, nil
	}
	if c.input(1) != nil {
		var err error
		if axes, err = callInts(c, 1); err != nil {
			return true, err
		}
	}
	along, err := op.resolve(axes, x.Rank())
	if err != nil {
		return true, err
	}
	shape, _ := reducedShape(ir.Dims(x.Shape()...), along, op.keepDims).Ints()
	y, err := c.output(x.DType(), shape...)
	if err != nil {
		return true, err
	}
	return true, c.reduceAlong(op.name, y, x, along)
}

// reduceAlong reduces x, which is not empty and for which there is a reduction of that name.
func (c *Call) reduceAlong(name string, y, x *tensor.Tensor, along []bool) error {
	outer, length, inner, ok := reducedBlock(x.Shape(), along)
	for !ok {
		run := longestRun(x.Shape(), along)
		outer, length, inner, _ = reducedBlock(x.Shape(), run)
		shape, _ := reducedShape(ir.Dims(x.Shape()...), run, true).Ints()
		part, err := c.New(x.DType(), shape...)
		if err != nil {
			return err
		}
		if err := reductionOf(name, x.DType()).reduce(c, part, x, outer, length, inner); err != nil {
			return err
		}
		if name == "ReduceL1" || name == "ReduceSumSquare" {
			name = "ReduceSum" // the others are of parts what they are of all
		}
		x = part
		outer, length, inner, ok = reducedBlock(x.Shape(), along)
	}
	return reductionOf(name, x.DType()).reduce(c, y, x, outer, length, inner)
}

// middleReduction reduces x, seen as [outer length inner], along its middle.
type middleReduction interface {
	reduce(c *Call, y, x *tensor.Tensor, outer, length, inner int) error
}

// reductionOf returns the fast reduction of a name for numbers of a type, nil if there is none.
func reductionOf(name string, d tensor.DType) middleReduction {
	if d == tensor.Float32 {
		if line := reduceLines[name]; line != nil {
			return line
		}
		return nil
	}
	if r := reduceNumbers[name]; r != nil && r.types.Is(d) && ownTypes.Is(d) {
		return r
	}
	return nil
}

func (l *reduceLine) reduce(c *Call, y, x *tensor.Tensor, outer, length, inner int) error {
	if inner != 1 && !l.strips {
		var err error
		if x, err = c.reducedLast(x, outer, length, inner); err != nil {
			return err
		}
		inner = 1
	}
	src, dst, v := tensor.Data[float32](x), tensor.Data[float32](y), c.vec()
	if inner == 1 {
		return l.rows(c, dst, src)
	}
	strips := (inner + stripWidth - 1) / stripWidth
	width := (inner + strips - 1) / strips
	return c.share(outer*strips, 0.3*float64(length*width)+30, func(from, to int) {
		work := stripWorks.Get().(*stripWork)
		defer stripWorks.Put(work)
		for i := from; i < to; i++ {
			first := i % strips * width
			n := min(width, inner-first)
			if n > 0 {
				at := i / strips
				l.strip(v, dst[at*inner+first:][:n], src[at*length*inner+first:], length, inner, work)
			}
		}
	})
}

// reducedLast returns x, seen as [outer length inner], as [outer inner length].
func (c *Call) reducedLast(x *tensor.Tensor, outer, length, inner int) (*tensor.Tensor, error) {
	y, err := c.New(x.DType(), outer, inner, length)
	if err != nil {
		return nil, err
	}
	return y, c.move(newWalk(y.Shape(), tensor.Strides(y.Shape()), []int{length * inner, 1, inner}), y, x)
}

// longestRun returns which of the axes are the run of neighbours with the most elements; dimensions of
// 1 between them do not count.
func longestRun(shape []int, along []bool) []bool {
	run, best, most, length := make([]bool, len(shape)), []bool(nil), 0, 1
	for i, n := range shape {
		switch {
		case along[i]:
			run[i], length = true, length*n
			if length > most {
				best, most = slices.Clone(run), length
			}
		case n > 1:
			clear(run)
			length = 1
		}
	}
	return best
}

// EvalFast computes the mean or the maximum of float32 channels.
func (op *globalPool) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	if c.vec(x) == nil || op.line == nil || x.Len() == 0 {
		return false, nil
	}
	shape := slices.Clone(x.Shape())
	for i := range shape[2:] {
		shape[2+i] = 1
	}
	y, err := c.output(tensor.Float32, shape...)
	if err != nil {
		return true, err
	}
	return true, op.line.rows(c, tensor.Data[float32](y), tensor.Data[float32](x))
}

// rows reduces neighbouring rows, each to one number.
func (l *reduceLine) rows(c *Call, dst, src []float32) error {
	v, length := c.vec(), len(src)/len(dst)
	return c.share(len(dst), 0.15*float64(length)+30, func(from, to int) {
		for i := from; i < to; i++ {
			dst[i] = l.row(v, src[i*length:(i+1)*length])
		}
	})
}

// reducedBlock views a shape as [outer length inner], where length is reduced. It returns false if
// the axes are not neighbours; dimensions of 1 between them do not count.
func reducedBlock(shape []int, along []bool) (outer, length, inner int, ok bool) {
	outer, length, inner = 1, 1, 1
	state := 0 // before, within, or after the axes
	for i, n := range shape {
		switch {
		case n == 1:
		case along[i] && state < 2:
			state, length = 1, length*n
		case along[i]:
			return 0, 0, 0, false
		case state == 0:
			outer *= n
		default:
			state, inner = 2, inner*n
		}
	}
	return outer, length, inner, true
}

// reduceLine is a reduction by kernels: row reduces one row, and strips of rows side by side are joined,
// where they are.
type reduceLine struct {
	row     func(v *vec.Unit, x []float32) float32
	strips  bool
	join    num.Pair
	mean    bool // sums are divided by their length
	squares bool // squares are summed
	root    bool // sums give their root
}

// reduceLines lists the reductions that have kernels.
var reduceLines = map[string]*reduceLine{
	"ReduceSum":       {row: func(v *vec.Unit, x []float32) float32 { return float32(v.Total(x)) }, strips: true, join: num.Add},
	"ReduceMean":      {row: func(v *vec.Unit, x []float32) float32 { return float32(v.Total(x) / float64(len(x))) }, strips: true, join: num.Add, mean: true},
	"ReduceMax":       {row: (*vec.Unit).Largest, strips: true, join: num.Max},
	"ReduceMin":       {row: (*vec.Unit).Smallest, strips: true, join: num.Min},
	"ReduceSumSquare": {row: func(v *vec.Unit, x []float32) float32 { return float32(v.Squares(x, 0)) }, strips: true, join: num.Add, squares: true},
	"ReduceL1":        {row: func(_ *vec.Unit, x []float32) float32 { return float32(absoluteSum(x)) }},
	"ReduceL2":        {row: l2, strips: true, join: num.Add, squares: true, root: true},
	"ReduceLogSumExp": {row: logSumExpRow},
	"ReduceProd":      {row: func(_ *vec.Unit, x []float32) float32 { return float32(productOfRow(x)) }},
}

// absoluteSum adds absolute values in float64, in four chains: the next number of one would wait for
// the last.
func absoluteSum(x []float32) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a, b = a+math.Abs(float64(x[0])), b+math.Abs(float64(x[1]))
		c, d = c+math.Abs(float64(x[2])), d+math.Abs(float64(x[3]))
	}
	for _, v := range x {
		a += math.Abs(float64(v))
	}
	return a + b + (c + d)
}

// productOfRow multiplies in float64, in four chains.
func productOfRow(x []float32) float64 {
	a, b, c, d := 1.0, 1.0, 1.0, 1.0
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d = a*float64(x[0]), b*float64(x[1]), c*float64(x[2]), d*float64(x[3])
	}
	for _, v := range x {
		a *= float64(v)
	}
	return a * b * (c * d)
}

func logSumExpRow(v *vec.Unit, x []float32) float32 {
	work := codeRows.Get().(*[codePiece]float32)
	defer codeRows.Put(work)
	return v.LogSumExp(x, work[:])
}

// l2 accumulates in float64 if float32 would overflow or underflow.
func l2(v *vec.Unit, x []float32) float32 {
	if s := v.Squares(x, 0); squaresHold(s) {
		return float32(math.Sqrt(s))
	}
	return float32(math.Sqrt(wideSquares(x, len(x), 1)))
}

// squaresHold reports whether a sum of squares in float32 lost nothing to overflow or underflow.
func squaresHold(s float64) bool { return s > 1e-30 && s < 1e36 }

// wideSquares adds the squares of n numbers that are step apart in float64.
func wideSquares(x []float32, n, step int) float64 {
	sum := 0.0
	for i := range n {
		sum += float64(x[i*step]) * float64(x[i*step])
	}
	return sum
}

// stripWork is the scratch memory of a strip.
type stripWork struct {
	wide    [stripWidth]float64
	part    [stripWidth]float32
	square  [stripWidth]float32
	offsets [stripRows]int64
	ones    [stripRows]float32
}

// stripRows is the number of rows that are summed in float32.
const stripRows = 64

var stripWorks = sync.Pool{New: func() any {
	work := new(stripWork)
	for i := range work.ones {
		work.ones[i] = 1
	}
	return work
}}

// strip joins rows of src, step apart, element by element into dst, which has stripWidth elements at
// most. Sums of stripRows rows are accumulated in float64.
func (l *reduceLine) strip(v *vec.Unit, dst, src []float32, rows, step int, work *stripWork) {
	n := len(dst)
	if l.join != num.Add {
		copy(dst, src)
		for j := 1; j < rows; j++ {
			v.Rows[l.join](unsafe.Pointer(&dst[0]), unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[j*step:][:n][0]), n)
		}
		return
	}
	if rows <= stripRows && !l.mean && !l.squares {
		for k := range rows {
			work.offsets[k] = 4 * int64(k*step)
		}
		v.BlendRows(dst, src, work.offsets[:rows], work.ones[:rows])
		return
	}
	wide, part := work.wide[:n], work.part[:n]
	clear(wide)
	for j := 0; j < rows; j += stripRows {
		now := min(stripRows, rows-j)
		for k := range now {
			work.offsets[k] = 4 * int64(k*step)
		}
		if l.squares {
			v.Zip(num.Mul, part, src[j*step:][:n], src[j*step:][:n])
			for k := 1; k < now; k++ {
				row := src[(j+k)*step:][:n]
				v.Zip(num.Mul, work.square[:n], row, row)
				v.Zip(num.Add, part, part, work.square[:n])
			}
		} else {
			v.BlendRows(part, src[j*step:], work.offsets[:now], work.ones[:now])
		}
		for i, s := range part {
			wide[i] += float64(s)
		}
	}
	by := 1.0
	if l.mean {
		by = float64(rows)
	}
	for i, s := range wide {
		if l.root {
			if !squaresHold(s) {
				s = wideSquares(src[i:], rows, step)
			}
			s = math.Sqrt(s)
		}
		dst[i] = float32(s / by)
	}
}

// ReducedChannels returns how a node reduces axis 1 of pictures, and no other: by which
// function it joins channels, and whether it divides them by their number.
func ReducedChannels(n *ir.Node, in []ir.Fact) (join num.Pair, mean, ok bool) {
	op, ok := n.Operator.(*reduce)
	if !ok || n.Domain != "" {
		return 0, false, false
	}
	axes, known := op.axes, true
	if len(in) > 1 && in[1].Given() {
		var err error
		if axes, known, err = knownInts(in, 1); err != nil {
			return 0, false, false
		}
	}
	along, err := op.resolve(axes, 4)
	if !known || err != nil || !slices.Equal(along, []bool{false, true, false, false}) {
		return 0, false, false
	}
	switch op.name {
	case "ReduceMean":
		return num.Add, true, true
	case "ReduceSum":
		return num.Add, false, true
	case "ReduceMax":
		return num.Max, false, true
	case "ReduceMin":
		return num.Min, false, true
	}
	return 0, false, false
}

// EvalFast compares numbers in their own type, and lines that lie side by side together.
func (op *argExtreme) EvalFast(c *Call) (bool, error) {
	if c.Run.Kernel == nil || op.last || c.In[0].Len() == 0 {
		return false, nil
	}
	switch c.In[0].DType() {
	case tensor.Float32:
		return true, argNumbers[float32](c, op)
	case tensor.Int32:
		return true, argNumbers[int32](c, op)
	case tensor.Int64:
		return true, argNumbers[int64](c, op)
	case tensor.Uint8:
		return true, argNumbers[uint8](c, op)
	case tensor.Int8:
		return true, argNumbers[int8](c, op)
	}
	return false, nil
}

// argNumbers finds the largest or least number of each line, and then its first place.
func argNumbers[T float32 | int32 | int64 | uint8 | int8](c *Call, op *argExtreme) error {
	x := c.In[0]
	facts, err := op.Infer(factsOf(c.In))
	if err != nil {
		return err
	}
	shape, _ := facts[0].Shape.Ints()
	y, err := c.output(tensor.Int64, shape...)
	if err != nil {
		return err
	}
	axis, _ := tensor.Axis(op.axis, x.Rank())
	outer, length, inner := split3(x.Shape(), axis)
	src, at, k, join := tensor.Data[T](x), words[uint64](y), c.Run.Kernel, num.Max
	if op.f64(0, 1) {
		join = num.Min
	}
	if inner == 1 {
		return c.share(outer, 0.5*float64(length)+5, func(from, to int) {
			for i := from; i < to; i++ {
				line := src[i*length : (i+1)*length]
				at[i] = uint64(placeOf(bestOf(k, join, line), line, length, 1))
			}
		})
	}
	strips := (inner + stripWidth - 1) / stripWidth
	return c.share(outer*strips, 0.5*float64(length*min(inner, stripWidth))+20, func(from, to int) {
		var bests [stripWidth]T
		var same [stripWidth]bool
		var place [1]uint64
		for i := from; i < to; i++ {
			first := i % strips * stripWidth
			n, lines := min(stripWidth, inner-first), src[i/strips*length*inner+first:]
			best, out := bests[:n], at[i/strips*inner+first:][:n]
			copy(best, lines)
			for j := 1; j < length; j++ {
				joinRow(k, join, best, best, lines[j*inner:][:n])
			}
			clear(out)
			for j := length - 1; j > 0; j-- { // the first of equal numbers comes last
				place[0] = uint64(j)
				num.Compare(k.Num, num.Equal, same[:n], best, lines[j*inner:][:n])
				num.Choose(k.Num, out, same[:n], place[:], out)
			}
			num.Compare(k.Num, num.Equal, same[:n], best, lines[:n])
			for l, b := range best {
				switch {
				case same[l]:
					out[l] = 0
				case b != b: // NaN is equal to none
					out[l] = uint64(placeOf(b, lines[l:], length, inner))
				}
			}
		}
	})
}

// bestOf is the largest or least number of a line, NaN if there is one.
func bestOf[T float32 | int32 | int64 | uint8 | int8](k *kernel.Rung, join num.Pair, line []T) T {
	if x, ok := any(line).([]float32); ok {
		if join == num.Max {
			return T(k.Vec.Largest(x))
		}
		return T(k.Vec.Smallest(x))
	}
	return num.Fold(k.Num, join, line)
}

// placeOf is the first place of a number, which may be NaN, among n that are step apart.
func placeOf[T num.Number](v T, x []T, n, step int) int {
	for i := range n {
		if w := x[i*step]; w == v || w != w {
			return i
		}
	}
	return 0
}
