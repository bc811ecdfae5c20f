package jpeg

// A colour is the colour space of the components.
type colour uint8

const (
	grey colour = iota
	ycc
	rgb
	cmyk
	ycck
)

// chooseColour chooses as libjpeg does (jdapimin.c, default_decompress_parms).
func chooseColour(info *Info, c []component) colour {
	switch len(c) {
	case 1:
		return grey
	case 4:
		if info.AdobeTransform <= 0 {
			return cmyk
		}
		return ycck
	}
	switch {
	case info.JFIF:
		return ycc
	case info.AdobeTransform >= 0:
		if info.AdobeTransform == 0 {
			return rgb
		}
	case c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B':
		return rgb
	}
	return ycc
}

// Factors of JFIF 1.02 (R = Y + 1.402 Cr and so on), times 2^16 and rounded.
const (
	crToR = 91881
	cbToB = 116130
	crToG = 46802
	cbToG = 22554
	half  = 1 << 15
)

func clamp(v int32) byte { return byte(min(max(v, 0), 255)) }

// yccGo converts a row of YCbCr to RGB; y, cb and cr have one sample per pixel of dst.
func yccGo(dst, y, cb, cr []byte) {
	cb, cr = cb[:len(y)], cr[:len(y)]
	dst = dst[:3*len(y)]
	for i, v := range y {
		r, g, b := yccToRGB(v, cb[i], cr[i])
		p := (*[3]byte)(dst[3*i:])
		p[0], p[1], p[2] = r, g, b
	}
}

func yccToRGB(y, cb, cr byte) (r, g, b byte) {
	l, u, v := int32(y), int32(cb)-128, int32(cr)-128
	return clamp(l + (crToR*v+half)>>16),
		clamp(l + (half-cbToG*u-crToG*v)>>16),
		clamp(l + (cbToB*u+half)>>16)
}

// rgbGo interleaves rows of red, green and blue.
func rgbGo(dst, r, g, b []byte) {
	g, b = g[:len(r)], b[:len(r)]
	dst = dst[:3*len(r)]
	for i, v := range r {
		p := (*[3]byte)(dst[3*i:])
		p[0], p[1], p[2] = v, g[i], b[i]
	}
}

// cmykRow converts a row of four components. Pillow assumes that all CMYK JPEG pictures
// are inverted, as Adobe writes them: a sample is 255 minus the ink. Its RGB is
// (255-k) - ink*(255-k)/255, with the product rounded.
func cmykRow(dst []byte, c, m, y, k []byte, isYCC bool) {
	for i, kv := range k {
		cv, mv, yv := c[i], m[i], y[i]
		if isYCC {
			r, g, b := yccToRGB(cv, mv, yv)
			cv, mv, yv = 255-r, 255-g, 255-b
		}
		p := (*[3]byte)(dst[3*i:])
		p[0], p[1], p[2] = addInk(cv, kv), addInk(mv, kv), addInk(yv, kv)
	}
}

// addInk returns a channel of RGB from the inverted samples ink and black.
func addInk(ink, black byte) byte {
	nk := int32(black)
	t := (255-int32(ink))*nk + 128
	return clamp(nk - (t>>8+t)>>8)
}
