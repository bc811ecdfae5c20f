// Package ir is the intermediate representation that importers build and every pass reads and
// writes: graphs of nodes and values. A file names values, and nodes refer to them by name; here
// they point to each other:
//
//	Graph.Inputs ─> Value x ─> Node Conv ─> Value y ─> Node Relu ─> Value z <─ Graph.Outputs
//	                Value w (a constant) ─┘
//
// What is known of a value before a run is its Fact: type, shape (whose dimensions may be symbols),
// and the value itself if it is a constant. Load makes a graph of a file, Builder one in Go.
package ir

import (
	"fmt"
	"strings"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// Model is a graph with the information that its file holds about it.
type Model struct {
	Graph     *Graph
	Opsets    map[string]int // by domain; "" is ai.onnx
	IRVersion int
	Producer  string
	Metadata  map[string]string
	Defaults  []Default
}

// Default is an input of the file that has a value of its own, and is a constant
// unless the caller gives another.
type Default struct {
	Const *Value
	Fact  Fact // what the input takes
}

// Graph is a list of nodes in which every value is made before it is used. A region
// (the body of If, Loop or Scan) is a Graph whose nodes may also read values of the
// enclosing graphs.
type Graph struct {
	Name            string
	Inputs, Outputs []*Value
	Nodes           []*Node
	Parent          *Graph // the enclosing graph of a region
	values          int    // values made so far, counted in the outermost graph
}

// Value is an edge of the graph: an output of a node, an input of a graph, or a
// constant.
type Value struct {
	ID   int // unique in a model, dense from 0
	Name string
	Fact Fact
	Node *Node // the node that makes it; nil for inputs and constants
}

// Const returns the tensor of a constant, nil for other values.
func (v *Value) Const() *tensor.Tensor { return v.Fact.Const }

// Node is one use of an operator. An omitted optional input is nil; an omitted
// output is a Value without a name.
type Node struct {
	Name            string // the file's, or made from that of the first output
	Domain, Op      string
	Version         int // the opset of Domain that the model imports
	Inputs, Outputs []*Value
	Attrs           []*Attr
	Operator        Operator // its implementation, bound by package ops
	asked           *[]string
}

// Operator is an operator whose attributes have been read.
type Operator interface {
	// Infer derives the facts of the outputs from those of the inputs.
	Infer(in []Fact) ([]Fact, error)
}

// Attr is an attribute of a node.
type Attr struct {
	Name    string
	Type    onnx.AttributeType
	Float   float32
	Int     int64
	String  string
	Floats  []float32
	Ints    []int64
	Strings []string
	Tensor  *tensor.Tensor
	Graph   *Graph
	TypeOf  *Fact
}

// NewValue makes a value of the graph.
func (g *Graph) NewValue(name string, f Fact) *Value {
	root := g
	for root.Parent != nil {
		root = root.Parent
	}
	v := &Value{ID: root.values, Name: name, Fact: f}
	root.values++
	return v
}

// Values is the number of values made in the outermost graph and all regions: every
// ID is below it.
func (g *Graph) Values() int {
	for g.Parent != nil {
		g = g.Parent
	}
	return g.values
}

// Constant makes a constant.
func (g *Graph) Constant(name string, t *tensor.Tensor) *Value { return g.NewValue(name, FactOf(t)) }

// Regions are the graphs among a node's attributes.
func (n *Node) Regions() []*Graph {
	var out []*Graph
	for _, a := range n.Attrs {
		if a.Graph != nil {
			out = append(out, a.Graph)
		}
	}
	return out
}

// Captures lists the values that a region reads from the enclosing graphs, in the
// order of their first use.
func (g *Graph) Captures() []*Value {
	own, seen := map[*Value]bool{}, map[*Value]bool{}
	var out []*Value
	var walk func(g *Graph)
	walk = func(g *Graph) {
		for _, v := range g.Inputs {
			own[v] = true
		}
		use := func(v *Value) {
			if v != nil && v.Const() == nil && !own[v] && !seen[v] {
				seen[v] = true
				out = append(out, v)
			}
		}
		for _, n := range g.Nodes {
			for _, v := range n.Inputs {
				use(v)
			}
			for _, r := range n.Regions() {
				walk(r)
			}
			for _, v := range n.Outputs {
				own[v] = true
			}
		}
		for _, v := range g.Outputs {
			use(v)
		}
	}
	walk(g)
	return out
}

// Uses lists all values that a node reads: its inputs and the captures of its
// regions.
func (n *Node) Uses() []*Value {
	var out []*Value
	for _, v := range n.Inputs {
		if v != nil {
			out = append(out, v)
		}
	}
	for _, r := range n.Regions() {
		out = append(out, r.Captures()...)
	}
	return out
}

// Input is input i, nil if it is omitted.
func (n *Node) Input(i int) *Value {
	if i < 0 || i >= len(n.Inputs) {
		return nil
	}
	return n.Inputs[i]
}

// Facts lists the facts of the node's inputs; an omitted input has the zero Fact.
func (n *Node) Facts() []Fact {
	out := make([]Fact, len(n.Inputs))
	for i, v := range n.Inputs {
		if v != nil {
			out[i] = v.Fact
		}
	}
	return out
}

// String names the node for messages: its name and operator, quoted.
func (n *Node) String() string {
	return fmt.Sprintf("node %s (%s)", onnx.Quote(n.Name), strings.Trim(onnx.Quote(n.op()), `"`))
}

// op is the operator with its domain and version.
func (n *Node) op() string {
	op := n.Op
	if n.Domain != "" {
		op = n.Domain + "." + op
	}
	return fmt.Sprintf("%s-%d", op, n.Version)
}

// NodeError is an error with the node at which it occurred.
type NodeError struct {
	File string // the session's, as in its messages; empty outside a session
	Node string // its name
	Op   string // with its version and, if that is not ai.onnx, its domain: Conv-13
	Err  error
}

// Error names the node and the error. A list from the file can have any length, so a
// long message is shortened in the middle.
func (e *NodeError) Error() string {
	const head, tail = 600, 200
	text := e.Err.Error()
	if cut := len(text) - tail; cut > head {
		text = strings.ToValidUTF8(text[:head], "") + " … " + strings.ToValidUTF8(text[cut:], "")
	}
	return fmt.Sprintf("node %s (%s): %s", onnx.Quote(e.Node), strings.Trim(onnx.Quote(e.Op), `"`), text)
}

// Unwrap returns the error without the node.
func (e *NodeError) Unwrap() error { return e.Err }

// Fail wraps err with the node.
func (n *Node) Fail(err error) error {
	if err == nil {
		return nil
	}
	return &NodeError{Node: n.Name, Op: n.op(), Err: err}
}
