package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// winogradFew is the step of the products for pictures with few tiles, as a map of 7x7 with
// its four. Most of the time goes into the weights: they are transformed in registers, again
// for each group of tiles, and never stored, because a core takes longer to write them than
// to compute them. A chunk is a column of output channels, whose products are
// transformed back immediately.
type winogradFew struct {
	*winogradConv
	pass   *winogradPass
	groups []winogradRange
}

// winogradRange is a range of tiles that are multiplied together.
type winogradRange struct{ first, tiles int }

// winogradFewTiles is the largest number of tiles of a picture with few, and of a
// group.
const winogradFewTiles = 4

// winogradFewArgs is one call of a kernel.
type winogradFewArgs args.WinogradFew

// winogradScales holds the factors for the sums of each plane. They are needed
// because the kernels transform weights with an integer matrix in place of G: its
// rows multiplied by 4, -6, -6, 24, 24 and 1.
var winogradScales = func() (s [36]float32) {
	factors := [6]float64{4, -6, -6, 24, 24, 1}
	for x, a := range factors {
		for y, b := range factors {
			s[6*x+y] = float32(1 / (a * b))
		}
	}
	return s
}()

// few plans a convolution in this form.
func (s *winogradConv) few() Work {
	s.whole = true
	s.layTiles(s.wholeTiles(), false)
	var steps []Step
	for i := range s.passes {
		p := &s.passes[i]
		steps = append(steps, newWinogradInput(s, p), newWinogradFew(s, p))
	}
	return Work{Steps: steps, Scratch: s.conv.In.Blocks() * s.block}
}

// newWinogradFew cuts the tiles of a pass into groups.
func newWinogradFew(s *winogradConv, p *winogradPass) *winogradFew {
	w := &winogradFew{winogradConv: s, pass: p}
	for t := 0; t < p.tiles; t += winogradFewTiles {
		w.groups = append(w.groups, winogradRange{t, min(winogradFewTiles, p.tiles-t)})
	}
	return w
}

// Chunks is part of Step.
func (s *winogradFew) Chunks() int { return len(s.weights.columns) }

// Run is part of Step.
func (s *winogradFew) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	room := winogradRooms.Get().(unsafe.Pointer)
	g := &s.weights.columns[chunk]
	lanes := s.weights.block.Channels()
	a := &f.few
	a.Plane, a.Block = s.in, s.block
	a.Blocks, a.Rest = s.conv.In.C/lanes, s.conv.In.C%lanes
	a.Step = 4 * lanes * g.vecs
	s.fetchNext(a, chunk)
	for v := range g.vecs {
		a.Weights = unsafe.Pointer(&s.weights.data[g.at+v*lanes])
		for x := range s.stripes {
			a.Scales = unsafe.Pointer(&winogradScales[x*s.stripes])
			for _, t := range s.groups {
				at := x*s.stripes*s.in + t.first*s.weights.block.PixelBytes()
				a.In, a.Out = unsafe.Add(m.Scratch, at), unsafe.Add(room, v*s.block+at)
				s.unit.few(x, t.tiles, a)
				a.Ahead += uintptr(2 * a.AheadEach * s.conv.In.C)
			}
		}
	}
	for i := range s.pass.parts {
		b := g.first / lanes
		s.finish(f, m, &s.pass.parts[i], room, b, b+g.vecs)
	}
	f.winograd, f.few = winogradArgs{}, winogradFewArgs{}
	winogradRooms.Put(room)
	frames.Put(f)
}

// fetchNext makes a column prefetch the weights of the next one.
func (s *winogradFew) fetchNext(a *winogradFewArgs, column int) {
	a.Ahead, a.AheadEach = uintptr(unsafe.Pointer(&s.weights.data[0])), 0
	if column+1 < len(s.weights.columns) {
		next := s.weights.panel(column + 1)
		prefetches := 2 * s.weights.columns[column].vecs * s.stripes * len(s.groups) * s.conv.In.C
		a.Ahead, a.AheadEach = uintptr(unsafe.Pointer(&next[0])), 4*len(next)/prefetches
	}
}

// winogradSums is the twin of the kernels, for vectors of the given number of
// channels.
func winogradSums(lanes, stripe, tiles int, a *winogradFewArgs) {
	var sums [6 * winogradFewTiles * 16]float32
	weights := a.Weights
	for b := range a.Blocks + 1 {
		n := lanes
		if b == a.Blocks {
			n = a.Rest
		}
		for c := range n {
			for l := range lanes {
				w := winogradColumn(unsafe.Add(weights, c*a.Step+4*l), n*a.Step, stripe)
				for i := range 6 * tiles {
					in := *(*float32)(unsafe.Add(a.In, i/tiles*a.Plane+i%tiles*4*lanes+b*a.Block+4*c))
					sums[i*lanes+l] += w[i/tiles] * in
				}
			}
		}
		weights = unsafe.Add(weights, 9*n*a.Step)
	}
	scales := floats(a.Scales, 6)
	for i := range 6 * tiles {
		to := floats(unsafe.Add(a.Out, i/tiles*a.Plane+i%tiles*4*lanes), lanes)
		for l := range to {
			to[l] = sums[i*lanes+l] * scales[i/tiles]
		}
	}
}

// winogradColumn computes a column of a transformed kernel whose taps are the given
// number of bytes apart.
func winogradColumn(taps unsafe.Pointer, tap, column int) [6]float32 {
	var u [3]float32
	for y := range u {
		u[y] = winogradWhole(threeTaps(taps, 3*y*tap, tap))[column]
	}
	return winogradWhole(u[0], u[1], u[2])
}

// winogradWhole is the product with the integer multiple of G.
func winogradWhole(a, b, c float32) [6]float32 {
	return [6]float32{a, a + c + b, a + c - b, a + 4*c + 2*b, a + 4*c - 2*b, c}
}
