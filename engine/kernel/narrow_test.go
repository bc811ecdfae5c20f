package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/vec"
)

// narrowNumbers are n finite numbers of 16 bits of either type, before the fence, and what
// they are as float32.
func narrowNumbers(t *testing.T, rng *rand.Rand, n int) (all map[string][2]Numbers) {
	bits := unsafe.Slice((*uint16)(unsafe.Pointer(&fenced(t, 2*n+1)[0])), n)
	for i := range bits {
		if bits[i] = uint16(rng.Uint32()); bits[i]&0x7c00 == 0x7c00 {
			bits[i] ^= 0x1c00
		}
	}
	wide, brain := make([]float32, n), make([]float32, n)
	vec.Plain.Float16(unsafe.Pointer(&wide[0]), unsafe.Pointer(&bits[0]), n)
	vec.Plain.BFloat16(unsafe.Pointer(&brain[0]), unsafe.Pointer(&bits[0]), n)
	return map[string][2]Numbers{"float16": {{Float16: bits}, {Float32: wide}}, "bfloat16": {{BFloat16: bits}, {Float32: brain}}}
}

// Weights that are widened when they are packed equal weights that were widened before.
func TestConvNarrow(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	eachPacking(t, func(t *testing.T, k *Rung, m ConvMethod, c *Conv) {
		for name, n := range narrowNumbers(t, rng, c.Out.C*c.In.C/c.Group*c.KernelH*c.KernelW) {
			for _, scale := range [][]float32{nil, normals(c.Out.C, rng)} {
				packed := func(n Numbers) *ConvWeights {
					w, err := k.PackConv(m, c, n, nil)
					if err != nil {
						t.Fatal(err)
					}
					if scale != nil {
						w.ScaleBy(scale)
					}
					packAll(w)
					return w
				}
				got, want := packed(n[0]), packed(n[1])
				if !slices.Equal(got.data, want.data) {
					t.Errorf("weights of %s are packed differently", name)
				}
				runtime.KeepAlive(got)
				runtime.KeepAlive(want)
			}
		}
	})
}

func TestTileConvNarrow(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	eachRung(t, func(t *testing.T, k *Rung) {
		for _, test := range tileCases() {
			if k.Name != "purego" && !test.hasKernel(k) {
				continue
			}
			c := test.conv()
			pack, plan := k.PackSplit, k.NewSplit
			if test.in == BF16x32 {
				pack, plan = k.PackBF16, k.NewBF16
			}
			for name, n := range narrowNumbers(t, rng, c.Out.C*c.In.C/c.Group*c.KernelH*c.KernelW) {
				for _, scale := range [][]float32{nil, normals(c.Out.C, rng)} {
					packed := func(n Numbers) *TileWeights {
						w, err := pack(&c, n, nil)
						if err != nil {
							t.Fatal(err)
						}
						if scale != nil {
							w.ScaleBy(scale)
						}
						packAll(w)
						return w
					}
					got, want := packed(n[0]), packed(n[1])
					if !bytes.Equal(got.data, want.data) || !slices.Equal(got.plain, want.plain) {
						t.Errorf("%s: weights of %s are packed differently", test.why, name)
					}
					runtime.KeepAlive(got)
					runtime.KeepAlive(want)
					if test.gated && c.Residual == nil { // packed at each run
						c := c
						in, gate := plane(t, &c.In, rng), NewLayout(F32x16, 1, c.In.C, 1, 1, Halo{})
						randomize(&c.In, in, rng)
						g := plane(t, &gate, rng)
						randomize(&gate, g, rng)
						c.Gate = &gate
						result := func(w *TileWeights) []byte {
							work, err := plan(&c, w)
							if err != nil {
								t.Fatal(err)
							}
							out := plane(t, &c.Out, rand.New(rand.NewSource(2)))
							runWork(t, work, &Memory{In: unsafe.Pointer(&in[0]), Out: unsafe.Pointer(&out[0]), More: []unsafe.Pointer{unsafe.Pointer(&g[0])}}, rng)
							return out
						}
						if !bytes.Equal(result(got), result(want)) {
							t.Errorf("%s: gated weights of %s are packed differently", test.why, name)
						}
					}
				}
			}
		}
	})
}

func TestGemmNarrow(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	eachRung(t, func(t *testing.T, k *Rung) {
		for _, c := range gemmCases() {
			g, _, sizeB, _ := gemmOf(c)
			for name, n := range narrowNumbers(t, rng, sizeB) {
				packed := func(n Numbers) *GemmWeights {
					w, err := k.PackGemm(g, n, nil)
					if err != nil {
						t.Fatal(err)
					}
					packAll(w)
					return w
				}
				got, want := packed(n[0]), packed(n[1])
				if !slices.Equal(got.panels, want.panels) || !bytes.Equal(got.tiles, want.tiles) {
					t.Errorf("%s: weights of %s are packed differently", fmt.Sprint(c.why, g), name)
				}
				runtime.KeepAlive(got)
				runtime.KeepAlive(want)
			}
		}
	})
}

// Products that read B in place give the same sums for narrow numbers as for wide ones.
func TestGemmNarrowInPlace(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	eachRung(t, func(t *testing.T, k *Rung) {
		for _, n := range append(oddSizes(), 300) {
			for _, rows := range []int{1, 3} {
				for _, depth := range []int{1, 7, 15, 16, 17, 33, 70, 257} {
					for _, trans := range []bool{false, true} {
						g := &Gemm{M: rows, N: n, K: depth, RowA: depth, RowB: n, RowC: n, TransB: trans, Scale: 1}
						if trans {
							g.RowB = depth
						}
						a := fencedFloats(t, normals(rows*depth, rng))
						for name, b := range narrowNumbers(t, rng, n*depth) {
							result := func(b Numbers) []float32 {
								w, err := k.PackGemm(g, b, nil)
								if err != nil {
									t.Fatal(err)
								}
								work, err := k.Gemm(g, w)
								if err != nil {
									t.Fatal(err)
								}
								out := fencedFloats(t, make([]float32, rows*n))
								run(t, work, Memory{In: unsafe.Pointer(&a[0]), Out: unsafe.Pointer(&out[0])})
								return out
							}
							got, want := result(b[0]), result(b[1])
							for i := range got {
								if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
									t.Fatalf("%v of %s: number %d is %v, want %v", g, name, i, got[i], want[i])
								}
							}
						}
					}
				}
			}
		}
	})
}

func oddSizes() (all []int) {
	for n := 1; n < 40; n++ {
		all = append(all, n)
	}
	return append(all, 63, 64, 65, 127, 128, 129)
}
