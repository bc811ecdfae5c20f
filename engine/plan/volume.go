package plan

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
)

// A convolution of three dimensions is one of pictures. The frames of a volume,
// pictures one after the other, have their channels in blocks; the channels of
// neighbouring frames are then neighbouring blocks. So the taps of the depth are
// further channels: a kernel of three frames of 64 channels reads pictures of 192
// channels that overlap, each beginning one frame after the last. With blocks of 16
// channels, b0 to b3 of each frame, and a frame of zeros for padding at both ends:
//
//	memory      zeros         frame 0       frame 1       frame 2       zeros
//	            b0 b1 b2 b3   b0 b1 b2 b3   b0 b1 b2 b3   b0 b1 b2 b3   b0 b1 b2 b3
//	picture 0   └──────────── 192 channels ───────────┘
//	picture 1                 └──────────── 192 channels ───────────┘
//	picture 2                               └──────────── 192 channels ───────────┘
//
// Where that cannot be said with a layout, because the depth is dilated or there are groups,
// each tap of the depth has a convolution of its own, which adds to the sum of those before.

// depthTaps says which taps of the depth are channels of a filter's weights: taps of
// them from the one at from on, each with its channels padded to complete blocks. The zero
// value is for weights without a depth.
type depthTaps struct{ from, taps, channels int }

// depthTapsOf returns all weights [M C depth …] as [M taps·channels …].
func depthTapsOf[T any](f filter, all []T) []T {
	w, by := f.weights, f.depthTaps
	if by.taps == 0 {
		return all
	}
	m, c, depth, plane := w.Dim(0), w.Dim(1), w.Dim(2), w.Dim(3)*w.Dim(4)
	out := make([]T, m*by.taps*by.channels*plane)
	for i := range m {
		for t := range by.taps {
			for j := range c {
				from := ((i*c+j)*depth + by.from + t) * plane
				copy(out[((i*by.taps+t)*by.channels+j)*plane:][:plane], all[from:from+plane])
			}
		}
	}
	return out
}

// volume is a convolution of three dimensions that is being scheduled.
type volume struct {
	node   *ir.Node
	op     *ops.FusedConv
	window ops.VolumeWindow
	in     [5]int // N C D H W
	out    [5]int
	first  int // the first tap of the depth that meets a frame
	taps   int // the number of those
	before int // frames of zeros before the first that they read
	depth  int // frames that are read, with those of zeros on both sides
}

// mostPasses bounds the convolutions that make up one, because planning takes time for each.
const mostPasses = 1 << 10

// volumeNode schedules a convolution of three dimensions; it reports false if the
// operator has to compute it.
func (b *builder) volumeNode(n *ir.Node) (bool, error) {
	op, ok := n.Operator.(*ops.FusedConv)
	if !ok || b.fact(n.Outputs[0]).Shape.Rank() != 5 || b.constant(n.Inputs[0]) != nil {
		return false, nil
	}
	v := &volume{node: n, op: op}
	x, okX := b.matrix(n.Inputs[0], 5)
	y, okY := b.matrix(n.Outputs[0], 5)
	if !okX || !okY {
		return false, nil
	}
	copy(v.in[:], x)
	copy(v.out[:], y)
	if !b.addable(n, op) {
		return false, nil
	}
	if v.window, ok = ops.VolumeWindowOf(n, x[2:], n.Inputs[1].Const().Shape()[2:]); !ok {
		return false, nil
	}
	v.findTaps()
	if !b.blocksFit(v.in[1], v.in[3]+v.window.PadTop+max(0, v.window.PadBottom), v.in[4]+v.window.PadLeft+max(0, v.window.PadRight), v.in[0], v.depth) ||
		v.in[0]*v.passes() > mostPasses {
		return false, nil
	}
	return true, b.addVolume(v)
}

// findTaps finds the taps of the depth that meet frames, and how many frames are read.
func (v *volume) findTaps() {
	w := &v.window
	v.first, v.taps = tapsInside(w.KernelD, w.DilationD, w.StrideD, w.PadFront, v.in[2], v.out[2])
	v.before = w.PadFront - v.first*w.DilationD
	v.depth = max(v.before+v.in[2], (v.out[2]-1)*w.StrideD+(v.taps-1)*w.DilationD+1)
}

// stacked reports whether one convolution reads all taps of the depth as channels.
func (v *volume) stacked() bool { return v.op.Group == 1 && v.window.DilationD == 1 }

// passes is the number of convolutions for one volume.
func (v *volume) passes() int {
	if v.stacked() {
		return 1
	}
	return v.taps
}

// conv returns the convolution of one frame by one tap of the depth, and the taps of its
// rows and columns that are left.
func (v *volume) conv(block kernel.Format) (*kernel.Conv, tapRect) {
	w := &v.window
	format := block
	if v.op.Group == 1 && v.in[1] <= 4 {
		format = kernel.Planar
	}
	layout := func(f kernel.Format, of [5]int, halo kernel.Halo) kernel.Layout {
		return kernel.NewLayout(f, 1, of[1], of[3], of[4], halo)
	}
	c := &kernel.Conv{In: layout(format, v.in, kernel.Halo{}), Out: layout(block, v.out, kernel.Halo{}),
		KernelH: w.KernelH, KernelW: w.KernelW, StrideH: w.StrideH, StrideW: w.StrideW,
		DilationH: w.DilationH, DilationW: w.DilationW, PadTop: w.PadTop, PadLeft: w.PadLeft, Group: v.op.Group}
	t := trim(c)
	c.In = layout(format, v.in, c.Halo())
	return c, t
}

// inARow is a layout of n frames, one after the other, of which l has one.
func inARow(l kernel.Layout, n int) kernel.Layout { return frameStacks(l, n, 1, 1) }

// frameStacks is a layout of n pictures in a row of frames, of which l has one: each
// picture has the channels of frames frames, and the next one begins step frames later.
func frameStacks(l kernel.Layout, n, step, frames int) kernel.Layout {
	if frames > 1 {
		l.C = frames * l.Blocks() * l.Format.Channels()
	}
	l.N, l.Image = n, step*l.Image
	if n == 1 { // nothing follows it: it is as large as its channels
		l.Image = l.Blocks() * l.Block
	}
	return l
}

// volumeLayout is the layout of a row-major volume [1 C D H W] as D pictures of C
// channels, in which it is the channels that are far apart.
func volumeLayout(of [5]int) kernel.Layout {
	l := kernel.NewLayout(kernel.Planar, of[2], of[1], of[3], of[4], kernel.Halo{})
	if of[2] > 1 {
		l.Image, l.Block = l.Block, of[2]*l.Block
	}
	return l
}

// at is the place at an offset of bytes, in another layout.
func (p place) at(offset int, l kernel.Layout) place {
	p.offset += offset
	p.layout = l
	return p
}

// addVolume schedules a convolution of three dimensions: for each volume of the batch, a
// copy to frames of blocks, the convolutions into frames of sums, and a copy of these back
// to row-major order.
func (b *builder) addVolume(v *volume) error {
	c, t := v.conv(b.opt.Rung.Block)
	x, err := b.planar(v.node.Inputs[0])
	if err != nil {
		return err
	}
	var z *place
	if hasResidual(v.node) {
		p, err := b.planar(v.node.Inputs[3])
		if err != nil {
			return err
		}
		z = &p
	}
	read := place{buffer: b.newBuffer(v.in[0] * v.depth * c.In.Image)}
	sums := place{buffer: b.newBuffer(v.out[0] * v.out[2] * c.Out.Image)}
	y, err := b.newPlanar(v.node.Outputs[0])
	if err != nil {
		return err
	}
	in, out := volumeLayout(v.in), volumeLayout(v.out)
	for i := range v.in[0] {
		first, sum := read.at(i*v.depth*c.In.Image, c.In), sums.at(i*v.out[2]*c.Out.Image, inARow(c.Out, v.out[2]))
		if err := b.addFrames(v, x.at(i*volumeBytes(v.in), in), first); err != nil {
			return err
		}
		if z != nil {
			if err := b.addCopy(v.node, z.at(i*volumeBytes(v.out), out), sum); err != nil {
				return err
			}
		}
		if err := b.addTaps(v, c, t, first, sum); err != nil {
			return err
		}
		if err := b.addCopy(v.node, sum, y.at(i*volumeBytes(v.out), out)); err != nil {
			return err
		}
	}
	return nil
}

// volumeBytes is the number of bytes of one volume of a batch.
func volumeBytes(of [5]int) int { return 4 * of[1] * of[2] * of[3] * of[4] }

// addCopy schedules a copy to another layout.
func (b *builder) addCopy(n *ir.Node, from, to place) error {
	w, err := b.opt.Rung.Convert(from.layout, to.layout)
	if err == nil {
		b.addWork(n, "frames", w, []place{from}, nil, to)
	}
	return err
}

// addFrames schedules the copy of a volume to frames, and frames of zeros before and after
// it; to is the first of all.
func (b *builder) addFrames(v *volume, x, to place) error {
	l := to.layout
	zeros := func(first, n int) {
		if n > 0 {
			at := to.at(first*l.Image, inARow(l, n))
			b.addWork(v.node, "zeros", kernel.Clear(at.layout), nil, nil, at)
		}
	}
	zeros(0, v.before)
	end := v.before + v.in[2]
	zeros(end, v.depth-end)
	return b.addCopy(v.node, x, to.at(v.before*l.Image, inARow(l, v.in[2])))
}

// addTaps schedules the convolutions of the frames, of which in is the first. If the node
// has a residual, it lies in out, where it is added. The first convolution adds the bias,
// the last one applies the activation.
func (b *builder) addTaps(v *volume, frame *kernel.Conv, t tapRect, in, out place) error {
	steps := v.passes()
	taps := v.taps / steps
	for i := range steps {
		c := *frame
		c.In = frameStacks(frame.In, 1, 1, taps)
		c.Out = inARow(frame.Out, 1)
		m, err := b.method(&c)
		if err != nil {
			return err
		}
		f := filterOf(v.node)
		f.rect, f.depthTaps = t, depthTaps{v.first + i, taps, c.In.C / taps / c.Group}
		var res *place
		if i > 0 || hasResidual(v.node) {
			res, c.Residual = &out, &out.layout
		}
		if i == 0 {
			f.bias = b.bias(v.node)
		}
		if i == steps-1 {
			c.Act = v.op.Act
		}
		c.In, c.Out = frameStacks(frame.In, v.out[2], v.window.StrideD, taps), out.layout
		packed, err := b.weights.vector(&c, m, f)
		if err != nil {
			return err
		}
		work, err := b.opt.Rung.Conv(m, &c, packed)
		if err != nil {
			return err
		}
		at := in.at(i*v.window.DilationD*frame.In.Image, c.In)
		b.addWork(v.node, "conv "+m.String(), work, []place{at}, res, out)
	}
	return nil
}
