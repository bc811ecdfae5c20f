package box_test

import (
	"testing"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/box"
)

// eachUnit runs a test on each rung of this machine but vnni and amx, whose unit is that
// of avx512.
func eachUnit(t *testing.T, test func(t *testing.T, u *box.Unit)) {
	for _, k := range kernel.Rungs() {
		if k.Name != "vnni" && k.Name != "amx" {
			t.Run(k.Name, func(t *testing.T) { test(t, &k.Boxes) })
		}
	}
}
