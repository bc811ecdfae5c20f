package vision

import "image"

// libwebp's "fancy" upsampling (src/dsp/upsampling.c) of chroma at half the
// resolution: each sample is (9a + 3b + 3c + d + 8) / 16 of its four nearest,
// computed in two roundings; at the left and right edge (3a + b + 2) / 4 of the
// two rows. The first and the last row have one chroma row only.

// webpUpsample writes a 4:2:0 picture that starts at (0, 0) as RGB.
func webpUpsample(m *Image, s *image.YCbCr) {
	chroma := func(plane []byte, y int) []byte { return plane[y*s.CStride:][:(m.Width+1)/2] }
	u, v := make([]byte, m.Width), make([]byte, m.Width)
	rows := (m.Height + 1) / 2
	for y := range m.Height {
		near := y / 2
		far := near - 1 + y%2*2 // above for even rows, below for odd
		if far < 0 || far >= rows {
			far = near
		}
		webpChroma(u, chroma(s.Cb, near), chroma(s.Cb, far))
		webpChroma(v, chroma(s.Cr, near), chroma(s.Cr, far))
		webpRGB(m.Row(y), s.Y[y*s.YStride:], u, v)
	}
}

// webpChroma computes one row of full width from the nearer and the farther chroma
// row.
func webpChroma(dst, near, far []byte) {
	width := len(dst)
	dst[0] = byte((3*int(near[0]) + int(far[0]) + 2) >> 2)
	for x := 1; x <= (width-1)/2; x++ {
		nl, n, fl, f := int(near[x-1]), int(near[x]), int(far[x-1]), int(far[x])
		sum := nl + n + fl + f + 8
		// Towards the left sample: its diagonal partner is the far right one.
		dst[2*x-1] = byte(((sum+2*(n+fl))>>3 + nl) >> 1)
		dst[2*x] = byte(((sum+2*(nl+f))>>3 + n) >> 1)
	}
	if width%2 == 0 {
		last := width/2 - 1
		dst[width-1] = byte((3*int(near[last]) + int(far[last]) + 2) >> 2)
	}
}

// webpRGB is libwebp's conversion (src/dsp/yuv.h): BT.601 with luma of 16 to
// 235, 14 bits, truncated to 6 and clipped.
func webpRGB(dst, luma, u, v []byte) {
	for x := range u {
		y := int(luma[x]) * 19077 >> 8
		cb, cr := int(u[x]), int(v[x])
		dst[3*x] = webpClip(y + cr*26149>>8 - 14234)
		dst[3*x+1] = webpClip(y - cb*6419>>8 - cr*13320>>8 + 8708)
		dst[3*x+2] = webpClip(y + cb*33050>>8 - 17685)
	}
}

func webpClip(v int) byte { return byte(min(max(v>>6, 0), 255)) }
