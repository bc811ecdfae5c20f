package vision

// Geometry says where an encoded picture lies in its tensor, and so maps the
// tensor's pixels back to the picture's: a point x of the upright original is at
// x*ScaleX - CropLeft + PadLeft in the tensor, and mirrored if Flipped. Coordinates
// are in pixels, measured to pixel edges: the first pixel extends from 0 to 1.
type Geometry struct {
	Width, Height               int     // the upright original
	InputWidth, InputHeight     int     // the tensor, including padding
	ScaleX, ScaleY              float64 // resized pixels per original pixel; what the recipe's framework divides boxes by
	ResizedWidth, ResizedHeight int     // the whole picture after resizing, before the crop
	CropLeft, CropTop           int     // pixels of the resized picture that are cut off
	PadLeft, PadTop             int     // pixels of the tensor before the picture
	Flipped                     bool    // mirrored left to right in the tensor
}

// Point maps a point of the tensor to the original. The result may lie outside the
// picture.
func (g Geometry) Point(x, y float64) (float64, float64) {
	if g.Flipped {
		x = float64(g.InputWidth) - x
	}
	return (x - float64(g.PadLeft-g.CropLeft)) / g.ScaleX, (y - float64(g.PadTop-g.CropTop)) / g.ScaleY
}

// Input maps a point of the original to the tensor: the inverse of Point.
func (g Geometry) Input(x, y float64) (float64, float64) {
	x = x*g.ScaleX + float64(g.PadLeft-g.CropLeft)
	y = y*g.ScaleY + float64(g.PadTop-g.CropTop)
	if g.Flipped {
		x = float64(g.InputWidth) - x
	}
	return x, y
}

// Box maps a box of the tensor (left, top, right, bottom; the last two exclusive)
// to the original and clips it to the picture. The result is empty if the box lies
// outside or is NaN.
func (g Geometry) Box(x1, y1, x2, y2 float64) (left, top, right, bottom float64) {
	left, top = g.Point(x1, y1)
	right, bottom = g.Point(x2, y2)
	if g.Flipped {
		left, right = right, left
	}
	left, right = within(left, g.Width), within(right, g.Width)
	top, bottom = within(top, g.Height), within(bottom, g.Height)
	return left, top, max(left, right), max(top, bottom)
}

// within clips v to 0 … side; NaN becomes 0.
func within(v float64, side int) float64 {
	if v > 0 {
		return min(v, float64(side))
	}
	return 0
}
