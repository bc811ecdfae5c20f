package kernel

// The output of a direct convolution is a rectangle of units (rows of pixels, or parts of
// them) by columns (of output channels). Cells of it are cut into chunks in one of two ways:
//
//	weights that stay in L2:           weights that do not, or few pixels:
//	chunks are rows, all columns       chunks go column by column
//
//	        c0 c1 c2 c3                        c0 c1 c2 c3
//	 u0-u7   0  0  0  0                 u0-u3   0  2  4  6
//	u8-u15   1  1  1  1                 u4-u7   1  3  5  7
//
// On the right, weights are streamed: each panel comes from beyond L2 once, while the column
// before is multiplied, and is used by all unit ranges of a group.

// convCut says how the units and columns of a convolution are cut into chunks, and the
// order of the chunks: groups of unit ranges; in a group, column ranges; for a column range,
// the unit ranges of the group.
type convCut struct {
	unitRanges, columnRanges int
	streamed                 bool // weights come from beyond L2
	group                    int  // unit ranges, of one or several pictures, that are computed for a column range before the next
	batch                    int  // units that are computed for a column before the next
}

// convPiece is the work of a chunk: units [u0, u1) of a picture and columns [c0, c1). It is
// number turn of turns pieces of its group.
type convPiece struct {
	picture, u0, u1, c0, c1 int
	turn, turns             int
}

// cutWork chooses the cut. Usually chunks are rows, so that each core keeps its pixels in
// its L2. But weights that do not stay in L2 should be read only once; then a chunk is a
// column of channels with as many rows as it has time for. The same holds for few pixels
// and many weights: the weights of a column are prefetched while the one before is
// multiplied, and the pixels stay. Small pictures of a batch are one group, which shares each
// column; of a large picture, as many rows as stay in L2 are a group.
func (s *directConv) cutWork() convCut {
	const (
		stays        = 1 << 20         // bytes of weights that leave room in L2
		few, cold    = 200, 100 << 10  // with at most few pixels, weights of more than cold bytes are streamed
		pixels       = 24 << 10        // bytes of input that stay in L1 over all columns
		pixelsNarrow = 96 << 10        // bytes of input that stay in L2, with a panel of weights in L1
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
	if c.In.Format == BF16x32 {
		perUnit /= 2 // two at a time
	}
	perCell := perUnit / float64(columns)
	cut := convCut{group: 1}
	var us, cs int // units and columns of a chunk
	if 4*len(s.weights.data) > stays || c.Out.H*c.Out.W <= few && 4*len(s.weights.data) > cold {
		cut.streamed = true
		us = atMost(units, 4*target/perCell)
		if c.In.Image > stays {
			us = atMost(us, float64(units)*stays/2/float64(c.In.Image)) // two pieces stay
		}
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
	if cut.streamed {
		cut.group = cutGroup(cut.unitRanges, c.In.N, c.In.Image, stays)
	}
	cut.batch = units
	if c.KernelH*c.KernelW == 1 && !cut.streamed {
		bytes := c.Out.H * c.Out.W * c.StrideW * c.In.C * c.In.Format.PixelBytes() / c.In.Format.Channels() / units
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

// cutGroup returns the number of unit ranges in a group: those of as many pictures, or of
// such a part of one, as stay in L2.
func cutGroup(ranges, pictures, image, stays int) int {
	if image <= stays {
		return ranges * min(pictures, stays/image)
	}
	most := max(1, ranges*stays/image)
	groups := (ranges + most - 1) / most
	return (ranges + groups - 1) / groups
}

// at returns the work of a chunk.
func (k *convCut) at(chunk, pictures, units, columns int) convPiece {
	ranges := pictures * k.unitRanges
	first := chunk / (k.group * k.columnRanges) * k.group
	chunk -= first * k.columnRanges
	turns := min(k.group, ranges-first)
	turn, c := chunk%turns, chunk/turns
	n, u := (first+turn)/k.unitRanges, (first+turn)%k.unitRanges
	return convPiece{
		picture: n,
		u0:      u * units / k.unitRanges, u1: (u + 1) * units / k.unitRanges,
		c0: c * columns / k.columnRanges, c1: (c + 1) * columns / k.columnRanges,
		turn: turn, turns: turns,
	}
}
