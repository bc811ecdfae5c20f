package plan

import "testing"

// TestInside: a tap that is left out meets padding wherever the kernel stands, and
// outer taps that meet the picture stay.
func TestInside(t *testing.T) {
	for in := 1; in < 8; in++ {
		for kernel := 1; kernel < 6; kernel++ {
			for dilation := 1; dilation < 9; dilation++ {
				for stride := 1; stride < 4; stride++ {
					for pad := range kernel * dilation {
						for after := range 3 * dilation {
							out := (in+pad+after-(kernel-1)*dilation-1)/stride + 1
							if in+pad+after <= (kernel-1)*dilation {
								continue
							}
							meets := func(tap int) bool {
								for o := range out {
									if at := o*stride + tap*dilation - pad; at >= 0 && at < in {
										return true
									}
								}
								return false
							}
							first, n := tapsInside(kernel, dilation, stride, pad, in, out)
							if n < 1 || first < 0 || first+n > kernel || pad-first*dilation < 0 {
								t.Fatalf("kernel %d, dilation %d, stride %d, padding %d, %d to %d: taps %d+%d", kernel, dilation, stride, pad, in, out, first, n)
							}
							for tap := range kernel {
								if left := tap < first || tap >= first+n; left && meets(tap) {
									t.Fatalf("kernel %d, dilation %d, stride %d, padding %d, %d to %d: tap %d is left out", kernel, dilation, stride, pad, in, out, tap)
								}
							}
						}
					}
				}
			}
		}
	}
	for _, c := range []struct{ kernel, dilation, pad, in, first, n int }{
		{3, 24, 24, 12, 1, 1}, {3, 12, 12, 16, 0, 3}, {3, 1, 1, 1, 1, 1}, {7, 1, 3, 2, 2, 3}, {2, 5, 5, 5, 1, 1},
	} {
		if first, n := tapsInside(c.kernel, c.dilation, 1, c.pad, c.in, c.in); first != c.first || n != c.n {
			t.Errorf("%+v: taps %d+%d", c, first, n)
		}
	}
}
