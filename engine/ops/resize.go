package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

var resizes = []Def{
	{Name: "Resize", Since: 18, Types: tensor.AllTypes, In: Arity{1, 4}, Out: Exactly(1), New: newResize},
	{Name: "Resize", Since: 13, Until: 17, Types: tensor.AllTypes, In: Arity{1, 4}, Out: Exactly(1), New: newResize11},
	{Name: "Resize", Since: 11, Until: 12, Types: tensor.AllTypes, In: Arity{3, 4}, Out: Exactly(1), New: newResize11},
	{Name: "Resize", Since: 10, Until: 10, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newResize10},
	{Name: "Upsample", Since: 9, Until: 9, Types: tensor.AllTypes, In: Exactly(2), Out: Exactly(1), New: newUpsample9},
	{Name: "Upsample", Since: 7, Until: 8, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newUpsample7},
	{Name: "Upsample", Since: 1, Until: 6, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newUpsample1},
}

// resize resizes a tensor by interpolation. Each element of the output has a coordinate in the
// input (resize.coordinate); mode nearest takes the element there (resize.round), the others a
// weighted sum of those around it (resize.taps), one dimension after the other. ONNX Resize-18; -19
// adds half_pixel_symmetric; -10 to -13 and Upsample have fewer attributes. "Simple" rounding and
// mode "bilinear" are those of the older versions.
type resize struct {
	mode           string    // nearest, linear, cubic
	transform      string    // coordinate_transformation_mode, from output to input coordinates
	rounding       string    // nearest_mode: of coordinates, in mode nearest
	policy         string    // stretch, not_larger, not_smaller
	cubicA         float64   // parameter of the cubic kernel
	antialias      bool      // to shrink, the kernel is widened
	excludeOutside bool      // elements outside the input have weight 0, not those of the border
	extrapolation  float64   // value outside the crop, with tf_crop_and_resize
	axes           []int     // nil: all
	fixed          []float32 // scales that are attributes
	scalesAt       int       // index of input scales; -1: fixed
	sizesAt, roiAt int       // indices of inputs; 0: none
}

func newResize(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := readResize(a)
	op.antialias, op.axes = a.Bool("antialias", false), someInts(a, "axes")
	op.policy = a.OneOf("keep_aspect_ratio_policy", "stretch", "not_larger", "not_smaller")
	if op.antialias && op.mode == "nearest" {
		op.antialias = false
	}
	return op, a.Err()
}

// newResize11 reads Resize-11 and -13: without axes, antialias and policy.
func newResize11(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return readResize(a), a.Err()
}

func readResize(a *ir.Attrs) *resize {
	return &resize{
		mode: a.OneOf("mode", "nearest", "linear", "cubic"),
		transform: a.OneOf("coordinate_transformation_mode", "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
			"asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn"),
		rounding:       a.OneOf("nearest_mode", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
		policy:         "stretch",
		cubicA:         float64(a.Float("cubic_coeff_a", -0.75)),
		excludeOutside: a.Bool("exclude_outside", false),
		extrapolation:  float64(a.Float("extrapolation_value", 0)),
		roiAt:          1, scalesAt: 2, sizesAt: 3,
	}
}

// newResize10 reads Resize-10: coordinates are asymmetric; in mode nearest they
// are rounded down to enlarge and up to shrink.
func newResize10(n *ir.Node) (Op, error) { return readUpsample(n, "simple", 1) }

// newUpsample9 reads Upsample-9, whose scales are an input.
func newUpsample9(n *ir.Node) (Op, error) { return readUpsample(n, "floor", 1) }

// newUpsample7 reads Upsample-7, whose scales are an attribute.
func newUpsample7(n *ir.Node) (Op, error) {
	op, err := readUpsample(n, "floor", -1)
	a := n.ReadAttrs().Need("scales")
	op.(*resize).fixed = a.Floats("scales")
	if err == nil {
		err = a.Err()
	}
	return op, err
}

// newUpsample1 reads Upsample-1, which has scales of height and width.
func newUpsample1(n *ir.Node) (Op, error) {
	op, err := readUpsample(n, "floor", -1)
	a := n.ReadAttrs().Need("height_scale", "width_scale")
	op.(*resize).fixed = []float32{1, 1, a.Float("height_scale", 1), a.Float("width_scale", 1)}
	if err == nil {
		err = a.Err()
	}
	return op, err
}

func readUpsample(n *ir.Node, rounding string, scalesAt int) (Op, error) {
	a := n.ReadAttrs()
	op := &resize{mode: a.OneOf("mode", "nearest", "linear", "bilinear"), transform: "asymmetric", rounding: rounding, policy: "stretch", scalesAt: scalesAt}
	if op.mode == "bilinear" {
		op.mode = "linear"
	}
	return op, a.Err()
}

// request holds what a node asks for: sizes or scales of the axes, one of which is nil, and the
// part of the input to take, with tf_crop_and_resize (the starts of all axes, then the ends).
type request struct {
	sizes  []int
	scales []float32
	roi    []float64
}

// Infer: X [any shape], roi, scales, sizes → Y of the same rank.
func (op *resize) Infer(in []ir.Fact) ([]ir.Fact, error) {
	x := in[0]
	if op.mode != "nearest" && !(tensor.NumericTypes | tensor.Float8Types).Is(x.DType) {
		return nil, fmt.Errorf("mode %s does not support element type %s", op.mode, x.DType)
	}
	if !x.Shape.Ranked {
		return []ir.Fact{ir.Tensor(x.DType, ir.Shape{})}, nil
	}
	axes, err := op.axesFor(x.Shape.Rank())
	if err != nil {
		return nil, err
	}
	unknown := ir.ShapeOf(slices.Clone(x.Shape.Dims)...)
	for _, a := range axes {
		unknown.Dims[a] = ir.Unknown
	}
	roi, scales, sizes := op.input(in, op.roiAt), op.input(in, op.scalesAt), op.input(in, op.sizesAt)
	if err := wantType([]ir.Fact{sizes}, 0, integerTypes); err != nil {
		return nil, err
	}
	hasSizes := sizes.Given() && !(sizes.Shape.Ranked && sizes.Shape.Rank() == 1 && sizes.Shape.Dims[0].N == 0)
	if hasSizes && sizes.Const == nil && len(sizes.Ints) == len(axes) && op.policy == "stretch" {
		for i, a := range axes {
			unknown.Dims[a] = sizes.Ints[i]
		}
		return []ir.Fact{ir.Tensor(x.DType, unknown)}, nil
	}
	if hasSizes && sizes.Const == nil || !hasSizes && op.scalesAt >= 0 && scales.Const == nil {
		return []ir.Fact{ir.Tensor(x.DType, unknown)}, nil
	}
	r, err := op.request(roi.Const, scales.Const, sizes.Const)
	if err != nil {
		return nil, err
	}
	out, err := op.outDims(x.Shape, axes, r)
	return []ir.Fact{ir.Tensor(x.DType, out)}, err
}

// input returns the fact of input i, the zero fact if the version has no such input.
func (op *resize) input(in []ir.Fact, i int) ir.Fact {
	if i <= 0 {
		return ir.Fact{}
	}
	return fact(in, i)
}

// axesFor returns the axes that are resized.
func (op *resize) axesFor(rank int) ([]int, error) {
	if op.axes != nil {
		return axesOf(op.axes, rank)
	}
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	return axes, nil
}

// request reads the inputs; nil and empty ones are absent.
func (op *resize) request(roi, scales, sizes *tensor.Tensor) (r request, err error) {
	r.scales = op.fixed
	if scales != nil && scales.Len() > 0 {
		if scales.DType() != tensor.Float32 {
			return r, fmt.Errorf("scales must be float32, they are %s", scales.DType())
		}
		r.scales = tensor.Data[float32](scales)
	}
	if sizes != nil && sizes.Len() > 0 {
		r.scales = nil
		if r.sizes, err = integers(sizes); err != nil {
			return r, err
		}
	}
	if roi != nil && roi.Len() > 0 && op.transform == "tf_crop_and_resize" {
		if !tensor.FloatTypes.Is(roi.DType()) {
			return r, fmt.Errorf("roi must be of a float type, it is %s", roi.DType())
		}
		r.roi = tensor.ToFloat64(roi)
	}
	if r.scales == nil && r.sizes == nil {
		return r, fmt.Errorf("needs scales or sizes, both are missing")
	}
	return r, nil
}

// outDims returns the sizes of the output, unknown where they depend on unknown
// sizes of the input.
func (op *resize) outDims(x ir.Shape, axes []int, r request) (ir.Shape, error) {
	out := ir.ShapeOf(slices.Clone(x.Dims)...)
	if n := max(len(r.scales), len(r.sizes)); n != len(axes) {
		return out, fmt.Errorf("scales or sizes must have %d elements, they have %d", len(axes), n)
	}
	if r.roi != nil && len(r.roi) != 2*len(axes) {
		return out, fmt.Errorf("roi must have %d elements, it has %d", 2*len(axes), len(r.roi))
	}
	for i, a := range axes {
		d := x.Dims[a]
		switch {
		case r.sizes != nil && r.sizes[i] < 0:
			return out, fmt.Errorf("sizes %v must not be negative", r.sizes)
		case r.sizes != nil && r.sizes[i] > maxSpan:
			return out, limit.Errorf("sizes %v take too much memory", r.sizes)
		case r.scales != nil && !(r.scales[i] > 0 && r.scales[i] <= math.MaxFloat32):
			return out, fmt.Errorf("scales %v must be positive and finite", r.scales)
		case r.sizes != nil && op.policy == "stretch":
			out.Dims[a] = ir.Dim{N: r.sizes[i]}
		case r.scales != nil && r.scales[i] == 1:
		case !d.Known():
			out.Dims[a] = ir.Unknown
		case r.scales != nil:
			n := math.Floor(float64(float32(d.N) * r.scales[i]))
			if n > maxSpan {
				return out, limit.Errorf("scale %v of a dimension of %d takes too much memory", r.scales[i], d.N)
			}
			out.Dims[a] = ir.Dim{N: int(n)}
		}
	}
	if r.sizes != nil && op.policy != "stretch" {
		scale, ok := op.evenScale(x, axes, r.sizes)
		for _, a := range axes {
			if out.Dims[a] = ir.Unknown; ok {
				out.Dims[a] = ir.Dim{N: int(math.Min(math.Floor(scale*float64(x.Dims[a].N)+0.5), maxSpan))}
			}
		}
	}
	return out, nil
}

// evenScale returns the scale of all axes with which the output is as large as
// the sizes allow (not_larger), or just not smaller than them.
func (op *resize) evenScale(x ir.Shape, axes, sizes []int) (scale float64, ok bool) {
	for i, a := range axes {
		if !x.Dims[a].Known() {
			return 0, false
		}
		s := float64(sizes[i]) / float64(max(x.Dims[a].N, 1))
		if i == 0 || op.policy == "not_larger" && s < scale || op.policy == "not_smaller" && s > scale {
			scale = s
		}
	}
	return scale, true
}

// resizeAxis holds how one dimension is resized.
type resizeAxis struct {
	axis, in, out int
	scale         float64
	exact         bool    // scale is out/in
	from, to      float64 // the part of the input that is taken, 0 to 1: all
}

// plan returns the output's shape and the axes that change.
func (op *resize) plan(x []int, r request) ([]int, []resizeAxis, error) {
	axes, err := op.axesFor(len(x))
	if err != nil {
		return nil, nil, err
	}
	dims, err := op.outDims(ir.Dims(x...), axes, r)
	if err != nil {
		return nil, nil, err
	}
	shape, _ := dims.Ints()
	var out []resizeAxis
	for i, a := range axes {
		p := resizeAxis{axis: a, in: x[a], out: shape[a], to: 1}
		switch {
		case r.scales != nil:
			p.scale = float64(r.scales[i])
		case op.policy != "stretch":
			p.scale, _ = op.evenScale(ir.Dims(x...), axes, r.sizes)
		default:
			p.scale, p.exact = float64(p.out)/float64(max(p.in, 1)), true
		}
		if r.roi != nil {
			p.from, p.to = r.roi[i], r.roi[i+len(axes)]
		}
		if p.in == 0 && p.out != 0 {
			return nil, nil, fmt.Errorf("axis %d is empty, it cannot be resized to %d", a, p.out)
		}
		crops := op.transform == "tf_crop_and_resize" && (p.from != 0 || p.to != 1)
		if p.in != p.out || p.scale != 1 || crops {
			out = append(out, p)
		}
	}
	return shape, out, nil
}

func (op *resize) Eval(c *Call) error {
	shape, plan, err := op.planCall(c)
	if err != nil {
		return err
	}
	if op.mode == "nearest" {
		return op.nearest(c, shape, plan)
	}
	x := c.In[0]
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil {
		return err
	}
	wide, err := c.convert(x, tensor.Float64)
	if err != nil {
		return err
	}
	if wide, err = interpolate[float64](c, op, wide, plan); err != nil {
		return err
	}
	return mapElements(c, y, wide, op.element(x.DType()))
}

// element returns how an interpolated value becomes an element of dtype d. What lies
// between two integers the specification leaves open: linear interpolation truncates
// it and all others round, as in ONNX Runtime. What cubic interpolation overshoots is
// cut off.
func (op *resize) element(d tensor.DType) func(v float64) float64 {
	low, high, integer := integerRange(d)
	switch {
	case !integer:
		return func(v float64) float64 { return v }
	case op.mode == "linear" && !op.antialias:
		return func(v float64) float64 {
			if whole := math.Round(v); math.Abs(v-whole) < 1e-6 {
				return whole // but for the rounding of weights
			}
			return math.Trunc(v)
		}
	}
	return func(v float64) float64 { return clamp(math.Round(v), low, high) }
}

// planCall is plan for the operands of a call.
func (op *resize) planCall(c *Call) ([]int, []resizeAxis, error) {
	at := func(i int) *tensor.Tensor {
		if i <= 0 {
			return nil
		}
		return c.input(i)
	}
	r, err := op.request(at(op.roiAt), at(op.scalesAt), at(op.sizesAt))
	if err != nil {
		return nil, nil, err
	}
	return op.plan(c.In[0].Shape(), r)
}

// nearest copies elements of any type.
func (op *resize) nearest(c *Call, shape []int, plan []resizeAxis) error {
	x := c.In[0]
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil {
		return err
	}
	if y.Len() == 0 {
		return nil
	}
	from := make([][]int, len(shape)) // for each axis, the offset of each index of the output; -1 if outside
	strides := tensor.Strides(x.Shape())
	for d, n := range shape {
		if err := c.Run.reserveList(n, 8); err != nil {
			return err
		}
		from[d] = make([]int, n)
		for i := range from[d] {
			from[d][i] = i * strides[d]
		}
	}
	for _, p := range plan {
		for i := range from[p.axis] {
			at, inside := op.coordinate(p, i)
			from[p.axis][i] = -1
			if inside {
				from[p.axis][i] = op.round(at, p) * strides[p.axis]
			}
		}
	}
	return op.copyPlaces(c, x, y, from)
}

// copyPlaces copies to each element of y the element of x whose offset is the sum
// of the offsets for its indices.
func (op *resize) copyPlaces(c *Call, x, y *tensor.Tensor, from [][]int) error {
	outside, err := c.New(tensor.Float64, 1)
	if err != nil {
		return err
	}
	tensor.Data[float64](outside)[0] = op.extrapolation
	last := len(from) - 1
	if last < 0 {
		from, last = [][]int{{0}}, 0
	}
	index := make([]int, last)
	row, size := len(from[last]), x.DType().Size()
	for o := 0; o < y.Len(); o += row {
		if err := c.Run.Check(); err != nil {
			return err
		}
		base := 0
		for d, i := range index {
			if from[d][i] < 0 {
				base = math.MinInt
				break
			}
			base += from[d][i]
		}
		for i, at := range from[last] {
			switch {
			case base < 0 || at < 0:
				if x.DType() != tensor.String {
					tensor.Store(y, o+i, 1, tensor.Data[float64](outside))
				}
			case x.DType() == tensor.String:
				y.Strings()[o+i] = x.Strings()[base+at]
			default:
				copy(y.Bytes()[(o+i)*size:][:size], x.Bytes()[(base+at)*size:])
			}
		}
		for d := last - 1; d >= 0; d-- {
			if index[d]++; index[d] < len(from[d]) {
				break
			}
			index[d] = 0
		}
	}
	return nil
}
