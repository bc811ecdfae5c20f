package plan

import (
	"time"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/team"
	"github.com/visionzoo/vision/engine/tensor"
)

// weights are the packed constants of a graph. Plans for several shapes share
// them: how weights are packed depends on the kernel, not on the picture.
type weights struct {
	opt   *Options
	conv  map[weightKey]*kernel.ConvWeights
	tiles map[weightKey]*kernel.TileWeights
	gemms map[gemmKey]*kernel.GemmWeights
	quant map[quantKey]*kernel.QConvWeights
	took  time.Duration // packing
	read  int           // bytes of constants read since the file's pages were let go
}

// weightKey says which constant was packed and for what.
type weightKey struct {
	weights, bias *tensor.Tensor
	method        kernel.ConvMethod
	in, out       kernel.Format
	group         int
	wide          bool // dilated along rows
}

func newWeights(o *Options) *weights {
	return &weights{opt: o, conv: map[weightKey]*kernel.ConvWeights{}, tiles: map[weightKey]*kernel.TileWeights{}, gemms: map[gemmKey]*kernel.GemmWeights{},
		quant: map[quantKey]*kernel.QConvWeights{}}
}

func (w *weights) key(c *kernel.Conv, data, bias *tensor.Tensor) weightKey {
	return weightKey{weights: data, bias: bias, in: c.In.Format, out: c.Out.Format, group: c.Group, wide: c.DilationW > 1}
}

func numbers(t *tensor.Tensor) []float32 {
	if t == nil {
		return nil
	}
	return tensor.Data[float32](t)
}

// vector packs for the float32 kernels.
func (w *weights) vector(c *kernel.Conv, m kernel.ConvMethod, data, bias *tensor.Tensor) (*kernel.ConvWeights, error) {
	k := w.key(c, data, bias)
	k.method = m
	if p := w.conv[k]; p != nil {
		return p, nil
	}
	p, err := w.opt.Rung.PackConv(m, c, numbers(data), numbers(bias))
	if err != nil {
		return nil, err
	}
	w.each(p.Chunks(), p.Chunk)
	w.letGo(data)
	w.conv[k] = p
	return p, nil
}

// tile packs for the tile unit.
func (w *weights) tile(c *kernel.Conv, data, bias *tensor.Tensor) (*kernel.TileWeights, error) {
	k := w.key(c, data, bias)
	k.out = 0 // packed alike for every output
	if p := w.tiles[k]; p != nil {
		return p, nil
	}
	pack := w.opt.Rung.PackSplit
	if c.In.Format == kernel.BF16x32 {
		pack = w.opt.Rung.PackBF16
	}
	p, err := pack(c, numbers(data), numbers(bias))
	if err != nil {
		return nil, err
	}
	w.each(p.Chunks(), p.Chunk)
	w.letGo(data)
	w.tiles[k] = p
	return p, nil
}

// gemmKey says which constant of a matrix product was packed and for what.
type gemmKey struct {
	weights, bias *tensor.Tensor
	beta          float32
	transB, few   bool // few rows read the constant where it lies
}

// product packs for a matrix product.
func (w *weights) product(p *product) (*kernel.GemmWeights, error) {
	g := &p.gemm
	k := gemmKey{weights: p.weights, bias: p.bias, beta: p.beta, transB: g.TransB, few: g.M <= kernel.InPlaceRows && len(g.Batch) == 0}
	if packed := w.gemms[k]; packed != nil {
		return packed, nil
	}
	packed, err := w.opt.Rung.PackGemm(g, numbers(p.weights), p.biases())
	if err != nil {
		return nil, err
	}
	w.each(packed.Chunks(), packed.Chunk)
	w.letGo(p.weights)
	w.gemms[k] = packed
	return packed, nil
}

// biases are the numbers added to each row, nil where there are none.
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

// each runs the pieces of a packing on the team.
func (w *weights) each(chunks int, run func(chunk int)) {
	start := time.Now()
	defer func() { w.took += time.Since(start) }()
	if err := team.Default().Run(w.opt.Threads, chunks, task(run)); err != nil {
		panic(err)
	}
}

// heldPages bounds the pages of the file that packing holds at a time, in
// bytes: a large model is in memory once, not twice.
const heldPages = 32 << 20

// letGo notes that a constant was packed.
func (w *weights) letGo(data *tensor.Tensor) {
	w.read += len(data.Bytes())
	if w.opt.Planned != nil && w.read > heldPages {
		w.opt.Planned()
		w.read = 0
	}
}
