package onnx

import (
	"bufio"
	"errors"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/visionzoo/vision/internal/limit"
	"github.com/visionzoo/vision/internal/whole"
)

// maxMessage is the most bytes a protobuf message may have.
const maxMessage = math.MaxInt32

// Write writes a model as a ModelProto. Tensor data in other files stays there:
// only the reference is written.
func Write(w io.Writer, m *Model) error {
	if m == nil {
		return errors.New("there is no model to write")
	}
	out := &output{}
	out.model(m)
	if out.size > maxMessage {
		return limit.Errorf("the model takes %d bytes, a file of this format at most %d; keep large tensors in files of their own", out.size, maxMessage)
	}
	for _, p := range out.parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes a model to a file: whole under its name, or not at all.
func WriteFile(path string, m *Model) error {
	return whole.WriteFile(path, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<20)
		if err := Write(b, m); err != nil {
			return err
		}
		return b.Flush()
	})
}

// output is a message being written: parts that follow each other. The last may
// grow; large data are parts of their own, never copied.
type output struct {
	parts [][]byte
	open  bool // the last part is ours to append to
	size  int
}

// large is from what size on bytes become a part of their own.
const large = 1 << 12

// add appends what grow appends to a buffer.
func (o *output) add(grow func(b []byte) []byte) {
	if !o.open {
		o.parts, o.open = append(o.parts, nil), true
	}
	last := &o.parts[len(o.parts)-1]
	before := len(*last)
	*last = grow(*last)
	o.size += len(*last) - before
}

func (o *output) tag(n protowire.Number, t protowire.Type) {
	o.add(func(b []byte) []byte { return protowire.AppendTag(b, n, t) })
}

// raw appends bytes as they are.
func (o *output) raw(data []byte) {
	if len(data) < large {
		o.add(func(b []byte) []byte { return append(b, data...) })
		return
	}
	o.parts, o.open = append(o.parts, data), false
	o.size += len(data)
}

// bytes writes a field of bytes.
func (o *output) bytes(n protowire.Number, data []byte) {
	o.tag(n, protowire.BytesType)
	o.add(func(b []byte) []byte { return protowire.AppendVarint(b, uint64(len(data))) })
	o.raw(data)
}

// str writes a string where there is one.
func (o *output) str(n protowire.Number, s string) {
	if s != "" {
		o.bytes(n, []byte(s))
	}
}

func (o *output) strs(n protowire.Number, list []string) {
	for _, s := range list {
		o.bytes(n, []byte(s))
	}
}

// int writes an integer, zero too.
func (o *output) int(n protowire.Number, v int64) {
	o.tag(n, protowire.VarintType)
	o.add(func(b []byte) []byte { return protowire.AppendVarint(b, uint64(v)) })
}

// message writes a field that is a message.
func (o *output) message(n protowire.Number, write func(*output)) {
	c := &output{}
	write(c)
	o.tag(n, protowire.BytesType)
	o.add(func(b []byte) []byte { return protowire.AppendVarint(b, uint64(c.size)) })
	for _, p := range c.parts {
		o.raw(p)
	}
}

// packedInts writes integers as a packed field.
func packedInts[T int32 | int64 | uint64](o *output, n protowire.Number, list []T) {
	if len(list) == 0 {
		return
	}
	var data []byte
	for _, v := range list {
		data = protowire.AppendVarint(data, uint64(v))
	}
	o.bytes(n, data)
}

// ints writes integers one by one, as ONNX declares most of its lists.
func (o *output) ints(n protowire.Number, list []int64) {
	for _, v := range list {
		o.int(n, v)
	}
}

func (o *output) floats(n protowire.Number, list []float32) {
	for _, v := range list {
		o.tag(n, protowire.Fixed32Type)
		o.add(func(b []byte) []byte { return protowire.AppendFixed32(b, math.Float32bits(v)) })
	}
}

func (o *output) packedFloats(n protowire.Number, list []float32) {
	if len(list) == 0 {
		return
	}
	data := make([]byte, 0, 4*len(list))
	for _, v := range list {
		data = protowire.AppendFixed32(data, math.Float32bits(v))
	}
	o.bytes(n, data)
}

func (o *output) packedDoubles(n protowire.Number, list []float64) {
	if len(list) == 0 {
		return
	}
	data := make([]byte, 0, 8*len(list))
	for _, v := range list {
		data = protowire.AppendFixed64(data, math.Float64bits(v))
	}
	o.bytes(n, data)
}
