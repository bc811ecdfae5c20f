package kernel

// convCut says how the units and columns of a convolution become chunks, and
// in which order.
type convCut struct {
	unitRanges, columnRanges int
	columnsFirst             bool // all units of a column range before the next
	pictures                 int  // with columnsFirst: so many pass a column range before the next
	batch                    int  // units a call computes before the next column
}

// cutWork chooses. Rows are the better cut, as each core keeps its own pixels
// in its L2; but weights that do not stay there should pass only once, and then
// a chunk takes one column of channels and as many rows as it has time for. So it
// does where few rows meet many weights: those come from far, each column while
// the one before is multiplied, and the pixels stay.
func (s *directConv) cutWork() convCut {
	const (
		stays        = 1 << 20         // bytes of weights that leave room in L2
		few, cold    = 200, 100 << 10  // pixels that wait for so many bytes of weights longer than they would in L2
		pixels       = 24 << 10        // bytes of input that stay in L1 over all columns
		pixelsNarrow = 96 << 10        // bytes of input that come from L2 to a panel of weights in L1
		chunk        = 80. * chunkTime // multiply-adds of AVX-512
		chunkNarrow  = 45. * chunkTime
	)
	target, room := chunk, pixels
	if s.weights.block == F32x8 {
		target, room = chunkNarrow, pixelsNarrow
	}
	c := &s.conv
	units, columns := len(s.units), len(s.weights.columns)
	perUnit := c.multiplyAdds() / float64(units)
	perCell := perUnit / float64(columns)
	cut := convCut{pictures: 1}
	var us, cs int // units and columns of a chunk
	if 4*len(s.weights.data) > stays || c.Out.H*c.Out.W <= few && 4*len(s.weights.data) > cold {
		cut.columnsFirst = true
		cut.pictures = min(c.In.N, max(1, stays/c.In.Image)) // whose inputs stay as well
		us = atMost(units, 4*target/perCell)
		cs = atMost(columns, target/(perCell*float64(us)))
	} else {
		us = atMost(units, target/perUnit)
		cs = columns
		if perUnit > 2*target {
			cs = atMost(columns, target/perCell)
		}
	}
	if s.pad != nil {
		us = max(1, min(units, padRows*units/c.Out.H))
	}
	cut.unitRanges, cut.columnRanges = (units+us-1)/us, (columns+cs-1)/cs
	cut.batch = units
	if c.KernelH*c.KernelW == 1 && !cut.columnsFirst {
		bytes := c.Out.H * c.Out.W * c.StrideW * c.In.C * 4 / units
		cut.batch = max(1, room/max(1, bytes))
	}
	return cut
}

// atMost is n bounded by limit, but at least 1.
func atMost(n int, limit float64) int {
	if limit < float64(n) {
		return max(1, int(limit))
	}
	return n
}

// at is what a chunk covers: picture n, units [u0, u1), columns [c0, c1).
func (k *convCut) at(chunk, pictures, units, columns int) (picture, u0, u1, c0, c1 int) {
	first := chunk / (k.pictures * k.unitRanges * k.columnRanges) * k.pictures
	chunk -= first * k.unitRanges * k.columnRanges
	together := min(k.pictures, pictures-first)
	n, u, c := first, chunk/k.columnRanges, chunk%k.columnRanges
	if k.columnsFirst {
		c, chunk = chunk/(together*k.unitRanges), chunk%(together*k.unitRanges)
		n, u = first+chunk/k.unitRanges, chunk%k.unitRanges
	}
	return n, u * units / k.unitRanges, (u + 1) * units / k.unitRanges,
		c * columns / k.columnRanges, (c + 1) * columns / k.columnRanges
}
