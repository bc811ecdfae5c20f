package jpeg

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/visionzoo/vision/internal/fence"
)

// fenced returns memory beside a page without access.
var fenced func(tb testing.TB, n int) []byte

// random returns n random bytes there.
func random(t *testing.T, rng *rand.Rand, n int) []byte {
	b := fenced(t, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// words copies coefficients there.
func words(t *testing.T, src []int16) []int16 {
	w := unsafe.Slice((*int16)(unsafe.Pointer(&fenced(t, 2*len(src))[0])), len(src))
	copy(w, src)
	return w
}

// sameBytes runs a call with the twin and with k and compares what they wrote.
func sameBytes(t *testing.T, what string, n, size int, call func(k *kernels, dst []byte), k *kernels) {
	t.Helper()
	want, got := random(t, rand.New(rand.NewPCG(1, 1)), size), random(t, rand.New(rand.NewPCG(1, 1)), size)
	call(&goKernels, want)
	call(k, got)
	if !bytes.Equal(got, want) {
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s %s, n=%d: byte %d of %d is %d, the twin has %d", k.name, what, n, i, size, got[i], want[i])
			}
		}
	}
}

// VISION_CPU=purego selects the twins, as in the engine.
func TestVisionCPU(t *testing.T) {
	t.Setenv("VISION_CPU", "purego")
	if k := fastest(); k != &goKernels {
		t.Errorf("VISION_CPU=purego uses the kernels %q", k.name)
	}
}

// eachFast runs a test with operands before a page without access, and with operands
// after one.
func eachFast(t *testing.T, f func(t *testing.T, k *kernels)) {
	all := everyKernels(t)
	if len(all) == 1 {
		t.Skip("only the twins are here; the others need an amd64 CPU with AVX2 or an arm64 one, and neither -tags purego nor VISION_CPU=purego")
	}
	for _, k := range all[1:] {
		t.Run(k.name, func(t *testing.T) {
			for _, fenced = range []func(tb testing.TB, n int) []byte{fence.Before[byte], fence.After[byte]} {
				f(t, k)
			}
		})
	}
}

func TestRowKernels(t *testing.T) {
	eachFast(t, func(t *testing.T, k *kernels) {
		rng := rand.New(rand.NewPCG(3, 9))
		for n := 1; n <= 200; n++ {
			a, b := random(t, rng, n+2), random(t, rng, n+2)
			sameBytes(t, "h2v1", n, 2*n, func(k *kernels, dst []byte) { k.h2v1(dst, a) }, k)
			sameBytes(t, "h2v2", n, 2*n, func(k *kernels, dst []byte) { k.h2v2(dst, a, b) }, k)
			a, b, c := random(t, rng, n), random(t, rng, n), random(t, rng, n)
			for bias := 1; bias <= 2; bias++ {
				sameBytes(t, "h1v2", n, n, func(k *kernels, dst []byte) { k.h1v2(dst, a, b, bias) }, k)
			}
			sameBytes(t, "ycc", n, 3*n, func(k *kernels, dst []byte) { k.ycc(dst, a, b, c) }, k)
			sameBytes(t, "rgb", n, 3*n, func(k *kernels, dst []byte) { k.rgb(dst, a, b, c) }, k)
		}
	})
}

// TestEveryColour compares all pairs of chroma samples with a few luma samples.
func TestEveryColour(t *testing.T) {
	eachFast(t, func(t *testing.T, k *kernels) {
		y, cb, cr := make([]byte, 65536), make([]byte, 65536), make([]byte, 65536)
		for _, luma := range []byte{0, 1, 100, 128, 254, 255} {
			for i := range y {
				y[i], cb[i], cr[i] = luma, byte(i), byte(i>>8)
			}
			sameBytes(t, "ycc", 65536, 3*65536, func(k *kernels, dst []byte) { k.ycc(dst, y, cb, cr) }, k)
		}
	})
}

// blocksOf returns n blocks: dense, sparse, flat, and with coefficients out of range.
func blocksOf(rng *rand.Rand, n, kind int) []int16 {
	coefs := make([]int16, 64*n)
	for b := range n {
		block := coefs[64*b : 64*b+64]
		switch (kind + b*rng.IntN(3)) % 6 {
		case 0: // DC only
			block[0] = int16(rng.IntN(2048) - 1024)
		case 1: // a few low frequencies
			for range 1 + rng.IntN(5) {
				block[natural[rng.IntN(10)]] = int16(rng.IntN(200) - 100)
			}
		case 2:
			for i := range block {
				block[i] = int16(rng.IntN(400) - 200)
			}
		case 3: // out of range
			for i := range block {
				block[i] = int16(rng.Uint32())
			}
		case 4: // the first row only, out of range
			for i := range 8 {
				block[i] = int16(rng.Uint32())
			}
		case 5:
			block[rng.IntN(64)] = int16(rng.Uint32())
		}
	}
	return coefs
}

func TestIDCT(t *testing.T) {
	eachFast(t, func(t *testing.T, k *kernels) {
		rng := rand.New(rand.NewPCG(5, 5))
		for round := range 2000 {
			n := 2 * (1 + rng.IntN(4))
			var quant [64]int16
			for i := range quant {
				quant[i] = int16(1 + rng.IntN(1<<(1+rng.IntN(8))))
				if round%10 == 9 {
					quant[i] = int16(rng.Uint32())
				}
			}
			coefs, table := words(t, blocksOf(rng, n, round)), words(t, quant[:])
			stride := 8*n + rng.IntN(20)
			call := func(k *kernels, dst []byte) { k.idct(dst, stride, coefs, (*[64]int16)(table), n) }
			sameBytes(t, "idct", n, 7*stride+8*n, call, k)
		}
	})
}

// TestBlocks decodes random bits, also beyond their end.
func TestBlocks(t *testing.T) {
	eachFast(t, func(t *testing.T, k *kernels) {
		rng := rand.New(rand.NewPCG(7, 7))
		for round := range 400 {
			var dc, ac huffTable
			if err := errors.Join(dc.build(standardHuffman[0][round%2], true), ac.build(standardHuffman[1][round/2%2], false)); err != nil {
				t.Fatal(err)
			}
			bits := random(t, rng, 8+rng.IntN(300))
			clear(bits[len(bits)-8:])
			var got, want bitReader
			var gotDC, wantDC int32
			got.reset(bits)
			want.reset(bits)
			for n := 0; n < 100 && !want.exhausted(); n++ {
				var a, b [64]int16
				k.block(&got, &a, &dc, &ac, &gotDC)
				goKernels.block(&want, &b, &dc, &ac, &wantDC)
				if a != b || gotDC != wantDC || got.bad != want.bad || got.exhausted() != want.exhausted() || 8*got.pos-int(got.n) != 8*want.pos-int(want.n) {
					t.Fatalf("round %d, block %d:\n got %v\nwant %v", round, n, a, b)
				}
			}
		}
	})
}
