package kernel

import "unsafe"

// BoxBlock holds up to 32 boxes, side by side as vectors want them, and is a link
// of a chain of blocks in a slice. Sides are in units of the caller's, from 0 at
// the left and the top. The first block of the slice is none: its number ends a
// chain.
type BoxBlock struct {
	X1, Y1, X2, Y2 [32]uint16
	Share          [32]uint16 // of the area: what BoxProbe compares
	ID             [32]int32  // the caller's
	Next           int32      // block of the chain
	Count          int32      // boxes that it holds
	_              [14]int32  // blocks begin with a cache line
}

// BoxProbe is a box that is compared with those of a chain of blocks. Two boxes
// are a hit where what they have in common is not empty and, as
// w<<ShiftX · h<<ShiftY >> 16, no less than both shares together. For an IoU over t
// the share is t/(1+t) of the area: inter/(a+b-inter) > t.
//
// Sides are moved out to whole units and shares rounded down, so some hits are
// none; sure hits are those that are also more than the shares and 4 together with
// both sides of what is common 3 units shorter.
type BoxProbe struct {
	X1, Y1, X2, Y2, Share uint16
	_                     uint16
	ShiftX, ShiftY        uint32 // such that no side of the probe's reaches 2^16
	At                    int32  // block to begin with; afterwards that of the hits, 0 where there are none
	Mask, Sure            uint32 // hits and sure hits, a bit a box
}

// Clear makes a block empty: no probe hits it.
func (b *BoxBlock) Clear() {
	for i := range b.Share {
		b.Share[i] = 0xffff
	}
	b.Next, b.Count = 0, 0
}

// Add appends the probe's box to a block that has room.
func (b *BoxBlock) Add(x1, y1, x2, y2, share uint16, id int32) {
	i := b.Count & 31
	b.X1[i], b.Y1[i], b.X2[i], b.Y2[i], b.Share[i], b.ID[i] = x1, y1, x2, y2, share, id
	b.Count++
}

// Overlap follows a chain of blocks from the probe's on, which is not 0, to the
// first that has a hit.
func (r *Rung) Overlap(blocks []BoxBlock, p *BoxProbe) {
	r.OverlapUnit(unsafe.Pointer(unsafe.SliceData(blocks)), unsafe.Pointer(p))
}

func overlap(blocks, probe unsafe.Pointer) {
	p := (*BoxProbe)(probe)
	for p.Mask, p.Sure = 0, 0; ; {
		b := (*BoxBlock)(unsafe.Add(blocks, uintptr(p.At)*unsafe.Sizeof(BoxBlock{})))
		for i := range b.X1 {
			w := int32(min(b.X2[i], p.X2)) - int32(max(b.X1[i], p.X1))
			h := int32(min(b.Y2[i], p.Y2)) - int32(max(b.Y1[i], p.Y1))
			bound := min(uint32(b.Share[i])+uint32(p.Share), 0xffff)
			if w <= 0 || h <= 0 || p.product(w, h) < bound {
				continue
			}
			p.Mask |= 1 << i
			if w > 3 && h > 3 && p.product(w-3, h-3) > min(bound+4, 0xffff) {
				p.Sure |= 1 << i
			}
		}
		if p.Mask != 0 {
			return
		}
		if p.At = b.Next; p.At == 0 {
			return
		}
	}
}

func (p *BoxProbe) product(w, h int32) uint32 {
	return uint32(uint16(w<<p.ShiftX)) * uint32(uint16(h<<p.ShiftY)) >> 16
}
