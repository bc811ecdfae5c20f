package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/tensor"
)

// real lists the types in which formulas are computed.
type real interface{ float32 | float64 }

// number lists the numeric types of Go that elements have.
type number interface {
	real | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// evalReal runs the kernel for the dtype of the first input. Floats of 16 bits
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
		return fmt.Errorf("element type %s is not supported", d)
	}
}
