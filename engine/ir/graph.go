// Package ir is what every pass reads and writes: graphs of nodes and values.
package ir

import (
	"fmt"
	"strings"

	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
)

// Model is a graph with what its file says about it.
type Model struct {
	Graph     *Graph
	Opsets    map[string]int // by domain; "" is ai.onnx
	IRVersion int
	Producer  string
	Metadata  map[string]string
}

// Graph is nodes in an order in which every value is made before it is used.
// A region (the body of If, Loop, Scan) is a Graph whose nodes may also read
// values of the graphs around it.
type Graph struct {
	Name            string
	Inputs, Outputs []*Value
	Nodes           []*Node
	Parent          *Graph // of a region
	values          int    // made so far; the outermost graph counts for all
}

// Value is an edge: made by a node, or a graph's input, or a constant.
type Value struct {
	ID   int // unique in a model, dense from 0
	Name string
	Fact Fact
	Node *Node // that makes it; nil for inputs and constants
}

// Const is the value where it is a constant, else nil.
func (v *Value) Const() *tensor.Tensor { return v.Fact.Const }

// Node is one operator at work. An omitted optional input is nil; an output
// that nobody named is a Value without a name.
type Node struct {
	Name            string // as the file has it, or made from its first output
	Domain, Op      string
	Version         int // the opset of Domain that the model imports
	Inputs, Outputs []*Value
	Attrs           []*Attr
	Operator        Operator // its meaning, bound by ops
}

// Operator is an operator with its attributes read.
type Operator interface {
	// Infer gives the facts of the outputs from those of the inputs.
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

// Values is the number of values made in the graph and its regions: every ID
// is below it.
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

// Captures are the values that a region reads from the graphs around it, in
// the order of first use.
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

// Uses are all the values a node needs: its inputs and what its regions read.
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

// Facts are the facts of the node's inputs, zero where one is left out.
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
	op := n.Op
	if n.Domain != "" {
		op = n.Domain + "." + op
	}
	return fmt.Sprintf("node %s (%s-%d)", onnx.Quote(n.Name), strings.Trim(onnx.Quote(op), `"`), n.Version)
}

// NodeError places an error in a graph.
type NodeError struct {
	Node string // as Node.String
	Err  error
}

func (e *NodeError) Error() string { return e.Node + ": " + e.Err.Error() }

// Unwrap is the error without its place.
func (e *NodeError) Unwrap() error { return e.Err }

// Fail wraps err with the node's place.
func (n *Node) Fail(err error) error {
	if err == nil {
		return nil
	}
	return &NodeError{n.String(), err}
}
