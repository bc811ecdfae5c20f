package plan

import (
	"context"
	"slices"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/team"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/clock"
)

// Kernels read weights in an order of their own, so constants are packed: once, before the
// first run. While nodes are planned, only memory is reserved. At the end, the pieces of all
// layers are packed together, which keeps all processors busy; in portions, so that of a
// mapped file never much more than heldPages is in memory besides what was packed of it.

// weights holds packed constants: those of a graph, which plans for different shapes
// share, because packing depends on the kernel, not on the picture, or those that
// planning found, which belong to one plan.
type weights struct {
	opt   *Options
	conv  map[weightKey]*kernel.ConvWeights
	tiles map[weightKey]*kernel.TileWeights
	gemms map[gemmKey]*kernel.GemmWeights
	quant map[quantKey]*kernel.QConvWeights
	due   []packing     // to be packed before a run
	begun []packTask    // the portion of these at work: pages, then packing; kept if that was cancelled
	added int           // bytes that packing added to the constants
	took  time.Duration // how long packing took
}

// packing is a constant that is to be packed, for which memory is reserved.
type packing struct {
	packed
	bytes int // of the constant as the file has it
}

// packed is a constant in its packed form, as the Pack methods of kernel.Rung return it.
type packed interface {
	Bytes() int
	Blocks() int        // pieces of its memory
	Populate(block int) // has the pages of one allocated
	Chunks() int        // pieces of the packing
	Chunk(i int)        // packs one
}

// weightKey is a constant with all that its packing depends on.
type weightKey struct {
	weights, bias *tensor.Tensor
	scale         *tensor.Tensor // of each output channel, nil: all are 1
	depthwise     bool           // packed for the depthwise method
	in, out       kernel.Format
	group         int
	wide          bool // dilated along rows
	rect          tapRect
	depthTaps     depthTaps
	phase         phase
}

func newWeights(o *Options) *weights {
	return &weights{opt: o, conv: map[weightKey]*kernel.ConvWeights{}, tiles: map[weightKey]*kernel.TileWeights{}, gemms: map[gemmKey]*kernel.GemmWeights{},
		quant: map[quantKey]*kernel.QConvWeights{}}
}

// filter holds the constants of a convolution; bias and scale may be nil.
type filter struct {
	weights, bias, scale *tensor.Tensor
	rect                 tapRect   // the weights that are not left out
	depthTaps            depthTaps // taps of a third dimension
	phase                phase     // taps of a transposed convolution
}

// filterOf returns the weights and the scales of a fused convolution.
func filterOf(n *ir.Node) filter {
	f := filter{weights: n.Inputs[1].Const()}
	if scale := n.Input(4); scale != nil {
		f.scale = scale.Const()
	}
	return f
}

// key returns all that the packing of the weights of a convolution depends on.
func (w *weights) key(c *kernel.Conv, f filter) weightKey {
	return weightKey{weights: f.weights, bias: f.bias, scale: f.scale, in: c.In.Format, out: c.Out.Format, group: c.Group, wide: c.DilationW > 1, rect: f.rect, depthTaps: f.depthTaps, phase: f.phase}
}

// numbers returns the elements of a float32 constant, nil for none.
func numbers(t *tensor.Tensor) []float32 {
	if t == nil {
		return nil
	}
	return tensor.Data[float32](t)
}

// source is a float32 constant as the file has it.
func source(t *tensor.Tensor) kernel.Numbers {
	switch n := t.Narrow(); {
	case n == nil:
		return kernel.Numbers{Float32: tensor.Data[float32](t)}
	case n.DType() == tensor.BFloat16:
		return kernel.Numbers{BFloat16: tensor.Data[uint16](n.As(tensor.Uint16))}
	default:
		return kernel.Numbers{Float16: tensor.Data[uint16](n.As(tensor.Uint16))}
	}
}

// once returns what is packed under a key. The first time, pack reserves its memory, and
// packing is due; bytes is the size of the constant.
func once[K comparable, P packed](w *weights, all map[K]P, k K, bytes int, pack func() (P, error)) (P, error) {
	if p, ok := all[k]; ok {
		return p, nil
	}
	p, err := pack()
	if err == nil {
		err = w.packLater(p, bytes)
	}
	if err != nil {
		return *new(P), err
	}
	all[k] = p
	return p, nil
}

// vector packs the weights of a convolution for the float32 kernels.
func (w *weights) vector(c *kernel.Conv, m kernel.ConvMethod, f filter) (*kernel.ConvWeights, error) {
	k := w.key(c, f)
	k.depthwise = m == kernel.ConvDepthwise
	return once(w, w.conv, k, fileBytes(f.weights), func() (*kernel.ConvWeights, error) {
		p, err := w.opt.Rung.PackConv(m, c, f.values(), f.biases())
		if err == nil && f.scale != nil {
			p.ScaleBy(numbers(f.scale))
		}
		return p, err
	})
}

// tile packs the weights of a convolution for the tile unit.
func (w *weights) tile(c *kernel.Conv, f filter) (*kernel.TileWeights, error) {
	k := w.key(c, f)
	k.out = 0 // packing does not depend on the output
	return once(w, w.tiles, k, fileBytes(f.weights), func() (*kernel.TileWeights, error) {
		pack := w.opt.Rung.PackSplit
		if c.In.Format == kernel.BF16x32 {
			pack = w.opt.Rung.PackBF16
		}
		p, err := pack(c, f.values(), numbers(f.bias))
		if err == nil && f.scale != nil {
			p.ScaleBy(numbers(f.scale))
		}
		return p, err
	})
}

// gemmKey is a constant of a matrix product with all that its packing depends on.
type gemmKey struct {
	weights, bias *tensor.Tensor
	beta          float32
	from          int // the first number
	transB        bool
	few           bool // products of few rows read the constant as it is
	often         bool // unless they are often computed
}

// product packs the constant B of a matrix product.
func (w *weights) product(p *product) (*kernel.GemmWeights, error) {
	return w.gemm(&p.gemm, gemmKey{weights: p.weights, bias: p.bias, beta: p.beta}, p.biases())
}

// gemm packs the constant of a key that says which it is.
func (w *weights) gemm(g *kernel.Gemm, k gemmKey, bias []float32) (*kernel.GemmWeights, error) {
	k.transB, k.few, k.often = g.TransB, g.M <= kernel.InPlaceRows && len(g.Batch) == 0, g.Often
	return once(w, w.gemms, k, fileBytes(k.weights), func() (*kernel.GemmWeights, error) {
		return w.opt.Rung.PackGemm(g, source(k.weights).From(k.from), bias)
	})
}

// packProducts packs the constants of an operator's products.
func (b *builder) packProducts(n *ir.Node, m ops.Multiplier) ([]*kernel.GemmWeights, error) {
	var all []*kernel.GemmWeights
	in := b.inputFacts(n)
	for _, p := range m.Products(in) {
		p.Gemm.Strict = b.opt.Strict
		c := in[p.Input].Const
		packed, err := b.packsFor(c).gemm(&p.Gemm, gemmKey{weights: c, from: p.From}, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, packed)
	}
	return all, nil
}

// biases returns the numbers that are added to each row, beta times the bias; nil if there
// are none.
func (p *product) biases() []float32 {
	values := numbers(p.bias)
	if len(values) == 0 || len(values) == p.gemm.N && p.beta == 1 {
		return values
	}
	all := make([]float32, p.gemm.N)
	for i := range all {
		all[i] = p.beta * values[i%len(values)]
	}
	return all
}

// packsFor returns where the given constants of a node are packed: with those of the graph, for
// all plans, or with those of this plan, if planning found one of them.
func (b *builder) packsFor(constants ...*tensor.Tensor) *weights {
	if slices.ContainsFunc(constants, func(t *tensor.Tensor) bool { return b.found[t] }) {
		return b.own
	}
	return b.weights
}

// packsForNode is packsFor all constants of a node.
func (b *builder) packsForNode(n *ir.Node) *weights {
	var constants []*tensor.Tensor
	for _, f := range b.inputFacts(n) {
		constants = append(constants, f.Const)
	}
	return b.packsFor(constants...)
}

// packLater records what has to be packed when the whole graph has been planned. What packing
// adds to the bytes of all constants together must fit the memory limit.
func (w *weights) packLater(p packed, bytes int) error {
	added := max(0, p.Bytes()-bytes)
	if int64(added) > w.opt.Memory-int64(w.added) {
		return &ops.MemoryError{Need: int64(added), Live: int64(w.added), Limit: w.opt.Memory}
	}
	w.added += added
	w.due = append(w.due, packing{p, bytes})
	return nil
}

// fileBytes is the size of a constant in the file.
func fileBytes(t *tensor.Tensor) int {
	if n := t.Narrow(); n != nil {
		t = n
	}
	return t.Size()
}

// heldPages bounds the pages of the file that packing keeps in memory, in bytes, so
// that a large model is in memory once, not twice.
const heldPages = 16 << 20

// pack packs what is due. If the context is cancelled, it returns after the pieces
// under way; the rest stays due.
func (w *weights) pack(ctx context.Context) error {
	start := clock.Now()
	defer func() { w.took += clock.Since(start) }()
	for len(w.due) > 0 {
		if w.begun == nil {
			w.begin()
		}
		for _, t := range w.begun {
			t.ctx = ctx
			if err := team.Default().Run(w.opt.Threads, len(t.done), t); err != nil {
				panic(err)
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		w.due, w.begun = w.due[len(w.begun[0].of):], nil
		if w.opt.Planned != nil {
			w.opt.Planned()
		}
	}
	w.due = nil
	return nil
}

// begin takes a portion of the constants that are due: first the pages of their memory are
// allocated, then they are packed.
func (w *weights) begin() {
	some, bytes := 0, 0
	for some < len(w.due) && bytes < heldPages {
		bytes += w.due[some].bytes
		some++
	}
	w.begun = []packTask{{of: w.due[:some], pieces: packed.Blocks, run: packed.Populate}, {of: w.due[:some], pieces: packed.Chunks, run: packed.Chunk}}
	for i, t := range w.begun {
		w.begun[i].done = make([]bool, t.count())
	}
}

// packTask is a team.Task over the pieces of several constants.
type packTask struct {
	of     []packing
	pieces func(packed) int
	run    func(p packed, piece int)
	done   []bool // pieces; packing one twice would subtract from its bias twice
	ctx    context.Context
}

// count is the number of pieces.
func (t packTask) count() (n int) {
	for _, p := range t.of {
		n += t.pieces(p.packed)
	}
	return n
}

// Chunk runs one piece, unless it was run before or the context is cancelled.
func (t packTask) Chunk(i int) {
	if t.done[i] || t.ctx.Err() != nil {
		return
	}
	t.done[i] = true
	for _, p := range t.of {
		n := t.pieces(p.packed)
		if i < n {
			t.run(p.packed, i)
			return
		}
		i -= n
	}
}
