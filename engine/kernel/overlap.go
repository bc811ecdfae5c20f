package kernel

import "unsafe"

// FlatBox is a box by its left, top, right and bottom sides.
type FlatBox [4]float32

// BoxBlock is 16 boxes: their left sides, then the top, right and bottom ones.
type BoxBlock [4][16]float32

// BoxRange is a range of boxes, the end excluded.
type BoxRange struct{ From, To int32 }

// BoxProbe is a box that others are compared with. One of its class is a hit where
// the area of what both have in common is more than Share of the other's area and
// Low, and a sure hit where it is also more than that and High, all in float32. Low
// is not negative and not more than High.
type BoxProbe struct {
	Box              FlatBox
	Share, Low, High float32
	Class            int32
}

// BoxSweep compares a box with others.
type BoxSweep struct {
	blocks *BoxBlock
	gone   *uint16
	class  *[16]int32 // nil: one for all
	ranges *BoxRange
	left   int64 // ranges
	next   int64 // block in the first range

	BoxProbe
	Unsure [64]BoxHits // afterwards: the first Told
	Told   int64
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

// Sweep compares with the boxes of ranges, and with others that lie in the same blocks.
// Sure hits are gone then. It tells the others, but for those that are gone, in the order
// of the ranges, and stops where there is no more room for them: Again goes on there.
func (r *Rung) Sweep(s *BoxSweep, ranges []BoxRange) {
	if s.Told, s.left = 0, int64(len(ranges)); len(ranges) > 0 {
		s.ranges, s.next = &ranges[0], int64(ranges[0].From/16)
		r.SweepUnit(unsafe.Pointer(s))
	}
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
		for s.ranges.From < s.ranges.To && s.next < int64(s.ranges.To+15)/16 {
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
			s.ranges = place(s.ranges, 1)
			s.next = int64(s.ranges.From / 16)
		}
	}
}

// test compares with a block.
func (s *BoxSweep) test(at int32) (unsure uint32) {
	gone, o, p := place(s.gone, at), place(s.blocks, at), s.Box
	for i := range 16 {
		w := max(min(o[2][i], p[2])-max(o[0][i], p[0]), 0)
		inter := w * (min(o[3][i], p[3]) - max(o[1][i], p[1]))
		share := float32(s.Share * float32((o[2][i]-o[0][i])*(o[3][i]-o[1][i])))
		if !(inter > share+s.Low) || s.class != nil && place(s.class, at)[i] != s.Class {
			continue
		}
		if inter > share+s.High {
			*gone |= 1 << i
		} else {
			unsure |= 1 << i
		}
	}
	return unsure &^ uint32(*gone)
}

// place is what lies at a place of a slice.
func place[T any](first *T, at int32) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(first), uintptr(at)*unsafe.Sizeof(*first)))
}
