package generate

import (
	"fmt"
	"testing"
)

// TestDotBF16 compares encodings with those of GNU as 2.40.
func TestDotBF16(t *testing.T) {
	for _, c := range []struct {
		a, b, acc int
		want      string
	}{ // vdpbf16ps %zmm{a},%zmm{b},%zmm{acc}
		{3, 5, 7, "62 f2 56 48 52 fb"},
		{30, 29, 27, "62 02 16 40 52 de"},
		{8, 17, 10, "62 52 76 40 52 d0"},
		{23, 12, 16, "62 a2 1e 48 52 c7"},
	} {
		if got := fmt.Sprintf("% x", DotBF16(c.a, c.b, c.acc)); got != c.want {
			t.Errorf("%d, %d, %d: %s, want %s", c.a, c.b, c.acc, got, c.want)
		}
	}
}
