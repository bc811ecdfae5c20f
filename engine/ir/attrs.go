package ir

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// Attrs reads a node's attributes and keeps the first error, so that a constructor
// can read all of them and check Err once.
type Attrs struct {
	node *Node
	err  error
}

// ReadAttrs starts reading.
func (n *Node) ReadAttrs() *Attrs { return &Attrs{node: n} }

// Err is the first error.
func (a *Attrs) Err() error { return a.err }

// Fail records an error of the caller's.
func (a *Attrs) Fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

// Has reports whether the node has the attribute.
func (a *Attrs) Has(name string) bool { return a.node.Attr(name) != nil }

// get finds an attribute of the given type; nil if it is absent or has another
// type.
func (a *Attrs) get(name string, t onnx.AttributeType) *Attr {
	at := a.node.Attr(name)
	if at != nil && at.Type != t {
		a.Fail("attribute %q is %s, not %s", name, at.Type, t)
		return nil
	}
	return at
}

// Need records an error if a required attribute is absent.
func (a *Attrs) Need(names ...string) *Attrs {
	for _, name := range names {
		if !a.Has(name) {
			a.Fail("attribute %q is missing", name)
		}
	}
	return a
}

// Int is an integer attribute; or is its value if it is absent, here and below. If
// int has 32 bits, larger numbers become the nearest int.
func (a *Attrs) Int(name string, or int) int {
	if at := a.get(name, onnx.AttrInt); at != nil {
		return nearestInt(at.Int)
	}
	return or
}

// nearestInt is the int nearest to v: sizes and positions beyond an int mean "to
// the end", or are refused as too large.
func nearestInt(v int64) int { return int(max(math.MinInt, min(v, math.MaxInt))) }

// Bool is an integer attribute that is true unless it is 0.
func (a *Attrs) Bool(name string, or bool) bool {
	if at := a.get(name, onnx.AttrInt); at != nil {
		return at.Int != 0
	}
	return or
}

// Float is a float attribute.
func (a *Attrs) Float(name string, or float32) float32 {
	if at := a.get(name, onnx.AttrFloat); at != nil {
		return at.Float
	}
	return or
}

// Str is a string attribute.
func (a *Attrs) Str(name, or string) string {
	if at := a.get(name, onnx.AttrString); at != nil {
		return at.String
	}
	return or
}

// OneOf is a string attribute that must be one of the given words; the first
// is the default.
func (a *Attrs) OneOf(name string, words ...string) string {
	s := a.Str(name, words[0])
	for _, w := range words {
		if s == w {
			return s
		}
	}
	a.Fail("attribute %q is %s, not one of %v", name, onnx.Quote(s), words)
	return words[0]
}

// Ints is a list of integers as Int gives them, nil where absent.
func (a *Attrs) Ints(name string) []int {
	at := a.get(name, onnx.AttrInts)
	if at == nil {
		return nil
	}
	out := make([]int, len(at.Ints))
	for i, v := range at.Ints {
		out[i] = nearestInt(v)
	}
	return out
}

// Floats is a list of floats, nil where absent.
func (a *Attrs) Floats(name string) []float32 {
	if at := a.get(name, onnx.AttrFloats); at != nil {
		return at.Floats
	}
	return nil
}

// Strs is a list of strings, nil where absent.
func (a *Attrs) Strs(name string) []string {
	if at := a.get(name, onnx.AttrStrings); at != nil {
		return at.Strings
	}
	return nil
}

// Tensor is a tensor attribute, nil where absent.
func (a *Attrs) Tensor(name string) *tensor.Tensor {
	at := a.get(name, onnx.AttrTensor)
	if at == nil {
		return nil
	}
	if at.Tensor == nil {
		a.Fail("attribute %q is empty", name)
	}
	return at.Tensor
}

// Graph is a region, nil where absent.
func (a *Attrs) Graph(name string) *Graph {
	at := a.get(name, onnx.AttrGraph)
	if at == nil {
		return nil
	}
	if at.Graph == nil {
		a.Fail("attribute %q is empty", name)
	}
	return at.Graph
}

// DType is an integer attribute that names an element type.
func (a *Attrs) DType(name string, or tensor.DType) tensor.DType {
	at := a.get(name, onnx.AttrInt)
	if at == nil {
		return or
	}
	if d := tensor.DType(at.Int); at.Int > 0 && at.Int < 64 && d.IsElement() {
		return d
	}
	a.Fail("attribute %q names element type %d, which does not exist", name, at.Int)
	return or
}

// TypeOf is a type attribute, nil where absent.
func (a *Attrs) TypeOf(name string) *Fact {
	if at := a.get(name, onnx.AttrType); at != nil {
		return at.TypeOf
	}
	return nil
}

// Sparse is a sparse tensor attribute, made dense; nil where absent.
func (a *Attrs) Sparse(name string) *tensor.Tensor {
	at := a.get(name, onnx.AttrSparseTensor)
	if at == nil {
		return nil
	}
	if at.Tensor == nil {
		a.Fail("attribute %q is empty", name)
	}
	return at.Tensor
}

// Int64 is an integer attribute with all its 64 bits.
func (a *Attrs) Int64(name string, or int64) int64 {
	if at := a.get(name, onnx.AttrInt); at != nil {
		return at.Int
	}
	return or
}

// Int64s is a list of integers in all their 64 bits, nil where absent.
func (a *Attrs) Int64s(name string) []int64 {
	if at := a.get(name, onnx.AttrInts); at != nil {
		return at.Ints
	}
	return nil
}
