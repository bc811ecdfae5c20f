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
// channels that overlap, each beginning one frame after the last.

// frames says which taps of the depth are channels of a filter's weights: taps of
// them from the one at from on, each padded to channels. The zero value is for
// weights without a depth.
type frames struct{ from, taps, channels int }

// framesOf returns all weights [M C depth …] as [M taps·channels …].
func framesOf[T any](f filter, all []T) []T {
	w, by := f.weights, f.frames
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
	depth  int // frames that are read, with those of zeros
}

// mostPasses bounds the convolutions of pictures that make up one of volumes, because
// planning takes time for each.
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
	v.look()
	if !b.blocksRoom(v.in[1], v.in[3]+v.window.PadTop+max(0, v.window.PadBottom), v.in[4]+v.window.PadLeft+max(0, v.window.PadRight), v.in[0], v.depth) ||
		v.in[0]*v.passes() > mostPasses {
		return false, nil
	}
	return true, b.addVolume(v)
}

// look finds the taps of the depth that meet frames, and how many frames are read.
func (v *volume) look() {
	w := &v.window
	v.first, v.taps = inside(w.KernelD, w.DilationD, w.StrideD, w.PadFront, v.in[2], v.out[2])
	v.before = w.PadFront - v.first*w.DilationD
	v.depth = max(v.before+v.in[2], (v.out[2]-1)*w.StrideD+(v.taps-1)*w.DilationD+1)
}

// stacked reports whether one convolution reads all taps of the depth as channels.
// Otherwise each tap has its own, which adds to what the taps before it have summed.
func (v *volume) stacked() bool { return v.op.Group == 1 && v.window.DilationD == 1 }

// passes is the number of convolutions for one volume.
func (v *volume) passes() int {
	if v.stacked() {
		return 1
	}
	return v.taps
}

// conv returns the convolution of one frame, with all its channels, and the taps of
// its rows and columns that are left.
func (v *volume) conv(block kernel.Format) (*kernel.Conv, core) {
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
	c.In = layout(format, v.in, kernel.Halo{Top: c.PadTop, Left: c.PadLeft, Bottom: max(0, below(c)), Right: max(0, rightOf(c))})
	return c, t
}

// film is a layout of n pictures that begin step frames of l after one another; each
// has the channels of frames frames.
func film(l kernel.Layout, n, step, frames int) kernel.Layout {
	if frames > 1 {
		l.C = frames * l.Blocks() * l.Format.Channels()
	}
	l.N, l.Image = n, step*l.Image
	if n == 1 { // it is as large as its pictures
		l.Image = l.Blocks() * l.Block
	}
	return l
}

// planes is the layout of a row-major volume as pictures.
func planes(of [5]int) kernel.Layout {
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

// addVolume schedules a convolution of three dimensions.
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
	size, err := b.planarSize(v.node.Outputs[0])
	if err != nil {
		return err
	}
	read := place{buffer: b.newBuffer(v.in[0] * v.depth * c.In.Image)}
	sums := place{buffer: b.newBuffer(v.out[0] * v.out[2] * c.Out.Image)}
	y := place{buffer: b.newBuffer(size)}
	in, out := planes(v.in), planes(v.out)
	for i := range v.in[0] {
		first, sum := read.at(i*v.depth*c.In.Image, c.In), sums.at(i*v.out[2]*c.Out.Image, film(c.Out, v.out[2], 1, 1))
		if err := b.addFrames(v, x.at(i*size5(v.in), in), first); err != nil {
			return err
		}
		if z != nil {
			if err := b.addCopy(v.node, z.at(i*size5(v.out), out), sum); err != nil {
				return err
			}
		}
		if err := b.addTaps(v, c, t, first, sum); err != nil {
			return err
		}
		if err := b.addCopy(v.node, sum, y.at(i*size5(v.out), out)); err != nil {
			return err
		}
	}
	b.places[v.node.Outputs[0]] = y
	return nil
}

// size5 is the number of bytes of one picture of a volume.
func size5(of [5]int) int { return 4 * of[1] * of[2] * of[3] * of[4] }

// addCopy schedules a copy to another layout.
func (b *builder) addCopy(n *ir.Node, from, to place) error {
	w, err := b.opt.Rung.Convert(from.layout, to.layout, 0)
	if err == nil {
		b.addWork(n, "frames", w, []place{from}, nil, to)
	}
	return err
}

// addFrames schedules the copy of a volume to frames, of which to is the first, and
// the frames of zeros around them.
func (b *builder) addFrames(v *volume, x, to place) error {
	l := to.layout
	zeros := func(first, n int) {
		if n > 0 {
			at := to.at(first*l.Image, film(l, n, 1, 1))
			b.addWork(v.node, "zeros", kernel.Clear(at.layout), nil, nil, at)
		}
	}
	zeros(0, v.before)
	end := v.before + v.in[2]
	zeros(end, v.depth-end)
	return b.addCopy(v.node, x, to.at(v.before*l.Image, film(l, v.in[2], 1, 1)))
}

// addTaps schedules the convolutions of the frames of which in is the first. What
// lies in out is added if the node has a residual.
func (b *builder) addTaps(v *volume, frame *kernel.Conv, t core, in, out place) error {
	steps := v.passes()
	taps := v.taps / steps
	for i := range steps {
		c := *frame
		c.In = film(frame.In, 1, 1, taps)
		c.Out = film(frame.Out, 1, 1, 1)
		m, err := b.method(&c)
		if err != nil {
			return err
		}
		f := filterOf(v.node)
		f.core, f.frames = t, frames{v.first + i, taps, c.In.C / taps / c.Group}
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
		c.In, c.Out = film(frame.In, v.out[2], v.window.StrideD, taps), out.layout
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
