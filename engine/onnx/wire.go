package onnx

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/visionzoo/vision/internal/limit"
)

// maxDepth bounds messages inside one another of the kinds that may recurse:
// graphs, attributes, types, sequences.
const maxDepth = 64

// message is what is left to read of one protobuf message.
type message struct {
	name  string // for errors: "graph", "node"
	buf   []byte
	depth int
	ctx   context.Context // of reading a model; nil for other messages
}

// field is one field of a message: its number, and its value by wire type.
type field struct {
	num    protowire.Number
	typ    protowire.Type
	varint uint64
	fixed  uint64
	bytes  []byte
}

// next reads one field; ok is false at the end of the message.
func (m *message) next() (f field, ok bool, err error) {
	if len(m.buf) == 0 {
		return f, false, nil
	}
	tag, n := protowire.ConsumeVarint(m.buf)
	if n < 0 {
		return f, false, m.fail("tag", n)
	}
	num := tag >> 3
	f.typ = protowire.Type(tag & 7)
	if num == 0 || num > uint64(protowire.MaxValidNumber) {
		return f, false, fmt.Errorf("%s: field number %d is not valid", m.name, num)
	}
	f.num = protowire.Number(num)
	rest := m.buf[n:]
	switch f.typ {
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(rest)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(rest)
		f.fixed = uint64(v)
	case protowire.Fixed64Type:
		f.fixed, n = protowire.ConsumeFixed64(rest)
	case protowire.BytesType:
		var size uint64
		size, n = protowire.ConsumeVarint(rest)
		if n < 0 {
			break
		}
		if size > math.MaxInt64 || size > uint64(len(rest)-n) {
			return f, false, fmt.Errorf("%s: field %d has length %d, but %d bytes are left: truncated or broken", m.name, num, size, len(rest)-n)
		}
		f.bytes = rest[n : n+int(size)]
		n += int(size)
	case protowire.StartGroupType, protowire.EndGroupType:
		return f, false, fmt.Errorf("%s: field %d is a group, which ONNX does not use", m.name, num)
	default:
		return f, false, fmt.Errorf("%s: field %d has wire type %d, which does not exist", m.name, num, f.typ)
	}
	if n < 0 {
		return f, false, m.fail(fmt.Sprintf("field %d", num), n)
	}
	m.buf = rest[n:]
	return f, true, nil
}

// fail words the error behind protowire's negative length n.
func (m *message) fail(what string, n int) error {
	if errors.Is(protowire.ParseError(n), io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: %s is truncated", m.name, what)
	}
	return fmt.Errorf("%s: %s is a varint longer than ten bytes", m.name, what)
}

// each calls read for every field of the message.
func (m message) each(read func(f field) error) error {
	for {
		f, ok, err := m.next()
		if err != nil || !ok {
			return err
		}
		if err := read(f); err != nil {
			return err
		}
	}
}

// child enters a message held in f.
func (m *message) child(name string, f field) (message, error) {
	if f.typ != protowire.BytesType {
		return message{}, fmt.Errorf("%s: field %d (%s) is not a message", m.name, f.num, name)
	}
	if m.depth >= maxDepth {
		return message{}, limit.Errorf("%s: depth of nested messages is more than %d", m.name, maxDepth)
	}
	return message{name: name, buf: f.bytes, depth: m.depth + 1, ctx: m.ctx}, nil
}

func (m *message) wrong(f field, want string) error {
	return fmt.Errorf("%s: field %d has wire type %d where %s belongs", m.name, f.num, f.typ, want)
}

func (m *message) int(f field, dst *int64) error {
	if f.typ != protowire.VarintType {
		return m.wrong(f, "an integer")
	}
	*dst = int64(f.varint)
	return nil
}

func (m *message) int32(f field, dst *int32) error {
	var v int64
	if err := m.int(f, &v); err != nil {
		return err
	}
	if v != int64(int32(v)) {
		return fmt.Errorf("%s: field %d is %d, beyond 32 bits", m.name, f.num, v)
	}
	*dst = int32(v)
	return nil
}

// str reads a string: UTF-8, as protobuf demands.
func (m *message) str(f field, dst *string) error {
	if f.typ != protowire.BytesType {
		return m.wrong(f, "a string")
	}
	if !utf8.Valid(f.bytes) {
		return fmt.Errorf("%s: field %d is not UTF-8: %s", m.name, f.num, Quote(string(f.bytes)))
	}
	*dst = string(f.bytes)
	return nil
}

// strs appends a string.
func (m *message) strs(f field, dst *[]string) error {
	var s string
	if err := m.str(f, &s); err != nil {
		return err
	}
	*dst = append(*dst, s)
	return nil
}

// varints appends the integers of a repeated field, packed or not.
func varints[T int32 | int64 | uint64](m *message, f field, dst *[]T) error {
	switch f.typ {
	case protowire.VarintType:
		*dst = append(*dst, T(f.varint))
		return nil
	case protowire.BytesType:
	default:
		return m.wrong(f, "integers")
	}
	count := 0
	for _, b := range f.bytes { // each varint ends with a byte below 0x80
		if b < 0x80 {
			count++
		}
	}
	out := *dst
	if out == nil {
		out = make([]T, 0, count)
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return (&message{name: m.name, buf: b}).fail(fmt.Sprintf("field %d", f.num), n)
		}
		out = append(out, T(v))
		b = b[n:]
	}
	*dst = out
	return nil
}

// floats appends 32-bit floats of a repeated field, packed or not.
func (m *message) floats(f field, dst *[]float32) error {
	switch f.typ {
	case protowire.Fixed32Type:
		*dst = append(*dst, math.Float32frombits(uint32(f.fixed)))
		return nil
	case protowire.BytesType:
	default:
		return m.wrong(f, "floats")
	}
	if len(f.bytes)%4 != 0 {
		return fmt.Errorf("%s: field %d holds %d bytes, not a multiple of 4", m.name, f.num, len(f.bytes))
	}
	*dst = slices.Grow(*dst, len(f.bytes)/4)
	for b := f.bytes; len(b) > 0; b = b[4:] {
		v, _ := protowire.ConsumeFixed32(b)
		*dst = append(*dst, math.Float32frombits(v))
	}
	return nil
}

// BigEndian machines must turn the bytes of every number in a file around.
var BigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// floatData is floats, but uses a packed field in place where the machine can.
func (m *message) floatData(f field, dst *[]float32) error {
	n, at := len(f.bytes)/4, unsafe.Pointer(unsafe.SliceData(f.bytes))
	if f.typ != protowire.BytesType || n == 0 || len(f.bytes)%4 != 0 || *dst != nil || BigEndian || NeedsAlignment && uintptr(at)%4 != 0 {
		return m.floats(f, dst)
	}
	*dst = unsafe.Slice((*float32)(at), n)
	return nil
}

// doubles appends 64-bit floats of a repeated field, packed or not.
func (m *message) doubles(f field, dst *[]float64) error {
	switch f.typ {
	case protowire.Fixed64Type:
		*dst = append(*dst, math.Float64frombits(f.fixed))
		return nil
	case protowire.BytesType:
	default:
		return m.wrong(f, "doubles")
	}
	if len(f.bytes)%8 != 0 {
		return fmt.Errorf("%s: field %d holds %d bytes, not a multiple of 8", m.name, f.num, len(f.bytes))
	}
	for b := f.bytes; len(b) > 0; b = b[8:] {
		v, _ := protowire.ConsumeFixed64(b)
		*dst = append(*dst, math.Float64frombits(v))
	}
	return nil
}

// Quote makes a stranger's name fit for a message: quoted, control characters
// escaped, at most 80 characters.
func Quote(name string) string {
	if r := []rune(name); len(r) > 80 {
		name = string(r[:79]) + "…"
	}
	return fmt.Sprintf("%q", name)
}
