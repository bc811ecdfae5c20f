package kernel

import "unsafe"

// gateWeights is the step that multiplies the packed weights of a direct 1x1 convolution by
// the gate (one factor for each input channel) of each picture, into the scratch. If there
// are many pixels, that is much less work than multiplying the input.
type gateWeights struct {
	conv    Conv
	weights *ConvWeights
	chunks  int // of each picture
	scale   func(dst, src, scale unsafe.Pointer, rows, vecs int)
}

// gateWeights plans the step.
func (r *Rung) gateWeights(c *Conv, w *ConvWeights) *gateWeights {
	s := &gateWeights{conv: *c, weights: w, scale: r.lanes(w.block.Channels()).ScaleRows}
	const perNumber = 0.1 // ns
	s.chunks = pieces(len(w.columns), perNumber*float64(len(w.data)/len(w.columns)))
	return s
}

// bytes is the size of the weights of a picture.
func (s *gateWeights) bytes() int { return 4 * len(s.weights.data) }

// Chunks is part of Step.
func (s *gateWeights) Chunks() int { return s.conv.In.N * s.chunks }

// Run is part of Step.
func (s *gateWeights) Run(chunk int, m *Memory) {
	n, part := chunk/s.chunks, chunk%s.chunks
	columns := s.weights.columns
	for i := part * len(columns) / s.chunks; i < (part+1)*len(columns)/s.chunks; i++ {
		s.column(n, &columns[i], m)
	}
}

func (s *gateWeights) column(n int, g *column, m *Memory) {
	gate, lanes, cin := s.conv.Gate, s.weights.block.Channels(), s.conv.In.C
	to := unsafe.Add(m.Scratch, n*s.bytes())
	for c := 0; c < cin; c += lanes {
		at := g.at + c*g.vecs*lanes
		s.scale(unsafe.Add(to, 4*at), unsafe.Pointer(&s.weights.data[at]),
			unsafe.Add(m.More[0], gate.At(n, c)+gate.Pixel(0, 0)), min(lanes, cin-c), g.vecs)
	}
}

func scaleRows(dst, src, scale unsafe.Pointer, rows, width int) {
	for i, g := range floats(scale, rows) {
		to := floats(unsafe.Add(dst, 4*i*width), width)
		for j, w := range floats(unsafe.Add(src, 4*i*width), width) {
			to[j] = g * w
		}
	}
}
