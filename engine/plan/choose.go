package plan

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// role is the kind of kernel that can compute a node on blocked activations.
type role uint8

const (
	outside    role = iota // planar only
	convolve               // a convolution
	dynamic                // a convolution of float32 that is quantised at run time
	roundCodes             // DynamicRound: rounding to what the codes of such a quantisation stand for
	transposed             // a transposed convolution
	pool                   // max or average pool
	globalPool             // the mean of each plane
	activate               // a unary activation
	scaleShift             // one scale and shift per channel
	combine                // sum or product of two values of the same shape
	gate                   // product with one number per channel: [1 64 56 56]·[1 64 1 1], see gate.go
	pixelGate              // product with one number per pixel: [1 64 56 56]·[1 1 56 56], see across.go
	concat                 // along channels
	resize                 // of rows and columns
	shuffle                // a choice of channels, see shuffle.go
	parts                  // channels side by side, of a Slice or Split, see shuffle.go
)

// convertsInput reports whether it is worth converting a planar input to blocks for a node
// of this role. Others run on blocks only if their operands are there already.
func (r role) convertsInput() bool {
	return r == convolve || r == transposed || r == dynamic || r == roundCodes
}

// role returns the role that a node can have. Whether it gets it depends on its
// neighbours too: see assign.
func (b *builder) role(n *ir.Node) role {
	if _, ok := b.partsOf(n); ok {
		return parts
	}
	if len(n.Outputs) != 1 || !b.picture(n.Outputs[0]) || n.Input(0) == nil || !b.picture(n.Inputs[0]) {
		return outside
	}
	switch op := n.Operator.(type) {
	case *ops.FusedConv:
		if b.convolvable(n, op) {
			return convolve
		}
		return outside
	case *ops.DynamicConv:
		if b.dynamicConv(n, op) != nil {
			return dynamic
		}
		return outside
	case *ops.DynamicRound:
		return roundCodes
	case *ops.Activate:
		return activate
	case *ops.ScaleShift:
		return scaleShift
	case *ops.Shuffle:
		return shuffle
	}
	if n.Domain != "" {
		return outside
	}
	switch n.Op {
	case "ConvTranspose":
		if b.transposed(n) != nil {
			return transposed
		}
	case "MaxPool", "AveragePool":
		return pool
	case "GlobalAveragePool":
		return globalPool
	case "Relu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "LeakyRelu", "Elu", "Selu", "Softplus":
		return activate
	case "Add", "Mul":
		return b.pairRole(n)
	case "Concat":
		return b.concatRole(n)
	case "Resize", "Upsample":
		// Few channels in large pictures, as at the end of a segmentation network,
		// are resized faster as planes.
		if b.resizing(n).ok && b.readBlocked(n.Outputs[0]) {
			return resize
		}
	}
	return outside
}

// readBlocked reports whether a reader of v may want it blocked. Concatenations count
// whatever reads them, and resizings and slices do not count, so that the question goes no further
// than one node.
func (b *builder) readBlocked(v *ir.Value) bool {
	for _, r := range b.readers[v] {
		switch r.Op {
		case "Concat":
			return true
		case "Resize", "Upsample", "Slice", "Split":
		default:
			if b.role(r) != outside {
				return true
			}
		}
	}
	return false
}

// picture reports whether a value is float32 of rank 4, not empty, and fits the
// memory limit.
func (b *builder) picture(v *ir.Value) bool {
	f := b.fact(v)
	return f.DType == tensor.Float32 && f.Shape.Rank() == 4 && b.fitsLimit(f.Shape)
}

// fitsLimit reports whether a float32 value of the shape is not empty and fits the
// memory limit: planning takes time and memory in proportion to its size.
func (b *builder) fitsLimit(s ir.Shape) bool {
	n, ok := s.Count()
	return ok && n > 0 && int64(n) <= b.opt.Memory/4
}

// dims returns the dimensions of a value of rank 4.
func (b *builder) dims(v *ir.Value) (n, c, h, w int) {
	d, _ := b.fact(v).Shape.Ints()
	return d[0], d[1], d[2], d[3]
}

// convolvable reports whether the kernels support a convolution: its residual must
// have exactly the output's shape, and the padded picture must have a sane size.
func (b *builder) convolvable(n *ir.Node, op *ops.FusedConv) bool {
	if b.constant(n.Inputs[0]) != nil {
		return false
	}
	return b.addable(n, op) && b.paddedFits(b.conv(n))
}

// addable reports whether a convolution can add its residual, if it has one: nothing
// broadcasts.
func (b *builder) addable(n *ir.Node, op *ops.FusedConv) bool {
	if !hasResidual(n) {
		return true
	}
	y, err := op.Infer([]ir.Fact{b.fact(n.Inputs[0]), b.fact(n.Inputs[1])}) // without a residual that broadcasts
	return err == nil && b.constant(n.Inputs[3]) == nil && b.fact(n.Inputs[3]).Shape.Equal(y[0].Shape) &&
		y[0].Shape.Equal(b.fact(n.Outputs[0]).Shape)
}

// paddedFits is fitsLimit for the input of a convolution with its padding.
func (b *builder) paddedFits(c *kernel.Conv) bool {
	h := c.Halo()
	return b.blocksFit(c.In.C, h.Top+c.In.H+h.Bottom, h.Left+c.In.W+h.Right, c.In.N)
}

// blocksFit is fitsLimit for pictures in blocks, which fill the last block and a row and a
// column around the picture. counts multiply to the number of pictures.
func (b *builder) blocksFit(c, h, w int, counts ...int) bool {
	n, err := tensor.Count(append([]int{c + 64, h + 2, w + 2}, counts...))
	return err == nil && int64(n) <= b.opt.Memory/4
}

// untrimmed describes a convolution for the kernels, with all its taps: see conv for those
// that are left.
func (b *builder) untrimmed(n *ir.Node) *kernel.Conv {
	op := n.Operator.(*ops.FusedConv)
	_, _, h, w := b.dims(n.Inputs[0])
	win, _ := ops.PictureWindowOf(n, h, w, n.Inputs[1].Const().Shape()[2:]) // Infer has checked that it fits
	return &kernel.Conv{
		In: planarLayout(b.fact(n.Inputs[0])), Out: planarLayout(b.fact(n.Outputs[0])),
		KernelH: win.KernelH, KernelW: win.KernelW, StrideH: win.StrideH, StrideW: win.StrideW,
		DilationH: win.DilationH, DilationW: win.DilationW, PadTop: win.PadTop, PadLeft: win.PadLeft,
		Group: op.Group, Act: op.Act,
	}
}

// pairRole is role for an Add or Mul.
func (b *builder) pairRole(n *ir.Node) role {
	x, y := n.Inputs[0], n.Inputs[1]
	if b.constant(x) != nil || b.constant(y) != nil || !b.picture(y) {
		return outside
	}
	if b.fact(x).Shape.Equal(b.fact(y).Shape) {
		return combine
	}
	nx, cx, hx, wx := b.dims(x)
	ny, cy, hy, wy := b.dims(y)
	if n.Op == "Mul" && nx == ny && cx == cy && (hx == 1 && wx == 1 || hy == 1 && wy == 1) {
		return gate
	}
	if n.Op == "Mul" && nx == ny && hx == hy && wx == wy && (cx == 1 || cy == 1) {
		return pixelGate
	}
	return outside
}

// concatRole is role for a Concat.
func (b *builder) concatRole(n *ir.Node) role {
	a := n.Attr("axis")
	if a == nil || a.Int != 1 && a.Int != -3 {
		return outside
	}
	at, whole := 0, true // whole: every part starts at a block
	for _, v := range n.Inputs {
		if v == nil || !b.picture(v) || b.constant(v) != nil {
			return outside
		}
		whole = whole && at%b.opt.Rung.Block.Channels() == 0
		at += b.channels(v)
	}
	if !whole && !b.readBlocked(n.Outputs[0]) {
		return outside // parts would be copied number by number, and everything once more
	}
	return concat
}

// maxConvsAfter is the longest chain of convolutions that may follow one computed on split
// pixels (Split32). The rounding errors of split pixels are 30 times those of float32, and
// every later layer amplifies them, so the first layers of deeper networks stay in
// float32. In a network that makes decisions by computed values (which boxes to
// keep, from which level to read one) a small difference can become a large one:
// the limit for such graphs is maxConvsAfterDeciding.
const (
	maxConvsAfter         = 126
	maxConvsAfterDeciding = 18
)

// countConvsAfter computes for each convolution the length of the longest chain of
// convolutions after it.
func (b *builder) countConvsAfter(nodes []*ir.Node) {
	b.convsAfter = map[*ir.Node]int{}
	after := map[*ir.Value]int{} // convolutions on the longest path from a value
	for _, n := range slices.Backward(nodes) {
		longest := 0
		for _, v := range n.Outputs {
			longest = max(longest, after[v])
		}
		if b.roles[n] == convolve {
			b.convsAfter[n] = longest
			longest++
		}
		for _, v := range n.Inputs {
			if v != nil {
				after[v] = max(after[v], longest)
			}
		}
	}
}

// convsAfterLimit is the limit for this graph.
func (b *builder) convsAfterLimit() int {
	if b.decides {
		return maxConvsAfterDeciding
	}
	return maxConvsAfter
}

// tiled reports whether a convolution should run on the tile unit (AMX) or, where bfloat16 is
// asked for, on VDPBF16PS: it has enough input and output channels to fill the tiles, and not
// too many layers after it. Then it reads 32-channel pixels.
func (b *builder) tiled(n *ir.Node, c *kernel.Conv) bool {
	if !b.narrows(n) || b.beatsPairs(c) {
		return false
	}
	if c.In.H*c.In.W == 1 { // a pixel is one row of 16 of a tile, and its input would have to be split
		return false
	}
	in, out := c.In.C/c.Group, c.Out.C/c.Group
	if c.Group > 1 && (in%32 != 0 || out%32 != 0) {
		return false
	}
	if in >= fullTile {
		return out >= 16
	}
	// Half of each step is empty, which pays if there are several steps per pixel,
	// or if the input is in split pixels anyway.
	return in >= 12 && out >= 32 && (c.KernelH*c.KernelW > 1 || b.beside(n))
}

// runsTiled is tiled for a convolution whose description is not at hand.
func (b *builder) runsTiled(n *ir.Node) bool { return b.tiled(n, b.conv(n)) }

// tiledPlanar is tiled for a first layer, which reads the planar picture as it is.
func (b *builder) tiledPlanar(n *ir.Node, c *kernel.Conv) bool {
	return b.opt.Rung.Pays(kernel.Planar) && b.narrows(n) && c.TakesPlanar() && c.Out.C >= 32
}

// narrows reports whether a convolution may compute with bfloat16 and gains from it: with
// sums of two, or with single ones where that precision is asked for.
func (b *builder) narrows(n *ir.Node) bool {
	return b.opt.Rung.Pays(b.narrow()) && !b.opt.Strict && (b.opt.BF16 || b.convsAfter[n] <= b.convsAfterLimit())
}

// fullTile is the number of input channels from which a step of the tile unit is
// full enough to be faster than float32 for any kernel size.
const fullTile = 24

// beside reports whether the tile unit computes another convolution with several
// taps on the same input as n.
func (b *builder) beside(n *ir.Node) bool {
	for _, other := range b.readers[n.Inputs[0]] {
		if other == n || b.roles[other] != convolve || other.Inputs[0] != n.Inputs[0] {
			continue
		}
		if c := b.conv(other); c.KernelH*c.KernelW > 1 && c.Group == 1 && c.Out.C >= 32 {
			return true
		}
	}
	return false
}
