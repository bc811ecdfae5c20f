package box

import (
	"math/bits"
	"unsafe"
)

// Block holds 16 boxes: their left sides, then the top, right and bottom ones.
type Block [4][16]float32

// Sweep decides candidates in their order. A live candidate is kept and compared
// with the boxes in its blocks: a box of its class is a hit if the area of the
// intersection exceeds Share of the other's area plus the candidate's Low, and a
// sure hit if it also exceeds that share plus High, all in float32. 0 ≤ Low ≤ High.
type Sweep struct {
	blocks *Block
	live   *uint16
	class  *[16]int32 // nil: one class for all
	query  *Queries
	which  int64 // the next candidate
	count  int64 // number of candidates
	left   int64 // blocks that remain of the sweep of the candidate before which; -1: all of them
	next   int64 // the next block
	inRun  int64 // number of consecutive blocks from there on
	run    int64 // the next run
	Swept  int64 // number of blocks compared so far
	Told   int64
	Kept   uint32 // one bit per candidate
	Share  float32
	runs   [ranges + 1]run
	Unsure [64]Hits // valid afterwards: the first Told elements
}

// Hits holds the hits in a block, one bit per box, the lowest for the first.
type Hits struct {
	Block int32
	Bits  uint32
}

// run is a sequence of consecutive blocks.
type run struct{ first, count int32 }

// longSweep is how many blocks one call compares before it returns after a box.
const longSweep = 1024

// On sets the boxes to compare with. live has one bit per box, the lowest for the
// first of its block; class may be empty.
func (s *Sweep) On(boxes []Block, live []uint16, class [][16]int32) {
	s.blocks, s.live, s.class = &boxes[0], &live[0], nil
	if len(class) > 0 {
		s.class = &class[0]
	}
}

// Start makes the first count queries the candidates that Sweep then decides.
func (s *Sweep) Start(q *Queries, count int) {
	s.query, s.which, s.count, s.left, s.Kept = q, 0, int64(count), 0, 0
}

// StartOne makes Sweep compare box k of the queries, which is not a candidate.
func (s *Sweep) StartOne(q *Queries, k int) {
	s.query, s.which, s.count, s.left, s.Kept = q, int64(k), int64(k)+1, -1, 0
}

// Sweep continues and reports false if nothing is left. Kept candidates and sure
// hits are then no longer live. Other live hits are reported in Unsure, in the
// order of the blocks: it stops after a box with such hits (or earlier if Unsure is
// full), and before a candidate that is hard.
func (u *Unit) Sweep(s *Sweep) bool {
	if s.left == 0 && s.which == s.count {
		return false
	}
	u.sweep(unsafe.Pointer(s))
	return true
}

// Box is the number of the query to which the reported hits belong.
func (s *Sweep) Box() int { return int(s.which) - 1 }

// Hard is the candidate before which it stopped, which the caller has to decide.
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

// keep keeps the next live candidate.
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

// begin starts the sweep of the next box.
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

// step compares the box with one block.
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

// test drops the sure hits in a block and reports the others.
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
