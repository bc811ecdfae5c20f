package vec

import "unsafe"

// Taps describes n = len(Index)/Per weighted sums of elements: sum i is
// Σ Weight[t·n+i] · element Index[t·n+i] over t < Per. In a resize, elements are rows
// or columns. Without weights, Per is 1 and each sum is one element.
type Taps struct {
	Index  []int32
	Weight []float32
	Per    int
}

// Fit reports whether t computes to sums of from elements. A nil t is the identity.
func (t *Taps) Fit(from, to int) bool {
	if t == nil {
		return from == to
	}
	if t.Per < 1 || len(t.Index) != t.Per*to || t.Weight != nil && len(t.Weight) != len(t.Index) || t.Weight == nil && t.Per != 1 {
		return false
	}
	for _, i := range t.Index {
		if i < 0 || int(i) >= from {
			return false
		}
	}
	return true
}

// Picks reports whether each sum is a single element without a weight.
func (t *Taps) Picks() bool { return t == nil || t.Weight == nil }

// BlendRows sets dst = Σ weights[t]·row t, where row t is the len(dst) numbers of src
// from offsets[t]/4 on: offsets are in bytes. dst must not overlap src.
func (v *Unit) BlendRows(dst, src []float32, offsets []int64, weights []float32) {
	weights = weights[:len(offsets)]
	for _, o := range offsets {
		_ = src[o/4:][:len(dst)]
	}
	if len(offsets) == 0 {
		clear(dst)
		return
	}
	for i := 0; i < len(dst); i += atOnce / 4 {
		v.Blend(unsafe.Pointer(&dst[i]), unsafe.Pointer(&src[i]), unsafe.Pointer(&offsets[0]), unsafe.Pointer(&weights[0]),
			len(offsets), min(len(dst)-i, atOnce/4))
	}
}

// PickSums sets dst[i] to sum i of t over the numbers of src. t must have weights.
// Its indices must be below len(src), which is not checked.
func (v *Unit) PickSums(dst, src []float32, t *Taps) {
	n := len(dst)
	if n == 0 || t.Per == 0 || len(src) == 0 {
		clear(dst)
		return
	}
	_, _ = t.Index[t.Per*n-1], t.Weight[t.Per*n-1]
	v.Pick(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&t.Index[0]), unsafe.Pointer(&t.Weight[0]), t.Per, n)
}

// TransposeMatrix sets dst[j·dstRow+i] = src[i·srcRow+j] for i < rows and
// j < columns. dst must not overlap src.
func (v *Unit) TransposeMatrix(dst, src []uint32, dstRow, srcRow, rows, columns int) {
	if rows == 0 || columns == 0 {
		return
	}
	_, _ = dst[(columns-1)*dstRow+rows-1], src[(rows-1)*srcRow+columns-1]
	wide := columns &^ 7
	i := 0
	if wide > 0 {
		for ; i+8 <= rows; i += 8 {
			v.Transpose(unsafe.Pointer(&dst[i]), unsafe.Pointer(&src[i*srcRow]), 4*dstRow, 4*srcRow, wide/8)
			for j := wide; j < columns; j++ {
				for k := i; k < i+8; k++ {
					dst[j*dstRow+k] = src[k*srcRow+j]
				}
			}
		}
	}
	for ; i < rows; i++ {
		for j, x := range src[i*srcRow:][:columns] {
			dst[j*dstRow+i] = x
		}
	}
}

// Pairs sets even[i] = src[2i] and odd[i] = src[2i+1]. Both have the same length, and src twice that.
func (v *Unit) Pairs(even, odd, src []float32) {
	n := len(even)
	odd, src = odd[:n], src[:2*n]
	whole := n &^ 7
	for i := 0; i < whole; i += atOnce {
		v.Unzip(unsafe.Pointer(&even[i]), unsafe.Pointer(&odd[i]), unsafe.Pointer(&src[2*i]), min(whole-i, atOnce))
	}
	for i := whole; i < n; i++ {
		even[i], odd[i] = src[2*i], src[2*i+1]
	}
}

// blendPlain, pickPlain, transposePlain and unzip are the twins of Unit's Blend, Pick,
// Transpose and Unzip.
func blendPlain(dst, src, offsets, weights unsafe.Pointer, taps, n int) {
	to, w := floats(dst, n), floats(weights, taps)
	clear(to)
	for t, o := range unsafe.Slice((*int64)(offsets), taps) {
		for i, x := range floats(unsafe.Add(src, int(o)), n) {
			to[i] += w[t] * x
		}
	}
}

func pickPlain(dst, src, index, weights unsafe.Pointer, taps, n int) {
	at, w := unsafe.Slice((*int32)(index), taps*n), floats(weights, taps*n)
	for i := range floats(dst, n) {
		var sum float32
		for t := i; t < taps*n; t += n {
			sum += w[t] * *(*float32)(unsafe.Add(src, 4*int(at[t])))
		}
		floats(dst, n)[i] = sum
	}
}

func transposePlain(dst, src unsafe.Pointer, dstRow, srcRow, squares int) {
	for j := range 8 * squares {
		for i := range 8 {
			*(*uint32)(unsafe.Add(dst, j*dstRow+4*i)) = *(*uint32)(unsafe.Add(src, i*srcRow+4*j))
		}
	}
}

func unzip(even, odd, src unsafe.Pointer, n int) {
	a, b, from := floats(even, n), floats(odd, n), floats(src, 2*n)
	for i := range a {
		a[i], b[i] = from[2*i], from[2*i+1]
	}
}
