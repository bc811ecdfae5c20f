package kernel

import (
	"fmt"
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

// results returns memory beside a fence for what a twin computes, and for what a kernel does.
func results(t *testing.T, n int) (want, got []float32) {
	x := slices.Repeat([]float32{77}, n)
	return fencedFloats(t, x), fencedFloats(t, x)
}

func at(x []float32) unsafe.Pointer { return unsafe.Pointer(&x[0]) }

// eachLanes runs a test on each rung with pixels of 8 and of 16 numbers.
func eachLanes(t *testing.T, test func(t *testing.T, k, twin *Rung, lanes int)) {
	twin := purego()
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, lanes := range []int{8, 16} {
			t.Run(fmt.Sprint(lanes, " lanes"), func(t *testing.T) { test(t, k, &twin, lanes) })
		}
	})
}

// TestRowKernels compares kernels on rows with their twins.
func TestRowKernels(t *testing.T) {
	type row func(dst, a, b unsafe.Pointer, n int, low, high float32)
	inf := float32(math.Inf(1))
	kernels := func(k *Rung, lanes int) map[string]row {
		all := map[string]row{"add": k.AddRow, "sub": k.SubRow, "mul": k.MulRow,
			"clip": func(dst, a, _ unsafe.Pointer, n int, low, high float32) { k.ClipRow(dst, a, n, low, high) }}
		for _, op := range []PointOp{Add, Sub, Mul} {
			all[op.String()+" pixel"] = func(dst, a, b unsafe.Pointer, n int, low, high float32) {
				k.lanes(lanes).Broadcast[op](dst, a, b, n/lanes, low, high)
			}
		}
		return all
	}
	eachLanes(t, func(t *testing.T, k, twin *Rung, lanes int) {
		rng := rand.New(rand.NewSource(1))
		twins := kernels(twin, lanes)
		for name, kernel := range kernels(k, lanes) {
			for n := 8; n <= 25*lanes; n += 8 {
				one := len(name) > len("clip") // a pixel
				if one && n%lanes != 0 {
					continue
				}
				for _, bounds := range [][2]float32{{-inf, inf}, {0, 6}, {5, 1}} {
					a, b := fencedFloats(t, oddNumbers(n, rng)), fencedFloats(t, oddNumbers(n, rng))
					if one {
						b = fencedFloats(t, oddNumbers(lanes, rng))
					}
					want, got := results(t, n)
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

// TestRowKernelsOfPixels compares kernels that add and scale pixels.
func TestRowKernelsOfPixels(t *testing.T) {
	eachLanes(t, func(t *testing.T, k, twin *Rung, lanes int) {
		rng := rand.New(rand.NewSource(1))
		sum, scale := k.lanes(lanes).SumRow, k.lanes(lanes).ScaleRows
		for n := 1; n <= 21; n++ {
			src, gates := fencedFloats(t, normals(lanes*n, rng)), fencedFloats(t, normals(n, rng))
			want, got := results(t, lanes)
			twin.lanes(lanes).SumRow(at(want), at(src), n)
			sum(at(got), at(src), n)
			for i := range want {
				if math.Abs(float64(got[i]-want[i])) > 1e-4 { // 77 and the sum of 21: the order differs
					t.Fatalf("sum of %d pixels\n got %v\nwant %v", n, got, want)
				}
			}
			for vecs := 1; vecs <= 3; vecs++ {
				src := fencedFloats(t, normals(lanes*vecs*n, rng))
				want, got := results(t, lanes*vecs*n)
				twin.lanes(lanes).ScaleRows(at(want), at(src), at(gates), n, vecs)
				scale(at(got), at(src), at(gates), n, vecs)
				if !same(got, want) {
					t.Fatalf("%d rows of %d vectors\n got %v\nwant %v", n, vecs, got, want)
				}
			}
		}
	})
}

// TestRowKernelsOfPlanes compares conversions between planes and pixels, for all numbers of
// channels.
func TestRowKernelsOfPlanes(t *testing.T) {
	eachLanes(t, func(t *testing.T, k, twin *Rung, lanes int) {
		rng := rand.New(rand.NewSource(1))
		interleave, deinterleave := k.lanes(lanes).Interleave, k.lanes(lanes).Deinterleave
		for n := 1; n <= 37; n++ {
			for channels := 0; channels <= lanes; channels++ {
				row := n + 3
				size := max(1, channels*row-3) // the last plane ends with its pixels
				planes, pixels := fencedFloats(t, oddNumbers(size, rng)), fencedFloats(t, oddNumbers(lanes*n, rng))
				want, got := results(t, lanes*n)
				twin.lanes(lanes).Interleave(at(want), at(planes), 4*row, channels, n)
				interleave(at(got), at(planes), 4*row, channels, n)
				if !same(got, want) {
					t.Fatalf("%d pixels of %d channels\n got %v\nwant %v", n, channels, got, want)
				}
				want, got = results(t, size)
				twin.lanes(lanes).Deinterleave(at(want), at(pixels), 4*row, channels, n)
				deinterleave(at(got), at(pixels), 4*row, channels, n)
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
	eachLanes(t, func(t *testing.T, k, twin *Rung, lanes int) {
		rng := rand.New(rand.NewSource(1))
		pixel := 4 * lanes
		offsets := []int{2 * pixel, 0, 3 * pixel}
		for n := 1; n <= 19; n++ {
			for stride := 1; stride <= 2; stride++ {
				weights, bias := fencedFloats(t, normals(3*lanes, rng)), fencedFloats(t, normals(lanes, rng))
				a := windowArgs{First: pixel, Offsets: unsafe.Pointer(&offsets[0]), Taps: len(offsets), Count: n, PixelStride: stride * pixel,
					Weights: at(weights), Bias: at(bias), Scale: 1. / 3, Low: -1, High: 2}
				for _, op := range []windowOp{windowMax, windowSum, windowDot} {
					in := oddNumbers(lanes*(1+(n-1)*stride+4), rng)
					if op == windowDot {
						in = normals(len(in), rng)
					}
					in = fencedFloats(t, in)
					a.In = at(in)
					want, got := results(t, lanes*n)
					a.Out = at(want)
					twin.lanes(lanes).WindowRow(op, &a)
					a.Out = at(got)
					k.lanes(lanes).WindowRow(op, &a)
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
