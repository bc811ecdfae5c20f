package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"
	"unsafe"
)

// TestSums compares sums that are outputs themselves, and codes of the sums of matrices, with the
// definition, bit for bit.
func TestSums(t *testing.T) {
	eachRung(t, func(t *testing.T, k *Rung) {
		for _, size := range [][3]int{{1, 1, 1}, {2, 4, 33}, {15, 3, 31}, {16, 64, 32}, {17, 65, 16}, {33, 130, 100}, {1, 320, 257}} {
			conv := OneTapOfRows(U8, size[0], size[1], size[2])
			for _, flip := range []uint8{0, 0x80} {
				t.Run(fmt.Sprintf("%v, flipped by %#x", size, flip), func(t *testing.T) {
					checkSums(t, k, conv, flip, false, false)
					checkSums(t, k, conv, flip, false, true)
					checkSums(t, k, conv, flip, true, false)
				})
			}
		}
		for _, c := range append(qconvCases(), qconvTiles()[:3]...) {
			if c.group > 1 || c.cin*c.cout*c.h*c.w > 1<<22 {
				continue
			}
			c.in, c.out = U8, Planar
			conv := c.conv()
			t.Run(c.why, func(t *testing.T) { checkSums(t, k, &conv, 0x80, false, false) })
		}
	})
}

// checkSums computes the sums of a convolution, as codes if coded, with a zero point that is known
// only then if late.
func checkSums(t *testing.T, k *Rung, conv *Conv, flip uint8, coded, late bool) {
	t.Helper()
	rng := rand.New(rand.NewSource(1))
	const zero = 77 // as stored
	per := conv.In.C * conv.KernelH * conv.KernelW
	weights := make([]int16, conv.Out.C*per)
	for i := range weights {
		weights[i] = int16(rng.Intn(255) - 127)
	}
	given := uint8(zero)
	if late {
		given = 0
	}
	s := k.NewSums(conv, flip, given)
	codes := SumCodes{Zero: 37, Flip: flip}
	each := 4
	if coded {
		for range conv.Out.C { // some codes are clipped, and a scale of 1/64 makes ties
			scale := float32(0.5+rng.Float64()) / float32(100*(1+per/8))
			codes.Scales = append(codes.Scales, []float32{scale, 1.0 / 64, 8 * scale}[rng.Intn(3)])
		}
		s.Recode(codes)
		each = 1
	}
	w, err := k.PackQConv(&s.QConv, qweights(weights, per), nil)
	if err != nil {
		t.Fatal(err)
	}
	packAll(w)
	work, err := k.Sums(s, w)
	if err != nil {
		t.Fatal(err)
	}
	in, out := fenced(t, conv.In.Size()), fenced(t, each*conv.Out.N*conv.Out.Image/4)
	rng.Read(in)
	rng.Read(out)
	m := Memory{In: unsafe.Pointer(&in[0]), Out: unsafe.Pointer(&out[0])}
	if late {
		m.More = []unsafe.Pointer{unsafe.Pointer(&[]uint8{zero ^ flip}[0])}
	}
	run(t, work, m)
	stored := slices.Clone(in)
	for i := range stored {
		stored[i] ^= flip
	}
	for i, want := range qconvReference(&QConv{Conv: *conv, InZero: zero}, stored, weights, make([]int32, conv.Out.C)) {
		if !coded {
			if got := int32(binary.NativeEndian.Uint32(out[4*i:])); got != want {
				t.Fatalf("sum %d: %d, want %d", i, got, want)
			}
			continue
		}
		scaled := float32(want) * codes.Scales[i%conv.Out.C]
		code := uint8(min(max(math.RoundToEven(float64(scaled))+float64(codes.Zero), 0), 255)) ^ flip
		if out[i] != code {
			t.Fatalf("code %d: %d, want %d, of a sum of %d, %g", i, out[i], code, want, scaled)
		}
	}
}
