package box

import "unsafe"

// IoUBlock holds 8 boxes: their left sides, then the top, right and bottom ones,
// and their areas. A box without an area intersects no other.
type IoUBlock [5][8]float64

// AddSquareIoUs adds to the sum of each box in blocks the square of its IoU with
// the given box. No coordinate may be NaN; there are as many blocks of sums as of
// boxes.
func (u *Unit) AddSquareIoUs(sums [][8]float64, box *[5]float64, blocks []IoUBlock) {
	if len(sums) != len(blocks) {
		panic("BUG: not a sum for each box")
	}
	if len(blocks) > 0 {
		u.ious(unsafe.Pointer(&sums[0]), unsafe.Pointer(box), unsafe.Pointer(&blocks[0]), len(blocks))
	}
}

func addSquareIoUs(sums, box, blocks unsafe.Pointer, n int) {
	s, b := unsafe.Slice((*[8]float64)(sums), n), (*[5]float64)(box)
	for at, o := range unsafe.Slice((*IoUBlock)(blocks), n) {
		for i := range o[0] {
			w, h := min(o[2][i], b[2])-max(o[0][i], b[0]), min(o[3][i], b[3])-max(o[1][i], b[1])
			if inter := w * h; w > 0 && inter > 0 {
				v := inter / (o[4][i] + b[4] - inter)
				s[at][i] += float64(v * v)
			}
		}
	}
}
