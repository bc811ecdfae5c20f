package kernel

import (
	"math"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// convArgs is one call of a convolution kernel.
type convArgs args.Conv

// clip sets the bounds to which sums are clipped.
func (a *convArgs) clip(low, high float32) {
	a.Low, a.High, a.Limits = low, high, 2
	if math.IsInf(float64(high), 1) {
		a.Limits = 1
		if math.IsInf(float64(low), -1) {
			a.Limits = 0
		}
	}
}

// fetch distributes the prefetching of the next weights evenly over the given
// number of prefetches, which calls go through one after the other (fetched): in bursts
// they would delay the loads of the current weights. Weights must be set.
func (a *convArgs) fetch(next []float32, prefetches int) {
	a.Ahead, a.AheadEach = uintptr(a.Weights), 0
	if len(next) > 0 && prefetches > 0 {
		a.Ahead, a.AheadEach = uintptr(unsafe.Pointer(&next[0])), (4*len(next)+prefetches-1)/prefetches
	}
}

// fetched records that a call has prefetched its share.
func (a *convArgs) fetched(prefetches int) {
	a.Ahead += uintptr(a.AheadEach * prefetches)
}

// convPosition is the position of a tile: bytes from In, Out and Residual to its
// first pixel.
type convPosition struct{ In, Out, Residual int }

// convStep is a run of contiguous inputs: 4·Quads+Ones float32 that begin Offset
// bytes after a pixel. The weights are in the order of the inputs; for each input,
// the vectors of output channels are contiguous.
type convStep struct {
	Offset      int
	Quads, Ones int32
}

// convTile computes register tiles: 14 pixels by two vectors of channels with AVX-512, 6 by
// two or 4 by three with AVX2. The first part of a tile has head pixels: the larger half or,
// with breaks, up to all but one.
type convTile struct {
	pixels  int                                     // pixels of a tile of one or two vectors, at most
	pixels3 int                                     // pixels of a tile of three vectors, at most; 0: there are none
	breaks  bool                                    // a row of the picture may end anywhere in a tile, not just in its middle
	narrows bool                                    // tiles of two vectors can store BF16x32
	ahead   int                                     // prefetches in each of the BlockSteps of a tile of at least two vectors
	run     func(rows, head, vecs int, a *convArgs) // rows: pixels of the tile
}

// plainConvTile returns the twin.
func plainConvTile(lanes int) convTile {
	t := convTile{pixels: 14, run: func(rows, head, vecs int, a *convArgs) { convTileLanes(lanes, rows, head, vecs, a) }}
	if lanes == 8 {
		t.pixels, t.pixels3, t.breaks = 6, 4, true
	}
	return t
}

// convTileLanes computes the tiles of a call, of rows pixels by vecs vectors of lanes channels.
func convTileLanes(lanes, rows, head, vecs int, a *convArgs) {
	width := lanes * vecs
	bias := unsafe.Slice((*float32)(a.Bias), width)
	steps := unsafe.Slice((*convStep)(a.Steps), a.StepCount)
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
				if r >= head {
					in += a.SecondIn - head*a.PixelStride
				}
				convRow(sums[r*width:][:width], unsafe.Slice((*float32)(unsafe.Add(a.In, in)), n), w)
			}
		}
		for r := range rows {
			out, res := p.Out+r*4*lanes, p.Residual+r*4*lanes
			if r >= head {
				out += a.SecondOut - head*4*lanes
				res += a.SecondResidual - head*4*lanes
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

// clip is min(max(x, low), high), also where low is above high. It keeps NaN.
func clip(x, low, high float32) float32 {
	if x < low {
		x = low
	}
	if x > high {
		return high
	}
	return x
}
