package kernel

import (
	"math/bits"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
	"github.com/visionzoo/vision/engine/kernel/vec"
)

// gemmArgs is one call of a matrix kernel.
type gemmArgs args.Gemm

// gemmUnit holds the matrix kernels of a rung.
type gemmUnit struct {
	rows, columns int     // of the largest register tile
	partial       bool    // the kernel honours masks; otherwise it reads and writes all columns
	gflops        float64 // approximate, for cutting work into chunks
	tile          func(a *gemmArgs)

	gemv [numberTypes]gemvUnit // by the type of w
}

// gemvUnit holds the kernels of products of one row with a matrix w that is not packed.
type gemvUnit struct {
	// dots sets y[r] = Σ x[i]·w[r][i], i < n, for rows of w that are rowBytes apart.
	dots func(y, w, x unsafe.Pointer, n, rows, rowBytes int)

	// strip sets y[j] = Σ x[k]·w[k][j], k < n, for some columns of a w with n rows,
	// rowBytes apart.
	strip func(y, w, x unsafe.Pointer, n, rowBytes, columns int)
}

// plainGemm holds the twins of the matrix kernels.
var plainGemm = gemmUnit{rows: 4, columns: 8, partial: true, gflops: 2, tile: gemmTilePlain,
	gemv: [numberTypes]gemvUnit{{gemvDots, gemvStrip}, narrowGemv(vec.Plain.Float16), narrowGemv(vec.Plain.BFloat16)}}

// masks returns the masks for the first n columns of a panel.
func (u *gemmUnit) masks(n int) (a, b uint32) {
	half := u.columns / 2
	return 1<<min(n, half) - 1, 1<<max(0, min(n-half, half)) - 1
}

// gemmTilePlain is the twin of the tile kernels: it sums in the order of K.
func gemmTilePlain(a *gemmArgs) {
	n := bits.OnesCount32(a.MaskA) + bits.OnesCount32(a.MaskB)
	var sums [8]float32
	for row := range a.Rows {
		x := floats(unsafe.Add(a.A, row*a.RowA), a.K)
		clear(sums[:])
		for k, v := range x {
			for j, b := range floats(unsafe.Add(a.B, k*a.RowB), n) {
				sums[j] += v * b
			}
		}
		out := floats(unsafe.Add(a.C, row*a.RowC), n)
		for j := range out {
			v := sums[j] * a.Scale
			if a.Bias != nil {
				v += floats(a.Bias, n)[j]
			}
			if a.Residual != nil {
				v += floats(unsafe.Add(a.Residual, row*a.RowResidual), n)[j]
			}
			out[j] = clip(v, a.Low, a.High)
		}
	}
}

// gemvDots is the twin of gemvUnit.dots.
func gemvDots(y, w, x unsafe.Pointer, n, rows, rowBytes int) {
	in := floats(x, n)
	for r := range rows {
		var sum float32
		for i, v := range floats(unsafe.Add(w, r*rowBytes), n) {
			sum += v * in[i]
		}
		floats(y, rows)[r] = sum
	}
}

// gemvStrip is the twin of gemvUnit.strip.
func gemvStrip(y, w, x unsafe.Pointer, n, rowBytes, columns int) {
	out := floats(y, columns)
	clear(out)
	for k, v := range floats(x, n) {
		for j, b := range floats(unsafe.Add(w, k*rowBytes), columns) {
			out[j] += v * b
		}
	}
}

// narrowGemv holds the twins for a w that has to be widened: each row of w is.
func narrowGemv(widen func(dst, src unsafe.Pointer, n int)) gemvUnit {
	row := func(w unsafe.Pointer, n int, room *[]float32) unsafe.Pointer {
		to := unsafe.Pointer(unsafe.SliceData(roomFor(room, n)))
		widen(to, w, n)
		return to
	}
	return gemvUnit{
		dots: func(y, w, x unsafe.Pointer, n, rows, rowBytes int) {
			kept := numberRooms.Get().(*[]float32)
			defer numberRooms.Put(kept)
			for r := range rows {
				gemvDots(unsafe.Add(y, 4*r), row(unsafe.Add(w, r*rowBytes), n, kept), x, n, 1, 0)
			}
		},
		strip: func(y, w, x unsafe.Pointer, n, rowBytes, columns int) {
			kept := numberRooms.Get().(*[]float32)
			defer numberRooms.Put(kept)
			out := floats(y, columns)
			clear(out)
			for k, v := range floats(x, n) {
				for j, b := range floats(row(unsafe.Add(w, k*rowBytes), columns, kept), columns) {
					out[j] += v * b
				}
			}
		},
	}
}
