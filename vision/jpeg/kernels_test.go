package jpeg

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// guarded returns n bytes of noise, and the same memory with 64 more bytes that kernels
// must not write.
func guarded(rng *rand.Rand, n int) (head, whole []byte) {
	whole = make([]byte, n+64)
	for i := range whole {
		whole[i] = byte(rng.Uint32())
	}
	return whole[:n:n], whole
}

// sameBytes runs a call with the twin and with k and compares what they wrote.
func sameBytes(t *testing.T, what string, n, size int, call func(k *kernels, dst []byte), k *kernels) {
	t.Helper()
	want, wantAll := guarded(rand.New(rand.NewPCG(1, 1)), size)
	got, gotAll := guarded(rand.New(rand.NewPCG(1, 1)), size)
	call(&goKernels, want)
	call(k, got)
	if !bytes.Equal(gotAll, wantAll) {
		for i := range wantAll {
			if gotAll[i] != wantAll[i] {
				t.Fatalf("%s %s, n=%d: byte %d of %d is %d, the twin has %d", k.name, what, n, i, size, gotAll[i], wantAll[i])
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

func eachFast(t *testing.T, f func(t *testing.T, k *kernels)) {
	all := everyKernels(t)
	if len(all) == 1 {
		t.Skip("only the twins are here; the others need an amd64 CPU with AVX2 or an arm64 one, and neither -tags purego nor VISION_CPU=purego")
	}
	for _, k := range all[1:] {
		t.Run(k.name, func(t *testing.T) { f(t, k) })
	}
}

func TestRowKernels(t *testing.T) {
	eachFast(t, func(t *testing.T, k *kernels) {
		rng := rand.New(rand.NewPCG(3, 9))
		for n := 1; n <= 200; n++ {
			a, _ := guarded(rng, n+2)
			b, _ := guarded(rng, n+2)
			c, _ := guarded(rng, n+2)
			sameBytes(t, "h2v1", n, 2*n, func(k *kernels, dst []byte) { k.h2v1(dst, a) }, k)
			sameBytes(t, "h2v2", n, 2*n, func(k *kernels, dst []byte) { k.h2v2(dst, a, b) }, k)
			for bias := 1; bias <= 2; bias++ {
				sameBytes(t, "h1v2", n, n, func(k *kernels, dst []byte) { k.h1v2(dst, a[:n], b[:n], bias) }, k)
			}
			sameBytes(t, "ycc", n, 3*n, func(k *kernels, dst []byte) { k.ycc(dst, a[:n], b[:n], c[:n]) }, k)
			sameBytes(t, "rgb", n, 3*n, func(k *kernels, dst []byte) { k.rgb(dst, a[:n], b[:n], c[:n]) }, k)
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
		for round := range 3000 {
			n := 2 * (1 + rng.IntN(4))
			var quant [64]int16
			for i := range quant {
				quant[i] = int16(1 + rng.IntN(1<<(1+rng.IntN(8))))
				if round%10 == 9 {
					quant[i] = int16(rng.Uint32())
				}
			}
			coefs := blocksOf(rng, n, round)
			stride := 8*n + rng.IntN(20)
			call := func(k *kernels, dst []byte) { k.idct(dst, stride, coefs, &quant, n) }
			sameBytes(t, "idct", n, 7*stride+8*n, call, k)
		}
	})
}
