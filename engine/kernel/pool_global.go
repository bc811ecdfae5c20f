package kernel

import (
	"fmt"
	"unsafe"
)

// The mean of a plane is computed in one of three ways: by a chunk with all its rows
// (globalAverage); where there are few large planes, by chunks that add up some rows each
// (bandSums) and a second step that adds up these sums (runSums); or by a depthwise
// convolution, which adds up its outputs as it computes them, and runSums.

// GlobalAverage plans the mean of each plane of in, which must be blocked float32,
// Split32 or BF16x32. H and W of out are 1; out may be planar.
func (r *Rung) GlobalAverage(in, out Layout) (Work, error) {
	means, err := newPlaneMeans(r, in, out)
	if err != nil {
		return Work{}, err
	}
	s := &globalAverage{planeMeans: means, together: together(&in)}
	const pixelTime = 4 // ns
	if in.H < 14 || float64(in.planes()*in.H*in.W)*pixelTime <= chunkTime {
		s.chunks = pieces(in.N*in.planes(), float64(in.H*in.W)*pixelTime)
		return Work{Steps: []Step{s}}, nil
	}
	s.rows = newRows(in, pixelTime)
	sums := newRunSums(&s.rows, means)
	return Work{Steps: []Step{bandSums{s, sums}, sums}, Scratch: sums.size}, nil
}

// planeMeans computes the means of the planes of in and writes them to out.
type planeMeans struct {
	in, out Layout
	rung    *Rung
	add     func(sum, src unsafe.Pointer, pixels int)
}

// newPlaneMeans checks the layouts and chooses the kernel.
func newPlaneMeans(r *Rung, in, out Layout) (planeMeans, error) {
	s := planeMeans{in, out, r, r.lanes(in.width()).SumRow}
	if out.Format != Planar {
		if err := sameFamily(&in, &out); err != nil {
			return s, err
		}
	}
	if in.N != out.N || in.C != out.C || out.H != 1 || out.W != 1 || in.Format == Planar || in.Format == U8x64 {
		return s, fmt.Errorf("global average of %v to %v: not so", in, out)
	}
	return s, nil
}

// clear sets sums to 0.
func (s *planeMeans) clear(sums strips) {
	clear(floats(sums[0], s.in.width()))
	clear(floats(sums[1], s.in.width()))
}

// write divides the sums of a plane by the number of its pixels, in place, and writes
// the means to the output at base.
func (s *planeMeans) write(base unsafe.Pointer, n, plane int, sums strips) {
	scale := 1 / float32(s.in.H*s.in.W)
	for _, p := range sums {
		for k := range floats(p, s.in.width()) {
			floats(p, s.in.width())[k] *= scale
		}
	}
	if s.out.Format == Planar {
		first := plane * 2 * 16
		if s.in.Format == F32x8 {
			first = plane * 8
		}
		for i, p := range sums {
			for j, v := range floats(p, s.in.width()) {
				if c := first + 16*i + j; c < s.out.C && (i == 0 || s.in.Format != F32x8) {
					*(*float32)(unsafe.Add(base, s.out.At(n, c))) = v
				}
			}
		}
		return
	}
	at := s.out.strips(base, n, plane)
	for i, to := range s.out.target(at, 0, 0, sums) {
		if to != nil && to != sums[i] {
			copy(floats(to, s.in.width()), floats(sums[i], s.in.width()))
		}
	}
	s.rung.store(&s.out, at, 0, 0, 1, sums)
	s.out.clearRows(at, 0, 1)
}

// globalAverage is a planned global average. Its chunks compute means of complete
// planes; if there are few large planes, bandSums takes its place.
type globalAverage struct {
	planeMeans
	rows
	chunks   int
	together int // rows that are summed as one run of pixels
}

// Chunks is part of Step.
func (s *globalAverage) Chunks() int { return s.chunks }

// Run is part of Step.
func (s *globalAverage) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	sums := f.strips(1)
	all := s.in.N * s.in.planes()
	for i := chunk * all / s.chunks; i < (chunk+1)*all/s.chunks; i++ {
		n, plane := i/s.in.planes(), i%s.in.planes()
		s.clear(sums)
		s.sum(f, m, sums, n, plane, 0, s.in.H)
		s.write(m.Out, n, plane, sums)
	}
	frames.Put(f)
}

// sum adds the pixels of rows [top, end) of a plane to sums.
func (s *globalAverage) sum(f *frame, m *Memory, sums strips, n, plane, top, end int) {
	from := s.in.strips(m.In, n, plane)
	for y := top; y < end; y += s.together {
		pixels := s.in.W * min(s.together, end-y)
		for x := 0; x < pixels; x += maxUnit {
			w := min(maxUnit, pixels-x)
			for i, p := range s.rung.load(&s.in, from, y, x, w, f.strips(0)) {
				if p != nil {
					s.add(sums[i], p, w)
				}
			}
		}
	}
}

// bandSums is the first of two steps for large planes: its chunks compute the sums of
// runs of rows, which runSums adds up.
type bandSums struct {
	*globalAverage
	sums *runSums
}

// Chunks is part of Step.
func (b bandSums) Chunks() int { return b.rows.chunks }

// Run is part of Step.
func (b bandSums) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	run := b.sums.first[chunk]
	b.runs(chunk, func(n, plane, top, count int) {
		b.sum(f, m, b.sums.begin(m, n, plane, run), n, plane, top, top+count)
		run++
	})
	frames.Put(f)
}

// runSums is the step that computes means of planes from sums that a row-wise step has
// left in the scratch, one for each run of rows of a plane. It adds those of a plane
// from top to bottom, so that a mean does not depend on the order in which chunks ran.
type runSums struct {
	planeMeans
	first  []int     // for each chunk of the row-wise step: its first run
	at     []int     // for each run: offset of its sums in the scratch
	planes []planeAt // for each plane of each picture
	size   int       // bytes of scratch
	chunks int
	beside bool // the means go to Memory.Mean, not Memory.Out
}

// planeAt says where in the scratch the sums of the runs of a plane lie: those of its
// first strip at byte at, and those of the second strip half bytes after them.
type planeAt struct{ at, runs, half int }

// newRunSums plans the means of the planes whose rows of visits.
func newRunSums(of *rows, means planeMeans) *runSums {
	s := &runSums{planeMeans: means, planes: make([]planeAt, of.of.N*of.planes)}
	var planes []*planeAt // by run
	for chunk := range of.chunks {
		s.first = append(s.first, len(planes))
		of.runs(chunk, func(n, plane, _, _ int) {
			p := &s.planes[n*of.planes+plane]
			planes = append(planes, p)
			p.runs++
		})
	}
	pixel := 4 * s.in.width()
	for i := range s.planes {
		p := &s.planes[i]
		p.at, p.half = s.size, p.runs*pixel
		s.size += 2 * p.half
		p.runs = 0
	}
	for _, p := range planes {
		s.at = append(s.at, p.at+p.runs*pixel)
		p.runs++
	}
	s.chunks = pieces(len(s.planes), 60)
	return s
}

// begin sets the sums of a run of a plane to 0 and returns them.
func (s *runSums) begin(m *Memory, n, plane, run int) strips {
	p := unsafe.Add(m.Scratch, s.at[run])
	sums := strips{p, unsafe.Add(p, s.planes[n*s.in.planes()+plane].half)}
	s.clear(sums)
	return sums
}

// Chunks is part of Step.
func (s *runSums) Chunks() int { return s.chunks }

// Run is part of Step.
func (s *runSums) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	sums, count, to := f.strips(1), s.in.planes(), m.Out
	if s.beside {
		to = m.Mean
	}
	for i := chunk * len(s.planes) / s.chunks; i < (chunk+1)*len(s.planes)/s.chunks; i++ {
		p := &s.planes[i]
		s.clear(sums)
		s.add(sums[0], unsafe.Add(m.Scratch, p.at), p.runs)
		s.add(sums[1], unsafe.Add(m.Scratch, p.at+p.half), p.runs)
		s.write(to, i/count, i%count, sums)
	}
	frames.Put(f)
}

func sumLanes(lanes int, sum, src unsafe.Pointer, pixels int) {
	to := floats(sum, lanes)
	for i := range pixels {
		for j, x := range floats(unsafe.Add(src, 4*lanes*i), lanes) {
			to[j] += x
		}
	}
}
