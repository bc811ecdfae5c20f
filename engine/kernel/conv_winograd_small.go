package kernel

import "unsafe"

// plainSmallWinograd is F(2x2, 3x3), after the same source: 2x2 outputs from 4x4
// inputs by 16 multiplications instead of 36, evaluated at 0, 1, -1 and infinity:
//
//	      1  0 -1  0          1    0    0
//	B^T   0  1  1  0    G    1/2  1/2  1/2   A^T   1  1  1  0
//	      0 -1  1  0         1/2 -1/2  1/2         0  1 -1 -1
//	      0  1  0 -1          0    0    1
//
// It saves fewer multiplications, but has fewer weights to transform and multiply
// by, which is what takes the time if a picture has few tiles.
func plainSmallWinograd(lanes int) winogradUnit {
	return winogradUnit{
		side:   2,
		input:  func(a *winogradArgs) { smallWinogradInput(lanes, a) },
		output: func(a *winogradArgs) { smallWinogradOutput(lanes, a) },
		weights: func(dst, src unsafe.Pointer, plane, tap, count, first, end int) {
			smallWinogradWeights(lanes, dst, src, plane, tap, count, first, end)
		},
	}
}

func smallWinogradInput(lanes int, a *winogradArgs) {
	for _, p := range unsafe.Slice((*winogradPosition)(a.Positions), a.Count) {
		for l := range lanes {
			var d [4][4]float32
			for y := range d {
				for x := range d[y] {
					d[y][x] = *(*float32)(unsafe.Add(a.In, p.In+a.Rows[y]+a.Columns[x]+4*l))
				}
				d[y] = smallWinogradIn(d[y])
			}
			for x := range 4 {
				for y, v := range smallWinogradIn([4]float32{d[0][x], d[1][x], d[2][x], d[3][x]}) {
					*(*float32)(unsafe.Add(a.Out, (4*x+y)*a.Plane+p.Tile+4*l)) = v
				}
			}
		}
	}
}

// smallWinogradIn is the product with B^T.
func smallWinogradIn(d [4]float32) [4]float32 {
	return [4]float32{d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]}
}

func smallWinogradOutput(lanes int, a *winogradArgs) {
	bias := floats(a.Bias, lanes)
	for _, p := range unsafe.Slice((*winogradPosition)(a.Positions), a.Count) {
		for l := range lanes {
			var m [2][4]float32
			for x := range 4 {
				var t [4]float32
				for y := range t {
					t[y] = *(*float32)(unsafe.Add(a.In, (4*x+y)*a.Plane+p.Tile+4*l))
				}
				for y, v := range smallWinogradOut(t) {
					m[y][x] = v
				}
			}
			for y := range a.Height {
				row := smallWinogradOut(m[y])
				a.putRow(&p, y, lanes, l, row[:a.Width], bias[l])
			}
		}
	}
}

// smallWinogradOut is the product with A^T.
func smallWinogradOut(m [4]float32) [2]float32 {
	return [2]float32{m[0] + m[1] + m[2], m[1] - m[2] - m[3]}
}

func smallWinogradWeights(lanes int, dst, src unsafe.Pointer, plane, tap, count, first, end int) {
	for i := range count * lanes {
		var u [3][4]float32
		for y := range u {
			u[y] = smallWinogradTaps(threeTaps(src, 3*y*tap+4*i, tap))
		}
		for x := first; x < end; x++ {
			for y, v := range smallWinogradTaps(u[0][x], u[1][x], u[2][x]) {
				*(*float32)(unsafe.Add(dst, (4*(x-first)+y)*plane+4*i)) = v
			}
		}
	}
}

// smallWinogradTaps is the product with G.
func smallWinogradTaps(a, b, c float32) [4]float32 {
	return [4]float32{a, (a + c + b) / 2, (a + c - b) / 2, c}
}
