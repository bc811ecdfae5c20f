package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/tensor"
)

// coordinate returns the coordinate in the input of element i of the output, in
// elements; inside is false if the output has the extrapolation value there. The
// formulas are those of ONNX Resize's coordinate_transformation_mode.
func (op *resize) coordinate(p resizeAxis, i int) (at float64, inside bool) {
	x, in := float64(i), float64(p.in)
	length := p.scale * in // of the output, before rounding
	if p.exact {
		length = float64(p.out)
	}
	unscale := func(v float64) float64 {
		if p.exact { // out/in may be rounded; the product is exact
			return v * in / length
		}
		return v / p.scale
	}
	switch op.transform {
	case "align_corners":
		if length == 1 {
			return 0, true
		}
		return x * (in - 1) / (length - 1), true
	case "asymmetric":
		return unscale(x), true
	case "pytorch_half_pixel":
		if p.out <= 1 {
			return 0, true
		}
	case "tf_half_pixel_for_nn":
		return unscale(x + 0.5), true
	case "half_pixel_symmetric":
		center := in / 2 * (1 - float64(p.out)/length)
		return center + unscale(x+0.5) - 0.5, true
	case "tf_crop_and_resize":
		at = p.from * (in - 1)
		if length == 1 {
			at += (p.to - p.from) * (in - 1) / 2
		} else {
			at += x * (p.to - p.from) * (in - 1) / (length - 1)
		}
		return at, at >= 0 && at <= in-1
	}
	return unscale(x+0.5) - 0.5, true
}

// round returns the element nearest to a coordinate.
func (op *resize) round(at float64, p resizeAxis) int {
	switch op.rounding {
	case "round_prefer_floor":
		at = math.Ceil(at - 0.5)
	case "round_prefer_ceil":
		at = math.Floor(at + 0.5)
	case "ceil":
		at = math.Ceil(at)
	case "simple":
		if p.scale < 1 {
			at = math.Ceil(at)
		} else {
			at = math.Floor(at)
		}
	default:
		at = math.Floor(at)
	}
	return clampIndex(at, p.in)
}

// clampIndex clamps an integral number to [0, n); NaN is 0.
func clampIndex(at float64, n int) int {
	switch {
	case !(at > 0):
		return 0
	case at >= float64(n):
		return n - 1
	}
	return int(at)
}

// tapList holds, for each element of an output axis, the elements of the input
// that it is computed from, and their weights.
type tapList struct {
	index  []int
	weight []float64
	per    int    // number of taps of an output element
	beyond []bool // elements with the extrapolation value; nil: none
}

// stretch returns the factor by which antialiasing widens the kernel to shrink an axis.
func (op *resize) stretch(p resizeAxis) float64 {
	if op.antialias && p.scale < 1 {
		return 1 / p.scale
	}
	return 1
}

// tapCount returns the number of taps of an output element.
func (op *resize) tapCount(p resizeAxis) int {
	support := 1.0
	if op.mode == "cubic" {
		support = 2
	}
	return 2 * int(math.Ceil(math.Min(support*op.stretch(p), maxSpan)))
}

// taps computes the taps of all elements of an axis of the output. Taps outside the input are those
// of its border. Weights add up to 1.
func (op *resize) taps(p resizeAxis) tapList {
	kernel := func(x float64) float64 { return max(0, 1-x) }
	if op.mode == "cubic" {
		kernel = op.cubic
	}
	stretch := op.stretch(p)
	l := tapList{per: op.tapCount(p)}
	start := 1 - l.per/2
	for i := range p.out {
		at, inside := op.coordinate(p, i)
		if !inside {
			if l.beyond == nil {
				l.beyond = make([]bool, p.out)
			}
			l.beyond[i], at = true, 0
		}
		at = math.Max(-float64(p.in), math.Min(at, 2*float64(p.in)))
		base := math.Ceil(at) - 1 // the fraction is in (0, 1]
		sum, from := 0.0, len(l.weight)
		for k := start; k < start+l.per; k++ {
			j := base + float64(k)
			w := kernel(math.Abs((j - at) / stretch))
			if op.excludeOutside && (j < 0 || j >= float64(p.in)) {
				w = 0
			}
			sum += w
			l.index = append(l.index, clampIndex(j, p.in))
			l.weight = append(l.weight, w)
		}
		for k := from; k < len(l.weight); k++ {
			l.weight[k] /= sum
		}
	}
	return l
}

// cubic is the convolution kernel of Keys 1981, "Cubic Convolution Interpolation for Digital Image
// Processing", with its parameter a, at distance x ≥ 0.
func (op *resize) cubic(x float64) float64 {
	a := op.cubicA
	switch {
	case x <= 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	}
	return 0
}

// interpolate resizes a tensor of T, one axis after the other. The result may be
// x itself.
func interpolate[T real](c *Call, op *resize, x *tensor.Tensor, plan []resizeAxis) (*tensor.Tensor, error) {
	y := x
	for _, p := range plan {
		shape := append([]int(nil), y.Shape()...)
		shape[p.axis] = p.out
		next, err := c.New(x.DType(), shape...)
		if err != nil {
			return nil, err
		}
		if next.Len() == 0 {
			y = next
			continue
		}
		outer, _, inner := split3(shape, p.axis)
		if err := c.Run.reserveList(p.out, 16*int64(op.tapCount(p))); err != nil {
			return nil, err
		}
		job := &resizePass[T]{src: tensor.Data[T](y), dst: tensor.Data[T](next), in: p.in, out: p.out, inner: inner, taps: op.taps(p), beyond: T(op.extrapolation)}
		if err := job.run(c.Run, outer); err != nil {
			return nil, err
		}
		y = next
	}
	return y, nil
}

// resizePass resizes the middle one of three dimensions, [outer in inner] to [outer out inner].
type resizePass[T real] struct {
	src, dst       []T
	in, out, inner int
	taps           tapList
	beyond         T
}

// run resizes all planes, several at once if the run has threads.
func (p *resizePass[T]) run(r *Run, outer int) error {
	per := max(1, 1<<15/max(1, p.out*p.inner)) // planes in a chunk
	chunks := (outer + per - 1) / per
	chunk := func(i int) {
		for o := i * per; o < min((i+1)*per, outer); o++ {
			if r.Check() != nil {
				return
			}
			p.plane(p.src[o*p.in*p.inner:(o+1)*p.in*p.inner], p.dst[o*p.out*p.inner:(o+1)*p.out*p.inner])
		}
	}
	if r.Parallel != nil {
		r.Parallel(chunks, chunk)
	} else {
		for i := range chunks {
			chunk(i)
		}
	}
	return r.Check()
}

// plane resizes the lines of one plane, [in inner] to [out inner].
func (p *resizePass[T]) plane(src, dst []T) {
	n := p.taps.per
	for i := range p.out {
		index, weight := p.taps.index[i*n:(i+1)*n], p.taps.weight[i*n:(i+1)*n]
		to := dst[i*p.inner : (i+1)*p.inner]
		switch {
		case p.taps.beyond != nil && p.taps.beyond[i]:
			for j := range to {
				to[j] = p.beyond
			}
		case p.inner == 1:
			var sum T
			for k, at := range index {
				sum += T(weight[k]) * src[at]
			}
			to[0] = sum
		default:
			for k, at := range index {
				if w := T(weight[k]); w != 0 {
					addScaled(to, src[at*p.inner:], w)
				}
			}
		}
	}
}

// addScaled sets acc[i] += w·x[i].
func addScaled[T real](acc, x []T, w T) {
	x = x[:len(acc)]
	for i, v := range x {
		acc[i] += w * v
	}
}
