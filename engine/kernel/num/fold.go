package num

import (
	"sync"
	"unsafe"
)

// foldWidth is how many numbers of a row are joined with as many others at a time, at most.
const foldWidth = 8 * block

var folds = sync.Pool{New: func() any { return new([foldWidth]uint64) }}

// Fold joins all numbers of a row, of which there is at least one, by Add, Mul, Min or Max, in any
// order.
func Fold[T Number](u *Unit, op Pair, x []T) T {
	if n := min(len(x)/2/block*block, foldWidth); n >= 2*block && u.join[op][kindOf[T]()] != nil {
		work := folds.Get().(*[foldWidth]uint64)
		defer folds.Put(work)
		all := unsafe.Slice((*T)(unsafe.Pointer(work)), n)
		Join(u, op, all, x[:n], x[n:2*n])
		for x = x[2*n:]; len(x) >= n; x = x[n:] {
			Join(u, op, all, all, x[:n])
		}
		Join(u, op, all[:len(x)], all[:len(x)], x)
		x = all
	}
	switch kindOf[T]() { // Go compares 8 and 16 bits by branches
	case Int8, Int16, Uint8, Uint16:
		return T(foldChains[T, int64](op, x))
	}
	return foldChains[T, T](op, x)
}

// foldChains joins in four chains: the next number of one would wait for the last.
func foldChains[T, W Number](op Pair, x []T) W {
	a := W(x[0])
	x = x[1:]
	switch op {
	case Add:
		var b, c, d W
		for ; len(x) >= 4; x = x[4:] {
			a, b, c, d = a+W(x[0]), b+W(x[1]), c+W(x[2]), d+W(x[3])
		}
		for _, v := range x {
			a += W(v)
		}
		return a + b + (c + d)
	case Mul:
		b, c, d := W(1), W(1), W(1)
		for ; len(x) >= 4; x = x[4:] {
			a, b, c, d = a*W(x[0]), b*W(x[1]), c*W(x[2]), d*W(x[3])
		}
		for _, v := range x {
			a *= W(v)
		}
		return a * b * (c * d)
	case Max:
		b, c, d := a, a, a
		for ; len(x) >= 4; x = x[4:] {
			a, b, c, d = max(a, W(x[0])), max(b, W(x[1])), max(c, W(x[2])), max(d, W(x[3]))
		}
		for _, v := range x {
			a = max(a, W(v))
		}
		return max(a, b, c, d)
	}
	b, c, d := a, a, a
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d = min(a, W(x[0])), min(b, W(x[1])), min(c, W(x[2])), min(d, W(x[3]))
	}
	for _, v := range x {
		a = min(a, W(v))
	}
	return min(a, b, c, d)
}
