package kernel

import (
	"math"
	"math/rand"
	"slices"
	"testing"
	"unsafe"
)

// oddNumbers returns normally distributed numbers, some of them zeros, infinities and NaN.
func oddNumbers(n int, rng *rand.Rand) []float32 {
	odd := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	x := normals(n, rng)
	for i := range x {
		if rng.Intn(8) == 0 {
			x[i] = odd[rng.Intn(len(odd))]
		}
	}
	return x
}

// same compares numbers; NaN equals NaN.
func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return x == y || x != x && y != y })
}

// guarded returns memory for n numbers, and more that must not be written.
func guarded(n int) []float32 {
	x := make([]float32, n+8)
	for i := range x {
		x[i] = 77
	}
	return x
}

func at(x []float32) unsafe.Pointer { return unsafe.Pointer(&x[0]) }

// TestRowKernels compares kernels on rows with their twins.
func TestRowKernels(t *testing.T) {
	type row func(dst, a, b unsafe.Pointer, n int, low, high float32)
	twin, inf := purego(), float32(math.Inf(1))
	kernels := func(k *Rung) map[string]row {
		all := map[string]row{"add": k.AddRow, "sub": k.SubRow, "mul": k.MulRow,
			"clip": func(dst, a, _ unsafe.Pointer, n int, low, high float32) { k.ClipRow(dst, a, n, low, high) }}
		for _, op := range []PointOp{Add, Sub, Mul} {
			all[op.String()+" pixel"] = func(dst, a, b unsafe.Pointer, n int, low, high float32) {
				k.Broadcast8[op](dst, a, b, n/8, low, high)
			}
		}
		return all
	}
	twins := kernels(&twin)
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(1))
		for name, kernel := range kernels(k) {
			for n := 8; n <= 200; n += 8 {
				for _, bounds := range [][2]float32{{-inf, inf}, {0, 6}} {
					a, b := oddNumbers(n, rng), oddNumbers(n, rng)
					want, got := guarded(n), guarded(n)
					twins[name](at(want), at(a), at(b), n, bounds[0], bounds[1])
					kernel(at(got), at(a), at(b), n, bounds[0], bounds[1])
					if !same(got, want) {
						t.Fatalf("%s of %d numbers within %v\n got %v\nwant %v", name, n, bounds, got, want)
					}
				}
			}
		}
	})
}

// TestRowKernelsOfPixels compares kernels that add and scale pixels of 8.
func TestRowKernelsOfPixels(t *testing.T) {
	twin := purego()
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(1))
		for n := 1; n <= 21; n++ {
			src, gates := normals(3*8*n, rng), normals(n, rng)
			want, got := guarded(8), guarded(8)
			twin.SumRow8(at(want), at(src), n)
			k.SumRow8(at(got), at(src), n)
			for i := range want {
				if math.Abs(float64(got[i]-want[i])) > 1e-4 { // 77 and the sum of 21: the order differs
					t.Fatalf("sum of %d pixels\n got %v\nwant %v", n, got, want)
				}
			}
			for vecs := 1; vecs <= 3; vecs++ {
				want, got := guarded(8*vecs*n), guarded(8*vecs*n)
				twin.ScaleRows8(at(want), at(src), at(gates), n, vecs)
				k.ScaleRows8(at(got), at(src), at(gates), n, vecs)
				if !same(got, want) {
					t.Fatalf("%d rows of %d vectors\n got %v\nwant %v", n, vecs, got, want)
				}
			}
		}
	})
}

// TestRowKernelsOfPlanes compares conversions between planes and pixels of 8, for all
// numbers of channels.
func TestRowKernelsOfPlanes(t *testing.T) {
	twin := purego()
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(1))
		for n := 1; n <= 37; n++ {
			for channels := 0; channels <= 8; channels++ {
				row := n + 3
				planes, pixels := oddNumbers(8*row, rng), oddNumbers(8*n, rng)
				want, got := guarded(8*n), guarded(8*n)
				twin.Interleave8(at(want), at(planes), 4*row, channels, n)
				k.Interleave8(at(got), at(planes), 4*row, channels, n)
				if !same(got, want) {
					t.Fatalf("%d pixels of %d channels\n got %v\nwant %v", n, channels, got, want)
				}
				want, got = guarded(8*row), guarded(8*row)
				twin.Deinterleave8(at(want), at(pixels), 4*row, channels, n)
				k.Deinterleave8(at(got), at(pixels), 4*row, channels, n)
				if !same(got, want) {
					t.Fatalf("%d planes of %d pixels\n got %v\nwant %v", channels, n, got, want)
				}
			}
		}
	})
}

// TestWindowKernels compares windows of three taps, with strides of one and two pixels, with
// their twin; only products are rounded differently.
func TestWindowKernels(t *testing.T) {
	twin := purego()
	offsets := []int{64, 0, 128}
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		rng := rand.New(rand.NewSource(1))
		for n := 1; n <= 19; n++ {
			for stride := 32; stride <= 64; stride += 32 {
				weights, bias := normals(3*8, rng), normals(8, rng)
				a := windowArgs{First: 32, Offsets: unsafe.Pointer(&offsets[0]), Taps: len(offsets), Count: n, PixelStride: stride,
					Weights: at(weights), Bias: at(bias), Scale: 1. / 3, Low: -1, High: 2}
				for _, op := range []windowOp{windowMax, windowSum, windowDot} {
					in := oddNumbers(8*(2*n+6), rng)
					if op == windowDot {
						in = normals(len(in), rng)
					}
					a.In = at(in)
					want, got := guarded(8*n), guarded(8*n)
					a.Out = at(want)
					twin.WindowRow8(op, &a)
					a.Out = at(got)
					k.WindowRow8(op, &a)
					for i := range want {
						if op == windowDot && math.Abs(float64(got[i]-want[i])) <= 1e-5 {
							got[i] = want[i]
						}
					}
					if !same(got, want) {
						t.Fatalf("window %d of %d pixels, stride %d\n got %v\nwant %v", op, n, stride, got, want)
					}
				}
			}
		}
	})
}
