package kernel

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// In a chain of convolutions 1x1, depthwise 3x3, 1x1 on 56 rows, with runs of 14 rows and
// bands of up to 4, this is the first run:
//
//	band         1x1 writes    depthwise reads   and writes    1x1 reads and writes
//	rows 0-2     rows 0-3      halo, rows 0-3    rows 0-2      rows 0-2
//	rows 3-6     rows 4-7      rows 2-7          rows 3-6      rows 3-6
//	rows 7-9     rows 8-10     rows 6-10         rows 7-9      rows 7-9
//	rows 10-13   rows 11-14    rows 9-14         rows 10-13    rows 10-13
//
// The room holds 6 rows of the first output and 4 of the second. Before the second band, rows
// 2 and 3 of the first output move to the top of the room, where rows 4 to 7 follow them. The
// second run begins with rows 14 to 16, and computes rows 13 and 14 of the first output once
// more.

// Link is one convolution of a chain, in which each alone reads the output of the
// one before. Plan plans it on layouts with fewer rows than those of Conv. A pool
// can be a link too: then only the layouts and the window of Conv are used.
type Link struct {
	Conv Conv
	Plan func(*Conv) (Work, error)
}

// Bands plans a chain of convolutions band by band: for some rows of the last
// output it computes, link by link, the rows of the intermediate outputs that these
// need. The intermediate rows lie in a room of the scratch that stays in a core's
// L2, whereas whole outputs would pass through the shared cache or the caches of
// other cores. A chunk is a run of bands from top to bottom, each of which keeps
// the rows that the next one needs too. There should be as many rooms as chunks may run
// at the same time: one that finds no room spins until there is. The last output must not be
// in the memory of an input.
//
// The result equals that of running the links one after the other, bit for bit.
func Bands(chain []Link, rooms int) (Work, error) { return bandsWithin(chain, rooms, bandRoom) }

// bandsWithin is Bands with rooms of the given number of bytes, or, if that is too
// small, large enough for one row of the last output.
func bandsWithin(chain []Link, rooms, bytes int) (Work, error) {
	first, last := &chain[0].Conv, &chain[len(chain)-1].Conv
	for i := 1; i < len(chain); i++ {
		if a, b := &chain[i-1].Conv.Out, &chain[i].Conv.In; sameShape(a, b) != nil || a.Format != b.Format {
			return Work{}, fmt.Errorf("%v after %v: not a chain", &chain[i].Conv, &chain[i-1].Conv)
		}
	}
	p := newBandPlanner(chain, rooms, bytes)
	s := &bands{pictures: last.Out.N, rooms: rooms, between: p.starts}
	for i := range chain {
		s.chain = append(s.chain, chain[i].Conv)
	}
	s.image = operands{first.In.Image, last.Out.Image, 0}
	if last.Residual != nil {
		s.image.residual = last.Residual.Image
	}
	for run := range p.runs {
		list, err := p.run(run)
		if err != nil {
			return Work{}, err
		}
		s.runs = append(s.runs, list)
	}
	s.scratch, s.room = p.size, p.size+roundUp(p.scratch, cacheLine)
	// The scratch has a flag per room, each in a cache line of its own, and then the rooms.
	return Work{Steps: []Step{freeRooms{rooms}, s}, Scratch: rooms * (cacheLine + s.room)}, nil
}

const cacheLine = 64

// bands is the step that computes a chain.
type bands struct {
	runs        [][]band // of a picture, from its top down
	pictures    int
	image       operands // distances between pictures
	rooms, room int      // number of rooms, and bytes of each
	between     []int    // where in a room each link except the last writes
	scratch     int      // where in a room the links' scratch lies
	chain       []Conv   // the links on whole layouts
}

// operands holds byte offsets in the input, the output and the residual.
type operands struct{ in, out, residual int }

// band is the work for a range of rows of the last output.
type band struct {
	links []bandLink
	at    operands // where the rows of this band begin
}

// bandLink is the work of one link for a band.
type bandLink struct {
	work  *Work
	moves []rowMove // of rows that the previous band computed
	out   int       // where it writes, relative to the beginning of its output in the room
}

// rowMove moves rows of a plane to its top; all are byte offsets in the output of a link in
// the room, and a number of bytes.
type rowMove struct{ to, from, bytes int }

// Chunks is part of Step.
func (s *bands) Chunks() int { return s.pictures * len(s.runs) }

// Run is part of Step.
func (s *bands) Run(chunk int, m *Memory) {
	taken, room := s.takeRoom(chunk, m)
	f := frames.Get().(*frame)
	n := chunk / len(s.runs)
	for _, b := range s.runs[chunk%len(s.runs)] {
		in := unsafe.Add(m.In, n*s.image.in+b.at.in)
		for k := range b.links {
			l := &b.links[k]
			f.memory = Memory{In: in, Scratch: unsafe.Add(room, s.scratch)}
			if k < len(s.between) {
				in = unsafe.Add(room, s.between[k])
				for _, r := range l.moves {
					copy(unsafe.Slice((*byte)(unsafe.Add(in, r.to)), r.bytes), unsafe.Slice((*byte)(unsafe.Add(in, r.from)), r.bytes))
				}
				f.memory.Out = unsafe.Add(in, l.out)
			} else {
				f.memory.Out = unsafe.Add(m.Out, n*s.image.out+b.at.out)
				if m.Residual != nil {
					f.memory.Residual = unsafe.Add(m.Residual, n*s.image.residual+b.at.residual)
				}
			}
			for _, step := range l.work.Steps {
				for i := range step.Chunks() {
					step.Run(i, &f.memory)
				}
			}
		}
	}
	f.memory = Memory{}
	frames.Put(f)
	taken.Store(false)
}

// takeRoom takes a room that no chunk uses, if possible the one that neighbouring chunks used,
// because it is in the cache of the core that ran them.
func (s *bands) takeRoom(chunk int, m *Memory) (taken *atomic.Bool, room unsafe.Pointer) {
	for i := chunk * s.rooms / s.Chunks(); ; i = (i + 1) % s.rooms {
		taken := (*atomic.Bool)(unsafe.Add(m.Scratch, i*cacheLine))
		if taken.CompareAndSwap(false, true) {
			return taken, unsafe.Add(m.Scratch, s.rooms*cacheLine+i*s.room)
		}
	}
}

// freeRooms is the step before: it marks all rooms as free.
type freeRooms struct{ rooms int }

// Chunks is part of Step.
func (freeRooms) Chunks() int { return 1 }

// Run is part of Step.
func (v freeRooms) Run(_ int, m *Memory) { clear(unsafe.Slice((*byte)(m.Scratch), v.rooms*cacheLine)) }
