package ir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
)

// reader makes tensors of the constants in a file. Most are used in place: the tensor's memory is
// that of the mapped file. Sub-byte types, bools that are not 0 or 1, and numbers in another byte
// order are copied.
type reader struct {
	files *onnx.Files // external data; nil: there is none
	limit func(bytes int) error
	taken int // bytes of memory, without what is used in place
}

// take counts memory before it is allocated, against the limit, if there is one.
func (r *reader) take(bytes int) error {
	if r.limit == nil {
		return nil
	}
	if r.taken += bytes; r.taken < bytes {
		r.taken = math.MaxInt
	}
	return r.limit(r.taken)
}

// allocate returns a tensor of n elements within the limit.
func (r *reader) allocate(d tensor.DType, shape []int, n int) (*tensor.Tensor, error) {
	if err := r.take(n * d.Size()); err != nil {
		return nil, err
	}
	return tensor.New(d, shape...), nil
}

// named is tensor with the tensor's name in its errors.
func (r *reader) named(p *onnx.Tensor) (*tensor.Tensor, error) {
	t, err := r.tensor(p)
	if err != nil {
		return nil, fmt.Errorf("tensor %s: %w", onnx.Quote(p.Name), err)
	}
	return t, nil
}

// tensor converts a tensor of a file. Raw data of whole bytes and float_data are used in
// place.
func (r *reader) tensor(p *onnx.Tensor) (*tensor.Tensor, error) {
	dtype := tensor.DType(p.DataType)
	if p.DataType <= 0 || p.DataType > 63 || !dtype.IsElement() {
		return nil, fmt.Errorf("element type %d does not exist", p.DataType)
	}
	if p.Segment {
		return nil, fmt.Errorf("it is stored in segments, which is not supported")
	}
	shape, err := intDims(p.Dims)
	if err != nil {
		return nil, err
	}
	n, err := tensor.Count(shape)
	if err != nil {
		return nil, err
	}
	if p.Location == 1 {
		raw, err := r.files.Read(p.External, int64(bytesInFile(dtype, n)))
		if err != nil {
			return nil, err
		}
		return r.fromRaw(dtype, shape, n, raw)
	}
	if err := oneField(p, dtype); err != nil {
		return nil, err
	}
	if dtype == tensor.String {
		if len(p.Strings) != n {
			return nil, fmt.Errorf("shape %v needs %d strings, %d are there", shape, n, len(p.Strings))
		}
		if err := r.take(n * int(unsafe.Sizeof(""))); err != nil {
			return nil, err
		}
		out := make([]string, n)
		for i, s := range p.Strings {
			out[i] = string(s)
		}
		return tensor.OfStrings(out, shape...), nil
	}
	if p.HasRaw {
		return r.fromRaw(dtype, shape, n, p.Raw)
	}
	return r.fromTyped(p, dtype, shape, n)
}

func intDims(dims []int64) ([]int, error) {
	const maxRank = 1024
	if len(dims) > maxRank {
		return nil, limit.Errorf("rank %d is above %d", len(dims), maxRank)
	}
	shape := make([]int, len(dims))
	for i, d := range dims {
		if d < 0 || d > math.MaxInt {
			return nil, fmt.Errorf("dimension %d of %v is not possible", i, dims)
		}
		shape[i] = int(d)
	}
	return shape, nil
}

// oneField checks that only one field holds data, and that it is the one which
// onnx.proto prescribes for the dtype.
func oneField(p *onnx.Tensor, d tensor.DType) error {
	fields := []struct {
		name string
		has  bool
		of   tensor.TypeSet
	}{
		{"raw_data", p.HasRaw && len(p.Raw) > 0, tensor.AllTypes &^ tensor.Types(tensor.String)},
		{"float_data", p.Floats != nil, tensor.Types(tensor.Float32, tensor.Complex64)},
		{"int32_data", p.Int32s != nil, tensor.Types(tensor.Int32, tensor.Int16, tensor.Int8, tensor.Uint16, tensor.Uint8,
			tensor.Bool, tensor.Float16, tensor.BFloat16) | tensor.Float8Types | tensor.NibbleTypes},
		{"int64_data", p.Int64s != nil, tensor.Types(tensor.Int64)},
		{"double_data", p.Doubles != nil, tensor.Types(tensor.Float64, tensor.Complex128)},
		{"uint64_data", p.Uint64s != nil, tensor.Types(tensor.Uint64, tensor.Uint32)},
		{"string_data", p.Strings != nil, tensor.Types(tensor.String)},
	}
	seen := ""
	for _, f := range fields {
		switch {
		case !f.has:
		case seen != "":
			return fmt.Errorf("data stands both in %s and in %s", seen, f.name)
		case !f.of.Is(d):
			return fmt.Errorf("%s cannot hold %s", f.name, d)
		default:
			seen = f.name
		}
	}
	return nil
}

// fromRaw reads little-endian bytes, sub-byte types packed from the low bits.
func (r *reader) fromRaw(d tensor.DType, shape []int, n int, raw []byte) (*tensor.Tensor, error) {
	bits := d.BitsInFile()
	if want := bytesInFile(d, n); bits == 0 || len(raw) != want {
		return nil, fmt.Errorf("%s of shape %v takes %d bytes, %d are there", d, shape, want, len(raw))
	}
	if bits < 8 {
		out, err := r.allocate(d, shape, n)
		if err != nil {
			return nil, err
		}
		unpack(out.Bytes(), raw, d)
		return out, nil
	}
	if d == tensor.Bool && slices.ContainsFunc(raw, func(b byte) bool { return b > 1 }) {
		out, err := r.allocate(d, shape, n)
		if err != nil {
			return nil, err
		}
		for i, b := range raw { // true is 1 in memory, whatever a file has
			out.Bytes()[i] = min(b, 1)
		}
		return out, nil
	}
	if onnx.BigEndian || onnx.NeedsAlignment && uintptr(unsafe.Pointer(unsafe.SliceData(raw)))%8 != 0 {
		out, err := r.allocate(d, shape, n)
		if err != nil {
			return nil, err
		}
		copy(out.Bytes(), raw)
		if onnx.BigEndian {
			swapBytes(out.Bytes(), wordSize(d))
		}
		return out, nil
	}
	return tensor.FromBytes(d, raw, shape...)
}

// bytesInFile is the number of bytes that n elements take in a file. After
// tensor.Count the bytes of the largest elements, of 16 bytes, fit an int; their
// bits might not.
func bytesInFile(d tensor.DType, n int) int {
	if bits := d.BitsInFile(); bits >= 8 {
		return n * (bits / 8)
	}
	return (n*d.BitsInFile() + 7) / 8
}

// wordSize is the unit of byte order: half an element for complex numbers.
func wordSize(d tensor.DType) int {
	if d == tensor.Complex64 || d == tensor.Complex128 {
		return d.Size() / 2
	}
	return d.Size()
}

func swapBytes(b []byte, size int) {
	for i := 0; i+size <= len(b); i += size {
		for l, r := i, i+size-1; l < r; l, r = l+1, r-1 {
			b[l], b[r] = b[r], b[l]
		}
	}
}

// unpack expands 4- and 2-bit elements to one byte each, with sign extension for
// signed types.
func unpack(dst, src []byte, d tensor.DType) {
	bits := d.BitsInFile()
	perByte := 8 / bits
	for i := range dst {
		v := src[i/perByte] >> (i % perByte * bits) & (1<<bits - 1)
		if (d == tensor.Int4 || d == tensor.Int2) && v>>(bits-1) != 0 {
			v |= 0xff << bits
		}
		dst[i] = v
	}
}

// fromTyped reads the data from the field for its type, such as float_data or int64_data.
func (r *reader) fromTyped(p *onnx.Tensor, d tensor.DType, shape []int, n int) (*tensor.Tensor, error) {
	have, want := max(len(p.Floats), len(p.Int32s), len(p.Int64s), len(p.Doubles), len(p.Uint64s)), n
	switch {
	case d == tensor.Complex64 || d == tensor.Complex128:
		want = 2 * n
	case d.BitsInFile() < 8:
		want = bytesInFile(d, n)
	}
	if have != want {
		return nil, fmt.Errorf("%s of shape %v takes %d numbers, %d are there", d, shape, want, have)
	}
	if d == tensor.Float32 && n > 0 {
		return tensor.FromBytes(d, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(p.Floats))), 4*n), shape...)
	}
	out, err := r.allocate(d, shape, n)
	if err != nil {
		return nil, err
	}
	switch d {
	case tensor.Float64:
		copy(tensor.Data[float64](out), p.Doubles)
	case tensor.Int64:
		copy(tensor.Data[int64](out), p.Int64s)
	case tensor.Uint64:
		copy(tensor.Data[uint64](out), p.Uint64s)
	case tensor.Uint32:
		for i, v := range p.Uint64s {
			tensor.Data[uint32](out)[i] = uint32(v)
		}
	case tensor.Complex64:
		for i := range n {
			tensor.Data[complex64](out)[i] = complex(p.Floats[2*i], p.Floats[2*i+1])
		}
	case tensor.Complex128:
		for i := range n {
			tensor.Data[complex128](out)[i] = complex(p.Doubles[2*i], p.Doubles[2*i+1])
		}
	default:
		return out, fromInt32s(out, p.Int32s)
	}
	return out, nil
}

// fromInt32s converts the types that onnx.proto keeps in int32_data.
func fromInt32s(out *tensor.Tensor, v []int32) error {
	d := out.DType()
	if d == tensor.Int32 {
		copy(tensor.Data[int32](out), v)
		return nil
	}
	if d.BitsInFile() < 8 {
		packed := make([]byte, len(v))
		for i, x := range v {
			packed[i] = byte(x)
		}
		unpack(out.Bytes(), packed, d)
		return nil
	}
	for i, x := range v {
		switch {
		case d == tensor.Bool: // true is 1 in memory, whatever a file has
			if x != 0 {
				out.Bytes()[i] = 1
			}
		case d.Size() == 1:
			out.Bytes()[i] = byte(x)
		case (d == tensor.Float16 || d == tensor.BFloat16) && x != int32(uint16(x)):
			return fmt.Errorf("number %d is %d, which is no 16 bits of a %s", i, x, d)
		default:
			binary.NativeEndian.PutUint16(out.Bytes()[2*i:], uint16(x))
		}
	}
	return nil
}

// NewValueOf converts a value that a test case stores.
func NewValueOf(p *onnx.Value) (*tensor.Tensor, error) {
	kinds := map[onnx.TypeKind]tensor.DType{onnx.KindSequence: tensor.Sequence, onnx.KindOptional: tensor.Optional, onnx.KindMap: tensor.Map}
	if p == nil {
		return nil, errors.New("there is no value")
	}
	kind, container := kinds[p.Kind]
	switch {
	case !container && p.Tensor == nil:
		return nil, errors.New("the value holds no tensor")
	case !container:
		return new(reader).named(p.Tensor)
	}
	var elems []*tensor.Tensor
	for _, e := range p.Elems {
		t, err := NewValueOf(e)
		if err != nil {
			return nil, err
		}
		elems = append(elems, t)
	}
	return tensor.NewContainer(kind, elems...), nil
}

// sparse makes a sparse tensor dense; its indices are checked.
func (r *reader) sparse(p *onnx.SparseTensor) (*tensor.Tensor, error) {
	if p == nil || p.Values == nil || p.Indices == nil {
		return nil, fmt.Errorf("sparse tensor: values or indices are missing")
	}
	fail := func(err error) (*tensor.Tensor, error) {
		return nil, fmt.Errorf("sparse tensor %s: %w", onnx.Quote(p.Values.Name), err)
	}
	values, err := r.tensor(p.Values)
	if err != nil {
		return fail(err)
	}
	indices, err := r.tensor(p.Indices)
	if err != nil {
		return fail(err)
	}
	shape, err := intDims(p.Dims)
	if err != nil {
		return fail(err)
	}
	n, err := tensor.Count(shape)
	if err != nil {
		return fail(err)
	}
	size := values.DType().Size()
	if indices.DType() != tensor.Int64 || values.Rank() != 1 || size == 0 {
		return fail(fmt.Errorf("needs one-dimensional numbers and int64 indices"))
	}
	at := tensor.Data[int64](indices)
	count := values.Len()
	if s := indices.Shape(); !slices.Equal(s, []int{count}) && !slices.Equal(s, []int{count, len(shape)}) {
		return fail(fmt.Errorf("%d values with indices of shape %v", count, indices.Shape()))
	}
	out, err := r.allocate(values.DType(), shape, n)
	if err != nil {
		return fail(err)
	}
	strides := tensor.Strides(shape)
	for i := range count {
		pos := int64(0)
		if indices.Rank() == 1 {
			pos = at[i]
			if pos < 0 || pos >= int64(n) {
				return fail(fmt.Errorf("index %d is outside its %d elements", pos, n))
			}
		} else {
			for j, d := range shape {
				x := at[i*len(shape)+j]
				if x < 0 || x >= int64(d) {
					return fail(fmt.Errorf("index %d is outside dimension %d of size %d", x, j, d))
				}
				pos += x * int64(strides[j])
			}
		}
		copy(out.Bytes()[int(pos)*size:][:size], values.Bytes()[i*size:][:size])
	}
	return out, nil
}
