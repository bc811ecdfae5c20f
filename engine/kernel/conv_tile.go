package kernel

import "unsafe"

// convArgs is one call of a convolution kernel: for each position a register
// tile of output pixels by one or two vectors of output channels. The first
// half of a tile's pixels (the larger one) lies from its position on, the other
// from there plus SecondIn and so on.
type convArgs struct {
	In, Weights, Bias, Out, Residual    unsafe.Pointer // Residual may be nil
	OutBlock, ResidualBlock             int            // bytes from the first vector of channels to the second
	Positions                           unsafe.Pointer // *convPosition
	Count                               int            // of them, at least 1
	Steps                               unsafe.Pointer // *convStep
	StepCount                           int            // of them, at least 1
	PixelStride                         int            // bytes between the inputs of neighbouring output pixels
	SecondIn, SecondOut, SecondResidual int
	Low, High                           float32 // the sum is clipped to these
	Ahead                               unsafe.Pointer
	AheadStep                           int // bytes from Ahead on to prefetch with every input that has three beside it
}

// fetch spreads the prefetching of weights that come next evenly over so many
// inputs of tiles: in bursts they would hold up the loads of the weights that
// are multiplied now.
func (a *convArgs) fetch(next []float32, inputs int) {
	if len(next) == 0 {
		a.Ahead, a.AheadStep = nil, 0
		return
	}
	a.Ahead = unsafe.Pointer(&next[0])
	a.AheadStep = (4*len(next) + inputs - 1) / inputs
}

// fetched notes that a call whose tiles have so many inputs has prefetched its
// share.
func (a *convArgs) fetched(inputs int) {
	if a.AheadStep > 0 {
		a.Ahead = unsafe.Add(a.Ahead, a.AheadStep*inputs*a.Count)
	}
}

// convPosition places a tile: bytes from In, Out and Residual to its first pixel.
type convPosition struct{ In, Out, Residual int }

// convStep is a run of inputs side by side: 4·Quads+Ones float32 that begin
// Offset bytes after a pixel. Weights follow each other in the order of the
// inputs, a vector (or two) of output channels each.
type convStep struct {
	Offset      int
	Quads, Ones int32
}

// convTile runs the tiles of one call on register tiles of rows pixels and vecs
// vectors.
type convTile func(rows, vecs int, a *convArgs)

// convRows is the most rows that a tile of a format has.
func convRows(f Format) int {
	if f == F32x16 {
		return 14
	}
	return 6
}

// convTile8 and convTile16 are the twins, on 8 and 16 lanes.
func convTile8(rows, vecs int, a *convArgs)  { convTileAny(8, rows, vecs, a) }
func convTile16(rows, vecs int, a *convArgs) { convTileAny(16, rows, vecs, a) }

func convTileAny(lanes, rows, vecs int, a *convArgs) {
	width := lanes * vecs
	bias := unsafe.Slice((*float32)(a.Bias), width)
	steps := unsafe.Slice((*convStep)(a.Steps), a.StepCount)
	half := (rows + 1) / 2
	var sums [14 * 32]float32
	for _, p := range unsafe.Slice((*convPosition)(a.Positions), a.Count) {
		for r := range rows {
			copy(sums[r*width:], bias)
		}
		at := 0
		for _, s := range steps {
			n := 4*int(s.Quads) + int(s.Ones)
			w := unsafe.Slice((*float32)(unsafe.Add(a.Weights, 4*at*width)), n*width)
			at += n
			for r := range rows {
				in := p.In + s.Offset + r*a.PixelStride
				if r >= half {
					in += a.SecondIn - half*a.PixelStride
				}
				convRow(sums[r*width:][:width], unsafe.Slice((*float32)(unsafe.Add(a.In, in)), n), w)
			}
		}
		for r := range rows {
			out, res := p.Out+r*4*lanes, p.Residual+r*4*lanes
			if r >= half {
				out += a.SecondOut - half*4*lanes
				res += a.SecondResidual - half*4*lanes
			}
			for v := range vecs {
				dst := unsafe.Slice((*float32)(unsafe.Add(a.Out, out+v*a.OutBlock)), lanes)
				sum := sums[r*width+v*lanes:][:lanes]
				if a.Residual != nil {
					for i, x := range unsafe.Slice((*float32)(unsafe.Add(a.Residual, res+v*a.ResidualBlock)), lanes) {
						sum[i] += x
					}
				}
				for i, x := range sum {
					dst[i] = clip(x, a.Low, a.High)
				}
			}
		}
	}
}

// convRow adds the products of one pixel's inputs with their weights.
func convRow(sums, in, w []float32) {
	for i, x := range in {
		w := w[i*len(sums):][:len(sums)]
		for j := range sums {
			sums[j] += x * w[j]
		}
	}
}

// clip keeps NaN.
func clip(x, low, high float32) float32 {
	if x < low {
		return low
	}
	if x > high {
		return high
	}
	return x
}
