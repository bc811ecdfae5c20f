package ir

import (
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/printable"
)

// Fact is what is known about a value before it is computed. The zero Fact stands for an omitted
// optional input. The shape of a picture, as Shape computes it, may be int64[4] with Ints batch 3 224
// 224: Const is nil as long as one of the elements is not a number.
type Fact struct {
	DType tensor.DType
	Shape Shape
	Const *tensor.Tensor // the value itself, if it is known
	Ints  []Dim          // the elements of an integer tensor of rank 0 or 1, if some are known
	Elem  *Fact          // for a sequence or optional: what its elements have in common
}

// Shape holds the sizes of the dimensions. If it is not Ranked, nothing is known.
type Shape struct {
	Ranked bool
	Dims   []Dim
}

// Dim is a dimension: a number, a symbol that stands for one, or unknown (neither).
type Dim struct {
	N      int // -1 if it is not a known number
	Symbol string
}

// Unknown is a dimension about which nothing is known.
var Unknown = Dim{N: -1}

// Known reports whether the dimension is a number.
func (d Dim) Known() bool { return d.N >= 0 }

// Same reports whether two dimensions are known to be equal.
func (d Dim) Same(e Dim) bool {
	if d.Known() || e.Known() {
		return d.N == e.N
	}
	return d.Symbol != "" && d.Symbol == e.Symbol
}

func (d Dim) String() string {
	switch {
	case d.Known():
		return fmt.Sprint(d.N)
	case d.Symbol != "":
		return printable.Name(d.Symbol)
	}
	return "?"
}

// Sym is a dimension that is known only by a name.
func Sym(name string) Dim { return Dim{N: -1, Symbol: name} }

// Dims is a shape of the given sizes, of which -1 is unknown.
func Dims(sizes ...int) Shape {
	s := Shape{Ranked: true, Dims: make([]Dim, len(sizes))}
	for i, n := range sizes {
		s.Dims[i] = Dim{N: max(n, -1)}
	}
	return s
}

// ShapeOf is a shape of the given dimensions.
func ShapeOf(dims ...Dim) Shape { return Shape{Ranked: true, Dims: dims} }

// AnyOfRank is a shape with a known rank and unknown dimensions.
func AnyOfRank(rank int) Shape {
	s := Shape{Ranked: true, Dims: make([]Dim, rank)}
	for i := range s.Dims {
		s.Dims[i] = Unknown
	}
	return s
}

// Rank is the number of dimensions, -1 if it is unknown.
func (s Shape) Rank() int {
	if !s.Ranked {
		return -1
	}
	return len(s.Dims)
}

// Ints returns the sizes as numbers; ok is false if one is unknown.
func (s Shape) Ints() (sizes []int, ok bool) {
	if !s.Ranked {
		return nil, false
	}
	sizes = make([]int, len(s.Dims))
	for i, d := range s.Dims {
		if !d.Known() {
			return nil, false
		}
		sizes[i] = d.N
	}
	return sizes, true
}

// Count is the number of elements; ok is false if a size is unknown, or if they are
// more than any tensor can have: sizes come from untrusted files.
func (s Shape) Count() (n int, ok bool) {
	sizes, ok := s.Ints()
	if !ok {
		return 0, false
	}
	n, err := tensor.Count(sizes)
	return n, err == nil
}

// Full reports whether every dimension is a number.
func (s Shape) Full() bool {
	for _, d := range s.Dims {
		if !d.Known() {
			return false
		}
	}
	return s.Ranked
}

func (s Shape) String() string {
	if !s.Ranked {
		return "[…]"
	}
	parts := make([]string, len(s.Dims))
	for i, d := range s.Dims {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// Tensor is the fact of a tensor of a dtype and shape.
func Tensor(d tensor.DType, s Shape) Fact { return Fact{DType: d, Shape: s} }

// Given reports whether the value exists: false for an omitted input.
func (f Fact) Given() bool { return f.DType != tensor.Invalid }

// FactOf is the fact of a constant, with its value; the zero Fact if there is none.
func FactOf(t *tensor.Tensor) Fact {
	if t == nil {
		return Fact{}
	}
	f := Fact{DType: t.DType(), Const: t}
	switch t.DType() {
	case tensor.Sequence, tensor.Optional, tensor.Map:
		if elems := t.Elems(); len(elems) > 0 {
			e := TypeOf(elems[0])
			f.Elem = &e
		}
	default:
		f.Shape = Dims(t.Shape()...)
		if t.Rank() <= 1 && t.Len() <= 64 {
			f.Ints = intsOf(t)
		}
	}
	return f
}

// TypeOf is the dtype and shape of a tensor, without its value.
func TypeOf(t *tensor.Tensor) Fact {
	f := FactOf(t)
	f.Const, f.Ints = nil, nil
	return f
}

func intsOf(t *tensor.Tensor) []Dim {
	var out []Dim
	switch t.DType() {
	case tensor.Int64:
		for _, v := range tensor.Data[int64](t) {
			out = append(out, dimOf(nearestInt(v)))
		}
	case tensor.Int32:
		for _, v := range tensor.Data[int32](t) {
			out = append(out, dimOf(int(v)))
		}
	}
	return out
}

// dimOf maps negative numbers (the -1 of Reshape) to unknown; code that needs them
// looks at the constant.
func dimOf(n int) Dim {
	if n < 0 {
		return Unknown
	}
	return Dim{N: n}
}

func (f Fact) String() string {
	switch f.DType {
	case tensor.Invalid:
		return "none"
	case tensor.Sequence, tensor.Optional, tensor.Map:
		if f.Elem != nil {
			return fmt.Sprintf("%s(%s)", f.DType, f.Elem)
		}
		return f.DType.String()
	}
	return f.DType.String() + f.Shape.String()
}

// Equal reports whether two shapes are known to be the same.
func (s Shape) Equal(t Shape) bool {
	return s.Ranked && t.Ranked && slices.EqualFunc(s.Dims, t.Dims, Dim.Same)
}

// Admits reports whether a tensor has f's dtype and fits its shape.
func (f Fact) Admits(t *tensor.Tensor) bool {
	if f.DType == tensor.Invalid {
		return true
	}
	if t == nil || t.DType() != f.DType {
		return false
	}
	if f.Elem != nil && t.DType() != tensor.Map {
		for _, e := range t.Elems() {
			if !f.Elem.Admits(e) {
				return false
			}
		}
	}
	if !f.Shape.Ranked || t.DType() >= tensor.Sequence {
		return true
	}
	if len(f.Shape.Dims) != t.Rank() {
		return false
	}
	for i, d := range f.Shape.Dims {
		if d.Known() && d.N != t.Dim(i) {
			return false
		}
	}
	return true
}
