package jpeg

// In a progressive picture whose scans end early, blocks would be visible. libjpeg then
// estimates missing low frequencies from the DC values of the surrounding 5x5 blocks
// (T.81 K.8, extended by libjpeg-turbo 2.1), and this file computes the same
// coefficients. It changes nothing if the first ten coefficients are complete.

// smoothed is the number of coefficients, in zigzag order, that can be estimated.
const smoothed = 10

// accuracy has, for each coefficient of a component, the number of missing bits, or
// unknown.
type accuracy [smoothed]int8

const unknown = -1

// A knowledge is the accuracy of a component.
type knowledge struct {
	now, before accuracy // before: before the component's latest scan
}

func (a *accuracy) forget() {
	for k := range a {
		a[k] = unknown
	}
}

// note records the scan s, the n-th of the picture.
func (a *knowledge) note(s *scanHeader, n int) {
	for k := min(s.ss, 1); k < smoothed; k++ {
		if a.before[k] = a.now[k]; n == 1 {
			a.before[k] = 0
		}
	}
	for k := s.ss; k <= min(s.se, smoothed-1); k++ {
		a.now[k] = int8(s.al)
	}
}

// A window has weights for the DC values of 5x5 blocks, row by row.
type window [25]int32

// transposed swaps rows and columns.
func (w window) transposed() window {
	var t window
	for i := range w {
		t[i%5*5+i/5] = w[i]
	}
	return t
}

var (
	blur01 = window{
		-1, -1, 0, 1, 1,
		-3, 13, 0, -13, 3,
		-3, 38, 0, -38, 3,
		-3, 13, 0, -13, 3,
		-1, -1, 0, 1, 1,
	}
	blur02 = window{
		5: 0, 2, -5, 2, 0,
		10: 1, 7, -14, 7, 1,
		15: 0, 2, -5, 2, 0,
	}
	blur03 = window{
		5: 0, 1, 0, -1, 0,
		10: 0, 2, 0, -2, 0,
		15: 0, 1, 0, -1, 0,
	}
	blur12 = window{
		5: 0, 1, -3, 1, 0,
		15: 0, -1, 3, -1, 0,
	}
	line01 = window{10: -7, 50, 0, -50, 7}
	line02 = window{10: -1, 13, -24, 13, -1}

	// fromDC has the weights of each coefficient, in zigzag order, if only DC is known;
	// DC itself is blurred too.
	fromDC = [smoothed]window{
		{
			-2, -6, -8, -6, -2,
			-6, 6, 42, 6, -6,
			-8, 42, 152, 42, -8,
			-6, 6, 42, 6, -6,
			-2, -6, -8, -6, -2,
		},
		blur01, blur01.transposed(),
		blur02.transposed(),
		{
			-1, 0, 0, 0, 1,
			0, 9, 0, -9, 0,
			0, 0, 0, 0, 0,
			0, -9, 0, 9, 0,
			1, 0, 0, 0, -1,
		},
		blur02, blur03, blur12, blur12.transposed(), blur03.transposed(),
	}
	// withAC has the weights if some AC coefficients are known; DC and the last four then
	// keep their values.
	withAC = [smoothed]window{
		{},
		line01, line01.transposed(),
		line02.transposed(),
		{
			0, -1, 0, 1, 0,
			-1, 10, 0, -10, 1,
			0, 0, 0, 0, 0,
			1, -10, 0, 10, -1,
			0, 1, 0, -1, 0,
		},
		line02,
	}
)

// smoothing reports whether estimates are possible and may change anything.
func (d *Decoder) smoothing() bool {
	useful := false
	for i := range d.components {
		c := &d.components[i]
		if !c.hasQuant || c.known.now[0] < 0 {
			return false
		}
		for k := range smoothed {
			if c.quant[natural[k]] == 0 {
				return false
			}
			useful = useful || k > 0 && c.known.now[k] != 0
		}
	}
	return useful
}

// smooth copies to dst the coefficients of row y of c's blocks in row mcuY of MCUs, with
// estimates for those that are zero and not completely known.
func (d *Decoder) smooth(dst []int16, c *component, mcuY, y int) {
	row := mcuY*c.v + y
	copy(dst, c.coefs[row*c.pitch*64:][:c.pitch*64])
	known := c.known.now
	if mcuY > d.lastGood {
		known = c.known.before
		if d.scans == 1 {
			known.forget()
		}
	}
	weights, last := &withAC, 5
	if known.onlyDC() {
		weights, last = &fromDC, smoothed-1
	}
	rows := d.smoothRows(c, mcuY, y)
	q0 := int64(uint16(c.quant[0]))
	right := c.blocksX - 1 // the column that stands for those outside
	if c.blocksX == 2 {
		right = 0 // as in libjpeg-turbo
	}
	for x := range c.blocksX {
		block := (*[64]int16)(dst[64*x:])
		var around window
		for i := range around {
			column := max(x+i%5-2, 0)
			if column >= c.blocksX {
				column = right
			}
			around[i] = int32(c.coefs[(rows[i/5]*c.pitch+column)*64])
		}
		for k := 1; k <= last; k++ {
			if at := &block[natural[k]]; known[k] != 0 && *at == 0 {
				*at = guess(&around, &weights[k], q0, c.quant[natural[k]], known[k])
			}
		}
		if weights == &fromDC {
			block[0] = guess(&around, &weights[0], q0, c.quant[0], unknown)
		}
	}
}

// onlyDC reports whether no AC coefficient is known.
func (known *accuracy) onlyDC() bool {
	for _, bits := range known[1:] {
		if bits != unknown {
			return false
		}
	}
	return true
}

// smoothRows returns the rows of blocks from two above to two below row y of row mcuY of
// MCUs; the outermost are repeated. As in libjpeg, a row that only completes the last MCU
// counts if it follows a row of another, and in the first two and the last two rows of
// MCUs, the row at a distance of two is the one at a distance of one.
func (d *Decoder) smoothRows(c *component, mcuY, y int) [5]int {
	row := mcuY*c.v + y
	rows := [5]int{row, row, row, row, row}
	if row > 0 {
		rows[0], rows[1] = row-1, row-1
	}
	if mcuY > 1 {
		rows[0] = row - 2
	}
	if mcuY < d.mcusY-1 || row < c.blocksY-1 {
		rows[3], rows[4] = row+1, row+1
	}
	if mcuY < d.mcusY-2 {
		rows[4] = row + 2
	}
	return rows
}

// guess returns the weighted sum of DC values, converted from steps of q0 to steps of q
// and rounded. If the upper bits of the coefficient are known to be zero, the magnitude
// is limited to the lower ones.
func guess(around, weights *window, q0 int64, q int16, bits int8) int16 {
	sum := int64(0)
	for i, w := range weights {
		sum += int64(w) * int64(around[i])
	}
	num, step := q0*sum, int64(uint16(q))
	sign := int64(1)
	if num < 0 {
		num, sign = -num, -1
	}
	v := (step<<7 + num) / (step << 8)
	if bits > 0 {
		v = min(v, 1<<bits-1)
	}
	return int16(sign * v)
}
