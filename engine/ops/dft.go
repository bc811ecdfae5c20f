package ops

import (
	"fmt"
	"math"
	"math/bits"
	"math/cmplx"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// transforms are the discrete Fourier transforms.
var transforms = []Def{
	{Name: "DFT", Since: 20, Types: tensor.FloatTypes, In: Arity{1, 3}, Out: Exactly(1), New: newDFT},
	{Name: "DFT", Since: 17, Until: 19, Types: tensor.FloatTypes, In: Arity{1, 2}, Out: Exactly(1), New: newDFT17},
	{Name: "STFT", Since: 17, Types: tensor.FloatTypes, In: Arity{2, 4}, Out: Exactly(1), New: newSTFT},
}

// dft is y[k] = Σ x[n]·exp(-2πi·kn/N) along an axis; the last dimension has 1 number (real) or 2
// (complex). The inverse has the opposite sign in the exponent and divides by N. With onesided, a real
// signal's transform has only its first N/2+1 terms, since the others are their conjugates, and the
// inverse takes these and returns a real signal. ONNX DFT-20; in DFT-17 the axis is an attribute.
type dft struct {
	axis              int
	axisInput         bool // input 2, if present, is the axis
	inverse, onesided bool
}

func newDFT(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &dft{-2, true, a.Bool("inverse", false), a.Bool("onesided", false)}, a.Err()
}

// newDFT17 has the axis as an attribute. ONNX DFT-17.
func newDFT17(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &dft{a.Int("axis", 1), false, a.Bool("inverse", false), a.Bool("onesided", false)}, a.Err()
}

// Infer: x [… 1] or [… 2], length, axis → [… 2] with the given length along the
// axis, or [… 1] for a one-sided inverse.
func (op *dft) Infer(in []ir.Fact) ([]ir.Fact, error) {
	err := firstError(wantType(in, 1, integerTypes), wantType(in, 2, integerTypes), oneElement(in, 1), oneElement(in, 2))
	if err != nil {
		return nil, err
	}
	x := in[0].Shape
	if !x.Ranked {
		return []ir.Fact{ir.Tensor(in[0].DType, x)}, nil
	}
	rank := x.Rank()
	if d := lastDim(x); rank < 2 || d.Known() && d.N != 1 && d.N != 2 {
		return nil, fmt.Errorf("needs an input of rank 2 or more whose last dimension is 1 or 2, it has %s", x)
	}
	out := ir.AnyOfRank(rank)
	out.Dims[rank-1] = ir.Dim{N: 2}
	if op.inverse && op.onesided {
		out.Dims[rank-1] = ir.Dim{N: 1}
	}
	axis, known := op.axis, true
	if f := fact(in, 2); op.axisInput && f.Given() {
		if known = f.Const != nil; known {
			if axis, err = integer(f.Const); err != nil {
				return nil, err
			}
		}
	}
	if !known {
		return []ir.Fact{ir.Tensor(in[0].DType, out)}, nil
	}
	if axis, err = signalAxis(axis, rank); err != nil {
		return nil, err
	}
	copy(out.Dims, x.Dims[:rank-1])
	out.Dims[axis] = ir.Unknown
	length := 0
	if f := fact(in, 1); f.Const != nil {
		if length, err = integer(f.Const); err != nil {
			return nil, err
		}
	} else if f.Given() {
		return []ir.Fact{ir.Tensor(in[0].DType, out)}, nil
	}
	if d := x.Dims[axis]; d.Known() {
		n, err := op.length(d.N, length, fact(in, 1).Given())
		if err != nil {
			return nil, err
		}
		out.Dims[axis].N = op.terms(n)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, out)}, nil
}

// lastDim returns the last dimension of a shape, unknown if the shape is, or if it has none.
func lastDim(s ir.Shape) ir.Dim {
	if len(s.Dims) == 0 {
		return ir.Unknown
	}
	return s.Dims[len(s.Dims)-1]
}

// signalAxis resolves an axis and rejects that of the real and imaginary parts.
func signalAxis(axis, rank int) (int, error) {
	at, err := tensor.Axis(axis, rank)
	if err == nil && at == rank-1 {
		err = fmt.Errorf("axis %d is the one of the real and imaginary parts", axis)
	}
	return at, err
}

// length returns the number of points of the transform of a dimension of the
// given size; asked is input dft_length, if given.
func (op *dft) length(size, asked int, given bool) (int, error) {
	switch {
	case given && (asked < 1 || asked > math.MaxInt32):
		return 0, fmt.Errorf("the transform length is %d, it must be 1 or more", asked)
	case given:
		return asked, nil
	case op.inverse && op.onesided:
		return max(2*(size-1), min(size, 1)), nil
	}
	return size, nil
}

// terms returns the number of output terms of a transform of n points.
func (op *dft) terms(n int) int {
	if op.onesided && !op.inverse && n > 0 {
		return n/2 + 1
	}
	return n
}

// Eval computes in complex128 and rounds once.
func (op *dft) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	x, axis, asked, err := c.In[0], op.axis, 0, error(nil)
	if t := c.input(2); op.axisInput && t != nil {
		if axis, err = integer(t); err != nil {
			return err
		}
	}
	if axis, err = signalAxis(axis, x.Rank()); err != nil {
		return err
	}
	if t := c.input(1); t != nil {
		if asked, err = integer(t); err != nil {
			return err
		}
	}
	n, err := op.length(x.Dim(axis), asked, c.input(1) != nil)
	if err != nil {
		return err
	}
	parts, mirrored := 2, op.inverse && op.onesided
	if mirrored {
		parts = 1
	}
	shape := append([]int{}, x.Shape()...)
	shape[axis], shape[len(shape)-1] = op.terms(n), parts
	y, err := c.zeroed(x.DType(), shape...)
	if err != nil || y.Len() == 0 {
		return err
	}
	f, err := newFourier(c, n, op.inverse)
	if err != nil {
		return err
	}
	before, along, after := split3(x.Shape()[:x.Rank()-1], axis)
	line := make([]complex128, n)
	for i := range before * after {
		from := i/after*along*after + i%after
		clear(line)
		loadComplex(line[:min(along, n)], x, from, after)
		if mirrored {
			for k := n/2 + 1; k < n; k++ {
				line[k] = cmplx.Conj(line[n-k])
			}
		}
		if err := f.transform(c.Run, line); err != nil {
			return err
		}
		storeComplex(y, i/after*op.terms(n)*after+i%after, after, parts, line[:op.terms(n)])
	}
	return nil
}

// loadComplex reads complex numbers, step apart, from a tensor whose last
// dimension has 1 or 2 parts.
func loadComplex(dst []complex128, t *tensor.Tensor, at, step int) {
	var v [2]float64
	parts := t.Dim(-1)
	for i := range dst {
		tensor.Load(v[:parts], t, (at+i*step)*parts, 1)
		dst[i] = complex(v[0], v[1])
	}
}

// storeComplex writes complex numbers, step apart, as 1 or 2 parts.
func storeComplex(t *tensor.Tensor, at, step, parts int, src []complex128) {
	for i, v := range src {
		var p [2]float64
		p[0], p[1] = tensor.Parts(v)
		tensor.Store(t, (at+i*step)*parts, 1, p[:parts])
	}
}

// stft transforms overlapping frames of a signal, each multiplied by a window.
// ONNX STFT-17.
type stft struct{ onesided bool }

func newSTFT(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return stft{a.Bool("onesided", true)}, a.Err()
}

// Infer: signal [batch length 1 or 2] or [batch length], step, window [frame],
// frame length → [batch frames terms 2].
func (op stft) Infer(in []ir.Fact) ([]ir.Fact, error) {
	err := firstError(wantRank(in, 0, 2, 3), wantType(in, 1, integerTypes), oneElement(in, 1), wantRank(in, 2, 1),
		wantType(in, 2, tensor.Types(in[0].DType)), wantType(in, 3, integerTypes), oneElement(in, 3))
	if err != nil {
		return nil, err
	}
	out := ir.AnyOfRank(4)
	out.Dims[3].N = 2
	if x := in[0].Shape; x.Ranked {
		out.Dims[0] = x.Dims[0]
		if d := lastDim(x); x.Rank() == 3 && d.Known() && d.N != 1 && d.N != 2 {
			return nil, fmt.Errorf("needs a last dimension of 1 or 2, the input has shape %s", x)
		}
		if step := fact(in, 1); x.Dims[1].Known() && step.Const != nil {
			var frame *tensor.Tensor
			size := -1
			if f := fact(in, 3); f.Given() {
				frame = f.Const
			} else if w := fact(in, 2).Shape; w.Rank() == 1 && w.Dims[0].Known() {
				size = w.Dims[0].N
			} else if w.Rank() < 0 && !fact(in, 2).Given() {
				size = x.Dims[1].N
			}
			if frame != nil || size >= 0 {
				g, err := op.geometry(x.Dims[1].N, step.Const, frame, size)
				if err != nil {
					return nil, err
				}
				out.Dims[1].N, out.Dims[2].N = g.frames, g.terms
			}
		}
	}
	return []ir.Fact{ir.Tensor(in[0].DType, out)}, nil
}

// frames holds the sizes of a short-time transform.
type frames struct {
	step, frame   int // distance of two frames, length of a frame
	frames, terms int // numbers of frames, and of output terms of each
}

// geometry returns the sizes for a signal of the given length. The frame length is
// input frame or, if that is omitted, size.
func (op stft) geometry(length int, step, frame *tensor.Tensor, size int) (g frames, err error) {
	if g.step, err = integer(step); err != nil {
		return g, err
	}
	g.frame = size
	if frame != nil {
		if g.frame, err = integer(frame); err != nil {
			return g, err
		}
	}
	if g.step < 1 || g.frame < 1 || g.frame > length {
		return g, fmt.Errorf("a frame length of %d with step %d does not fit a signal of %d; both must be 1 or more", g.frame, g.step, length)
	}
	g.frames, g.terms = (length-g.frame)/g.step+1, g.frame
	if op.onesided {
		g.terms = g.frame/2 + 1
	}
	return g, nil
}

func (op stft) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	x, window := c.In[0], c.input(2)
	if x.Rank() == 2 {
		var err error
		if x, err = x.Reshape(x.Dim(0), x.Dim(1), 1); err != nil {
			return err
		}
	}
	size := x.Dim(1)
	if window != nil {
		size = window.Len()
	}
	g, err := op.geometry(x.Dim(1), c.In[1], c.input(3), size)
	if err != nil {
		return err
	}
	if window != nil && window.Len() != g.frame {
		return fmt.Errorf("the window has %d elements, frames have %d", window.Len(), g.frame)
	}
	y, err := c.zeroed(x.DType(), x.Dim(0), g.frames, g.terms, 2)
	if err != nil || y.Len() == 0 {
		return err
	}
	f, err := newFourier(c, g.frame, false)
	if err != nil {
		return err
	}
	line, weights := make([]complex128, g.frame), make([]float64, g.frame)
	for i := range weights {
		weights[i] = 1
	}
	if window != nil {
		tensor.Load(weights, window, 0, 1)
	}
	for b := range x.Dim(0) {
		for i := range g.frames {
			loadComplex(line, x, b*x.Dim(1)+i*g.step, 1)
			for k, w := range weights {
				line[k] *= complex(w, 0)
			}
			if err := f.transform(c.Run, line); err != nil {
				return err
			}
			storeComplex(y, (b*g.frames+i)*g.terms, 1, 2, line[:g.terms])
		}
	}
	return nil
}

// fourier transforms lines of n numbers in O(n·log n): with the radix-2 algorithm if n is a power
// of two (Cooley and Tukey 1965), otherwise as a convolution (Bluestein 1970). For with nk = (n² +
// k² - (k-n)²)/2 and the chirp c[k] = exp(-πi·k²/N), the transform is
//
//	y[k] = c[k] · Σ (x[n]·c[n]) · conj(c[k-n])
//
// The sum is a convolution with the conjugate chirp, which is computed by transforms whose size is
// a power of two, large enough that nothing wraps around.
type fourier struct {
	n       int
	inverse bool
	roots   []complex128 // exp(-2πi·k/size) for k < size/2
	chirp   []complex128 // exp(-πi·k²/n), nil for powers of two
	filter  []complex128 // transform of the conjugate chirp
	work    []complex128 // the line as it is convolved
}

func newFourier(c *Call, n int, inverse bool) (*fourier, error) {
	if err := c.Run.reserveList(n, 16*16); err != nil {
		return nil, err
	}
	f := &fourier{n: n, inverse: inverse}
	size := n
	if n&(n-1) != 0 {
		size = 1 << bits.Len(uint(2*n-1))
	}
	f.roots = make([]complex128, size/2)
	for k := range f.roots {
		f.roots[k] = cmplx.Rect(1, -2*math.Pi*float64(k)/float64(size))
	}
	if size == n {
		return f, nil
	}
	f.chirp, f.filter, f.work = make([]complex128, n), make([]complex128, size), make([]complex128, size)
	for k := range f.chirp {
		square := int64(k) * int64(k) % int64(2*n)
		f.chirp[k] = cmplx.Rect(1, -math.Pi*float64(square)/float64(n))
		f.filter[k] = cmplx.Conj(f.chirp[k])
		f.filter[(size-k)%size] = f.filter[k]
	}
	return f, f.radix2(c.Run, f.filter)
}

// transform transforms x in place. The inverse is the conjugate of the transform
// of the conjugate, divided by n.
func (f *fourier) transform(run *Run, x []complex128) error {
	if f.inverse {
		conjugate(x, 1)
	}
	if err := f.forward(run, x); err != nil {
		return err
	}
	if f.inverse {
		conjugate(x, 1/float64(f.n))
	}
	return nil
}

// conjugate replaces each number by scale times its conjugate.
func conjugate(x []complex128, scale float64) {
	for i, v := range x {
		re, im := tensor.Parts(v)
		x[i] = complex(re*scale, -im*scale)
	}
}

// forward computes the transform without 1/n, in place.
func (f *fourier) forward(run *Run, x []complex128) error {
	if f.chirp == nil {
		return f.radix2(run, x)
	}
	clear(f.work)
	for k, v := range x {
		f.work[k] = v * f.chirp[k]
	}
	if err := f.radix2(run, f.work); err != nil {
		return err
	}
	for k, v := range f.work { // the inverse, again by conjugation
		f.work[k] = cmplx.Conj(v * f.filter[k])
	}
	if err := f.radix2(run, f.work); err != nil {
		return err
	}
	scale := complex(1/float64(len(f.work)), 0)
	for k := range x {
		x[k] = cmplx.Conj(f.work[k]) * scale * f.chirp[k]
	}
	return nil
}

// radix2 is the radix-2 transform of a power of two, in place: it brings the numbers into bit-reversed
// order, and then joins transforms of half the size, x[even] ± roots·x[odd], until one is left.
func (f *fourier) radix2(run *Run, x []complex128) error {
	n := len(x)
	shift := bits.UintSize - bits.Len(uint(n)) + 1
	for i := range x {
		if j := int(bits.Reverse(uint(i)) >> shift); n > 1 && j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	for half := 1; half < n; half *= 2 {
		if err := run.Check(); err != nil {
			return err
		}
		step := n / (2 * half)
		for at := 0; at < n; at += 2 * half {
			for k := range half {
				a, b := x[at+k], x[at+k+half]*f.roots[k*step]
				x[at+k], x[at+k+half] = a+b, a-b
			}
		}
	}
	return nil
}
