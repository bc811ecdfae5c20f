package kernel

import "unsafe"

// depthRow computes a row of output pixels of a depthwise convolution with Rows rows of
// kernelW contiguous taps. Offsets, Taps and Scale are not used.
type depthRow func(kernelW, stride int, a *windowArgs)

// depthRowFits reports whether there is a depthRow for a kernel and a format.
func depthRowFits(f Format, kernelW, strideW, dilationW int) bool {
	return dilationW == 1 && strideW <= 2 && (kernelW == 3 || kernelW == 5 || kernelW == 7 && f == F32x16)
}

// depthLanes is the twin of laneKernels.DepthRow.
func depthLanes(lanes, kernelW, stride int, a *windowArgs) {
	for p := range a.Count {
		out := floats(unsafe.Add(a.Out, 4*lanes*p), lanes)
		copy(out, floats(a.Bias, lanes))
		for ky := range a.Rows {
			for kx := range kernelW {
				in := floats(unsafe.Add(a.In, a.First+ky*a.RowBytes+(p*stride+kx)*4*lanes), lanes)
				for i, w := range floats(unsafe.Add(a.Weights, (ky*kernelW+kx)*4*lanes), lanes) {
					out[i] += in[i] * w
				}
			}
		}
		for i, x := range out {
			out[i] = clip(x, a.Low, a.High)
		}
	}
}

// depthLinesFit reports whether there is a kernel for several rows at once.
func depthLinesFit(f Format, kernelH, kernelW, strideW, dilationW int) bool {
	return f == F32x16 && kernelH == kernelW && kernelW <= 5 && depthRowFits(f, kernelW, strideW, dilationW)
}

// depthLines16 is the twin of Rung.DepthLines16.
func depthLines16(kernelW, stride int, a *windowArgs) {
	line := *a
	for range a.Lines {
		depthLanes(16, kernelW, stride, &line)
		line.First += a.LineIn
		line.Out = unsafe.Add(line.Out, a.LineOut)
	}
}

// depthSplit is the twin of Rung.DepthSplit.
func depthSplit(kernelW, stride int, a *windowArgs) {
	first, second := *a, *a
	second.In, second.Weights, second.Bias = unsafe.Add(a.In, a.SecondIn), unsafe.Add(a.Weights, a.SecondWeights), unsafe.Add(a.Bias, 64)
	var sums [2][16 * maxUnit]float32
	first.Out, second.Out = unsafe.Pointer(&sums[0]), unsafe.Pointer(&sums[1])
	depthLanes(16, kernelW, stride, &first)
	depthLanes(16, kernelW, stride, &second)
	split(a.Out, first.Out, second.Out, a.Count)
}

// depthwise is a planned depthwise convolution. It computes rows of one strip (16 or 8
// channels) at a time; the epilogue of short rows is that of several at once. Of the ways
// to compute rows it takes the first that its kernel, format and epilogue allow: both
// strips together, as Split32 (split); several rows of a strip (lines), in place if nothing
// remains to be done with them (whole); a row by a kernel for its width (row); a row by a
// list of offsets (window).
type depthwise struct {
	rows
	conv     Conv
	weights  *ConvWeights
	rung     *Rung
	args     windowArgs // what all calls have in common
	row      depthRow   // nil: window is used
	lines    depthRow   // computes several rows at once; nil: row does, one by one
	whole    bool       // lines computes all rows of a run, in place
	split    depthRow   // computes and splits both strips; nil: sums are split afterwards
	window   windowRow
	offsets  []int
	rest     Activation // the activation that the kernel does not apply itself
	together int        // rows that share an epilogue
	sums     *runSums   // nil: no means are computed
}

// depthwise plans a depthwise convolution and, if it has a Mean, the means of its output.
func (r *Rung) depthwise(c *Conv, w *ConvWeights) (Work, error) {
	k := r.lanes(w.block.Channels())
	s := &depthwise{conv: *c, weights: w, rung: r, row: k.DepthRow, window: k.WindowRow}
	if !depthRowFits(w.block, c.KernelW, c.StrideW, c.DilationW) {
		s.row = nil
	}
	a := &s.args
	a.Low, a.High, s.rest = c.Act.limits()
	if c.Residual != nil { // clipped after it is added
		a.Low, a.High, _ = Activation{}.limits()
	}
	if s.row != nil && c.Out.Format == Split32 && c.Residual == nil && s.rest.Kind == Identity && c.Mean == nil {
		s.split = r.DepthSplit
		a.SecondIn, a.SecondWeights = c.In.Block, 64*c.KernelH*c.KernelW
	}
	if depthLinesFit(w.block, c.KernelH, c.KernelW, c.StrideW, c.DilationW) {
		s.lines = r.DepthLines16
		a.LineIn = c.StrideH * c.In.Pitch * c.In.Format.PixelBytes()
		s.whole = c.Out.Format == F32x16 && c.Residual == nil && s.rest.Kind == Identity && c.Mean == nil
	}
	s.offsets = c.In.taps(c.KernelH, c.DilationH, 0, c.KernelW, c.DilationW)
	a.Offsets, a.Taps = unsafe.Pointer(&s.offsets[0]), len(s.offsets)
	a.PixelStride = c.StrideW * c.In.Format.PixelBytes()
	a.Rows, a.RowBytes = c.KernelH, c.DilationH*c.In.Pitch*c.In.Format.PixelBytes()
	s.rows = newRows(c.Out, 4+float64(a.Taps))
	s.together = together(&c.Out)
	if c.Residual != nil {
		s.together = together(&c.Out, c.Residual)
	}
	if c.Mean == nil {
		return Work{Steps: []Step{s}}, nil
	}
	means, err := newPlaneMeans(r, c.Out, *c.Mean)
	if err != nil {
		return Work{}, err
	}
	s.sums = newRunSums(&s.rows, means)
	s.sums.beside = true
	return Work{Steps: []Step{s, s.sums}, Scratch: s.sums.size}, nil
}

// Run is part of Step.
func (s *depthwise) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	f.window = s.args
	run := 0
	if s.sums != nil {
		run = s.sums.first[chunk]
	}
	s.runs(chunk, func(n, plane, top, count int) {
		from, out := s.conv.In.strips(m.In, n, plane), s.conv.Out.strips(m.Out, n, plane)
		if s.split != nil && from[1] != nil {
			s.splitRows(f, plane, from, out, top, count)
			return
		}
		if s.whole {
			s.planeRows(f, plane, from, out, top, count)
			return
		}
		var sums strips
		if s.sums != nil {
			sums = s.sums.begin(m, n, plane, run)
			run++
		}
		for y, end := top, top+count; y < end; y += s.together {
			s.outRows(f, m, n, plane, y, min(s.together, end-y), from, out, sums)
		}
	})
	f.window = windowArgs{}
	frames.Put(f)
}

// outRows computes count rows, which are contiguous if there are several, and adds their
// pixels to sums if these are not nil. (A struct for what it and the functions below have in
// common made small maps a tenth slower.)
func (s *depthwise) outRows(f *frame, m *Memory, n, plane, y, count int, from, out, sums strips) {
	c := &s.conv
	for x := 0; x < c.Out.W; x += maxUnit {
		w := min(maxUnit, c.Out.W-x)
		pixels := w * count // several rows together have at most maxUnit pixels
		room := f.strips(0)
		to := c.Out.target(out, y, x, room)
		sum := to
		if c.Residual != nil {
			sum = room // the output may be in the memory of the residual
		}
		for i := range to {
			switch {
			case to[i] == nil:
			case from[i] == nil:
				clear(floats(to[i], pixels*c.Out.width()))
			default:
				s.strip(f, plane, i, from[i], sum[i], y, x, w, count)
			}
		}
		if c.Residual != nil {
			s.addResidual(f, m, n, plane, y, x, pixels, to, sum)
		}
		for i := range to {
			if to[i] != nil && from[i] != nil {
				if s.rest.Kind != Identity {
					s.rung.Activate(to[i], pixels*c.Out.width(), s.rest)
				}
				if sums[i] != nil {
					s.sums.add(sums[i], to[i], pixels)
				}
			}
		}
		s.rung.store(&c.Out, out, y, x, pixels, to)
	}
	c.Out.clearRows(out, y, count)
}

// planeRows computes rows in place.
func (s *depthwise) planeRows(f *frame, plane int, from, out strips, top, count int) {
	c := &s.conv
	f.window.Lines, f.window.LineOut = count, c.Out.Pitch*c.Out.Format.PixelBytes()
	for i := range out {
		if out[i] != nil {
			s.aim(f, plane, i, from[i], unsafe.Add(out[i], c.Out.Pixel(top, 0)), top, 0, c.Out.W)
			s.lines(c.KernelW, c.StrideW, &f.window)
		}
	}
	c.Out.clearRows(out, top, count)
}

// splitRows computes rows of both strips of a plane as pixels of Split32.
func (s *depthwise) splitRows(f *frame, plane int, from, out strips, top, count int) {
	c := &s.conv
	for y := top; y < top+count; y++ {
		for x := 0; x < c.Out.W; x += maxUnit {
			s.aim(f, plane, 0, from[0], unsafe.Add(out[0], c.Out.Pixel(y, x)), y, x, min(maxUnit, c.Out.W-x))
			s.split(c.KernelW, c.StrideW, &f.window)
		}
	}
	c.Out.clearRows(out, top, count)
}

// aim sets the arguments for w pixels of strip i of a plane, from (y, x) on, which are written to to.
func (s *depthwise) aim(f *frame, plane, i int, from, to unsafe.Pointer, y, x, w int) {
	c, a, lanes := &s.conv, &f.window, s.weights.block.Channels()
	channel := plane*lanes + i*16
	if lanes == 16 {
		channel = plane*32 + i*16
	}
	a.In, a.First = from, c.In.Pixel(y*c.StrideH-c.PadTop, x*c.StrideW-c.PadLeft)
	a.Out, a.Count = to, w
	a.Weights = unsafe.Pointer(&s.weights.data[channel*c.KernelH*c.KernelW])
	a.Bias = unsafe.Pointer(&s.weights.bias[channel])
}

// strip computes w pixels of strip i of a plane, in count rows whose results are
// contiguous.
func (s *depthwise) strip(f *frame, plane, i int, from, to unsafe.Pointer, y, x, w, count int) {
	c, a := &s.conv, &f.window
	bytes := w * s.weights.block.PixelBytes()
	if s.lines != nil {
		a.Lines, a.LineOut = count, bytes
		s.aim(f, plane, i, from, to, y, x, w)
		s.lines(c.KernelW, c.StrideW, a)
		return
	}
	for r := range count {
		s.aim(f, plane, i, from, unsafe.Add(to, r*bytes), y+r, x, w)
		if s.row != nil {
			s.row(c.KernelW, c.StrideW, a)
		} else {
			s.window(windowDot, a)
		}
	}
}

// addResidual adds w pixels of the residual to sum, clips, and writes the result to to.
func (s *depthwise) addResidual(f *frame, m *Memory, n, plane, y, x, w int, to, sum strips) {
	r := s.conv.Residual
	low, high, _ := s.conv.Act.limits()
	with := s.rung.load(r, r.strips(m.Residual, n, plane), y, x, w, f.strips(1))
	for i := range to {
		if to[i] != nil && with[i] != nil {
			s.rung.AddRow(to[i], sum[i], with[i], w*s.conv.Out.width(), low, high)
		}
	}
}

// packDepthwise packs weights as [block of channels][tap][channel].
func (w *ConvWeights) packDepthwise() {
	lanes, taps := w.block.Channels(), w.kh*w.kw
	kept := numberRooms.Get().(*[]float32)
	defer numberRooms.Put(kept)
	source := w.source.row(0, w.cout*taps, kept)
	for c := range w.cout {
		for t := range taps {
			w.data[(c/lanes*taps+t)*lanes+c%lanes] = source[c*taps+t] * factor(w.scale, c)
		}
	}
}
