package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// Winograd's F(4x4, 3x3), after Lavin and Gray 2015, "Fast Algorithms for
// Convolutional Neural Networks": 4x4 outputs of a 3x3 convolution from 6x6
// inputs d and taps g by 36 multiplications instead of 144,
//
//	Y = A^T ((G g G^T) . (B^T d B)) A
//
// where . is the element-wise product. Summed over input channels, this is one
// matrix product for each of the 36 elements. The polynomials are evaluated at 0,
// 1, -1, 2, -2 and infinity:
//
//	      4  0 -5  0  1  0         1/4     0     0        1  1  1  1  1  0
//	      0 -4 -4  1  1  0        -1/6  -1/6  -1/6   A^T  0  1 -1  2 -2  0
//	B^T   0  4 -4 -1  1  0    G   -1/6   1/6  -1/6        0  1  1  4  4  0
//	      0 -2 -1  2  1  0        1/24  1/12   1/6        0  1 -1  8 -8  1
//	      0  2 -1 -2  1  0        1/24 -1/12   1/6
//	      0  4  0 -5  0  1           0     0     1
//
// In float32 the rms error is 1.5e-6 to 3.5e-6 of the output's rms, three to four
// times that of the direct form.

// winogradArgs is one call of a transform.
type winogradArgs args.Winograd

// winogradPosition is the position of a tile: byte offsets in a transformed plane,
// and of its first pixel in the input, the output and the residual.
type winogradPosition struct{ Tile, In, Out, Residual int }

// winogradUnit holds the three transforms for one kind of vector. weights reads
// count contiguous vectors of kernels, whose nine taps are tap bytes apart, and
// writes columns [first, end) of the transformed numbers, which are plane bytes
// apart.
type winogradUnit struct {
	side          int // side of a tile's outputs
	input, output func(a *winogradArgs)
	weights       func(dst, src unsafe.Pointer, plane, tap, count, first, end int)
	few           func(stripe, tiles int, a *winogradFewArgs) // the products of few tiles, or nil
}

// stripes is the number of columns of a transformed tile, and of numbers in each.
func (u winogradUnit) stripes() int { return u.side + 2 }

// planes is the number of elements of a transformed tile.
func (u winogradUnit) planes() int { return u.stripes() * u.stripes() }

// plainWinograd returns the twins.
func plainWinograd(lanes int) winogradUnit {
	u := winogradUnit{
		side:   4,
		input:  func(a *winogradArgs) { winogradInput(lanes, a) },
		output: func(a *winogradArgs) { winogradOutput(lanes, a) },
		weights: func(dst, src unsafe.Pointer, plane, tap, count, first, end int) {
			winogradWeights(lanes, dst, src, plane, tap, count, first, end)
		},
	}
	if lanes == 16 {
		u.few = func(stripe, tiles int, a *winogradFewArgs) { winogradSums(lanes, stripe, tiles, a) }
	}
	return u
}

// winogradInput is the twin of winogradUnit.input: rows of a tile first, then columns.
func winogradInput(lanes int, a *winogradArgs) {
	for _, p := range unsafe.Slice((*winogradPosition)(a.Positions), a.Count) {
		for l := range lanes {
			var d [6][6]float32
			for y := range d {
				for x := range d[y] {
					d[y][x] = *(*float32)(unsafe.Add(a.In, p.In+a.Rows[y]+a.Columns[x]+4*l))
				}
				d[y] = winogradIn(d[y])
			}
			for x := range 6 {
				t := winogradIn([6]float32{d[0][x], d[1][x], d[2][x], d[3][x], d[4][x], d[5][x]})
				for y, v := range t {
					*(*float32)(unsafe.Add(a.Out, (6*x+y)*a.Plane+p.Tile+4*l)) = v
				}
			}
		}
	}
}

// winogradIn is the product with B^T.
func winogradIn(d [6]float32) [6]float32 {
	even1, odd1 := d[4]-4*d[2], d[3]-4*d[1]
	even2, odd2 := d[4]-d[2], d[3]-d[1]
	return [6]float32{4*d[0] - 5*d[2] + d[4], even1 + odd1, even1 - odd1, even2 + 2*odd2, even2 - 2*odd2, 4*d[1] - 5*d[3] + d[5]}
}

// winogradOutput is the twin of winogradUnit.output.
func winogradOutput(lanes int, a *winogradArgs) {
	bias := floats(a.Bias, lanes)
	for _, p := range unsafe.Slice((*winogradPosition)(a.Positions), a.Count) {
		for l := range lanes {
			var m [4][6]float32
			for x := range 6 {
				var t [6]float32
				for y := range t {
					t[y] = *(*float32)(unsafe.Add(a.In, (6*x+y)*a.Plane+p.Tile+4*l))
				}
				for y, v := range winogradOut(t) {
					m[y][x] = v
				}
			}
			for y := range a.Height {
				row := winogradOut(m[y])
				a.putRow(&p, y, lanes, l, row[:a.Width], bias[l])
			}
		}
	}
}

// putRow writes lane l of row y of the tile at p, after adding bias and residual.
func (a *winogradArgs) putRow(p *winogradPosition, y, lanes, l int, row []float32, bias float32) {
	for x, v := range row {
		at := x*a.OutColumn + 4*l
		v += bias
		if a.Residual != nil {
			v += *(*float32)(unsafe.Add(a.Residual, p.Residual+y*a.ResidualRow+at))
		}
		*(*float32)(unsafe.Add(a.Out, p.Out+y*a.OutRow+at)) = clip(v, a.Low, a.High)
	}
}

// winogradOut is the product with A^T.
func winogradOut(m [6]float32) [4]float32 {
	even1, odd1 := m[1]+m[2], m[1]-m[2]
	even2, odd2 := m[3]+m[4], m[3]-m[4]
	return [4]float32{m[0] + even1 + even2, odd1 + 2*odd2, even1 + 4*even2, m[5] + odd1 + 8*odd2}
}

// winogradWeights is the twin of winogradUnit.weights.
func winogradWeights(lanes int, dst, src unsafe.Pointer, plane, tap, count, first, end int) {
	for i := range count * lanes {
		var u [3][6]float32
		for y := range u {
			u[y] = winogradTaps(threeTaps(src, 3*y*tap+4*i, tap))
		}
		for x := first; x < end; x++ {
			for y, v := range winogradTaps(u[0][x], u[1][x], u[2][x]) {
				*(*float32)(unsafe.Add(dst, ((x-first)*6+y)*plane+4*i)) = v
			}
		}
	}
}

// threeTaps returns three numbers of a kernel's row, column or the like; the first
// is at bytes from p.
func threeTaps(p unsafe.Pointer, at, tap int) (a, b, c float32) {
	return *(*float32)(unsafe.Add(p, at)), *(*float32)(unsafe.Add(p, at+tap)), *(*float32)(unsafe.Add(p, at+2*tap))
}

// winogradTaps is the product with G.
func winogradTaps(a, b, c float32) [6]float32 {
	even, odd := c/6+a/24, b/12
	return [6]float32{a / 4, (a + c + b) / -6, (a + c - b) / -6, even + odd, even - odd, c}
}
