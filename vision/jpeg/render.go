package jpeg

// The plane of a component has ten row groups: the last two of the previous row of MCUs,
// and the eight of the current one. A row group is c.v rows of samples, for maxV rows of
// pixels. If the filter of a component needs rows below, the pixels of the last row group
// are computed with the next row of MCUs.

// render computes the pixels of row mcuY of MCUs that are in the area. Rows must come in
// order. It returns the row before which all pixels are finished.
func (d *Decoder) render(dst *RGB, mcuY int) int {
	context := false
	for i := range d.components {
		c := &d.components[i]
		d.transform(c, mcuY)
		context = context || c.up.needsContext()
	}
	first, last := 8*mcuY, 8*mcuY+8
	if context {
		if mcuY > 0 {
			first--
		}
		if mcuY < d.mcusY-1 {
			last--
		}
	}
	for y := max(first*d.maxV, d.area.Min.Y); y < min(last*d.maxV, d.area.Max.Y); y++ {
		d.pixels(dst.Pix[3*d.width*y:][:3*d.width], y, mcuY)
	}
	if context && mcuY < d.mcusY-1 {
		for i := range d.components {
			c := &d.components[i]
			size := c.v * c.stride
			copy(c.plane[:2*size], c.plane[8*size:])
		}
	}
	return last * d.maxV
}

// repeat fills the picture from row mcuY of MCUs on, and pixels of the previous row that
// are not finished, with the last finished row of pixels.
func (d *Decoder) repeat(dst *RGB, mcuY int) {
	pitch := 3 * d.width
	from := (8*mcuY - 1) * d.maxV * pitch
	for at := from; at < len(dst.Pix); at += pitch {
		copy(dst.Pix[at:at+pitch], dst.Pix[from-pitch:from])
	}
}

// transform computes the samples of row mcuY of MCUs in c's plane.
func (d *Decoder) transform(c *component, mcuY int) {
	from := 0
	if c.rows > c.v {
		from = mcuY * c.v
	}
	for y := range c.v {
		at := (2*c.v + 8*y) * c.stride
		coefs := c.coefs[(from+y)*c.pitch*64:][:c.pitch*64]
		if d.mustGuess && mcuY*c.v+y < c.blocksY {
			d.row = grown(d.row, len(coefs))
			d.smooth(d.row, c, mcuY, y)
			coefs = d.row
		}
		d.kernels.idct(c.plane[at+margin+8*c.b0:], c.stride, coefs[64*c.b0:], &c.quant, c.b1-c.b0)
		if c.up != upH2V1 && c.up != upH2V2 {
			continue
		}
		for range 8 {
			row := c.plane[at : at+c.stride]
			row[margin-1] = row[margin]
			row[margin+c.width] = row[margin+c.width-1]
			at += c.stride
		}
	}
}

// row returns the samples of row y that the area needs, and one more on either side. Rows
// outside the picture repeat the outermost.
func (c *component) row(y, mcuY int) []byte {
	y = min(max(y, 0), c.height-1)
	at := (y-(8*mcuY-2)*c.v)*c.stride + margin
	return c.plane[at+c.x0-1 : at+c.x1+1]
}

// pixels writes the pixels of row y that are in the area.
func (d *Decoder) pixels(dst []byte, y, mcuY int) {
	var in [4][]byte
	dst = dst[3*d.area.Min.X : 3*d.area.Max.X]
	for i := range d.components {
		in[i] = d.fullRow(&d.components[i], y, mcuY)[:d.area.Dx()]
	}
	switch k := d.kernels; d.colour {
	case grey:
		k.rgb(dst, in[0], in[0], in[0])
	case ycc:
		k.ycc(dst, in[0], in[1], in[2])
	case rgb:
		k.rgb(dst, in[0], in[1], in[2])
	default:
		cmykRow(dst, in[0], in[1], in[2], in[3], d.colour == ycck)
	}
}

// fullRow returns the upsampled samples of component c for the area's part of row y of the
// picture.
func (d *Decoder) fullRow(c *component, y, mcuY int) []byte {
	v := d.maxV / c.v
	cy := y / v
	near := c.row(cy, mcuY)
	far, bias := cy-1, 1
	if y%v != 0 {
		far, bias = cy+1, 2
	}
	switch k := d.kernels; c.up {
	case upNone:
		return near[1:]
	case upH2V1:
		k.h2v1(c.line, near)
	case upH1V2:
		k.h1v2(c.line, near[1:len(near)-1], c.row(far, mcuY)[1:], bias)
	case upH2V2:
		k.h2v2(c.line, near, c.row(far, mcuY))
	case upReplicate:
		replicate(c.line[:d.area.Dx()], near[1:], d.maxH/c.h)
	}
	return c.line
}
