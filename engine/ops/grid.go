package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var grids = []Def{
	{Name: "GridSample", Since: 20, Types: tensor.NumericTypes | tensor.Types(tensor.Bool), In: Exactly(2), Out: Exactly(1), New: newGridSample},
	{Name: "GridSample", Since: 16, Until: 19, Types: tensor.NumericTypes | tensor.Types(tensor.Bool), In: Exactly(2), Out: Exactly(1), New: newGridSample16},
	{Name: "AffineGrid", Since: 20, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: newAffineGrid},
}

// gridSample samples an image at the positions in a grid, in which -1 and 1 are the image's edges:
// y[n,c,p] is X[n,c] at grid[n,p], which has the coordinate along the last dimension (x) first.
// ONNX GridSample-20; -22 extends the types. Jaderberg et al. 2015, "Spatial Transformer Networks".
type gridSample struct {
	mode    string // linear, nearest, cubic
	padding string // zeros, border, reflection
	corners bool   // align_corners: -1 and 1 are the centres of the outermost pixels
	ranks   []int
}

func newGridSample(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &gridSample{a.OneOf("mode", "linear", "nearest", "cubic"), a.OneOf("padding_mode", "zeros", "border", "reflection"),
		a.Bool("align_corners", false), []int{4, 5}}, a.Err()
}

// newGridSample16 reads GridSample-16: only images of rank 4, other names of
// modes.
func newGridSample16(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	mode := a.OneOf("mode", "bilinear", "nearest", "bicubic")
	mode = map[string]string{"bilinear": "linear", "nearest": "nearest", "bicubic": "cubic"}[mode]
	return &gridSample{mode, a.OneOf("padding_mode", "zeros", "border", "reflection"), a.Bool("align_corners", false), []int{4}}, a.Err()
}

// Infer: X [N C spatial…], grid [N positions… spatial rank] → [N C positions…].
func (op *gridSample) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, tensor.FloatTypes); err != nil {
		return nil, err
	}
	x, g := in[0].Shape, in[1].Shape
	for i := range 2 {
		if err := wantRank(in, i, op.ranks...); err != nil {
			return nil, err
		}
	}
	if !x.Ranked || !g.Ranked {
		return []ir.Fact{ir.Tensor(in[0].DType, ir.Shape{})}, nil
	}
	last := g.Dims[len(g.Dims)-1]
	if x.Rank() != g.Rank() || last.Known() && last.N != x.Rank()-2 || x.Dims[0].Known() && g.Dims[0].Known() && x.Dims[0].N != g.Dims[0].N {
		return nil, fmt.Errorf("the grid must have shape [%s positions… %d], it has %s", x.Dims[0], x.Rank()-2, g)
	}
	dims := append([]ir.Dim{x.Dims[0], x.Dims[1]}, g.Dims[1:len(g.Dims)-1]...)
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(dims...))}, nil
}

func (op *gridSample) Eval(c *Call) error {
	x := c.In[0]
	y, err := c.inferred(op)
	if err != nil {
		return err
	}
	shape := y.Shape()
	if y.Len() == 0 {
		return nil
	}
	if tensor.MustCount(x.Shape()) == 0 {
		return fmt.Errorf("the image is empty: its shape is %v", x.Shape())
	}
	grid, err := c.convert(c.In[1], tensor.Float64)
	if err != nil {
		return err
	}
	size := x.Shape()[2:]
	plane, places := tensor.MustCount(size), tensor.MustCount(shape[2:])
	set, err := op.setter(c, y, size)
	if err != nil {
		return err
	}
	at := tensor.Data[float64](grid)
	channels := x.Dim(1)
	place := make([]float64, len(size))
	for n := range x.Dim(0) {
		for p := range places {
			if err := c.Run.Check(); p&63 == 0 && err != nil {
				return err
			}
			for d := range size { // the grid has x first
				place[d] = op.locate(at[(n*places+p+1)*len(size)-1-d], size[d])
			}
			for ch := range channels {
				set((n*channels+ch)*places+p, (n*channels+ch)*plane, place)
			}
		}
	}
	return nil
}

// setter returns the function that sets element to of the output to the sample at a
// place of the plane that begins at element from of the image. The nearest element
// is copied, whatever its type.
func (op *gridSample) setter(c *Call, y *tensor.Tensor, size []int) (func(to, from int, place []float64), error) {
	if op.mode == "nearest" {
		cp := newCopier(y, c.In[0])
		return func(to, from int, place []float64) {
			if at, ok := op.nearest(size, place); ok {
				cp.copy(to, from+at, 1)
			}
		}, nil
	}
	wide, err := c.convert(c.In[0], tensor.Float64)
	if err != nil {
		return nil, err
	}
	src, plane, result := tensor.Data[float64](wide), tensor.MustCount(size), make([]float64, 1)
	return func(to, from int, place []float64) {
		result[0] = op.sample(src[from:from+plane], size, place)
		tensor.Store(y, to, 1, result)
	}, nil
}

// nearest returns the index in a plane of the element at a place of whole numbers; false if the value
// there is 0, because it is outside.
func (op *gridSample) nearest(size []int, place []float64) (at int, ok bool) {
	for d, v := range place {
		if !(math.Abs(v) < 1<<40) { // rejects NaN and values too large for an index
			return 0, false
		}
		i, ok := op.index(int(math.Floor(v)), size[d])
		if !ok {
			return 0, false
		}
		at = at*size[d] + i
	}
	return at, true
}

// locate converts a grid coordinate to pixels and applies the padding mode.
func (op *gridSample) locate(v float64, n int) float64 {
	low, high := -0.5, float64(n)-0.5
	if op.corners {
		low, high = 0, float64(n)-1
		v = (v + 1) / 2 * (float64(n) - 1)
	} else {
		v = ((v+1)*float64(n) - 1) / 2
	}
	if op.mode == "nearest" {
		v = math.RoundToEven(v)
	}
	if v >= low && v <= high {
		return v
	}
	switch op.padding {
	case "border":
		beyond := 0.0
		if op.mode == "cubic" { // whose taps are moved to the border one by one, as PyTorch's are
			beyond = 2
		}
		return math.Max(-beyond, math.Min(v, float64(n)-1+beyond))
	case "reflection":
		return reflect(v, low, high)
	}
	return v
}

// reflect reflects v at low and high until it is between them.
func reflect(v, low, high float64) float64 {
	length := high - low
	if !(length > 0) || math.IsInf(v, 0) || v != v {
		return low
	}
	v = math.Mod(math.Abs(v-low), 2*length)
	if v > length {
		v = 2*length - v
	}
	return low + v
}

// sample interpolates a plane of any rank at a position in pixels.
func (op *gridSample) sample(plane []float64, size []int, place []float64) float64 {
	if len(size) == 0 {
		return plane[0]
	}
	inner := len(plane) / size[0]
	v := place[0]
	if !(math.Abs(v) < 1<<40) { // rejects NaN and values too large for an index
		return 0
	}
	base := math.Floor(v)
	f := v - base
	weights, from := []float64{1 - f, f}, int(base)
	if op.mode == "cubic" {
		k := resize{cubicA: -0.75}
		weights, from = []float64{k.cubic(1 + f), k.cubic(f), k.cubic(1 - f), k.cubic(2 - f)}, from-1
	}
	sum := 0.0
	for i, w := range weights {
		if at, ok := op.index(from+i, size[0]); ok {
			sum += w * op.sample(plane[at*inner:(at+1)*inner], size[1:], place[1:])
		}
	}
	return sum
}

// index returns the pixel to read for index i; false if the value there is 0.
func (op *gridSample) index(i, n int) (int, bool) {
	if i >= 0 && i < n {
		return i, true
	}
	switch op.padding {
	case "border":
		return max(0, min(i, n-1)), true
	case "reflection":
		low, high := -0.5, float64(n)-0.5
		if op.corners {
			low, high = 0, float64(n)-1
		}
		return clampIndex(reflect(float64(i), low, high), n), true
	}
	return 0, false
}

// affineGrid makes a grid for GridSample: each position of the output is mapped by the matrix
// theta, [x y 1] to theta·[x y 1]. ONNX AffineGrid-20.
type affineGrid struct{ corners bool }

func newAffineGrid(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &affineGrid{a.Bool("align_corners", false)}, a.Err()
}

// Infer: theta [N 2 3] or [N 3 4], size [4] or [5] → [N H W 2] or [N D H W 3].
func (op *affineGrid) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantRank(in, 0, 3); err != nil {
		return nil, err
	}
	if err := wantType(in, 1, tensor.Types(tensor.Int64)); err != nil {
		return nil, err
	}
	y := ir.Tensor(in[0].DType, ir.Shape{})
	if s := in[1].Ints; len(s) == 4 || len(s) == 5 {
		dims := append([]ir.Dim{s[0]}, s[2:]...)
		y.Shape = ir.ShapeOf(append(dims, ir.Dim{N: len(s) - 2})...)
	}
	return []ir.Fact{y}, nil
}

func (op *affineGrid) Eval(c *Call) error {
	size, err := callInts(c, 1)
	if err != nil {
		return err
	}
	rank := len(size) - 2
	theta := c.In[0]
	if rank != 2 && rank != 3 || theta.Rank() != 3 || theta.Dim(1) != rank || theta.Dim(2) != rank+1 || theta.Dim(0) != size[0] {
		return fmt.Errorf("needs theta [N 2 3] with 4 sizes, or [N 3 4] with 5; it has theta %v with sizes %v", theta.Shape(), size)
	}
	y, err := c.zeroed(theta.DType(), append(append([]int{size[0]}, size[2:]...), rank)...)
	if err != nil {
		return err
	}
	m := tensor.ToFloat64(theta)
	spatial := size[2:]
	point, out := make([]float64, rank+1), make([]float64, rank)
	point[rank] = 1
	for i := range y.Len() / max(rank, 1) {
		if i&1023 == 0 {
			if err := c.Run.Check(); err != nil {
				return err
			}
		}
		rest := i
		for d := rank - 1; d >= 0; d-- { // x comes first
			point[rank-1-d] = op.coordinate(rest%spatial[d], spatial[d])
			rest /= spatial[d]
		}
		rows := m[rest*rank*(rank+1):]
		for k := range out {
			out[k] = dot(point, rows[k*(rank+1):])
		}
		tensor.Store(y, i*rank, 1, out)
	}
	return nil
}

// coordinate returns the position of pixel i of n between -1 and 1.
func (op *affineGrid) coordinate(i, n int) float64 {
	if !op.corners {
		return (2*float64(i)+1)/float64(n) - 1
	}
	if n == 1 {
		return 0
	}
	return 2*float64(i)/float64(n-1) - 1
}
