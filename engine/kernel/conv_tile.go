package kernel

import "unsafe"

// convArgs is one call of a convolution kernel: for each position a register
// tile of output pixels by one to three vectors of output channels. The first
// half of a tile's pixels (the larger one) lies from its position on, the other
// from there plus SecondIn and so on.
type convArgs struct {
	In, Weights, Bias, Out, Residual    unsafe.Pointer // Residual may be nil
	OutBlock, ResidualBlock             int            // bytes from one vector of channels to the next
	Positions                           unsafe.Pointer // *convPosition
	Count                               int            // of them, at least 1
	Steps                               unsafe.Pointer // *convStep
	StepCount                           int            // of them, at least 1
	PixelStride                         int            // bytes between the inputs of neighbouring output pixels
	SecondIn, SecondOut, SecondResidual int
	Low, High                           float32 // the sum is clipped to these
	Ahead                               unsafe.Pointer
	AheadInput, AheadStep               int // bytes from Ahead on to prefetch with every input that has three beside it, and with every step
	NextIn                              int // not 0: each step prefetches the inputs of the next; one more step follows the last
}

// fetch spreads the prefetching of weights that come next evenly over so many
// tiles: in bursts they would hold up the loads of the weights that are
// multiplied now. Where a pair of lines a step is enough, less is in the way.
func (a *convArgs) fetch(t *convTile, next []float32, tiles, steps, inputs int) {
	a.Ahead, a.AheadInput, a.AheadStep = nil, 0, 0
	if len(next) == 0 {
		return
	}
	a.Ahead = unsafe.Pointer(&next[0])
	if each := (4*len(next) + tiles*steps - 1) / (tiles * steps); t.stepAhead && each <= linePair {
		a.AheadStep = each
		return
	}
	a.AheadInput = (4*len(next) + tiles*inputs - 1) / (tiles * inputs)
}

// linePair is what a processor fetches into L2 when asked for a line of it.
const linePair = 128

// fetched notes that a call whose tiles have so many steps and inputs each has
// prefetched its share.
func (a *convArgs) fetched(steps, inputs int) {
	if a.Ahead != nil {
		a.Ahead = unsafe.Add(a.Ahead, a.Count*(a.AheadStep*steps+a.AheadInput*inputs))
	}
}

// convPosition places a tile: bytes from In, Out and Residual to its first pixel.
type convPosition struct{ In, Out, Residual int }

// convStep is a run of inputs side by side: 4·Quads+Ones float32 that begin
// Offset bytes after a pixel. Weights follow each other in the order of the
// inputs, the vectors of output channels of each side by side.
type convStep struct {
	Offset      int
	Quads, Ones int32
}

// convTile runs the tiles of one call on register tiles of at most most pixels
// and one or two vectors, or of at most tall pixels and three.
type convTile struct {
	most int
	run  func(rows, vecs int, a *convArgs)
	// row is a larger size it has for pictures that are so wide: slower than
	// most, but faster than two halves of a row. Or 0.
	row       int
	tall      int  // or 0: no three vectors
	stepAhead bool // it knows convArgs.AheadStep
}

// convTile8 and convTile16 are the twins, on 8 and 16 lanes.
var (
	convTile8  = convTile{most: 6, row: 7, tall: 4, run: func(rows, vecs int, a *convArgs) { convTileAny(8, rows, vecs, a) }}
	convTile16 = convTile{most: 14, run: func(rows, vecs int, a *convArgs) { convTileAny(16, rows, vecs, a) }}
)

// convTile is the one whose vectors are of format f.
func (r *Rung) convTile(f Format) convTile {
	if f == F32x16 {
		return r.ConvTile16
	}
	return r.ConvTile8
}

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
