package pass

import (
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// focus makes a convolution read the picture itself if its input is the picture's four grids of
// every second pixel, concatenated as channels:
//
//	x -> Slice [0::2, 0::2] ─┐
//	x -> Slice [1::2, 0::2] ─┤
//	x -> Slice [0::2, 1::2] ─┤
//	x -> Slice [1::2, 1::2] ─┴> Concat -> Conv 3x3, stride 1, pads 1  =>  x -> Conv 6x6, stride 2, pads 2
//
// With twice the kernel size, stride and padding the convolution sums the same products. YOLOX and
// the first YOLOv5 begin in this way; a SpaceToDepth of 2 is the same. Only the first layer of a
// network gains, so the picture must have few channels and known, even sides, and nothing else may
// read the grids.
func focus(e *Editor) (int, error) {
	changes := 0
	err := e.Nodes(func(conv *ir.Node) error {
		if !is(conv, "Conv") || e.Only(conv.Inputs[0]) != conv || slices.Contains(conv.Inputs[1:], conv.Inputs[0]) {
			return nil
		}
		picture, corners := everySecond(conv.Inputs[0].Node)
		if picture == nil {
			return nil
		}
		w := spread(conv.Inputs[1], picture.Fact.Shape.Dims[1].N, corners)
		attrs, ok := twice(conv)
		if w == nil || !ok {
			return nil
		}
		changes++
		inputs := slices.Clone(conv.Inputs)
		inputs[0], inputs[1] = picture, e.Graph.Constant(conv.Inputs[1].Name+"/spread", w)
		attrs = append(attrs, ir.AttrInts("kernel_shape", w.Dim(2), w.Dim(3)))
		return e.become(conv, "", "Conv", conv.Version, inputs, attrs...)
	})
	return changes, err
}

// corner is the row and the column, 0 or 1, of a grid's first pixel.
type corner [2]int

// everySecond returns the float32 picture of known, even size that a node splits
// into grids, and the corners of its channels; nil if the node does not do that.
func everySecond(n *ir.Node) (picture *ir.Value, corners []corner) {
	switch {
	case is(n, "SpaceToDepth"):
		if a := n.Attr("blocksize"); a == nil || a.Int != 2 {
			return nil, nil
		}
		picture, corners = n.Inputs[0], []corner{{0, 0}, {0, 1}, {1, 0}, {1, 1}}
	case is(n, "Concat") && len(n.Inputs) == 4:
		if a := n.Attr("axis"); a == nil || a.Int != 1 {
			return nil, nil
		}
		for _, v := range n.Inputs {
			from, at, ok := cornerOf(v)
			if !ok || picture != nil && from != picture || slices.Contains(corners, at) {
				return nil, nil
			}
			picture, corners = from, append(corners, at)
		}
	default:
		return nil, nil
	}
	d, ok := picture.Fact.Shape.Ints()
	const most = 4 // a picture has no more channels
	if !ok || picture.Fact.DType != tensor.Float32 || len(d) != 4 || d[1] > most || d[2]%2+d[3]%2 > 0 {
		return nil, nil
	}
	return picture, corners
}

// cornerOf follows slices of every second row and every second column back to the
// value that they are taken from.
func cornerOf(v *ir.Value) (from *ir.Value, at corner, ok bool) {
	at = corner{-1, -1}
	for n := maker(v, "Slice"); n != nil && slices.Contains(at[:], -1); n = maker(v, "Slice") {
		d, known := n.Inputs[0].Fact.Shape.Ints()
		if !known || len(d) != 4 || len(n.Inputs) < 5 {
			return nil, at, false
		}
		starts, ends, axes, steps := integers(n.Inputs[1]), integers(n.Inputs[2]), integers(n.Inputs[3]), integers(n.Inputs[4])
		if len(starts) == 0 || len(ends) != len(starts) || len(axes) != len(starts) || len(steps) != len(starts) {
			return nil, at, false
		}
		for i, axis := range axes {
			if axis < 0 {
				axis += 4
			}
			if axis < 2 || axis > 3 || at[axis-2] >= 0 || starts[i] < 0 || starts[i] > 1 || steps[i] != 2 || ends[i] < int64(d[axis]) {
				return nil, at, false
			}
			at[axis-2] = int(starts[i])
		}
		v = n.Inputs[0]
	}
	return v, at, !slices.Contains(at[:], -1)
}

// integers returns the numbers of a constant int64 or int32 tensor, nil if v is not
// one.
func integers(v *ir.Value) []int64 {
	if v == nil || v.Const() == nil {
		return nil
	}
	switch c := v.Const(); c.DType() {
	case tensor.Int64:
		return tensor.Data[int64](c)
	case tensor.Int32:
		var all []int64
		for _, n := range tensor.Data[int32](c) {
			all = append(all, int64(n))
		}
		return all
	}
	return nil
}

// spread moves the weights [M, 4·channels, H, W] of a convolution of grids to the positions of their
// pixels in the picture: [M, channels, 2·H, 2·W]. The weight of grid (r, c) at (y, x) goes to
// (2y+r, 2x+c). It returns nil if v is not such weights.
func spread(v *ir.Value, channels int, corners []corner) *tensor.Tensor {
	if !isFloats(v) || v.Const().Rank() != 4 || v.Const().Dim(1) != 4*channels {
		return nil
	}
	w := floats(v)
	m, h, width := v.Const().Dim(0), v.Const().Dim(2), v.Const().Dim(3)
	out := tensor.New(tensor.Float32, m, channels, 2*h, 2*width)
	to := tensor.Data[float32](out)
	for i := range m * 4 * channels * h * width {
		x, y, c, o := i%width, i/width%h, i/(width*h)%(4*channels), i/(width*h*4*channels)
		at := corners[c/channels]
		to[((o*channels+c%channels)*2*h+2*y+at[0])*2*width+2*x+at[1]] = w[i]
	}
	return out
}

// twice returns the strides and pads of a convolution, doubled; ok is false if it has groups, dilation
// or pads that depend on the size.
func twice(conv *ir.Node) (attrs []*ir.Attr, ok bool) {
	if a := conv.Attr("auto_pad"); a != nil && a.String != "NOTSET" && a.String != "" {
		return nil, false
	}
	if a := conv.Attr("group"); a != nil && a.Int != 1 {
		return nil, false
	}
	if a := conv.Attr("dilations"); a != nil && slices.ContainsFunc(a.Ints, func(d int64) bool { return d != 1 }) {
		return nil, false
	}
	strides, pads := []int{2, 2}, []int{0, 0, 0, 0}
	for name, to := range map[string][]int{"strides": strides, "pads": pads} {
		a := conv.Attr(name)
		if a == nil {
			continue
		}
		if len(a.Ints) != len(to) {
			return nil, false
		}
		for i, v := range a.Ints {
			if v < 0 || v > math.MaxInt32 {
				return nil, false
			}
			to[i] = 2 * int(v)
		}
	}
	return []*ir.Attr{ir.AttrInts("strides", strides...), ir.AttrInts("pads", pads...)}, true
}
