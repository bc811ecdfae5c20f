package suppress

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"sync"
)

var sorters = sync.Pool{New: func() any { return new([]scored) }}

// scored is a score, as a sortable key, with its index.
type scored struct {
	key   uint32
	index int32
}

// ByScore returns the indices sorted by score: highest first, equal ones in their
// order, NaN last. It makes two passes of a radix sort over the 22 bits that best
// distinguish the scores as float32, and then compares neighbours with the same
// bits.
func ByScore(scores []float64) []int32 {
	n := len(scores)
	room := sorters.Get().(*[]scored)
	defer sorters.Put(room)
	if cap(*room) < 2*n {
		*room = make([]scored, 2*n)
	}
	a, b := (*room)[:n], (*room)[n:2*n]
	low, shift := keys(a, scores)
	const digit, digits = 11, 1 << 11
	var count [2][digits]int32
	for i := range a {
		k := (a[i].key - low) >> shift
		a[i].key = k
		count[0][k&(digits-1)]++
		count[1][k>>digit]++
	}
	for pass := range 2 {
		c, down := &count[pass], pass*digit
		sum := int32(0)
		for i := range c {
			c[i], sum = sum, sum+c[i]
		}
		for _, it := range a {
			at := &c[it.key>>down&(digits-1)]
			b[*at] = it
			*at++
		}
		a, b = b, a
	}
	order := make([]int32, n)
	for i, it := range a {
		order[i] = it.index
	}
	for from := 0; from+1 < n; from++ {
		if a[from].key != a[from+1].key || !below(scores, order[from], order[from+1]) {
			continue
		}
		for from > 0 && a[from-1].key == a[from].key {
			from--
		}
		to := from + 1
		for to < n && a[to].key == a[from].key {
			to++
		}
		slices.SortStableFunc(order[from:to], func(x, y int32) int { return cmp.Compare(scores[y], scores[x]) })
		from = to - 1
	}
	return order
}

// below reports whether index x, which is before y, belongs after it.
func below(scores []float64, x, y int32) bool {
	return scores[x] < scores[y] || scores[x] != scores[x] && scores[y] == scores[y]
}

// keys makes integers that increase as the scores decrease, and returns the
// smallest of them and by how many bits they must be shifted right to have 22 bits.
func keys(items []scored, scores []float64) (low uint32, shift int) {
	low, high := uint32(math.MaxUint32), uint32(0)
	for i, v := range scores {
		k := math.Float32bits(float32(v + 0)) // -0 is 0
		if k>>31 == 0 {
			k = ^k & 0x7fffffff
		}
		if v != v {
			k = math.MaxUint32
		}
		items[i] = scored{k, int32(i)}
		low, high = min(low, k), max(high, k)
	}
	if len(scores) > 0 {
		shift = max(bits.Len32(high-low)-22, 0)
	}
	return low, shift
}
