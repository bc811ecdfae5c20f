package num

import (
	"sync"
	"unsafe"
)

// converter is a kernel that converts blocks of 32 numbers, at least one.
type converter = func(dst, src unsafe.Pointer, blocks int)

// Convert sets dst[i] to src[i] as Go converts it, and returns how many numbers of a row it has
// converted: none without a kernel, whole blocks at most, and of float32 that become integers
// only those before the first that int32 does not hold, or that is near it.
func Convert[D, S Number](u *Unit, dst []D, src []S) int {
	from := kindOf[S]()
	src = src[:len(dst)]
	whole := len(dst) / block * block
	first, second, ok := u.conversion(from, kindOf[D]())
	if whole == 0 || !ok {
		return 0
	}
	if first == nil {
		for i := 0; i < whole; i += atOnce {
			second(unsafe.Pointer(&dst[i]), unsafe.Pointer(&src[i]), min(whole-i, atOnce)/block)
		}
		return whole
	}
	between := stages.Get().(*stage)
	defer stages.Put(between)
	for i := 0; i < whole; i += stageLength {
		n := min(whole-i, stageLength)
		first(unsafe.Pointer(&between[0]), unsafe.Pointer(&src[i]), n/block)
		if from == Float32 && [8]int32(between[n:n+8]) != [8]int32{} {
			return i
		}
		if second == nil {
			copy(unsafe.Slice((*int32)(unsafe.Pointer(&dst[i])), n), between[:])
			continue
		}
		second(unsafe.Pointer(&dst[i]), unsafe.Pointer(&between[0]), n/block)
	}
	return whole
}

// conversion returns the kernels of a conversion: second alone, or two that meet in int32, of which
// second is nil if the result has the same bits as an int32.
func (u *Unit) conversion(from, to Kind) (first, second converter, ok bool) {
	if direct := u.convert[from][to]; direct != nil && (from != Float32 || to == Float64) {
		return nil, direct, true
	}
	first, second = u.convert[from][Int32], u.convert[Int32][to]
	switch {
	case first == nil || from >= Float32 && to >= Float32:
		return nil, nil, false
	case from == Int64 || from == Uint64: // int32 has the lower half of these
		narrow := to == Int8 || to == Uint8 || to == Int16 || to == Uint16
		return first, second, narrow && second != nil
	}
	return first, second, second != nil || to == Int32 || to == Uint32
}

// Half is a type of floats of 16 bits.
type Half uint8

// The types: IEEE 754's, and the upper half of a float32.
const (
	Float16 Half = iota
	BFloat16
)

// Halve rounds float32 to 16 bits, halves to even, and returns how many numbers of a row it has
// converted, whole blocks at most.
func Halve(u *Unit, to Half, dst []uint16, src []float32) int {
	src = src[:len(dst)]
	whole := len(dst) / block * block
	if u.halve[to] == nil {
		return 0
	}
	for i := 0; i < whole; i += atOnce {
		u.halve[to](unsafe.Pointer(&dst[i]), unsafe.Pointer(&src[i]), min(whole-i, atOnce)/block)
	}
	return whole
}

// A stage holds int32 on the way between two types, and behind them which floats no int32 holds.
type stage [stageLength + 8]int32

const stageLength = 1024

var stages = sync.Pool{New: func() any { return new(stage) }}
