package num_test

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/fence"
)

var lengths = []int{1, 3, 31, 32, 33, 65, 1000, 8193}

// TestCompare compares kernels with what Go's operators say.
func TestCompare(t *testing.T) {
	for _, k := range kernel.Rungs() {
		t.Run(k.Name, func(t *testing.T) {
			compareAs[int8](t, k.Num)
			compareAs[int16](t, k.Num)
			compareAs[int32](t, k.Num)
			compareAs[int64](t, k.Num)
			compareAs[uint8](t, k.Num)
			compareAs[uint16](t, k.Num)
			compareAs[uint32](t, k.Num)
			compareAs[uint64](t, k.Num)
			compareAs[float32](t, k.Num)
			compareAs[float64](t, k.Num)
		})
	}
}

func compareAs[T num.Number](t *testing.T, u *num.Unit) {
	for r, holds := range []func(a, b T) bool{
		num.Equal:          func(a, b T) bool { return a == b },
		num.Greater:        func(a, b T) bool { return a > b },
		num.GreaterOrEqual: func(a, b T) bool { return a >= b },
	} {
		eachRow(t, fmt.Sprintf("relation %d of %T", r, *new(T)), func(dst []bool, a, b []T) {
			num.Compare(u, num.Relation(r), dst, a, b)
		}, holds, func(a, b bool) bool { return a == b })
	}
}

// TestJoin compares kernels with what Go's operators say.
func TestJoin(t *testing.T) {
	for _, k := range kernel.Rungs() {
		t.Run(k.Name, func(t *testing.T) {
			integersAs[int8](t, k.Num)
			integersAs[int16](t, k.Num)
			integersAs[int32](t, k.Num)
			integersAs[int64](t, k.Num)
			unsignedAs[uint8](t, k.Num)
			unsignedAs[uint16](t, k.Num)
			unsignedAs[uint32](t, k.Num)
			unsignedAs[uint64](t, k.Num)
			joinAs(t, k.Num, num.Div, func(a, b float32) float32 { return a / b })
			joinAs(t, k.Num, num.Div, func(a, b float64) float64 { return a / b })
			numbersAs[float32](t, k.Num)
			numbersAs[float64](t, k.Num)
		})
	}
}

// TestConvert compares with Go's conversions, which are left to the caller where no kernel converts.
func TestConvert(t *testing.T) {
	for _, k := range kernel.Rungs() {
		t.Run(k.Name, func(t *testing.T) {
			convertFrom[int8](t, k.Num)
			convertFrom[int16](t, k.Num)
			convertFrom[int32](t, k.Num)
			convertFrom[int64](t, k.Num)
			convertFrom[uint8](t, k.Num)
			convertFrom[uint16](t, k.Num)
			convertFrom[uint32](t, k.Num)
			convertFrom[uint64](t, k.Num)
			convertFrom[float32](t, k.Num)
			convertFrom[float64](t, k.Num)
			rng := rand.New(rand.NewSource(1))
			for _, n := range lengths {
				src, dst := row[float32](t, rng, n), beside[uint16](t, n)
				for i := range src { // also between two numbers of 16 bits, and NaN of all kinds
					if i%3 == 0 {
						src[i] = math.Float32frombits(rng.Uint32()&^0xffff | []uint32{0x7fff, 0x8000, 0x8001, 0}[rng.Intn(4)])
					}
				}
				for i := range num.Halve(k.Num, num.Float16, dst, src) {
					if want := tensor.ToFloat16(src[i]); dst[i] != uint16(want) {
						t.Fatalf("%d numbers, number %d: %v gave %x, want %x", n, i, src[i], dst[i], want)
					}
				}
				for i := range num.Halve(k.Num, num.BFloat16, dst, src) {
					if want := tensor.ToBFloat16(src[i]); dst[i] != uint16(want) {
						t.Fatalf("%d numbers, number %d: %v gave %x in bfloat16, want %x", n, i, src[i], dst[i], want)
					}
				}
			}
		})
	}
}

func convertFrom[S num.Number](t *testing.T, u *num.Unit) {
	convertAs[int8, S](t, u)
	convertAs[int16, S](t, u)
	convertAs[int32, S](t, u)
	convertAs[int64, S](t, u)
	convertAs[uint8, S](t, u)
	convertAs[uint16, S](t, u)
	convertAs[uint32, S](t, u)
	convertAs[uint64, S](t, u)
	convertAs[float32, S](t, u)
	convertAs[float64, S](t, u)
}

func convertAs[D, S num.Number](t *testing.T, u *num.Unit) {
	rng := rand.New(rand.NewSource(1))
	for _, n := range lengths {
		src, dst := row[S](t, rng, n), beside[D](t, n)
		for i := range src {
			if float64(src[i]) != math.Trunc(float64(src[i])) || math.Abs(float64(src[i])) > 1<<31 {
				if i%5000 != 4999 { // a float beyond int32 ends a conversion to integers
					src[i] = S(i % 120)
				}
			}
		}
		for i := range num.Convert(u, dst, src) {
			if want := D(src[i]); !same(dst[i], want) {
				t.Fatalf("%T to %T, %d numbers, number %d: %v gave %v, want %v", *new(S), *new(D), n, i, src[i], dst[i], want)
			}
		}
	}
}

// TestChoose compares with a condition of Go.
func TestChoose(t *testing.T) {
	for _, k := range kernel.Rungs() {
		t.Run(k.Name, func(t *testing.T) {
			chooseAs[uint8](t, k.Num)
			chooseAs[uint16](t, k.Num)
			chooseAs[uint32](t, k.Num)
			chooseAs[uint64](t, k.Num)
		})
	}
}

func chooseAs[T uint8 | uint16 | uint32 | uint64](t *testing.T, u *num.Unit) {
	rng := rand.New(rand.NewSource(1))
	for _, n := range lengths {
		for _, sizes := range [][2]int{{n, n}, {n, 1}, {1, n}, {1, 1}} {
			a, b, dst, holds := row[T](t, rng, sizes[0]), row[T](t, rng, sizes[1]), beside[T](t, n), beside[bool](t, n)
			for i := range holds {
				holds[i] = rng.Intn(2) == 0
			}
			num.Choose(u, dst, holds, a, b)
			for i, got := range dst {
				want := b[i%len(b)]
				if holds[i] {
					want = a[i%len(a)]
				}
				if got != want {
					t.Fatalf("%T, %d and %d numbers, number %d: %v, want %v", got, sizes[0], sizes[1], i, got, want)
				}
			}
		}
	}
}

type integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

func numbersAs[T num.Number](t *testing.T, u *num.Unit) {
	joinAs(t, u, num.Add, func(a, b T) T { return a + b })
	joinAs(t, u, num.Sub, func(a, b T) T { return a - b })
	joinAs(t, u, num.Mul, func(a, b T) T { return a * b })
	joinAs(t, u, num.Min, func(a, b T) T { return min(a, b) })
	joinAs(t, u, num.Max, func(a, b T) T { return max(a, b) })
}

func integersAs[T integer](t *testing.T, u *num.Unit) {
	numbersAs[T](t, u)
	joinAs(t, u, num.Div, func(a, b T) T {
		if b == 0 {
			return 0
		}
		return a / b
	})
	joinAs(t, u, num.And, func(a, b T) T { return a & b })
	joinAs(t, u, num.Or, func(a, b T) T { return a | b })
	joinAs(t, u, num.Xor, func(a, b T) T { return a ^ b })
}

func unsignedAs[T uint8 | uint16 | uint32 | uint64](t *testing.T, u *num.Unit) {
	integersAs[T](t, u)
	joinAs(t, u, num.Left, func(a, b T) T { return a << b })
	joinAs(t, u, num.Right, func(a, b T) T { return a >> b })
}

func joinAs[T num.Number](t *testing.T, u *num.Unit, op num.Pair, f func(a, b T) T) {
	eachRow(t, fmt.Sprintf("pair %d of %T", op, *new(T)), func(dst, a, b []T) { num.Join(u, op, dst, a, b) }, f, same[T])
}

// same compares bits, but takes every NaN for the same.
func same[T num.Number](a, b T) bool {
	return a == b && math.Signbit(float64(a)) == math.Signbit(float64(b)) || a != a && b != b
}

// eachRow runs a kernel on rows of all lengths between pages without access: of two rows, of a row
// and a single number, and in place.
func eachRow[T num.Number, R bool | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64](
	t *testing.T, name string, run func(dst []R, a, b []T), f func(a, b T) R, equal func(a, b R) bool) {
	rng := rand.New(rand.NewSource(1))
	for _, n := range lengths {
		for _, sizes := range [][2]int{{n, n}, {n, 1}, {1, n}, {1, 1}} {
			a, b, dst := row[T](t, rng, sizes[0]), row[T](t, rng, sizes[1]), beside[R](t, n)
			run(dst, a, b)
			for i, got := range dst {
				x, y := a[i%len(a)], b[i%len(b)]
				if want := f(x, y); !equal(got, want) {
					t.Fatalf("%s, %d and %d numbers, number %d: %v and %v gave %v, want %v", name, sizes[0], sizes[1], i, x, y, got, want)
				}
			}
		}
	}
}

// beside returns a row before a page without access, at an address that is not aligned.
func beside[T any](t *testing.T, n int) []T {
	size := int(unsafe.Sizeof(*new(T)))
	return unsafe.Slice((*T)(unsafe.Pointer(&fence.Before[byte](t, n*size)[0])), n)
}

// row returns random numbers, many of them equal, special, or at the ends of their range.
func row[T num.Number](t *testing.T, rng *rand.Rand, n int) []T {
	x := beside[T](t, n)
	var special []float64
	if half := 0.5; T(half) != 0 {
		special = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 0.5}
	}
	for i := range x {
		switch v := rng.Intn(8); {
		case v < 3:
			x[i] = T(rng.Intn(5))
		case v < 4 && special != nil:
			x[i] = T(special[rng.Intn(len(special))])
		case v < 6:
			x[i] = T(int8(rng.Intn(256)))
		default:
			x[i] = T(rng.Uint64())
		}
	}
	return x
}

// TestFold compares kernels with loops in Go; of integers any order gives the same.
func TestFold(t *testing.T) {
	for _, k := range kernel.Rungs() {
		t.Run(k.Name, func(t *testing.T) {
			foldAs[int8](t, k.Num)
			foldAs[int32](t, k.Num)
			foldAs[uint16](t, k.Num)
			foldAs[uint64](t, k.Num)
			foldAs[float64](t, k.Num)
		})
	}
}

func foldAs[T num.Number](t *testing.T, u *num.Unit) {
	rng := rand.New(rand.NewSource(1))
	for _, n := range append(lengths, 127, 128, 511, 512, 513, 769) {
		x := make([]T, n)
		for i := range x {
			x[i] = T(rng.Intn(100)) // sums of these are exact in float64 too
		}
		for _, op := range []num.Pair{num.Add, num.Mul, num.Min, num.Max} {
			got, want := num.Fold(u, op, x), num.Fold(&num.Plain, op, x)
			if got != want && op != num.Mul || op == num.Mul && math.Abs(float64(got)-float64(want)) > 1e-13*math.Abs(float64(want)) {
				t.Fatalf("function %d of %d numbers of %T is %v, want %v", op, n, x, got, want)
			}
		}
	}
}
