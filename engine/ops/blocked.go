package ops

import (
	"fmt"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Blocked is the domain of the operators that ONNX Runtime's optimiser writes at
// its highest level. Channels are stored in blocks of 8 or 16, depending on the
// processor on which the file was written. The shapes in the file show only that
// the number of channels is rounded up to whole blocks. Here, values have the
// layout [N C H W] with that number of channels; only weights are in blocked
// layout (onnxruntime/core/optimizer/nchwc_transformer.cc).
const Blocked = "com.microsoft.nchwc"

var blockeds = []Def{
	{Domain: Blocked, Name: "ReorderInput", Since: 1, Types: float32Type, In: Exactly(1), Out: Exactly(1), New: newReorderInput},
	{Domain: Blocked, Name: "ReorderOutput", Since: 1, Types: float32Type, In: Exactly(1), Out: Exactly(1), New: newReorderOutput},
	{Domain: Blocked, Name: "Conv", Since: 1, Types: float32Type, In: Arity{2, 4}, Out: Exactly(1), New: newBlockedConv},
	{Domain: Blocked, Name: "MaxPool", Since: 1, Types: float32Type, In: Exactly(1), Out: Exactly(1), New: newMaxPool},
	{Domain: Blocked, Name: "AveragePool", Since: 1, Types: float32Type, In: Exactly(1), Out: Exactly(1), New: newAveragePool},
	{Domain: Blocked, Name: "GlobalMaxPool", Since: 1, Types: float32Type, In: Exactly(1), Out: Exactly(1), New: newGlobalMaxPool},
	{Domain: Blocked, Name: "GlobalAveragePool", Since: 1, Types: float32Type, In: Exactly(1), Out: Exactly(1), New: newGlobalAveragePool},
	{Domain: Blocked, Name: "Upsample", Since: 1, Types: float32Type, In: Exactly(1), Out: Exactly(1), New: newBlockedUpsample},
}

var float32Type = tensor.Types(tensor.Float32)

// reorder begins (ReorderInput) or ends (ReorderOutput) a part of the network in blocks, the layout
// NCHWc. As values are not blocked here, it only moves the channel axis and changes the number of
// channels: 20 become 32, two blocks of 16, by 12 channels of zeros; and the last 12 of 32 are
// dropped again.
type reorder struct {
	fromLast, toLast bool // the input, the output has its channels last
	channels         int  // number of output channels; 0: rounded up to a multiple of block
	block            int
}

func newReorderInput(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return reorder{fromLast: a.Bool("channels_last", false), block: readBlock(a)}, a.Err()
}

// readBlock reads the size of a block, which setBlockSize has added to the node.
func readBlock(a *ir.Attrs) int {
	b := a.Int(blockAttr, 16)
	if b != 8 && b != 16 {
		a.Fail("attribute %q is %d, it must be 8 or 16", blockAttr, b)
	}
	return b
}

func newReorderOutput(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := reorder{toLast: a.Bool("channels_last", false), channels: a.Int("channels", 0)}
	if op.channels < 1 || op.channels > maxSpan {
		a.Fail("attribute %q is %d, it must be between 1 and %d", "channels", op.channels, maxSpan)
	}
	return op, a.Err()
}

// count returns the number of output channels for c input channels.
func (op reorder) count(c int) int {
	if op.channels > 0 {
		return op.channels
	}
	return (c + op.block - 1) / op.block * op.block
}

// Infer: X [N C spatial…] or [N spatial… C] → the same with another number of
// channels, its axis moved.
func (op reorder) Infer(in []ir.Fact) ([]ir.Fact, error) {
	x := in[0]
	if !x.Shape.Ranked {
		return []ir.Fact{ir.Tensor(x.DType, ir.Shape{})}, nil
	}
	if x.Shape.Rank() < 3 {
		return nil, fmt.Errorf("needs an input of rank 3 or more (batch, channels, spatial), it has %s", x.Shape)
	}
	y := ir.ShapeOf(slices.Clone(x.Shape.Dims)...)
	if op.fromLast {
		for i, k := range channelsFrom(len(y.Dims), true) {
			y.Dims[i] = x.Shape.Dims[k]
		}
	}
	if c := y.Dims[1]; c.Known() && (c.N < op.channels || c.N > maxSpan) {
		return nil, fmt.Errorf("needs between %d and %d channels, it has %s", op.channels, maxSpan, x.Shape)
	} else if c.Known() || op.channels > 0 {
		y.Dims[1] = ir.Dim{N: op.count(c.N)}
	} else {
		y.Dims[1] = ir.Unknown
	}
	f := ir.Tensor(x.DType, y)
	var err error
	if op.toLast {
		f, err = transposedFact(f, false)
	}
	return []ir.Fact{f}, err
}

func (op reorder) Eval(c *Call) error {
	y, err := c.inferred(op)
	if err != nil || y.Len() == 0 {
		return err
	}
	x := c.In[0]
	from, to := tensor.Strides(x.Shape()), tensor.Strides(y.Shape())
	shape := slices.Clone(x.Shape())
	if op.fromLast {
		order := channelsFrom(x.Rank(), true)
		from, shape = reordered(from, order), reordered(shape, order)
	}
	own := y.Dim(1)
	if op.toLast {
		to, own = reordered(to, channelsFrom(y.Rank(), true)), y.Dim(-1)
	}
	shape[1] = min(shape[1], own)
	return newWalk(shape, to, from).move(c.Run, y, x)
}

// reordered returns v[order[0]], v[order[1]], ….
func reordered(v, order []int) []int {
	out := make([]int, len(v))
	for i, k := range order {
		out[i] = v[k]
	}
	return out
}

// BlockedConv is a convolution with an activation whose weights are in blocks of
// b output channels: [M/b C/b kernel… b b], output channels last; or [M/b C
// kernel… b] if each group has one channel, or if the input has fewer channels
// than a block and is not blocked itself.
type BlockedConv struct {
	Activated
	group, block int
}

func newBlockedConv(n *ir.Node) (Op, error) {
	op, err := newActivatedConv(n)
	if err != nil {
		return nil, err
	}
	a := n.ReadAttrs()
	return BlockedConv{op.(Activated), readGroup(a), readBlock(a)}, a.Err()
}

// Weights returns w in the layout of Conv, [M C/group kernel…].
func (op BlockedConv) Weights(w *tensor.Tensor) (*tensor.Tensor, error) {
	m, cin, b := w.Dim(0), w.Dim(1), op.block
	inner := b // input channels in a block
	if op.group > 1 && cin == 1 || op.group == 1 && cin < b {
		inner = 1
	}
	if w.Rank() != 4 || m%b != 0 || cin%inner != 0 {
		return nil, fmt.Errorf("weights %v are not in blocks of %d channels", w.Shape(), b)
	}
	out := tensor.New(tensor.Float32, w.Shape()...)
	src, dst, taps := tensor.Data[float32](w), tensor.Data[float32](out), w.Dim(2)*w.Dim(3)
	at := 0
	for mo := 0; mo < m; mo += b {
		for co := 0; co < cin; co += inner {
			for k := range taps {
				for ci := range inner {
					for mi := range b {
						dst[((mo+mi)*cin+co+ci)*taps+k] = src[at]
						at++
					}
				}
			}
		}
	}
	return out, nil
}

// Eval reorders the weights and convolves.
func (op BlockedConv) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	if err := c.Run.Reserve(tensor.Float32, c.In[1].Shape()); err != nil {
		return err
	}
	w, err := op.Weights(c.In[1])
	if err != nil {
		return err
	}
	inner := *c
	inner.In = slices.Clone(c.In)
	inner.In[1] = w
	err = op.Activated.Eval(&inner)
	c.Out[0] = inner.Out[0]
	return err
}

// newBlockedUpsample is Upsample-7 with integer scales; linear interpolation has
// further coordinate transformations.
func newBlockedUpsample(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("scales")
	op := &resize{mode: a.OneOf("mode", "nearest", "linear"), rounding: "floor", policy: "stretch", scalesAt: -1,
		transform: a.OneOf("coordinate_transformation_mode", "asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel")}
	for _, s := range a.Ints("scales") {
		op.fixed = append(op.fixed, float32(s))
	}
	return op, a.Err()
}
