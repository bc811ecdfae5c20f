// Package num has kernels on rows of numbers of any type and length and at any address:
// comparisons, and functions of two numbers whose result is of their type.
//
// This package may change without notice.
package num

import (
	"sync"
	"unsafe"
)

// Number is the type of a number.
type Number interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

// Kind names a type.
type Kind uint8

// The types.
const (
	Int8 Kind = iota
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Float32
	Float64
	kinds
)

// Relation is a comparison of two numbers.
type Relation uint8

// The comparisons; a is less than b where b is greater than a. None holds for NaN.
const (
	Equal Relation = iota
	Greater
	GreaterOrEqual
	relations
)

// Pair is a function of two numbers. Integers wrap around.
type Pair uint8

// The functions. Quotients of integers are truncated toward zero, and 0 where b is 0. Min and
// Max are Go's: NaN if either is NaN, and -0 is less than +0. The last five are of integers, and
// Left and Right of unsigned ones: shifts by as many bits as a number has, or more, give 0. The
// others are those of package vec, which has float32 on more processors.
const (
	Add Pair = iota
	Sub
	Mul
	Div
	Min
	Max
	And
	Or
	Xor
	Left
	Right
	pairs
)

// rows is a kernel on blocks of 32 numbers, at least one. Blocks of a and b are stepA and
// stepB bytes apart, dst may be a or b.
type rows = func(dst, a, b unsafe.Pointer, blocks, stepA, stepB int)

// chooser is a kernel on such blocks, and on as many bytes of which 1 chooses a number of a, and 0
// one of b.
type chooser = func(dst, a, b unsafe.Pointer, blocks, stepA, stepB int, which unsafe.Pointer)

// block is how many numbers a block has, and atOnce how many a call takes: assembly is not
// preempted.
const (
	block  = 32
	atOnce = 1 << 13
)

// Unit holds the kernels of one class of processors, nil where there is none.
type Unit struct {
	compare [relations][kinds]rows // dst is bytes, 1 or 0
	join    [pairs][kinds]rows
	convert [kinds][kinds]converter // from one kind to another
	halve   [2]converter            // from float32 to Half
	choose  [4]chooser              // by size: 1, 2, 4 and 8 bytes
}

// Plain has no kernels: the loops in Go that compute what is left of a row compute all.
var Plain = Unit{}

// Compare sets dst[i] to whether the relation holds for a[i] and b[i]. Each of a and b may be
// a single number, which is broadcast.
func Compare[T Number](u *Unit, r Relation, dst []bool, a, b []T) {
	n := whole(u.compare[r][kindOf[T]()], unsafe.Pointer(unsafe.SliceData(dst)), 1, len(dst), a, b)
	if dst = dst[n:]; len(dst) > 0 {
		compareRest(r, dst, rest(a, n), rest(b, n))
	}
}

// Join sets dst[i] = a[i] op b[i]. dst may be a or b. Each of a and b may be a single number,
// which is broadcast.
func Join[T Number](u *Unit, op Pair, dst, a, b []T) {
	n := whole(u.join[op][kindOf[T]()], unsafe.Pointer(unsafe.SliceData(dst)), int(unsafe.Sizeof(*new(T))), len(dst), a, b)
	if dst = dst[n:]; len(dst) > 0 {
		joinRest(op, dst, rest(a, n), rest(b, n))
	}
}

// whole has a kernel compute the blocks of a row of n numbers, and returns how many numbers
// these are. size is that of a result.
func whole[T Number](kernel rows, dst unsafe.Pointer, size, n int, a, b []T) int {
	blocks := n / block
	if kernel == nil || blocks == 0 {
		return 0
	}
	a, stepA, keptA := blocksOf(a)
	b, stepB, keptB := blocksOf(b)
	_, _ = a[:max(block, blocks*stepA)], b[:max(block, blocks*stepB)]
	bytes := int(unsafe.Sizeof(a[0]))
	for i := 0; i < blocks; i += atOnce / block {
		kernel(unsafe.Add(dst, i*block*size), unsafe.Pointer(&a[i*stepA]), unsafe.Pointer(&b[i*stepB]), min(blocks-i, atOnce/block), stepA*bytes, stepB*bytes)
	}
	release(keptA)
	release(keptB)
	return blocks * block
}

// repeats holds blocks that repeat a number.
var repeats = sync.Pool{New: func() any { return new([block]uint64) }}

// blocksOf returns blocks of a row and how many numbers these are apart: a single number is
// repeated in a block, which kept is to be released after.
func blocksOf[T Number](x []T) (blocks []T, step int, kept *[block]uint64) {
	if len(x) > 1 {
		return x, block, nil
	}
	kept = repeats.Get().(*[block]uint64)
	blocks = unsafe.Slice((*T)(unsafe.Pointer(kept)), block)
	for i := range blocks {
		blocks[i] = x[0]
	}
	return blocks, 0, kept
}

func release(kept *[block]uint64) {
	if kept != nil {
		repeats.Put(kept)
	}
}

// rest returns a row from element n on, or its single number.
func rest[T Number](x []T, n int) []T {
	if len(x) == 1 {
		return x
	}
	return x[n:]
}

func kindOf[T Number]() Kind {
	switch any(*new(T)).(type) {
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case float32:
		return Float32
	}
	return Float64
}
