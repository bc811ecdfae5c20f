// Package tensor holds the values that networks compute with: dense row-major
// arrays of ONNX's element types, and sequences and optionals of them.
//
// The package knows no operators, and no file formats but .npy and .npz.
package tensor

import (
	"fmt"
	"slices"
	"unsafe"
)

// Tensor is a dense array in row-major order, or a container of tensors (dtype
// Sequence, Optional or Map). Views and containers share the memory of the
// elements.
type Tensor struct {
	dtype DType
	shape []int
	data  []byte   // len = elements * dtype.Size()
	strs  []string // of a String tensor
	elems []*Tensor
	owner *Owner
	wide  *widened // instead of data: see Widened
}

// Go types for floats of 16 bits, so that Data's type argument says how the bits
// are to be read.
type (
	Float16Bits  uint16 // IEEE 754 binary16
	BFloat16Bits uint16 // the upper half of a binary32
)

// Element is a Go type as which the elements of a tensor can be viewed. The
// sub-byte and 8-bit float types are viewed as uint8 (int8 for Int4 and Int2).
type Element interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 |
		bool | Float16Bits | BFloat16Bits | complex64 | complex128
}

// New returns a tensor of zeros, or of empty strings. It panics if the number of
// elements overflows; check sizes from untrusted files with Count first.
func New(dtype DType, shape ...int) *Tensor {
	n, err := Count(shape)
	if err != nil {
		panic("BUG: tensor.New: " + err.Error())
	}
	if dtype == String {
		return &Tensor{dtype: dtype, shape: slices.Clone(shape), strs: make([]string, n)}
	}
	return blank(dtype, shape, n*dtype.Size())
}

// alignedBytes returns zeros that start on a multiple of 8, so that every
// element type can be viewed in place.
func alignedBytes(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	return bytesOf(make([]uint64, (n+7)/8))[:n:n]
}

// bytesOf views words, of which there is one at least.
func bytesOf(words []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
}

// FromBytes views data as a tensor without copying. data holds the elements in the
// machine's byte order, each in at least one byte; its length must fit the shape.
func FromBytes(dtype DType, data []byte, shape ...int) (*Tensor, error) {
	n, err := Count(shape)
	if err != nil {
		return nil, err
	}
	size := dtype.Size()
	if size == 0 || len(data) != n*size {
		return nil, fmt.Errorf("%d bytes do not hold %v of %s", len(data), shape, dtype)
	}
	return &Tensor{dtype: dtype, shape: slices.Clone(shape), data: data}, nil
}

// Of views a Go slice as a tensor without copying; without a shape the tensor has
// one dimension. It panics if the length does not fit the shape.
func Of[T Element](data []T, shape ...int) *Tensor {
	if shape == nil {
		shape = []int{len(data)}
	}
	n, err := Count(shape)
	if err != nil || n != len(data) {
		panic(fmt.Sprintf("BUG: tensor.Of: %d elements for shape %v", len(data), shape))
	}
	t := &Tensor{dtype: DTypeOf[T](), shape: slices.Clone(shape)}
	t.data = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), n*t.dtype.Size())
	return t
}

// Scalar returns a tensor of rank 0.
func Scalar[T Element](v T) *Tensor {
	t := blank(DTypeOf[T](), nil, int(unsafe.Sizeof(v)))
	Data[T](t)[0] = v
	return t
}

// OfStrings views strings as a tensor.
func OfStrings(data []string, shape ...int) *Tensor {
	if shape == nil {
		shape = []int{len(data)}
	}
	if n, err := Count(shape); err != nil || n != len(data) {
		panic(fmt.Sprintf("BUG: tensor.OfStrings: %d strings for shape %v", len(data), shape))
	}
	return &Tensor{dtype: String, shape: slices.Clone(shape), strs: data}
}

// NewContainer returns a Sequence, Optional or Map of the given elements.
func NewContainer(kind DType, elems ...*Tensor) *Tensor {
	return &Tensor{dtype: kind, shape: []int{len(elems)}, elems: elems}
}

// DType is the type of the elements.
func (t *Tensor) DType() DType { return t.dtype }

// Shape is the size of each dimension. The caller must not change it.
func (t *Tensor) Shape() []int { return t.shape }

// Rank is the number of dimensions.
func (t *Tensor) Rank() int { return len(t.shape) }

// Dim is the size of one dimension; negative axes count from the end.
func (t *Tensor) Dim(axis int) int {
	if axis < 0 {
		axis += len(t.shape)
	}
	return t.shape[axis]
}

// Len is the number of elements.
func (t *Tensor) Len() int {
	if t.dtype == String {
		return len(t.strs)
	}
	if t.elems != nil || t.dtype.Size() == 0 {
		return len(t.elems)
	}
	return t.Size() / t.dtype.Size()
}

// Size is the number of bytes that the elements take; 0 for strings and containers.
func (t *Tensor) Size() int {
	if t.wide != nil {
		return 2 * t.wide.from.Size()
	}
	return len(t.data)
}

// Bytes is the memory of the elements, shared with the tensor; nil for strings and
// containers.
func (t *Tensor) Bytes() []byte {
	if t.wide != nil {
		return t.wide.bytes()
	}
	return t.data
}

// Shares reports whether two tensors share memory.
func (t *Tensor) Shares(u *Tensor) bool {
	a, b := t.Bytes(), u.Bytes()
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	from, begin := uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0]))
	return from < begin+uintptr(len(b)) && begin < from+uintptr(len(a))
}

// Strings are the elements of a String tensor.
func (t *Tensor) Strings() []string { return t.strs }

// Elems are the elements of a container.
func (t *Tensor) Elems() []*Tensor { return t.elems }

// Data views the elements as Go values without copying: writing to the slice writes
// to the tensor. It panics if T is not the Go type for the dtype.
func Data[T Element](t *Tensor) []T {
	if d := DTypeOf[T](); d != t.dtype && d != viewedAs(t.dtype) {
		panic(fmt.Sprintf("BUG: tensor.Data: %s viewed as %s", t.dtype, d))
	}
	var zero T
	data := t.Bytes()
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(data))), len(data)/int(unsafe.Sizeof(zero)))
}

// viewedAs is the element type with the Go type as which d is viewed.
func viewedAs(d DType) DType {
	switch d {
	case Int4, Int2:
		return Int8
	case Uint4, Uint2, Float4E2M1, Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float8E8M0:
		return Uint8
	}
	return d
}

// DTypeOf is the element type of a Go type.
func DTypeOf[T Element]() DType {
	var v T
	switch any(v).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case bool:
		return Bool
	case Float16Bits:
		return Float16
	case BFloat16Bits:
		return BFloat16
	case complex64:
		return Complex64
	}
	return Complex128
}

// Reshape returns a view with another shape of the same number of elements.
func (t *Tensor) Reshape(shape ...int) (*Tensor, error) {
	n, err := Count(shape)
	if err != nil {
		return nil, err
	}
	if n != t.Len() {
		return nil, fmt.Errorf("shape %v has %d elements, shape %v has %d", t.shape, t.Len(), shape, n)
	}
	v := *t
	v.shape = slices.Clone(shape)
	return &v, nil
}

// As returns a view of the same memory under another dtype of the same size.
func (t *Tensor) As(d DType) *Tensor {
	if d.Size() != t.dtype.Size() {
		panic(fmt.Sprintf("BUG: Tensor.As: %s as %s", t.dtype, d))
	}
	v := *t
	v.dtype = d
	return &v
}

// Clone returns a copy that shares nothing.
func (t *Tensor) Clone() *Tensor {
	c := &Tensor{dtype: t.dtype, shape: slices.Clone(t.shape), strs: slices.Clone(t.strs)}
	if data := t.Bytes(); data != nil {
		c.data = alignedBytes(len(data))
		copy(c.data, data)
	}
	if t.elems != nil {
		c.elems = make([]*Tensor, len(t.elems))
		for i, e := range t.elems {
			c.elems[i] = e.Clone()
		}
	}
	return c
}

// String returns dtype and shape, as in "float32[1 3 224 224]".
func (t *Tensor) String() string {
	if t == nil {
		return "none"
	}
	return fmt.Sprintf("%s%v", t.dtype, t.shape)
}

// View returns a tensor over memory of the caller's, which must be long enough and
// may be nil until Rebind. The shape is kept, not copied.
func View(d DType, data []byte, shape []int) *Tensor {
	return &Tensor{dtype: d, shape: shape, data: data}
}

// Rebind makes a View use other memory of the same length.
func (t *Tensor) Rebind(data []byte) { t.data = data }
