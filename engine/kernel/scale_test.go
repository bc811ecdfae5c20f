package kernel

import (
	"bytes"
	"fmt"
	"math/rand"
	"runtime"
	"slices"
	"testing"
)

// unscaled returns a scale for each output channel of weights, and the weights divided by
// it. Scales are powers of two of either sign, so that nothing is rounded.
func unscaled(weights []float32, outputs int) (without, scale []float32) {
	without, scale = slices.Clone(weights), make([]float32, outputs)
	each := len(weights) / outputs
	for co := range scale {
		s := float32(int(1)<<(co%11)) / 32
		if co%3 == 0 {
			s = -s
		}
		scale[co] = s
		for i := range each {
			without[co*each+i] /= s
		}
	}
	return without, scale
}

// eachPacking calls check for the cases of convolutions, formats and methods that have
// weights of their own.
func eachPacking(t *testing.T, check func(t *testing.T, k *Rung, m ConvMethod, c *Conv)) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, test := range convCases {
			for _, f := range convFormats {
				in := f[0]
				if test.planar {
					in = Planar
				}
				c := test.conv(in, f[1])
				methods := []ConvMethod{ConvDirect}
				if c.isDepthwise() {
					methods = append(methods, ConvDepthwise)
				}
				for _, m := range methods {
					t.Run(fmt.Sprintf("%s %v %v", test.why, f[1], m), func(t *testing.T) { check(t, k, m, &c) })
				}
			}
		}
	})
}

// Weights that are scaled when they are packed equal weights that were scaled before.
func TestScaleBy(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	eachPacking(t, func(t *testing.T, k *Rung, m ConvMethod, c *Conv) {
		weights := normals(c.Out.C*c.In.C/c.Group*c.KernelH*c.KernelW, rng)
		without, scale := unscaled(weights, c.Out.C)
		want, err := k.PackConv(m, c, Numbers{Float32: weights}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.PackConv(m, c, Numbers{Float32: without}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got.ScaleBy(scale)
		packAll(want)
		packAll(got)
		if !slices.Equal(got.data, want.data) {
			t.Error("packed with a scale they are others")
		}
		runtime.KeepAlive(got)
		runtime.KeepAlive(want)
	})
	eachRung(t, func(t *testing.T, k *Rung) {
		for _, test := range tileCases() {
			t.Run("tiles "+test.why, func(t *testing.T) {
				c := test.conv()
				weights := normals(c.Out.C*c.In.C/c.Group*c.KernelH*c.KernelW, rng)
				without, scale := unscaled(weights, c.Out.C)
				pack := k.PackSplit
				if test.in == BF16x32 {
					pack = k.PackBF16
				}
				want, err := pack(&c, Numbers{Float32: weights}, nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := pack(&c, Numbers{Float32: without}, nil)
				if err != nil {
					t.Fatal(err)
				}
				got.ScaleBy(scale)
				packAll(want)
				packAll(got)
				if !bytes.Equal(got.data, want.data) || !slices.Equal(got.plain, want.plain) {
					t.Error("packed with a scale they are others")
				}
				runtime.KeepAlive(got)
				runtime.KeepAlive(want)
			})
		}
	})
}
