package kernel

import (
	"fmt"
	"unsafe"
)

// ConvWeights holds the weights of a float32 convolution in the order in which its
// kernels read them. Except for ConvDepthwise, they depend on channels, kernel size
// and formats, but not on picture sizes or the method, so plans for several sizes
// share them. Chunks may be packed concurrently and in any order; each must be
// packed once before a step that uses the weights runs.
type ConvWeights struct {
	keeper
	depthwise        bool
	block            Format // of the vectors
	planar           bool   // the input is planar
	cin, cout, group int
	kh, kw           int
	runs             bool // for planar input: the taps of a kernel row are contiguous
	columns          []column
	length           int // total length of the columns, in numbers
	data, bias       []float32
	source           numbers
	scale            []float32 // see ScaleBy; nil: all are 1
	// interleave makes pixels with as many numbers as a vector.
	interleave func(dst, src unsafe.Pointer, plane, channels, pixels int)
}

// column is one to three vectors of output channels, with the input channels from
// which they are computed. Its packed weights are [input block][tap][input][output], with
// all outputs of the column side by side: for 64 to 64 channels by 3x3, in F32x16, columns
// of two vectors have 4 x 9 x 16 x 32 numbers. For planar input they are [input][tap][output].
type column struct {
	first, vecs int // output channel, vectors
	from, to    int // input channels
	at          int // the beginning of its weights
}

// ConvWeightBytes is the memory that PackConv will allocate.
func (r *Rung) ConvWeightBytes(m ConvMethod, c *Conv) (int, error) {
	w, err := r.layoutConv(m, c)
	if err != nil {
		return 0, err
	}
	return 4*w.size() + 4*roundUp(c.Out.C, 32), nil
}

// PackConv allocates packed weights; the caller packs them by calling Chunk for
// every number below Chunks. weights [Cout][Cin/Group][KernelH][KernelW] must not
// change until then; bias, [Cout] or nil, is copied.
func (r *Rung) PackConv(m ConvMethod, c *Conv, weights Numbers, bias []float32) (*ConvWeights, error) {
	w, err := r.layoutConv(m, c)
	if err != nil {
		return nil, err
	}
	source := weights.with(&r.Vec)
	if want := c.Out.C * (c.In.C / c.Group) * c.KernelH * c.KernelW; source.len() != want {
		return nil, fmt.Errorf("%v: %d weights, want %d", c, source.len(), want)
	}
	if bias != nil && len(bias) != c.Out.C {
		return nil, fmt.Errorf("%v: %d biases, want %d", c, len(bias), c.Out.C)
	}
	w.source = source
	w.data = w.floats(w.size())
	w.bias = alignedFloats(roundUp(c.Out.C, 32))
	copy(w.bias, bias)
	return w, nil
}

// ScaleBy makes packing multiply the weights of each output channel by the
// channel's number in scale [Cout], which is copied. It must be called before the
// first Chunk.
func (w *ConvWeights) ScaleBy(scale []float32) { w.scale = paddedScale(scale) }

// paddedScale is scale padded to complete vectors and groups of output channels.
func paddedScale(scale []float32) []float32 {
	padded := make([]float32, roundUp(len(scale), 32))
	copy(padded, scale)
	return padded
}

// factor is the number by which the weights of an output channel are multiplied.
func factor(scale []float32, co int) float32 {
	if scale == nil {
		return 1
	}
	return scale[co]
}

// ConvWeightsIn makes weights with arbitrary values, for timing a convolution:
// memory has ConvWeightBytes bytes and is aligned to a cache line. Nothing is
// packed.
func (r *Rung) ConvWeightsIn(memory []byte, m ConvMethod, c *Conv) (*ConvWeights, error) {
	w, err := r.layoutConv(m, c)
	if err != nil {
		return nil, err
	}
	n := w.size()
	all := asFloats(memory, n+roundUp(c.Out.C, 32))
	w.data, w.bias = all[:n:n], all[n:]
	return w, nil
}

// layoutConv lays out the packed weights.
func (r *Rung) layoutConv(m ConvMethod, c *Conv) (*ConvWeights, error) {
	if c.Group < 1 || c.In.C%c.Group != 0 || c.Out.C%c.Group != 0 {
		return nil, fmt.Errorf("%v: the groups do not divide the channels", c)
	}
	block, err := r.convBlock(c)
	if err != nil {
		return nil, err
	}
	w := &ConvWeights{depthwise: m == ConvDepthwise, block: block, planar: c.In.Format == Planar,
		cin: c.In.C, cout: c.Out.C, group: c.Group, kh: c.KernelH, kw: c.KernelW,
		interleave: r.lanes(block.Channels()).Interleave}
	if m == ConvDepthwise {
		if !c.isDepthwise() {
			return nil, fmt.Errorf("%v: not depthwise", c)
		}
		return w, nil
	}
	if m.winograd() {
		if err := c.winogradFits(); err != nil {
			return nil, err
		}
	}
	w.runs = w.planar && c.DilationW == 1
	w.columns = cutColumns(c, block)
	if r.lanes(block.Channels()).ConvTile.pixels3 > 0 && c.wideColumns() {
		w.columns = cutWideColumns(c, block)
	}
	at := 0
	for i := range w.columns {
		g := &w.columns[i]
		g.at = at
		at += (g.to - g.from) * w.kh * w.kw * g.vecs * block.Channels()
	}
	w.length = at
	return w, nil
}

// cutColumns cuts the output channels into columns. Two vectors share the loads of
// the inputs, except where groups are so narrow that they would multiply mostly
// zeros; pixels of bfloat16 halves always take two vectors.
func cutColumns(c *Conv, block Format) []column {
	lanes := block.Channels()
	blocks := (c.Out.C + lanes - 1) / lanes
	perGroup, inGroup := c.Out.C/c.Group, c.In.C/c.Group
	var columns []column
	for b := 0; b < blocks; {
		vecs := 2
		if c.Out.Format.blockedF32() && (b+1 == blocks || c.Group > 1 && perGroup%(2*lanes) != 0) {
			vecs = 1
		}
		last := min((b+vecs)*lanes, c.Out.C) - 1
		columns = append(columns, column{first: b * lanes, vecs: vecs,
			from: b * lanes / perGroup * inGroup, to: (last/perGroup + 1) * inGroup})
		b += vecs
	}
	return columns
}

// wideColumns reports whether columns of three vectors are best for a convolution. Their
// tiles of 3 and 4 pixels have enough sums to hide latency, whereas two vectors
// need 5 or 6 pixels, into which rows of 7 and 14 cannot be divided evenly.
func (c *Conv) wideColumns() bool {
	return c.Group == 1 && c.In.Format != Planar && c.Out.Format.blockedF32()
}

// cutWideColumns cuts the output channels into columns of three vectors and, as far as
// these do not divide them evenly, of two.
func cutWideColumns(c *Conv, block Format) []column {
	lanes := block.Channels()
	blocks := (c.Out.C + lanes - 1) / lanes
	columns := make([]column, (blocks+2)/3)
	for i := range columns {
		b := i * blocks / len(columns)
		columns[i] = column{first: b * lanes, vecs: (i+1)*blocks/len(columns) - b, to: c.In.C}
	}
	return columns
}

// size is the number of packed weights.
func (w *ConvWeights) size() int {
	if w.depthwise {
		return roundUp(w.cout, 32) * w.kh * w.kw
	}
	return w.length
}

// panel returns the packed weights of a column.
func (w *ConvWeights) panel(i int) []float32 {
	end := w.length
	if i+1 < len(w.columns) {
		end = w.columns[i+1].at
	}
	return w.data[w.columns[i].at:end]
}

// Bytes is the size of the weights in memory.
func (w *ConvWeights) Bytes() int { return 4 * (len(w.data) + len(w.bias)) }

// Chunks is the number of pieces of the packing.
func (w *ConvWeights) Chunks() int {
	if w.depthwise {
		return 1
	}
	return len(w.columns)
}

// fits returns an error if the weights do not fit a convolution.
func (w *ConvWeights) fits(c *Conv) error {
	planar := c.In.Format == Planar
	if w.cin != c.In.C || w.cout != c.Out.C || w.group != c.Group || w.kh != c.KernelH || w.kw != c.KernelW ||
		w.planar != planar || !planar && w.block != c.In.Format || planar && c.Out.Format.blockedF32() && w.block != c.Out.Format ||
		planar && w.runs != (c.DilationW == 1) {
		return fmt.Errorf("%v: the weights were packed for another convolution", c)
	}
	return nil
}
