package kernel

import (
	"fmt"
	"testing"
)

var gateCases = []convCase{
	{why: "one vector", cin: 32, h: 9, w: 14, cout: 16},
	{why: "tails", n: 2, cin: 21, h: 5, w: 33, cout: 19, act: relu},
	{why: "pictures", n: 5, cin: 96, h: 7, w: 7, cout: 24, residual: true},
	{why: "stride 2", n: 2, cin: 40, h: 15, w: 15, cout: 33, sh: 2, sw: 2},
	{why: "one pixel", cin: 40, h: 1, w: 1, cout: 50, act: Activation{Kind: Silu}},
	{why: "weights larger than L2", cin: 600, h: 3, w: 3, cout: 500},
}

func TestConvGate(t *testing.T) {
	eachF32Rung(t, func(t *testing.T, k *Rung) {
		for _, test := range gateCases {
			for _, f := range convFormats {
				bound := 1e-6
				if f[1] != f[0] {
					bound = f[1].precision()
				}
				t.Run(fmt.Sprintf("%s %v", test.why, f[1]), func(t *testing.T) {
					c := test.conv(f[0], f[1])
					gate := NewLayout(f[0], c.In.N, c.In.C, 1, 1, Halo{1, 0, 0, 1})
					c.Gate = &gate
					testConv(t, k, c, ConvDirect, bound)
				})
			}
		}
	})
}

// each visits all numbers.
func (c *canvas) each(visit func(n, ch, y, x int)) {
	for n := range c.N {
		for ch := range c.C {
			for y := range c.H {
				for x := range c.W {
					visit(n, ch, y, x)
				}
			}
		}
	}
}

// expectMeans compares means with those of the output.
func (c *canvas) expectMeans(t *testing.T, means *canvas) {
	t.Helper()
	means.expect(t, max(c.Format.precision(), means.Format.precision()), func(n, ch, _, _ int) float64 {
		sum := 0.0
		for y := range c.H {
			for x := range c.W {
				sum += float64(c.get(n, ch, y, x))
			}
		}
		return sum / float64(c.H*c.W)
	})
}
