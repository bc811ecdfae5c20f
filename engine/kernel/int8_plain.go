package kernel

import "unsafe"

// plainQConvs has the twin alone.
var plainQConvs = qconvKernels{plan: func(_ *Rung, c *QConv, w *QConvWeights) (Work, error) {
	s := plainQConv{*c, w}
	if c.Floats != nil {
		return Work{Steps: []Step{&plainFloats{s}}}, nil
	}
	return Work{Steps: []Step{&s}}, nil
}}

// plainQConv is the twin of the integer convolutions: it computes the definition.
type plainQConv struct {
	conv    QConv
	weights *QConvWeights
}

// Chunks returns one chunk for each output channel of each picture.
func (s *plainQConv) Chunks() int { return s.conv.Out.N * s.conv.Out.C }

func (s *plainQConv) Run(chunk int, m *Memory) {
	c := &s.conv
	n, co := chunk/c.Out.C, chunk%c.Out.C
	plane := unsafe.Add(m.Out, c.Out.At(n, co))
	for y := range c.Out.H {
		for x := range c.Out.W {
			v := c.requantize(s.weights.bias[co]+s.sum(m, n, co, y, x), s.weights.scales[co])
			*(*uint8)(unsafe.Add(plane, c.Out.Pixel(y, x)+co%64)) = v
		}
	}
	if co%64 == 0 {
		c.Out.clearAround(plane, 0, c.Out.H)
	}
}

// sum is the sum of the products of one output, without a bias, with codes as they are. Those of
// the padding are in the halo.
func (s *plainQConv) sum(m *Memory, n, co, y, x int) (sum int32) {
	c := &s.conv
	cin := c.In.C / c.Group
	first := co / (c.Out.C / c.Group) * cin
	row := s.weights.plain[co*s.weights.per():][:s.weights.per()]
	for ci := range cin {
		for ky := range c.KernelH {
			for kx := range c.KernelW {
				v := *c.In.byteAt(m.In, n, first+ci, y*c.StrideH+ky*c.DilationH-c.PadTop, x*c.StrideW+kx*c.DilationW-c.PadLeft)
				sum += int32(v) * int32(row[(ci*c.KernelH+ky)*c.KernelW+kx])
			}
		}
	}
	return sum
}

// plainFloats is the twin of the convolutions with outputs of 32 bits.
type plainFloats struct{ plainQConv }

func (s *plainFloats) Run(chunk int, m *Memory) {
	c := &s.conv
	n, co := chunk/c.Out.C, chunk%c.Out.C
	plane, lanes := unsafe.Add(m.Out, c.Out.At(n, co)), c.Out.Format.Channels()
	for y := range c.Out.H {
		for x := range c.Out.W {
			v := c.finishFloats(s.sum(m, n, co, y, x), co, m.Ends)
			*(*uint32)(unsafe.Add(plane, c.Out.Pixel(y, x)+4*(co%lanes))) = v
		}
	}
	if co%lanes == 0 {
		c.Out.clearAround(plane, 0, c.Out.H)
	}
}

// byteAt returns the address of one number of a byte layout.
func (l *Layout) byteAt(base unsafe.Pointer, n, c, y, x int) *uint8 {
	return (*uint8)(unsafe.Add(base, l.At(n, c)+l.Pixel(y, x)+c%l.Format.Channels()))
}
