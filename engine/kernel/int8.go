package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// A code q of the input, with zero point z, is multiplied by a weight w, from which its own
// zero point has been subtracted. Σ (q-z)·w = Σ q·w - z·Σ w, so kernels multiply the codes as
// they are, and the second sum goes into the bias when weights are packed. Halos hold z.
//
// Kernels multiply unsigned codes by signed bytes, but a weight minus its zero point may
// need nine bits: 200 is stored as two parts, 127 + 73, of which the second belongs to a step
// of the K loop that comes again. Signed weights whose zero point is 0 have one part.
// Processors without such an instruction multiply 16 bits (the wide forms). SDOT multiplies
// signed codes: kernels subtract 128 from each, and the bias is that of a zero point less 128.
//
// The form is chosen by the rung and the shape (qconvKernels.form), and packing depends on it:
//
//	                        U8x64            U8x4, up to 4 channels   a filter per channel
//	amx, vnni               qconvDense       qconvRows                qconvDepthwise
//	i8mm, dotprod           qconvDense       qconvRows                qconvDepthwise
//	avx512, avx2            qconvWide        qconvWide                qconvPairDepth
//	  and vnni, large 3x3   qconvWinograd
//	neon                    qconvWide        qconvWide                qconvWideDepth
//	purego, and what is     qconvPlain       qconvPlain               qconvPlain
//	left by the others

// QConv is a convolution of 8-bit integers with exact int32 sums, requantised as
// ONNX's QLinearConv: the sum including the bias is converted to float32, multiplied
// by the channel's scale in float32, rounded half to even, offset by the zero point,
// and saturated.
//
// Input and output are U8x64 layouts whose Fill is their zero point; signed bytes
// and their zero points are stored plus 128. An input of up to four channels may be
// U8x4. Residual and Act of Conv are not used.
type QConv struct {
	Conv
	InZero, OutZero uint8
	Scales          []float32 // per output channel: scale of the input · scale of the weights / scale of the output
	Floats          *Floats   // if not nil, outputs are float32: see Dynamic
}

// QConvWeights holds the weights of a QConv in the form that one rung reads. They
// serve every QConv of the same kernel, channels, groups, input zero point and
// scales, of any size.
type QConvWeights struct {
	keeper
	cin, cout, group int
	kernelH, kernelW int
	form             qconvForm
	rows             bool // the input is U8x4
	products         byteProducts
	zero             int32 // of the input: see biasZero
	parts            int   // each weight is a sum of at most this many bytes, its parts
	repeated         []int // qconvDense, qconvRows: the steps that come again at the end of the K loop, for further parts
	repeatOf         []int // of each part after the first, by step: where in the K loop that comes again for it; 0: nowhere, all are 0
	source           QWeights
	plain            []int16 // the weights of the twin
	bias             []int32 // minus zero times the sum of the weights
	scales           []float32
	data             []byte // packed weights, in a layout that depends on the form
	ends             []byte // for the epilogue: int32 biases, then float32 scales, for each 32 outputs or 64 depthwise channels
	panel            int    // bytes of the weights of 32 outputs (16 in qconvWide), or of 64 depthwise channels
}

// qconvForm is an algorithm for a QConv with its layout of weights. Weights have 8
// bits unless stated otherwise.
type qconvForm uint8

const (
	qconvPlain     qconvForm = iota // the twin
	qconvDense                      // U8x64
	qconvRows                       // U8x4: the taps of a kernel row are contiguous, and one step of the K loop
	qconvDepthwise                  // four taps at a time
	qconvWide                       // dense, weights and inputs of 16 bits, for both U8x64 and U8x4
	qconvWideDepth                  // depthwise, weights of 32 bits
	qconvPairDepth                  // depthwise, weights of 16 bits, two taps at a time
	qconvWinograd                   // 3x3, transformed at run time (codeWinograd)
)

// qconvKernels says which forms a rung has besides the twin's, and plans them.
type qconvKernels struct {
	fast     bool // it has any
	wide     bool // kernels multiply 16 bits, not 8
	paired   bool // and depthwise ones in pairs of taps (qconvPairDepth)
	winograd bool // there is qconvWinograd
	bytes    byteProducts
	plan     func(r *Rung, c *QConv, w *QConvWeights) (Work, error)
}

// byteProducts says what the instructions of the forms that multiply bytes want; the zero
// value, unsigned codes and four inputs of an output side by side.
type byteProducts struct {
	signed bool // signed codes: minus 128
	eights bool // in dense forms, eight inputs of an output side by side
}

// products returns the byteProducts of a form.
func (k qconvKernels) products(f qconvForm) byteProducts {
	switch f {
	case qconvDense, qconvRows, qconvDepthwise:
		return k.bytes
	}
	return byteProducts{}
}

// zero is a zero point of codes as they are multiplied.
func (p byteProducts) zero(of uint8) int32 {
	if p.signed {
		return int32(of) - 128
	}
	return int32(of)
}

// form chooses the form of a convolution; the twin computes what no other form
// covers.
func (k qconvKernels) form(c *QConv) qconvForm {
	f := k.byteForm(c)
	switch {
	case k.wide && (f == qconvDense || f == qconvRows):
		return qconvWide
	case k.paired && f == qconvDepthwise:
		return qconvPairDepth
	case k.wide && f == qconvDepthwise:
		return qconvWideDepth
	}
	return f
}

// byteForm is form for kernels that multiply bytes.
func (k qconvKernels) byteForm(c *QConv) qconvForm {
	cin := c.In.C / c.Group
	switch {
	case !k.fast || !c.shrinks():
	case c.In.Format == U8x4 && c.Group == 1 && c.DilationW == 1 && c.KernelW <= 16:
		return qconvRows
	case c.In.Format != U8x64:
	case c.Group == 1 || cin%64 == 0 && c.Out.C/c.Group%32 == 0:
		return qconvDense
	case c.Group == c.In.C && c.Out.C == c.In.C:
		return qconvDepthwise
	}
	return qconvPlain
}

// codeWinogradCins is the largest number of input channels of Winograd's form: as many as the room
// for transformed weights has place for.
const codeWinogradCins = 1024

// codeWinogradFits reports whether a convolution can be computed in Winograd's form.
func (r *Rung) codeWinogradFits(c *QConv) bool {
	return r.QConvs.winograd && c.KernelH == 3 && c.KernelW == 3 && c.StrideH == 1 && c.StrideW == 1 && c.Group == 1 &&
		c.In.Format == U8x64 && c.In.C <= codeWinogradCins && (c.Floats == nil || c.Out.Format == r.Block) && c.shrinks()
}

// winogradPays reports whether that is faster: a quarter of the products, which take as long where
// kernels multiply 16 bits anyway, and twice as long where they multiply 8.
func (r *Rung) codeWinogradPays(c *QConv) bool {
	if !r.codeWinogradFits(c) {
		return false
	}
	inside, narrow := c.InsideTiles(), min(c.In.C, c.Out.C)
	if r.QConvs.wide {
		return inside >= 0.6 && narrow >= 16
	}
	return inside >= 0.7 && narrow >= 64 && min(c.Out.H, c.Out.W) >= 18
}

// winogradExact reports whether sums of products have magnitudes below 2^25, whatever the codes,
// so that Winograd's form computes them exactly.
func (w *QConvWeights) winogradExact() bool {
	if w.parts > 1 {
		return false
	}
	kept := byteRooms.Get().(*[]byte)
	defer byteRooms.Put(kept)
	for first := 0; first < w.cout; first += 32 {
		for _, row := range w.partsOf(kept, first, 0) {
			sum, magnitude := sumCodes(row), sumMagnitudes(row)
			if 255*(magnitude+max(sum, -sum))/2 >= 1<<25 {
				return false
			}
		}
	}
	return true
}

// biasZero is the zero point of what is multiplied, or 1 if that is known only at run time, when
// the bias is multiplied by it.
func (c *QConv) biasZero(p byteProducts) int32 {
	if c.Floats != nil {
		return 1
	}
	return p.zero(c.InZero)
}

// shrinks reports whether the magnitudes of all scales are below 1, as in any network
// whose sums have a larger range than its codes. Then scaled sums fit int32, to which
// kernels round them.
func (c *QConv) shrinks() bool {
	for _, s := range c.Scales {
		if !(-1 < s && s < 1) {
			return false
		}
	}
	return true
}

// check returns an error if formats, sizes or scales are not those of a QConv.
func (c *QConv) check() error {
	floats := c.Floats != nil
	switch {
	case c.In.Format != U8x64 && c.In.Format != U8x4 || c.Out.Format != U8x64 && !floats:
		return fmt.Errorf("%v: an integer convolution reads u8x4 or u8x64, and writes u8x64", &c.Conv)
	case c.In.Format == U8x4 && c.In.C > 4:
		return fmt.Errorf("%v: u8x4 holds 4 channels", &c.Conv)
	case c.Group < 1 || c.In.C%c.Group != 0 || c.Out.C%c.Group != 0:
		return fmt.Errorf("%v: the groups do not divide the channels", &c.Conv)
	case min(c.In.N, c.In.H, c.In.W, c.Out.H, c.Out.W, c.StrideH, c.StrideW, c.DilationH, c.DilationW) < 1 || c.In.N != c.Out.N:
		return fmt.Errorf("%v: every size must be at least 1, and as many pictures out as in", &c.Conv)
	case !c.inside():
		return fmt.Errorf("%v: the kernel reads past the halo %v of its input", &c.Conv, c.In.Halo)
	case floats:
		return c.checkFloats()
	case c.In.Halo != (Halo{}) && c.In.Fill != c.InZero:
		return fmt.Errorf("%v: the halo holds %d, the input's zero point is %d", &c.Conv, c.In.Fill, c.InZero)
	case len(c.Scales) != c.Out.C:
		return fmt.Errorf("%v: %d scales, want %d", &c.Conv, len(c.Scales), c.Out.C)
	}
	return nil
}

// QWeights are the weights [Cout][Cin/Group][KernelH][KernelW] of a QConv, minus
// their zero points: numbers in [-255, 255].
type QWeights struct {
	// Fill copies the weights of outputs [first, first+n) to dst.
	Fill func(first, n int, dst []int16)
	Max  int // the largest of w and of -w-1 over all weights w
	// Codes, if not nil, are all weights as a file has them: signed bytes, each XOR Flip,
	// from which the zero point of the output is subtracted. Kernels of 8 bits read them
	// without Fill.
	Codes []byte
	Flip  byte
	Zeros []int16 // nil: all are 0
	// Passing are weights of a single run: they are packed in Go's heap, not for a session.
	Passing bool
}

// table sets to[code] to part k of the weight that a code of an output stands for.
func (w *QWeights) table(to *[256]byte, output, k int) {
	zero := int16(0)
	if w.Zeros != nil {
		zero = w.Zeros[output]
	}
	for code := range to {
		to[code] = part(int16(int8(byte(code)^w.Flip))-zero, k)
	}
}

// PackQConv allocates the memory for weights and the bias, [Cout] or nil. No sum,
// bias included, may leave the range of int32. The caller packs the weights by
// calling Chunk for every number below Chunks, concurrently and in any order; until
// then they must not change. The bias is copied.
func (r *Rung) PackQConv(c *QConv, weights QWeights, bias []int32) (*QConvWeights, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if bias != nil && len(bias) != c.Out.C {
		return nil, fmt.Errorf("%v: %d biases, want %d", &c.Conv, len(bias), c.Out.C)
	}
	w := &QConvWeights{cin: c.In.C, cout: c.Out.C, group: c.Group, kernelH: c.KernelH, kernelW: c.KernelW,
		form: r.QConvs.form(c), rows: c.In.Format == U8x4, source: weights, parts: max(1, (weights.Max+126)/127), scales: c.Scales}
	if r.codeWinogradPays(c) && w.winogradExact() {
		w.form = qconvWinograd
	}
	w.products = r.QConvs.products(w.form)
	w.zero = c.biasZero(w.products)
	w.bias = make([]int32, c.Out.C)
	copy(w.bias, bias)
	if w.parts > 1 && (w.form == qconvDense || w.form == qconvRows) {
		w.findRepeated()
	}
	w.layout()
	return w, nil
}

// layout allocates the memory of the form.
func (w *QConvWeights) layout() {
	taps := w.kernelH * w.kernelW
	switch w.form {
	case qconvDense, qconvRows:
		w.panel = w.steps() * 2048
		groups := roundUp(w.cout, 32) / 32
		w.data, w.ends = w.room(groups*w.panel), w.room(groups*256)
	case qconvDepthwise:
		w.panel = 64 * w.depthTaps()
		blocks := roundUp(w.cout, 64) / 64
		w.data, w.ends = w.room(blocks*w.panel), w.room(blocks*512)
	case qconvPairDepth:
		w.parts = 1
		w.panel = 128 * w.depthTaps()
		blocks := roundUp(w.cout, 64) / 64
		w.data, w.ends = w.room(blocks*w.panel), w.room(blocks*512)
	case qconvWide:
		w.parts = 1
		w.panel = w.steps() * 2048
		groups := roundUp(w.cout, 32) / 32
		w.data, w.ends = w.room(2*groups*w.panel), w.room(groups*256)
	case qconvWinograd: // for 16 outputs, taps of pairs of channels
		w.panel = taps * w.pairs() * 32
		groups := roundUp(w.cout, 32) / 32
		w.data, w.ends = w.room(2*groups*w.panel), w.room(groups*256)
	case qconvWideDepth:
		w.parts = 1
		w.panel = taps * 256
		w.data = w.room(roundUp(w.cout, 64) / 64 * w.panel)
	default:
		w.plain = make([]int16, w.cout*w.per())
	}
}

// pairs returns the number of pairs of input channels, of complete quads.
func (w *QConvWeights) pairs() int { return roundUp(w.cin, 4) / 2 }

// room returns n zero bytes for packed weights.
func (w *QConvWeights) room(n int) []byte {
	if w.source.Passing {
		return alignTo(make([]byte, n+cacheLine), cacheLine)[:n:n]
	}
	return w.bytes(n)
}

// per returns the number of weights per output.
func (w *QConvWeights) per() int { return w.cin / w.group * w.kernelH * w.kernelW }

// part returns the k-th of the signed bytes whose sum is v: of 200 they are 127, 73 and 0.
func part(v int16, k int) byte {
	for range k {
		v -= max(min(v, 127), -128)
	}
	return byte(max(min(v, 127), -128))
}

// steps returns the number of steps of the K loop of a dense output: each once, then some
// again.
func (w *QConvWeights) steps() int { return w.distinctSteps() + len(w.repeated) }

// distinctSteps is the number of different steps. A step covers 64 channels of a tap or, with
// U8x4, a kernel row.
func (w *QConvWeights) distinctSteps() int {
	if w.rows {
		return w.kernelH
	}
	return roundUp(w.cin/w.group, 64) / 64 * w.kernelH * w.kernelW
}

// step returns the step of tap t of channel c, and its place among the 64 of that step.
func (w *QConvWeights) step(c, t int) (step, place int) {
	if w.rows {
		return t / w.kernelW, t%w.kernelW*4 + c
	}
	return c/64*w.kernelH*w.kernelW + t, c % 64
}

// Bytes returns the size of the packed weights.
func (w *QConvWeights) Bytes() int {
	return len(w.data) + len(w.ends) + 4*len(w.bias) + 2*len(w.plain)
}

// Chunks returns the number of chunks of the packing.
func (w *QConvWeights) Chunks() int {
	return roundUp(w.cout, w.chunk()) / w.chunk()
}

// chunk returns the number of outputs that a chunk packs.
func (w *QConvWeights) chunk() int {
	switch w.form {
	case qconvDepthwise, qconvWideDepth, qconvPairDepth:
		return 64
	}
	return 32
}

// fits returns an error if the weights were packed for another kind of convolution.
func (w *QConvWeights) fits(r *Rung, c *QConv) error {
	if w.cin != c.In.C || w.cout != c.Out.C || w.group != c.Group || w.kernelH != c.KernelH || w.kernelW != c.KernelW ||
		w.form != r.QConvs.form(c) && (w.form != qconvWinograd || !r.codeWinogradFits(c)) || w.products != r.QConvs.products(w.form) || w.zero != c.biasZero(w.products) {
		return fmt.Errorf("%v: the weights were packed for another convolution", &c.Conv)
	}
	return nil
}

// QConv plans an integer convolution. The weights need not be packed yet.
func (r *Rung) QConv(c *QConv, w *QConvWeights) (Work, error) {
	if err := c.check(); err != nil {
		return Work{}, err
	}
	if err := w.fits(r, c); err != nil {
		return Work{}, err
	}
	if w.form == qconvPlain {
		return plainQConvs.plan(r, c, w)
	}
	return r.QConvs.plan(r, c, w)
}

// requantize converts a sum that includes the bias to a code.
func (c *QConv) requantize(sum int32, scale float32) uint8 {
	v := math.RoundToEven(float64(float32(sum) * scale))
	return uint8(math.Min(math.Max(v+float64(c.OutZero), 0), 255))
}

// finishFloats makes an output of a sum, with the ends of its 32 outputs: the bits of a
// float32, or of an int32.
func (c *QConv) finishFloats(sum int32, co int, ends unsafe.Pointer) uint32 {
	of := unsafe.Add(ends, co/32*floatEnds+4*(co%32))
	if sum += *(*int32)(of); c.Floats.Sums {
		return uint32(sum)
	}
	number := func(at int) float32 { return *(*float32)(unsafe.Add(of, at)) }
	scaled := float32(float32(sum) * number(128))
	low, high, _ := c.Act.limits()
	return math.Float32bits(min(max(scaled+number(256), low), high))
}
