package kernel

import (
	"math"
	"unsafe"
)

// gemvStep is a planned product of few rows of A. It reads B in place, once and in its
// order, and is limited by memory bandwidth, or in strips, by that of the caches.
type gemvStep struct {
	gemm    Gemm
	rung    *Rung
	unit    gemvUnit
	bytes   int          // of a number of B
	weights *GemmWeights // nil: B is the second input
	strips  bool         // the weights are packed in strips
	each    int          // columns of C in a chunk
}

// stripColumns is the number of columns that are computed at a time: a multiple of the
// widest blocks of all strip kernels.
const stripColumns = 128

// dotsRows is the number of rows of B that the dots kernels read side by side: a
// single stream reaches little more than half the memory bandwidth of four.
const dotsRows = 4

// gemv plans a product of few rows.
func (r *Rung) gemv(g *Gemm, w *GemmWeights) (Work, error) {
	of := float32s
	strips := w != nil && w.form == gemmStrips
	if w != nil && !strips {
		of = w.source.of
	}
	s := &gemvStep{gemm: *g, rung: r, unit: r.GemmUnit.gemv[of], bytes: of.bytes(), weights: w, strips: strips}
	const (
		bytesPerNanosecond = 16        // of memory
		bytesOfStrips      = 400 << 10 // in a chunk; chunks are equal, so that two threads get as much where there are few
	)
	switch {
	case strips:
		s.each = (g.N + 1) / max(1, 4*g.K*g.N*g.M/bytesOfStrips)
	default:
		s.each = max(1, chunkTime*bytesPerNanosecond/(4*g.K*g.M))
		if parts := (g.N + s.each - 1) / s.each; parts == 1 && 4*g.K*g.N > 64<<10 {
			s.each = (g.N + 1) / 2
		}
	}
	if g.TransB && !strips {
		s.each = roundUp(s.each, dotsRows)
	} else {
		s.each = roundUp(s.each, stripColumns)
	}
	return Work{Steps: []Step{s}}, nil
}

func (s *gemvStep) Chunks() int { return (s.gemm.N + s.each - 1) / s.each }

func (s *gemvStep) Run(chunk int, m *Memory) {
	g := &s.gemm
	first := chunk * s.each
	n := min(s.each, g.N-first)
	b := s.address(m)
	step := stripColumns // columns computed for all rows of A before the next, so that their part of B stays in the cache
	if g.TransB && !s.strips {
		step = max(4, 256<<10/(4*g.K))
	}
	for c := first; c < first+n; c += step {
		for row := range g.M {
			s.part(b, m, row, c, min(step, first+n-c))
		}
	}
}

// address is where B begins.
func (s *gemvStep) address(m *Memory) unsafe.Pointer {
	switch {
	case s.strips:
		return unsafe.Pointer(&s.weights.panels[0])
	case s.weights != nil:
		return s.weights.source.address()
	}
	return m.More[0]
}

// part computes columns [first, first+n) of one row.
func (s *gemvStep) part(b unsafe.Pointer, m *Memory, row, first, n int) {
	g := &s.gemm
	x := unsafe.Add(m.In, 4*row*g.RowA)
	// The residual may be in the memory of y: it is copied before.
	var kept [stripColumns]float32
	var residual []float32
	for n > 0 {
		now := min(n, stripColumns)
		y := unsafe.Add(m.Out, 4*(row*g.RowC+first))
		if g.Residual {
			residual = kept[:now]
			copy(residual, floats(unsafe.Add(m.Residual, 4*(row*g.RowResidual+first)), now))
		}
		switch {
		case s.strips:
			s.unit.strip(y, unsafe.Add(b, 4*first*g.K), x, g.K, 4*stripColumns, now)
		case g.TransB:
			s.unit.dots(y, unsafe.Add(b, s.bytes*first*g.RowB), x, g.K, now, s.bytes*g.RowB)
		default:
			s.unit.strip(y, unsafe.Add(b, s.bytes*first), x, g.K, s.bytes*g.RowB, now)
		}
		s.end(floats(y, now), residual, first)
		first, n = first+now, n-now
	}
}

// end is the epilogue: it turns sums into results in place. residual may be nil.
func (s *gemvStep) end(y, residual []float32, first int) {
	g := &s.gemm
	var bias []float32
	if s.weights != nil && s.weights.bias != nil {
		bias = s.weights.bias[first:]
	}
	low, high, rest := g.Act.limits()
	bounded := !math.IsInf(float64(low), -1) || !math.IsInf(float64(high), 1)
	if g.Scale == 1 && bias == nil && residual == nil && g.Act.Kind == Identity {
		return
	}
	for i, v := range y {
		v *= g.Scale
		if bias != nil {
			v += bias[i]
		}
		if residual != nil {
			v += residual[i]
		}
		if bounded {
			v = clip(v, low, high)
		}
		y[i] = v
	}
	if rest.Kind != Identity {
		s.rung.activateRow(unsafe.Pointer(&y[0]), len(y), rest)
	}
}

// columnStep is a planned product by matrices of a single column: dots of the rows of A.
type columnStep struct {
	gemvStep
	parts int // chunks of each product
}

// column plans a product for which g.column reports true; w has no bias.
func (r *Rung) column(g *Gemm, w *GemmWeights) Work {
	s := &columnStep{gemvStep: gemvStep{gemm: *g, rung: r, unit: r.GemmUnit.gemv[float32s], weights: w}}
	s.each = roundUp(max(1, chunkTime*16/(4*g.K)), dotsRows) // at 16 bytes in a nanosecond
	s.parts = (g.M + s.each - 1) / s.each
	return Work{Steps: []Step{s}}
}

func (s *columnStep) Chunks() int { return s.gemm.count() * s.parts }

func (s *columnStep) Run(chunk int, m *Memory) {
	g := &s.gemm
	a, b, c := g.at(chunk / s.parts)
	x := unsafe.Add(s.address(m), b)
	first := chunk % s.parts * s.each
	for end := min(first+s.each, g.M); first < end; first += stripColumns {
		n := min(stripColumns, end-first)
		y := unsafe.Add(m.Out, c+4*first)
		s.unit.dots(y, unsafe.Add(m.In, a+4*first*g.RowA), x, g.K, n, 4*g.RowA)
		s.end(floats(y, n), nil, first)
	}
}
