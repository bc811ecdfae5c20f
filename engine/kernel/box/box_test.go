package box_test

import (
	"testing"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/box"
)

// eachUnit runs a test on each rung of this machine but vnni, amx, dotprod and i8mm, whose unit is
// that of avx512 or neon.
func eachUnit(t *testing.T, test func(t *testing.T, u *box.Unit)) {
	for _, k := range kernel.Rungs() {
		switch k.Name {
		case "vnni", "avx512bf16", "amx", "dotprod", "i8mm":
		default:
			t.Run(k.Name, func(t *testing.T) { test(t, &k.Boxes) })
		}
	}
}
