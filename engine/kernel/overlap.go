package kernel

import "unsafe"

// BoxBlock is 16 boxes: their left sides, then the top, right and bottom ones.
type BoxBlock [4][16]float32

// BoxSweep compares a box with others. One of its class is a hit where the area of what
// both have in common is more than Share of the other's area and Low of the box, and a
// sure hit where it is also more than that and High, all in float32. Low is not negative
// and not more than High.
type BoxSweep struct {
	blocks *BoxBlock
	gone   *uint16
	class  *[16]int32 // nil: one for all
	query  *BoxQueries
	which  int64
	left   int64 // ranges of places
	next   int64 // block in the first of them
	Told   int64
	Unsure [64]BoxHits // afterwards: the first Told
	Share  float32
}

// BoxHits are hits in a block, a bit a box, the lowest for the first.
type BoxHits struct {
	Block int32
	Bits  uint32
}

// On makes boxes those that the sweep is over. gone has a bit a box, the lowest for
// the first of its block; class may be empty.
func (s *BoxSweep) On(boxes []BoxBlock, gone []uint16, class [][16]int32) {
	s.blocks, s.gone, s.class = &boxes[0], &gone[0], nil
	if len(class) > 0 {
		s.class = &class[0]
	}
}

// Sweep compares the box k of queries with the boxes in its places, and with others that
// lie in the same blocks. Sure hits are gone then. It tells the others, but for those that
// are gone, in the order of the places, and stops where there is no more room for them:
// Again goes on there.
func (r *Rung) Sweep(s *BoxSweep, q *BoxQueries, k int) {
	s.query, s.which, s.Told = q, int64(k), 0
	s.left, s.next = int64(len(q.From)), int64(q.From[0][k]/16)
	r.SweepUnit(unsafe.Pointer(s))
}

// Again goes on with a sweep that stopped, and reports whether it had not come to its
// end.
func (r *Rung) Again(s *BoxSweep) bool {
	if s.Told < int64(len(s.Unsure)) {
		return false
	}
	s.Told = 0
	r.SweepUnit(unsafe.Pointer(s))
	return true
}

func sweep(arg unsafe.Pointer) {
	s := (*BoxSweep)(arg)
	for s.left > 0 {
		from, to := s.places()
		for from < to && s.next < int64(to+15)/16 {
			at := int32(s.next)
			s.next++
			if unsure := s.test(at); unsure != 0 {
				s.Unsure[s.Told] = BoxHits{at, unsure}
				if s.Told++; int(s.Told) == len(s.Unsure) {
					return
				}
			}
		}
		if s.left--; s.left > 0 {
			from, _ = s.places()
			s.next = int64(from / 16)
		}
	}
}

// places is the range that is next.
func (s *BoxSweep) places() (from, to int32) {
	q, n := s.query, int64(len(s.query.From))-s.left
	return q.From[n][s.which], q.To[n][s.which]
}

// test compares with a block.
func (s *BoxSweep) test(at int32) (unsure uint32) {
	gone, o, q, k := place(s.gone, at), place(s.blocks, at), s.query, s.which
	x1, y1, x2, y2 := q.Box[0][k], q.Box[1][k], q.Box[2][k], q.Box[3][k]
	for i := range 16 {
		if *gone>>i&1 != 0 || o[0][i] >= x2 || o[2][i] <= x1 || o[1][i] >= y2 || o[3][i] <= y1 {
			continue
		}
		w := min(o[2][i], x2) - max(o[0][i], x1)
		inter := float32(w * (min(o[3][i], y2) - max(o[1][i], y1)))
		share := float32(s.Share * float32((o[2][i]-o[0][i])*(o[3][i]-o[1][i])))
		if !(inter > share+q.Low[k]) || s.class != nil && place(s.class, at)[i] != q.Class[k] {
			continue
		}
		if inter > share+q.High[k] {
			*gone |= 1 << i
		} else {
			unsure |= 1 << i
		}
	}
	return unsure
}

// place is what lies at a place of a slice.
func place[T any](first *T, at int32) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(first), uintptr(at)*unsafe.Sizeof(*first)))
}
