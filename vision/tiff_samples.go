package vision

import (
	"encoding/binary"
	"image/color"
	"math"
)

// Predictors: what a row's samples were replaced by before they were compressed.
const (
	tiffNoPredictor     = 1
	tiffDifference      = 2 // from the pixel on the left; TIFF 6.0 section 14
	tiffFloatDifference = 3 // of bytes, those of the highest value first; Adobe's TIFF Technical Note 3
)

// spareBytes is how much room undoPredictor needs.
func (f *tiffFile) spareBytes() int64 {
	if f.predictor == tiffFloatDifference {
		return f.rowBytes()
	}
	return 0
}

// undoPredictor restores a row's samples.
func (f *tiffFile) undoPredictor(line, spare []byte) {
	step := f.samplesTogether()
	switch {
	case f.predictor == tiffNoPredictor:
	case f.predictor == tiffFloatDifference:
		sumUp(line, step)
		copy(spare, line)
		for i, n := 0, len(line)/4; i < n; i++ {
			f.order.PutUint32(line[4*i:], binary.BigEndian.Uint32([]byte{spare[i], spare[n+i], spare[2*n+i], spare[3*n+i]}))
		}
	case f.bits == 8:
		sumUp(line, step)
	case f.bits == 16:
		for i := 2 * step; i+2 <= len(line); i += 2 {
			f.order.PutUint16(line[i:], f.order.Uint16(line[i:])+f.order.Uint16(line[i-2*step:]))
		}
	case f.bits == 32:
		for i := 4 * step; i+4 <= len(line); i += 4 {
			f.order.PutUint32(line[i:], f.order.Uint32(line[i:])+f.order.Uint32(line[i-4*step:]))
		}
	}
}

func sumUp(line []byte, step int) {
	for i := step; i < len(line); i++ {
		line[i] += line[i-step]
	}
}

// unpack converts a row's samples to one byte each: the high byte of 16 bits, the
// value itself if it has fewer than 8, or what clip makes of it.
func (f *tiffFile) unpack(pixels, line []byte, plane int) {
	together := f.samplesTogether()
	high := 0 // where the high byte of 16 bits stands
	if f.order.Uint16([]byte{1, 0}) == 1 {
		high = 1
	}
	clipped := f.clipped()
	at, step := plane, f.samples/together
	for i := range f.blockW * together {
		var v byte
		switch {
		case clipped:
			v = f.clip(line[i*f.bits/8:])
		case f.bits == 8:
			v = line[i]
		case f.bits == 16:
			v = line[2*i+high]
		default:
			bit := i * f.bits
			v = line[bit>>3] >> (8 - f.bits - bit&7) & (1<<f.bits - 1)
		}
		pixels[at] = v
		at += step
	}
}

// clip converts a sample of 32 bits, or a signed one, as Pillow does: what lies outside
// 0 to 255 is cut off, and so are fractions.
func (f *tiffFile) clip(raw []byte) byte {
	var v float64
	switch {
	case f.bits == 16:
		v = float64(int16(f.order.Uint16(raw)))
	case f.kind == tiffFloat:
		v = float64(math.Float32frombits(f.order.Uint32(raw)))
	case f.kind == tiffSigned:
		v = float64(int32(f.order.Uint32(raw)))
	default:
		v = float64(f.order.Uint32(raw))
	}
	if v > 0 { // and no NaN
		return byte(min(v, 255))
	}
	return 0
}

// colours converts n pixels of samples to RGB.
func (f *tiffFile) colours(row, pixels []byte, n int, background [3]byte) {
	blend := over
	if f.premultiplied {
		blend = overPremultiplied
	}
	most := 1<<min(f.bits, 8) - 1
	for x := range n {
		p := pixels[x*f.samples : (x+1)*f.samples]
		var r, g, b byte
		switch f.photometric {
		case tiffRGB:
			r, g, b = p[0], p[1], p[2]
		case tiffPalette:
			c := f.palette[p[0]]
			r, g, b = c[0], c[1], c[2]
		case tiffCMYK:
			r, g, b = cmyk(p[0], p[1], p[2], p[3])
		case tiffYCbCr:
			r, g, b = color.YCbCrToRGB(p[0], p[1], p[2])
		case tiffLab:
			r, g, b = labToRGB(p[0], p[1], p[2])
		default:
			v := byte(int(p[0]) * 255 / most)
			if f.photometric == tiffWhiteIsZero {
				v = 255 - v
			}
			r, g, b = v, v, v
		}
		a := byte(255)
		if f.alpha > 0 {
			a = p[f.alpha]
		}
		flattenPixel(row[3*x:], r, g, b, a, background, blend)
	}
}

// cmyk is Pillow's conversion: 255-k, reduced by the ink's share of it.
func cmyk(c, m, y, k byte) (r, g, b byte) {
	white := 255 - uint32(k)
	ink := func(v byte) byte {
		t := uint32(v)*white + 128
		return byte(white - (t>>8+t)>>8)
	}
	return ink(c), ink(m), ink(y)
}

// labToRGB converts CIE L*a*b* of white D50, with L* as a share of 255 and a* and b*
// as signed bytes, to sRGB. The matrix is that of sRGB's profile (IEC 61966-2-1, whose
// white is adapted to D50 by Bradford's transform), inverted.
func labToRGB(l, a, b byte) (red, green, blue byte) {
	y := (float64(l)/255*100 + 16) / 116
	x, z := y+float64(int8(a))/500, y-float64(int8(b))/200
	cube := func(t float64) float64 {
		if t > 6.0/29 {
			return t * t * t
		}
		return (t - 4.0/29) * 3 * (6.0 / 29) * (6.0 / 29)
	}
	x, y, z = 0.9642*cube(x), cube(y), 0.8249*cube(z)
	channel := func(kx, ky, kz float64) byte {
		v := kx*x + ky*y + kz*z
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		return byte(min(max(math.Round(v*255), 0), 255))
	}
	return channel(3.1338561, -1.6168667, -0.4906146), channel(-0.9787684, 1.9161415, 0.0334540), channel(0.0719453, -0.2289914, 1.4052427)
}
