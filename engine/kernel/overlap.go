package kernel

import "unsafe"

// FlatBox is a box by its left, top, right and bottom sides.
type FlatBox [4]float32

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
	boxes  *FlatBox
	gone   *uint8
	class  *int32 // nil: one for all
	ranges *BoxRange
	left   int64 // ranges

	BoxProbe
	At     int32  // in the first range, of what is next
	Unsure uint32 // afterwards: hits that are not sure among the 16 before At, a bit a box
}

// On makes boxes those that the sweep is over. gone is not 0 where a box is gone;
// class may be empty. All have 16 places behind the last box.
func (s *BoxSweep) On(boxes []FlatBox, gone []uint8, class []int32) {
	s.boxes, s.gone, s.class = &boxes[0], &gone[0], nil
	if len(class) > 0 {
		s.class = &class[0]
	}
}

// Sweep compares with the boxes of ranges, and for each that is not empty with up
// to 15 that follow. Sure hits are gone then. It stops behind hits that are not
// sure; Again goes on there.
func (r *Rung) Sweep(s *BoxSweep, ranges []BoxRange) {
	if s.Unsure, s.left = 0, int64(len(ranges)); len(ranges) > 0 {
		s.ranges, s.At = &ranges[0], ranges[0].From
		r.SweepUnit(unsafe.Pointer(s))
	}
}

// Again goes on with a sweep that stopped.
func (r *Rung) Again(s *BoxSweep) { r.SweepUnit(unsafe.Pointer(s)) }

func sweep(arg unsafe.Pointer) {
	s := (*BoxSweep)(arg)
	s.Unsure = 0
	for s.left > 0 {
		for s.At < s.ranges.To {
			s.Unsure = s.next()
			if s.At += 16; s.Unsure != 0 {
				return
			}
		}
		if s.left--; s.left > 0 {
			s.ranges = (*BoxRange)(unsafe.Add(unsafe.Pointer(s.ranges), unsafe.Sizeof(BoxRange{})))
			s.At = s.ranges.From
		}
	}
}

// next compares with the 16 boxes from At on.
func (s *BoxSweep) next() (unsure uint32) {
	gone, p := some(s.gone, s.At), s.Box
	for i, o := range some(s.boxes, s.At) {
		w := max(min(o[2], p[2])-max(o[0], p[0]), 0)
		inter := w * (min(o[3], p[3]) - max(o[1], p[1]))
		share := float32(s.Share * float32((o[2]-o[0])*(o[3]-o[1])))
		if !(inter > share+s.Low) || s.class != nil && some(s.class, s.At)[i] != s.Class {
			continue
		}
		if inter > share+s.High {
			gone[i] = 0xff
		} else {
			unsure |= 1 << i
		}
	}
	return unsure
}

// some are 16 numbers from a place on.
func some[T any](first *T, at int32) *[16]T {
	return (*[16]T)(unsafe.Add(unsafe.Pointer(first), uintptr(at)*unsafe.Sizeof(*first)))
}
