package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/tensor"
)

// Sets of element types that several families accept; package tensor has the general ones.
var (
	boolType     = tensor.Types(tensor.Bool)
	stringType   = tensor.Types(tensor.String)
	byteTypes    = tensor.Types(tensor.Uint8, tensor.Int8)                                // quantised operators
	wordTypes    = tensor.Types(tensor.Int32, tensor.Int64, tensor.Uint32, tensor.Uint64) // matrix products
	integerTypes = tensor.Types(tensor.Int32, tensor.Int64)                               // shapes, axes and indices
)

// real lists the types in which formulas are computed.
type real interface{ float32 | float64 }

// number lists the numeric types of Go that elements have.
type number interface {
	real | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// wideNumber lists the types in which sums of any numeric type are computed, see tensor.Number.
type wideNumber interface {
	tensor.Number
	tensor.Element
}

// evalReal runs the instantiation of a generic Eval for the dtype of the first input. Floats of 16
// bits are computed in float32 and the results rounded once.
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
