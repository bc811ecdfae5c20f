package kernel

import "unsafe"

// plainQConvs has the twin alone.
var plainQConvs = qconvKernels{plan: func(_ *Rung, c *QConv, w *QConvWeights) (Work, error) {
	if s := (plainQConv{*c, w}); c.Floats != nil {
		return Work{Steps: []Step{&plainFloats{s}}}, nil
	}
	return Work{Steps: []Step{&plainQConv{*c, w}}}, nil
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
			v := c.requantize(s.sum(m, n, co, y, x), s.weights.scales[co])
			*(*uint8)(unsafe.Add(plane, c.Out.Pixel(y, x)+co%64)) = v
		}
	}
	if co%64 == 0 {
		c.Out.clearAround(plane, 0, c.Out.H)
	}
}

// sum computes one output before scaling. Padding has the value of the zero point.
func (s *plainQConv) sum(m *Memory, n, co, y, x int) int32 {
	c, w := &s.conv, s.weights
	cin := c.In.C / c.Group
	first := co / (c.Out.C / c.Group) * cin
	sum := w.bias[co]
	for ci := range cin {
		for ky := range c.KernelH {
			for kx := range c.KernelW {
				weight := w.plain[((co*cin+ci)*c.KernelH+ky)*c.KernelW+kx]
				iy := y*c.StrideH + ky*c.DilationH - c.PadTop
				ix := x*c.StrideW + kx*c.DilationW - c.PadLeft
				v := c.InZero
				if iy >= 0 && ix >= 0 && iy < c.In.H && ix < c.In.W {
					v = *c.In.byteAt(m.In, n, first+ci, iy, ix)
				}
				sum += int32(v) * int32(weight)
			}
		}
	}
	return sum
}

// byteAt returns the address of one number of a byte layout.
func (l *Layout) byteAt(base unsafe.Pointer, n, c, y, x int) *uint8 {
	return (*uint8)(unsafe.Add(base, l.At(n, c)+l.Pixel(y, x)+c%l.Format.Channels()))
}
