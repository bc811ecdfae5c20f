package num

import "unsafe"

// This file has the loops in Go. They are written out because calling a function for each
// number costs more than what it computes.

// step is how far apart the numbers of a row are: a single one is repeated.
func step[T Number](x []T) int {
	if len(x) == 1 {
		return 0
	}
	return 1
}

func compareRest[T Number](r Relation, dst []bool, a, b []T) {
	p, q := step(a), step(b)
	switch r {
	case Equal:
		for i := range dst {
			dst[i] = a[i*p] == b[i*q]
		}
	case Greater:
		for i := range dst {
			dst[i] = a[i*p] > b[i*q]
		}
	case GreaterOrEqual:
		for i := range dst {
			dst[i] = a[i*p] >= b[i*q]
		}
	}
}

func joinRest[T Number](op Pair, dst, a, b []T) {
	p, q := step(a), step(b)
	switch op {
	case Add:
		for i := range dst {
			dst[i] = a[i*p] + b[i*q]
		}
	case Sub:
		for i := range dst {
			dst[i] = a[i*p] - b[i*q]
		}
	case Mul:
		for i := range dst {
			dst[i] = a[i*p] * b[i*q]
		}
	case Div:
		if kind := kindOf[T](); kind == Float32 || kind == Float64 {
			for i := range dst {
				dst[i] = a[i*p] / b[i*q]
			}
			return
		}
		for i := range dst {
			if by := b[i*q]; by == 0 {
				dst[i] = 0
			} else {
				dst[i] = a[i*p] / by
			}
		}
	case Min:
		for i := range dst {
			dst[i] = min(a[i*p], b[i*q])
		}
	case Max:
		for i := range dst {
			dst[i] = max(a[i*p], b[i*q])
		}
	default:
		switch unsafe.Sizeof(*new(T)) {
		case 1:
			joinBits(op, bits[uint8](dst), bits[uint8](a), bits[uint8](b))
		case 2:
			joinBits(op, bits[uint16](dst), bits[uint16](a), bits[uint16](b))
		case 4:
			joinBits(op, bits[uint32](dst), bits[uint32](a), bits[uint32](b))
		default:
			joinBits(op, bits[uint64](dst), bits[uint64](a), bits[uint64](b))
		}
	}
}

func joinBits[U uint8 | uint16 | uint32 | uint64](op Pair, dst, a, b []U) {
	p, q := step(a), step(b)
	if size := int(unsafe.Sizeof(dst[0])); size < 8 && p == 1 && q == 1 && op <= Xor && len(dst) >= 8 {
		words, n := len(dst)*size/8, len(dst)*size/8*8/size
		joinBits(op, eights(dst, words), eights(a, words), eights(b, words))
		if dst, a, b = dst[n:], a[n:], b[n:]; len(dst) == 0 {
			return
		}
	}
	switch op {
	case And:
		for i := range dst {
			dst[i] = a[i*p] & b[i*q]
		}
	case Or:
		for i := range dst {
			dst[i] = a[i*p] | b[i*q]
		}
	case Xor:
		for i := range dst {
			dst[i] = a[i*p] ^ b[i*q]
		}
	case Left:
		for i := range dst {
			dst[i] = a[i*p] << b[i*q]
		}
	case Right:
		for i := range dst {
			dst[i] = a[i*p] >> b[i*q]
		}
	}
}

// eights views the first numbers of a row as words of eight bytes.
func eights[U uint8 | uint16 | uint32 | uint64](x []U, words int) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(x))), words)
}

// bits views numbers as unsigned integers of the same size.
func bits[U, T Number](x []T) []U {
	return unsafe.Slice((*U)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}
