package tensor

import "fmt"

// DType is the type of a tensor's elements. The numbers up to 26 are those of
// ONNX's TensorProto.DataType; the containers above are this project's own.
type DType uint8

// Element types. Sub-byte types (Int4, Uint4, Int2, Uint2, Float4E2M1) take one
// byte an element in memory and are packed only in files.
const (
	Invalid        DType = 0
	Float32        DType = 1
	Uint8          DType = 2
	Int8           DType = 3
	Uint16         DType = 4
	Int16          DType = 5
	Int32          DType = 6
	Int64          DType = 7
	String         DType = 8
	Bool           DType = 9
	Float16        DType = 10
	Float64        DType = 11
	Uint32         DType = 12
	Uint64         DType = 13
	Complex64      DType = 14
	Complex128     DType = 15
	BFloat16       DType = 16
	Float8E4M3FN   DType = 17
	Float8E4M3FNUZ DType = 18
	Float8E5M2     DType = 19
	Float8E5M2FNUZ DType = 20
	Uint4          DType = 21
	Int4           DType = 22
	Float4E2M1     DType = 23
	Float8E8M0     DType = 24
	Uint2          DType = 25
	Int2           DType = 26

	Sequence DType = 64 // elements are tensors: Tensor.Elems
	Optional DType = 65 // no or one element
	Map      DType = 66 // two elements: keys and values
)

// dtypes holds what is known of each: the name ONNX gives it and the bytes an
// element takes in memory.
var dtypes = [...]struct {
	name string
	size int
}{
	Invalid: {"undefined", 0}, Float32: {"float32", 4}, Uint8: {"uint8", 1}, Int8: {"int8", 1},
	Uint16: {"uint16", 2}, Int16: {"int16", 2}, Int32: {"int32", 4}, Int64: {"int64", 8},
	String: {"string", 0}, Bool: {"bool", 1}, Float16: {"float16", 2}, Float64: {"float64", 8},
	Uint32: {"uint32", 4}, Uint64: {"uint64", 8}, Complex64: {"complex64", 8}, Complex128: {"complex128", 16},
	BFloat16: {"bfloat16", 2}, Float8E4M3FN: {"float8e4m3fn", 1}, Float8E4M3FNUZ: {"float8e4m3fnuz", 1},
	Float8E5M2: {"float8e5m2", 1}, Float8E5M2FNUZ: {"float8e5m2fnuz", 1}, Uint4: {"uint4", 1}, Int4: {"int4", 1},
	Float4E2M1: {"float4e2m1", 1}, Float8E8M0: {"float8e8m0", 1}, Uint2: {"uint2", 1}, Int2: {"int2", 1},
}

// String returns the name, as in "float32".
func (d DType) String() string {
	switch {
	case int(d) < len(dtypes):
		return dtypes[d].name
	case d == Sequence:
		return "sequence"
	case d == Optional:
		return "optional"
	case d == Map:
		return "map"
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// Size is the number of bytes an element takes in memory; 0 for strings and
// containers.
func (d DType) Size() int {
	if int(d) < len(dtypes) {
		return dtypes[d].size
	}
	return 0
}

// IsElement reports whether d is one of ONNX's element types.
func (d DType) IsElement() bool { return d > Invalid && int(d) < len(dtypes) }

// BitsInFile is the number of bits an element takes in raw_data; 0 for strings.
func (d DType) BitsInFile() int {
	switch d {
	case Int4, Uint4, Float4E2M1:
		return 4
	case Int2, Uint2:
		return 2
	}
	return 8 * d.Size()
}

// Is reports whether d is in the set.
func (s TypeSet) Is(d DType) bool { return d < 64 && s>>d&1 != 0 }

// TypeSet is a set of element types, one bit each.
type TypeSet uint64

// Types returns the set of the given types.
func Types(ds ...DType) TypeSet {
	var s TypeSet
	for _, d := range ds {
		s |= 1 << d
	}
	return s
}

// The sets operators are defined over.
var (
	FloatTypes    = Types(Float32, Float64, Float16, BFloat16)
	Float8Types   = Types(Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float8E8M0, Float4E2M1)
	SignedTypes   = Types(Int8, Int16, Int32, Int64)
	UnsignedTypes = Types(Uint8, Uint16, Uint32, Uint64)
	NibbleTypes   = Types(Int4, Uint4, Int2, Uint2)
	IntTypes      = SignedTypes | UnsignedTypes
	NumericTypes  = FloatTypes | IntTypes
	ComplexTypes  = Types(Complex64, Complex128)
	AllTypes      = NumericTypes | ComplexTypes | Float8Types | NibbleTypes | Types(String, Bool)
)

// String lists the members by name, in the order of their numbers.
func (s TypeSet) String() string {
	out := ""
	for d := DType(1); int(d) < len(dtypes); d++ {
		if s.Is(d) {
			if out != "" {
				out += " "
			}
			out += d.String()
		}
	}
	return out
}
