package vision

import (
	"image"
	"image/color"
)

// flatten writes src, laid over the background, into out, which has its size.
func flatten(out *Image, src image.Image, background [3]byte) {
	b := src.Bounds()
	for y := range out.Height {
		row := out.Row(y)
		for x := range out.Width {
			c := color.NRGBA64Model.Convert(src.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA64)
			a := byte(c.A >> 8)
			row[x*3] = over(byte(c.R>>8), a, background[0])
			row[x*3+1] = over(byte(c.G>>8), a, background[1])
			row[x*3+2] = over(byte(c.B>>8), a, background[2])
		}
	}
}

// over is round(c*a/255 + bg*(1-a/255)).
func over(c, a, bg byte) byte {
	return byte((uint32(c)*uint32(a) + uint32(bg)*uint32(255-a) + 127) / 255)
}
