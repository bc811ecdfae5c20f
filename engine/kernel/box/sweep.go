package box

import (
	"math/bits"
	"unsafe"
)

// Block is 16 boxes: their left sides, then the top, right and bottom ones.
type Block [4][16]float32

// Sweep decides candidates in their order. One that is live is kept, and compared with
// the boxes in its blocks: one of its class is a hit where the area of what both have in
// common is more than Share of the other's area and Low of the box, and a sure hit where
// it is also more than that and High, all in float32. Low is not negative and not more
// than High.
type Sweep struct {
	blocks *Block
	live   *uint16
	class  *[16]int32 // nil: one for all
	query  *Queries
	which  int64 // candidate that is next
	count  int64 // of the candidates
	left   int64 // blocks of the sweep that is under way, the box before which; all: -1
	next   int64 // of them
	inRun  int64 // that follow one another from there on, itself among them
	run    int64 // that is next
	Swept  int64 // blocks, of all candidates
	Told   int64
	Kept   uint32 // a bit a candidate
	Share  float32
	runs   [ranges + 1]run
	Unsure [64]Hits // afterwards: the first Told
}

// Hits are hits in a block, a bit a box, the lowest for the first.
type Hits struct {
	Block int32
	Bits  uint32
}

// run are blocks that follow one another.
type run struct{ first, count int32 }

// longSweep is how many blocks one call compares before it returns after a box.
const longSweep = 1024

// On makes boxes those that are compared. live has a bit a box, the lowest for the first
// of its block; class may be empty.
func (s *Sweep) On(boxes []Block, live []uint16, class [][16]int32) {
	s.blocks, s.live, s.class = &boxes[0], &live[0], nil
	if len(class) > 0 {
		s.class = &class[0]
	}
}

// Start makes the first so many of the queries the candidates: Sweep then decides them.
func (s *Sweep) Start(q *Queries, count int) {
	s.query, s.which, s.count, s.left, s.Kept = q, 0, int64(count), 0, 0
}

// StartOne makes Sweep compare the box k of queries, which is no candidate.
func (s *Sweep) StartOne(q *Queries, k int) {
	s.query, s.which, s.count, s.left, s.Kept = q, int64(k), int64(k)+1, -1, 0
}

// Sweep goes on, and reports false where nothing is left. Candidates that are kept are
// no longer live then, nor are sure hits. Other hits that are live it tells, in the order of
// the blocks: it stops after the box of which it tells some, or before that where there
// is no room for more, and before a candidate that is hard.
func (u *Unit) Sweep(s *Sweep) bool {
	if s.left == 0 && s.which == s.count {
		return false
	}
	u.sweep(unsafe.Pointer(s))
	return true
}

// Box is which of the queries the hits that are told are those of.
func (s *Sweep) Box() int { return int(s.which) - 1 }

// Hard is the candidate before which it stopped, for the caller to decide.
func (s *Sweep) Hard() (k int, is bool) {
	if is = s.left == 0 && s.which < s.count && s.query.Hard>>s.which&1 != 0; is {
		s.which++
	}
	return int(s.which) - 1, is
}

func sweep(arg unsafe.Pointer) {
	s := (*Sweep)(arg)
	s.Told = 0
	for s.left != 0 || s.keep() {
		if s.left < 0 {
			s.begin()
		}
		long := s.left > longSweep
		for s.left > 0 {
			if s.step(); s.Told == int64(len(s.Unsure)) {
				return
			}
		}
		if s.Told > 0 || long {
			return
		}
	}
}

// keep keeps the next candidate that is live.
func (s *Sweep) keep() bool {
	for q := s.query; s.which < s.count && q.Hard>>s.which&1 == 0; s.which++ {
		at := q.Place[s.which]
		if live := place(s.live, at/16); *live>>(at%16)&1 != 0 {
			*live &^= 1 << (at % 16)
			s.Kept |= 1 << s.which
			s.left = -1
			return true
		}
	}
	return false
}

// begin begins with the blocks of the next box.
func (s *Sweep) begin() {
	n := 0
	s.left = 0
	for r := range s.query.From {
		s.runs[n] = run{s.query.From[r][s.which], s.query.Count[r][s.which]}
		s.left += int64(s.runs[n].count)
		if s.runs[n].count > 0 {
			n++
		}
	}
	s.Swept += s.left
	s.next, s.inRun, s.run = int64(s.runs[0].first), int64(s.runs[0].count), 1
	s.which++
}

// step compares with a block.
func (s *Sweep) step() {
	at := int32(s.next)
	if unsure := s.test(at); unsure != 0 {
		s.Unsure[s.Told] = Hits{at, unsure}
		s.Told++
	}
	s.left--
	s.next++
	if s.inRun--; s.inRun == 0 {
		s.next, s.inRun = int64(s.runs[s.run].first), int64(s.runs[s.run].count)
		s.run++
	}
}

// test drops the sure hits in a block and tells the others.
func (s *Sweep) test(at int32) (unsure uint32) {
	live, o, q, k := place(s.live, at), place(s.blocks, at), s.query, s.which-1
	x1, y1, x2, y2 := q.Box[0][k], q.Box[1][k], q.Box[2][k], q.Box[3][k]
	for left := *live; left != 0; left &= left - 1 {
		i := bits.TrailingZeros16(left) & 15
		if o[0][i] >= x2 || o[2][i] <= x1 || o[1][i] >= y2 || o[3][i] <= y1 {
			continue
		}
		w := min(o[2][i], x2) - max(o[0][i], x1)
		inter := float32(w * (min(o[3][i], y2) - max(o[1][i], y1)))
		share := float32(s.Share * float32((o[2][i]-o[0][i])*(o[3][i]-o[1][i])))
		if !(inter > share+q.Low[k]) || s.class != nil && place(s.class, at)[i] != q.Class[k] {
			continue
		}
		if inter > share+q.High[k] {
			*live &^= 1 << i
		} else {
			unsure |= 1 << i
		}
	}
	return unsure
}
