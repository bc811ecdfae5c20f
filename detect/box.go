package detect

import "math"

// Box is a rectangle in pixels: left, top, right, bottom, the last two exclusive,
// so that a box around the first pixel is {0, 0, 1, 1}.
type Box struct{ X1, Y1, X2, Y2 float64 }

// Width is the box's width, never negative.
func (b Box) Width() float64 { return max(0, b.X2-b.X1) }

// Height is the box's height, never negative.
func (b Box) Height() float64 { return max(0, b.Y2-b.Y1) }

// Area is Width times Height.
func (b Box) Area() float64 { return b.Width() * b.Height() }

// Intersect is the box that both boxes cover; its area is 0 if they do not overlap.
func (b Box) Intersect(o Box) Box {
	return Box{max(b.X1, o.X1), max(b.Y1, o.Y1), min(b.X2, o.X2), min(b.Y2, o.Y2)}
}

// IoU is intersection over union: the area that both boxes cover divided by the
// area that at least one covers, 0 to 1. It is 0 if neither has an area.
func (b Box) IoU(o Box) float64 {
	inter := b.Intersect(o).Area()
	if inter == 0 {
		return 0
	}
	return inter / (b.Area() + o.Area() - inter)
}

// clean reports whether the box is finite and has an area.
func (b Box) clean() bool {
	const far = 1e9 // pixels; no picture is that large
	return b.X2 > b.X1 && b.Y2 > b.Y1 && math.Abs(b.X1) < far && math.Abs(b.Y1) < far && math.Abs(b.X2) < far && math.Abs(b.Y2) < far
}

// centred is a box by its centre and size.
func centred(x, y, w, h float64) Box { return Box{x - w/2, y - h/2, x + w/2, y + h/2} }
