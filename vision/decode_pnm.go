package vision

// decodePNM reads the portable bitmaps, greymaps and pixmaps P1 to P6 of
// Netpbm (pbm(5), pgm(5), ppm(5)): numbers as text or as bytes, of 1, 8 or 16
// bits. Samples are scaled from 0…maximum to 0…255 and rounded.
func decodePNM(data []byte, o *options) (*Image, int, error) {
	p := pnm{data: data[2:], kind: data[1]}
	plain := p.kind < '4'
	bitmap := p.kind == '1' || p.kind == '4'
	width, height, most := p.number(), p.number(), 1
	if !bitmap {
		most = p.number()
	}
	switch {
	case p.failed:
		return nil, 0, broken("PNM", "the header is no three numbers")
	case most < 1 || most > 65535:
		return nil, 0, broken("PNM", "the largest sample is said to be %d; it is 1 to 65535", most)
	}
	if err := o.admit("PNM", int64(width), int64(height), 0); err != nil {
		return nil, 0, err
	}
	channels := 1
	if p.kind == '3' || p.kind == '6' {
		channels = 3
	}
	if !plain && len(p.data) > 0 {
		p.data = p.data[1:] // one white space ends the header
	}
	if need := p.least(int64(width), int64(height), int64(channels), most); need > int64(len(p.data)) {
		return nil, 0, broken("PNM", "%dx%d need at least %d bytes, %d are there", width, height, need, len(p.data))
	}
	m := NewImage(width, height)
	for y := range height {
		if err := o.ended(); err != nil {
			return nil, 0, err
		}
		if p.row(m.Pix[y*width*3:][:width*3], channels, most); p.failed {
			return nil, 0, broken("PNM", "row %d of %d holds what is no sample", y, height)
		}
	}
	return m, 1, nil
}

// pnm reads from the front of data.
type pnm struct {
	data   []byte
	kind   byte // '1' to '6'
	failed bool
}

// least is the minimum number of bytes that the samples of a picture take.
func (p *pnm) least(width, height, channels int64, most int) int64 {
	switch {
	case p.kind == '4':
		return (width + 7) / 8 * height
	case p.kind == '1':
		return width * height // one digit each; separators are optional
	case p.kind < '4':
		return 2*width*height*channels - 1
	case most > 255:
		return 2 * width * height * channels
	}
	return width * height * channels
}

// row reads one row as RGB.
func (p *pnm) row(dst []byte, channels, most int) {
	bits := p.data
	if p.kind == '4' {
		p.data = p.data[(len(dst)/3+7)/8:]
	}
	for x := 0; x < len(dst) && !p.failed; x += 3 {
		for c := range channels {
			var v int
			switch {
			case p.kind == '4':
				v = int(bits[x/24]>>(7-x/3%8)&1) ^ 1
			case p.kind == '1':
				v = p.bit() ^ 1
			case p.kind < '4':
				v = p.number()
			case most > 255:
				v = int(p.data[0])<<8 | int(p.data[1])
				p.data = p.data[2:]
			default:
				v = int(p.data[0])
				p.data = p.data[1:]
			}
			dst[x+c] = byte((min(v, most)*255 + most/2) / most)
		}
		if channels == 1 {
			dst[x+1], dst[x+2] = dst[x], dst[x]
		}
	}
}

// skip drops white space, and comments from # to the end of the line.
func (p *pnm) skip() {
	comment := false
	for i, b := range p.data {
		switch {
		case b == '\n' || b == '\r':
			comment = false
		case b == '#':
			comment = true
		case !comment && b != ' ' && b != '\t' && b != '\v' && b != '\f':
			p.data = p.data[i:]
			return
		}
	}
	p.data = nil
}

// number reads a decimal number; if there is none it returns -1 and sets failed.
func (p *pnm) number() int {
	p.skip()
	n, i := 0, 0
	for ; i < len(p.data) && i < 9 && p.data[i] >= '0' && p.data[i] <= '9'; i++ {
		n = n*10 + int(p.data[i]-'0')
	}
	if i == 0 || i == 9 {
		p.failed = true
		return -1
	}
	p.data = p.data[i:]
	return n
}

// bit reads one digit.
func (p *pnm) bit() int {
	if p.skip(); len(p.data) == 0 || p.data[0] != '0' && p.data[0] != '1' {
		p.failed = true
		return 0
	}
	v := int(p.data[0] - '0')
	p.data = p.data[1:]
	return v
}
