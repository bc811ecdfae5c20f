package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/tensor"
)

// real are the types that formulas are computed in.
type real interface{ float32 | float64 }

// number are the types that Go calculates with.
type number interface {
	real | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// evalReal runs the kernel for the type of the first input. Floats of 16 bits
// are computed in float32 and the results rounded once.
func evalReal(c *Call, f32, f64 func(c *Call) error) error {
	switch d := c.In[0].DType(); d {
	case tensor.Float32:
		return f32(c)
	case tensor.Float64:
		return f64(c)
	case tensor.Float16, tensor.BFloat16:
		return viaFloat32(c, f32)
	default:
		return fmt.Errorf("has no meaning for %s", d)
	}
}
