package kernel

import "unsafe"

// IoUBlock is 8 boxes: their left sides, then the top, right and bottom ones, and their
// areas. Boxes without an area have nothing in common with any.
type IoUBlock [5][8]float64

// BoxSum is a box, likewise, of which squares of IoUs are summed.
type BoxSum struct {
	Box  [5]float64
	sums [8]float64
}

// SquareIoUs is the sum of the squares of the IoUs of a box with those in blocks. All are
// made of numbers, in double precision.
func (r *Rung) SquareIoUs(b *BoxSum, blocks []IoUBlock) float64 {
	if len(blocks) == 0 {
		return 0
	}
	clear(b.sums[:])
	r.IoUUnit(unsafe.Pointer(&b.sums), unsafe.Pointer(&b.Box), unsafe.Pointer(&blocks[0]), len(blocks))
	s := &b.sums
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]))
}

func squareIoUs(sums, box, blocks unsafe.Pointer, n int) {
	s, b := (*[8]float64)(sums), (*[5]float64)(box)
	for _, o := range unsafe.Slice((*IoUBlock)(blocks), n) {
		for i := range s {
			w, h := min(o[2][i], b[2])-max(o[0][i], b[0]), min(o[3][i], b[3])-max(o[1][i], b[1])
			if inter := w * h; w > 0 && inter > 0 {
				v := inter / (o[4][i] + b[4] - inter)
				s[i] += float64(v * v)
			}
		}
	}
}
