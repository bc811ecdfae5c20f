package ops

import "unsafe"

// The functions here transpose a matrix of src, with rows srcRow elements apart, into dst, with rows
// dstRow elements apart. (Elements of four bytes have vec.Unit.TransposeMatrix.)

func transposeEach[T any](dst, src []T, dstRow, srcRow, rows, columns int) {
	if min(rows, columns) >= 2 && max(rows, columns) >= 8 && min(rows, columns) <= 4 {
		transposeFew(dst, src, dstRow, srcRow, rows, columns)
		return
	}
	for i := range rows {
		to := dst[i:]
		for j, v := range src[i*srcRow:][:columns] {
			to[j*dstRow] = v
		}
	}
}

// transposeFew interleaves two to four rows, or takes as many columns apart: those of pictures, and of
// blocks of pixels.
func transposeFew[T any](dst, src []T, dstRow, srcRow, rows, columns int) {
	switch {
	case rows == 2:
		a, b := src[:columns], src[srcRow:][:columns]
		for j, v := range a {
			to := dst[j*dstRow:][:2]
			to[0], to[1] = v, b[j]
		}
	case rows == 3:
		a, b, c := src[:columns], src[srcRow:][:columns], src[2*srcRow:][:columns]
		for j, v := range a {
			to := dst[j*dstRow:][:3]
			to[0], to[1], to[2] = v, b[j], c[j]
		}
	case rows == 4:
		a, b, c, d := src[:columns], src[srcRow:][:columns], src[2*srcRow:][:columns], src[3*srcRow:][:columns]
		for j, v := range a {
			to := dst[j*dstRow:][:4]
			to[0], to[1], to[2], to[3] = v, b[j], c[j], d[j]
		}
	case columns == 2:
		a, b := dst[:rows], dst[dstRow:][:rows]
		for i := range a {
			from := src[i*srcRow:][:2]
			a[i], b[i] = from[0], from[1]
		}
	case columns == 3:
		a, b, c := dst[:rows], dst[dstRow:][:rows], dst[2*dstRow:][:rows]
		for i := range a {
			from := src[i*srcRow:][:3]
			a[i], b[i], c[i] = from[0], from[1], from[2]
		}
	default:
		a, b, c, d := dst[:rows], dst[dstRow:][:rows], dst[2*dstRow:][:rows], dst[3*dstRow:][:rows]
		for i := range a {
			from := src[i*srcRow:][:4]
			a[i], b[i], c[i], d[i] = from[0], from[1], from[2], from[3]
		}
	}
}

// lowestFirst reports whether the first byte of a word is its lowest, as exchange has it.
var lowestFirst = *(*byte)(unsafe.Pointer(&[]uint16{1}[0])) == 1

// transposeBytes transposes 8 rows by 8 columns at a time, in eight registers: blocks of 4, 2 and
// 1 of each pair of rows change places.
func transposeBytes(dst, src []uint8, dstRow, srcRow, rows, columns int) {
	eight := func(s []uint8, at int) *uint64 { return (*uint64)(unsafe.Pointer(&s[at : at+8][0])) }
	const four, two, one = 0x00000000ffffffff, 0x0000ffff0000ffff, 0x00ff00ff00ff00ff
	wide, tall := columns&^7, rows&^7
	if !lowestFirst {
		wide, tall = 0, 0
	}
	for j := 0; j < wide; j += 8 {
		for i := 0; i < tall; i += 8 {
			from, to := src[i*srcRow+j:], dst[j*dstRow+i:]
			a, e := exchange(*eight(from, 0), *eight(from, 4*srcRow), 32, four)
			b, f := exchange(*eight(from, srcRow), *eight(from, 5*srcRow), 32, four)
			c, g := exchange(*eight(from, 2*srcRow), *eight(from, 6*srcRow), 32, four)
			d, h := exchange(*eight(from, 3*srcRow), *eight(from, 7*srcRow), 32, four)
			a, c = exchange(a, c, 16, two)
			b, d = exchange(b, d, 16, two)
			e, g = exchange(e, g, 16, two)
			f, h = exchange(f, h, 16, two)
			*eight(to, 0), *eight(to, dstRow) = exchange(a, b, 8, one)
			*eight(to, 2*dstRow), *eight(to, 3*dstRow) = exchange(c, d, 8, one)
			*eight(to, 4*dstRow), *eight(to, 5*dstRow) = exchange(e, f, 8, one)
			*eight(to, 6*dstRow), *eight(to, 7*dstRow) = exchange(g, h, 8, one)
		}
	}
	transposeRest(dst, src, dstRow, srcRow, rows, columns, tall, wide)
}

// transposeHalves is transposeBytes of 4 rows by 4 columns.
func transposeHalves(dst, src []uint16, dstRow, srcRow, rows, columns int) {
	four := func(s []uint16, at int) *uint64 { return (*uint64)(unsafe.Pointer(&s[at : at+4][0])) }
	wide, tall := columns&^3, rows&^3
	if !lowestFirst {
		wide, tall = 0, 0
	}
	for j := 0; j < wide; j += 4 {
		for i := 0; i < tall; i += 4 {
			a, b := *four(src, i*srcRow+j), *four(src, (i+1)*srcRow+j)
			c, d := *four(src, (i+2)*srcRow+j), *four(src, (i+3)*srcRow+j)
			a, c = exchange(a, c, 32, 0x00000000ffffffff)
			b, d = exchange(b, d, 32, 0x00000000ffffffff)
			a, b = exchange(a, b, 16, 0x0000ffff0000ffff)
			c, d = exchange(c, d, 16, 0x0000ffff0000ffff)
			*four(dst, j*dstRow+i), *four(dst, (j+1)*dstRow+i) = a, b
			*four(dst, (j+2)*dstRow+i), *four(dst, (j+3)*dstRow+i) = c, d
		}
	}
	transposeRest(dst, src, dstRow, srcRow, rows, columns, tall, wide)
}

// exchange has the upper parts of a, of the given bits, and the lower parts of b change places; low
// masks the lower ones.
func exchange(a, b uint64, bits uint, low uint64) (uint64, uint64) {
	return a&low | b&low<<bits, a>>bits&low | b&^low
}

// transposeRest transposes the rows from tall and the columns from wide on.
func transposeRest[T any](dst, src []T, dstRow, srcRow, rows, columns, tall, wide int) {
	if wide < columns {
		transposeEach(dst[wide*dstRow:], src[wide:], dstRow, srcRow, tall, columns-wide)
	}
	if tall < rows {
		transposeEach(dst[tall:], src[tall*srcRow:], dstRow, srcRow, rows-tall, columns)
	}
}
