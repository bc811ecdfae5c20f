package ops

import (
	"cmp"
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/internal/limit"
)

// Convolutions and pools slide a window over the spatial dimensions of their input. Three types
// describe that, each for what is known at a time:
//
//	window  the attributes of a node, with lists for all dimensions
//	span    the window along one dimension, with defaults filled in and, after place, the padding that
//	        auto_pad results in
//	slide   the window over an input of known size, always in three dimensions: depth, height, width
//
// Along one dimension, window o covers with tap k the element o·stride + k·dilation - before (span.at).

// window holds the attributes of Conv, the pools and related operators.
type window struct {
	kernel, strides, dilations []int  // nil: size of the weights, ones, ones
	pads                       []int  // begins of all dimensions, then ends; nil: zeros
	auto                       string // auto_pad
	ceil                       bool   // ceil_mode: the last window may extend past the end
}

// maxSpan bounds kernels, strides, dilations and pads, so that their sums fit an
// int of 32 bits.
const maxSpan = 1 << 28

// someInts reads an optional list of integers. An empty one is treated as absent.
func someInts(a *ir.Attrs, name string) []int {
	if v := a.Ints(name); len(v) > 0 {
		return v
	}
	return nil
}

// readWindow reads the common attributes of windows.
func readWindow(a *ir.Attrs) window {
	w := window{
		kernel: someInts(a, "kernel_shape"), strides: someInts(a, "strides"), dilations: someInts(a, "dilations"), pads: someInts(a, "pads"),
		auto: cmp.Or(a.OneOf("auto_pad", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", ""), "NOTSET"),
		ceil: a.Bool("ceil_mode", false),
	}
	rank := -1
	check := func(name string, v []int, each, lowest int) {
		if v == nil {
			return
		}
		if len(v)%each != 0 || rank >= 0 && len(v) != rank*each {
			a.Fail("attribute %q has %d elements, it needs %d for each spatial dimension, like the others", name, len(v), each)
			return
		}
		rank = len(v) / each
		for _, n := range v {
			if n < lowest || n > maxSpan {
				a.Fail("attribute %q is %v; its elements must be between %d and %d", name, v, lowest, maxSpan)
				return
			}
		}
	}
	check("kernel_shape", w.kernel, 1, 1)
	check("strides", w.strides, 1, 1)
	check("dilations", w.dilations, 1, 1)
	check("pads", w.pads, 2, 0)
	return w
}

// readPool is readWindow for operators that require kernel_shape.
func readPool(a *ir.Attrs) window {
	a.Need("kernel_shape")
	w := readWindow(a)
	if w.kernel == nil {
		a.Fail("attribute %q is empty", "kernel_shape")
	}
	return w
}

// span is a window along one dimension.
type span struct {
	kernel, stride, dilation int
	before, after            int // padding
}

// at returns the element that tap k covers in window o; outside of the input it is padding.
func (s span) at(o, k int) int { return o*s.stride + k*s.dilation - s.before }

// extent is the length that a dilated kernel covers.
func (s span) extent() int64 { return int64(s.kernel-1)*int64(s.dilation) + 1 }

// spans returns the window along each of rank spatial dimensions. weights is the
// size of the kernel if the operator has weights; -1 stands for unknown.
func (w *window) spans(rank int, weights []int) ([]span, error) {
	kernel := w.kernel
	if kernel == nil {
		kernel = weights
	}
	for _, v := range []struct {
		name string
		n    int
	}{{"kernel_shape", len(kernel)}, {"strides", len(w.strides)}, {"dilations", len(w.dilations)}, {"pads", len(w.pads) / 2}} {
		if v.n != rank && v.n != 0 {
			return nil, fmt.Errorf("attribute %q is for %d spatial dimensions, the input has %d", v.name, v.n, rank)
		}
	}
	out := make([]span, rank)
	for i := range out {
		s := span{kernel: kernel[i], stride: 1, dilation: 1}
		if weights != nil && weights[i] >= 0 && weights[i] != s.kernel {
			return nil, fmt.Errorf("attribute %q is %v, the weights are %v", "kernel_shape", kernel, weights)
		}
		if w.strides != nil {
			s.stride = w.strides[i]
		}
		if w.dilations != nil {
			s.dilation = w.dilations[i]
		}
		if w.pads != nil && w.auto == "NOTSET" {
			s.before, s.after = w.pads[i], w.pads[i+rank]
		}
		if s.extent() > math.MaxInt32 {
			return nil, limit.Errorf("a kernel of %d with dilation %d covers too many elements", s.kernel, s.dilation)
		}
		out[i] = s
	}
	return out, nil
}

// place returns the span with its actual padding along a dimension of size in, and the number of
// windows.
func (w *window) place(s span, in int) (span, int, error) {
	ext := int(s.extent())
	if w.auto == "SAME_UPPER" || w.auto == "SAME_LOWER" {
		out := (in + s.stride - 1) / s.stride
		need := max((out-1)*s.stride+ext-in, 0)
		s.before, s.after = need/2, need-need/2
		if w.auto == "SAME_LOWER" {
			s.before, s.after = s.after, s.before
		}
		return s, out, nil
	}
	room := in + s.before + s.after - ext
	// With ceil, a kernel that is larger than the padded input still has its first window.
	if room < 0 && !(w.ceil && in > 0 && room > -s.stride) {
		return s, 0, fmt.Errorf("the kernel covers %d elements, the padded input has only %d", ext, in+s.before+s.after)
	}
	out := room/s.stride + 1
	if w.ceil && room > 0 && room%s.stride != 0 {
		// A window that would begin in the padding at the end is not counted.
		if out*s.stride < in+s.before {
			out++
		}
	}
	return s, out, nil
}

// PictureWindow is the window of a two-dimensional convolution or pool in pixels,
// with the padding that auto_pad results in.
type PictureWindow struct {
	KernelH, KernelW, StrideH, StrideW, DilationH, DilationW int
	PadTop, PadLeft, PadBottom, PadRight                     int
}

// maxBeyond bounds by how many elements the kernel of a planned pool exceeds the image.
const maxBeyond = 1 << 12

// PictureWindowOf returns the window of a convolution or pool for images of h by w pixels. weights
// are the height and width of a convolution's kernel, nil for a pool. It returns false if the node
// does not accept such images, and for pools whose kernel exceeds them by more than maxBeyond,
// since planned pools list their taps.
func PictureWindowOf(n *ir.Node, h, w int, weights []int) (PictureWindow, bool) {
	s, ok := placedSpans(n, []int{h, w}, weights)
	if !ok || weights == nil && max(s[0].kernel-h, s[1].kernel-w) > maxBeyond {
		return PictureWindow{}, false
	}
	return pictureWindow(s[0], s[1]), true
}

// TransposedWindowOf is PictureWindowOf for a transposed convolution. It returns false
// also if that is in groups.
func TransposedWindowOf(n *ir.Node, h, w int, weights []int) (PictureWindow, bool) {
	op, ok := n.Operator.(*convTranspose)
	if !ok || op.group != 1 {
		return PictureWindow{}, false
	}
	s, err := op.spans(2, weights)
	for i, size := range []int{h, w} {
		if err == nil {
			s[i], _, err = op.grow(s, i, size)
		}
	}
	if err != nil {
		return PictureWindow{}, false
	}
	return pictureWindow(s[0], s[1]), true
}

func pictureWindow(y, x span) PictureWindow {
	return PictureWindow{KernelH: y.kernel, KernelW: x.kernel, StrideH: y.stride, StrideW: x.stride, DilationH: y.dilation, DilationW: x.dilation,
		PadTop: y.before, PadLeft: x.before, PadBottom: y.after, PadRight: x.after}
}

// VolumeWindow is the window of a three-dimensional convolution: that of its
// pictures, and the one of its depth.
type VolumeWindow struct {
	PictureWindow
	KernelD, StrideD, DilationD, PadFront int
}

// VolumeWindowOf is PictureWindowOf for three dimensions: depth, height, width.
func VolumeWindowOf(n *ir.Node, size, weights []int) (VolumeWindow, bool) {
	s, ok := placedSpans(n, size, weights)
	if !ok {
		return VolumeWindow{}, false
	}
	return VolumeWindow{pictureWindow(s[1], s[2]), s[0].kernel, s[0].stride, s[0].dilation, s[0].before}, true
}

// placedSpans returns the windows along dimensions of known sizes, with their actual
// padding.
func placedSpans(n *ir.Node, size, weights []int) ([]span, bool) {
	a := n.ReadAttrs()
	win := readWindow(a)
	if a.Err() != nil || weights == nil && len(win.kernel) != len(size) {
		return nil, false
	}
	spans, err := win.spans(len(size), weights)
	if err != nil {
		return nil, false
	}
	for i := range spans {
		if spans[i], _, err = win.place(spans[i], size[i]); err != nil {
			return nil, false
		}
	}
	return spans, true
}

// outDims returns the spatial dimensions of the output.
func (w *window) outDims(in []ir.Dim, weights []int) ([]ir.Dim, error) {
	spans, err := w.spans(len(in), weights)
	if err != nil {
		return nil, err
	}
	out := make([]ir.Dim, len(in))
	for i, d := range in {
		out[i] = ir.Unknown
		if !d.Known() || spans[i].kernel < 0 {
			continue
		}
		_, n, err := w.place(spans[i], d.N)
		if err != nil {
			return nil, err
		}
		out[i] = ir.Dim{N: n}
	}
	return out, nil
}

// slide is a window over up to three spatial dimensions: depth, height, width.
// Those that the input does not have are of size 1.
type slide struct {
	rank    int    // number of spatial dimensions of the input
	in, out [3]int // sizes of the input, numbers of windows
	span    [3]span

	at   [3]int // the window whose hits these are
	hits hits
}

// slide computes the geometry of the window over an input with the given spatial
// dimensions.
func (w *window) slide(in, weights []int) (*slide, error) {
	spans, err := w.spans(len(in), weights)
	if err != nil {
		return nil, err
	}
	s := newSlide(len(in))
	for i, n := range in {
		j := 3 - len(in) + i
		s.in[j] = n
		if s.span[j], s.out[j], err = w.place(spans[i], n); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func newSlide(rank int) *slide {
	s := &slide{rank: rank}
	for i := range s.in {
		s.in[i], s.out[i], s.span[i] = 1, 1, span{kernel: 1, stride: 1, dilation: 1}
	}
	return s
}

// shape returns the shape of an output with n images of c channels.
func (s *slide) shape(n, c int) []int { return append([]int{n, c}, s.out[3-s.rank:]...) }

func (s *slide) inSize() int  { return s.in[0] * s.in[1] * s.in[2] }
func (s *slide) outSize() int { return s.out[0] * s.out[1] * s.out[2] }
func (s *slide) taps() int    { return s.span[0].kernel * s.span[1].kernel * s.span[2].kernel }

// pointwise makes one row of all pixels if the kernel has a single tap that visits each pixel,
// because loops over long rows are fastest; it reports whether it has.
func (s *slide) pointwise() bool {
	for i := range s.span {
		if p := s.span[i]; p.kernel != 1 || p.stride != 1 || p.before != 0 || p.after != 0 {
			return false
		}
	}
	n := s.inSize()
	s.in, s.out = [3]int{1, 1, n}, [3]int{1, 1, n}
	return true
}

// inside returns the windows whose tap k is on an input of size in, of out windows: first ≤ o < last.
func (s span) inside(k, in, out int) (first, last int) {
	at := s.at(0, k)
	if at < 0 {
		first = min((-at+s.stride-1)/s.stride, out)
	}
	if in > at {
		last = min((in-at-1)/s.stride+1, out)
	}
	return first, max(first, last)
}

// spatial checks that a fact has batch, channels and one to three spatial
// dimensions, and returns the latter; nil if the rank is unknown.
func spatial(f ir.Fact) ([]ir.Dim, error) {
	if !f.Shape.Ranked {
		return nil, nil
	}
	if r := f.Shape.Rank(); r < 3 || r > 5 {
		return nil, fmt.Errorf("needs an input of rank 3 to 5 (batch, channels, 1 to 3 spatial), it has %s", f.Shape)
	}
	return f.Shape.Dims[2:], nil
}

// sizes returns dimensions as numbers, -1 where unknown.
func sizes(dims []ir.Dim) []int {
	out := make([]int, len(dims))
	for i, d := range dims {
		out[i] = d.N
	}
	return out
}
