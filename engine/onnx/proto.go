// Package onnx is the file format: it reads and writes the messages of onnx.proto
// through protowire and gives them no meaning.
//
// The reader does not trust the file: lengths are checked against what is left of
// the enclosing message, nesting is bounded, and no allocation depends on a
// declared number alone. Tensor data are views of the bytes read; other strings are
// copied.
//
// This package may change without notice: other packages see a file through ir.
package onnx

// Model is a ModelProto.
type Model struct {
	IRVersion       int64
	Opsets          []Opset
	ProducerName    string
	ProducerVersion string
	Domain          string
	ModelVersion    int64
	Doc             string
	Graph           *Graph
	Functions       []*Function
	Metadata        []Entry
}

// Opset is an OperatorSetIdProto: a domain ("" is ai.onnx) and its version.
type Opset struct {
	Domain  string
	Version int64
}

// Entry is a StringStringEntryProto.
type Entry struct{ Key, Value string }

// Graph is a GraphProto.
type Graph struct {
	Name               string
	Doc                string
	Nodes              []*Node
	Inputs, Outputs    []*ValueInfo
	ValueInfo          []*ValueInfo
	Initializers       []*Tensor
	SparseInitializers []*SparseTensor
}

// Node is a NodeProto.
type Node struct {
	Name, OpType, Domain, Overload string
	Inputs, Outputs                []string
	Attributes                     []*Attribute
}

// Function is a FunctionProto.
type Function struct {
	Name, Domain, Overload string
	Inputs, Outputs        []string
	AttributeNames         []string     // without a default
	Attributes             []*Attribute // with one
	Nodes                  []*Node
	Opsets                 []Opset
}

// AttributeType says which field of an Attribute holds its value.
type AttributeType int32

// The attribute types of onnx.proto.
const (
	AttrUndefined     AttributeType = 0
	AttrFloat         AttributeType = 1
	AttrInt           AttributeType = 2
	AttrString        AttributeType = 3
	AttrTensor        AttributeType = 4
	AttrGraph         AttributeType = 5
	AttrFloats        AttributeType = 6
	AttrInts          AttributeType = 7
	AttrStrings       AttributeType = 8
	AttrTensors       AttributeType = 9
	AttrGraphs        AttributeType = 10
	AttrSparseTensor  AttributeType = 11
	AttrSparseTensors AttributeType = 12
	AttrType          AttributeType = 13
	AttrTypes         AttributeType = 14
)

var attributeTypes = [...]string{"nothing", "a float", "an int", "a string", "a tensor", "a graph", "floats",
	"ints", "strings", "tensors", "graphs", "a sparse tensor", "sparse tensors", "a type", "types"}

// String names the type as a message would: "an int", "floats".
func (t AttributeType) String() string {
	if t < 0 || int(t) >= len(attributeTypes) {
		return "an unknown type"
	}
	return attributeTypes[t]
}

// Attribute is an AttributeProto.
type Attribute struct {
	Name    string
	Type    AttributeType
	Ref     string // in a function's body: the attribute of the caller to use
	Float   float32
	Int     int64
	String  string
	Tensor  *Tensor
	Graph   *Graph
	Floats  []float32
	Ints    []int64
	Strings []string
	Tensors []*Tensor
	Graphs  []*Graph
	Sparse  *SparseTensor
	TypeOf  *Type
}

// Tensor is a TensorProto. In a valid file at most one of the data fields is set;
// they are views of the file.
type Tensor struct {
	Name     string
	Dims     []int64
	DataType int32
	Segment  bool
	Raw      []byte
	HasRaw   bool
	Floats   []float32 // float32, complex64; possibly views of the file
	Int32s   []int32   // the integers up to 32 bits, bool, the half and 8-bit floats
	Int64s   []int64
	Doubles  []float64 // float64, complex128
	Uint64s  []uint64  // uint32, uint64
	Strings  [][]byte
	External []Entry
	Location int32 // 1: in another file
}

// SparseTensor is a SparseTensorProto.
type SparseTensor struct {
	Values, Indices *Tensor
	Dims            []int64
}

// ValueInfo is a ValueInfoProto.
type ValueInfo struct {
	Name string
	Type *Type
}

// Type is a TypeProto.
type Type struct {
	Kind     TypeKind
	ElemType int32 // of a tensor; key type of a map
	Dims     []Dim // of a tensor
	HasShape bool  // a tensor without it may have any rank
	Elem     *Type // of a sequence or optional; value type of a map
}

// TypeKind is the kind of a Type.
type TypeKind uint8

// The kinds.
const (
	KindNone TypeKind = iota
	KindTensor
	KindSequence
	KindMap
	KindOptional
	KindSparse
)

// Dim is a dimension: a number, or a name, or neither.
type Dim struct {
	Value    int64
	HasValue bool
	Param    string
}

// Value is what a test case's .pb file holds: a tensor, or a container.
type Value struct {
	Kind   TypeKind
	Tensor *Tensor
	Elems  []*Value // of a sequence or optional; a map has keys and values
}
