package ir

import (
	"fmt"

	"github.com/visionzoo/vision/engine/onnx"
)

// sorted is Kahn's algorithm, which keeps an order that is already valid.
func sorted(list []*onnx.Node) ([]*onnx.Node, error) {
	readers, waits, inOrder, err := dependencies(list)
	if err != nil || inOrder {
		return list, err
	}
	var ready []int
	for i, w := range waits {
		if w == 0 {
			ready = append(ready, i)
		}
	}
	out := make([]*onnx.Node, 0, len(list))
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		out = append(out, list[i])
		for _, r := range readers[i] {
			if waits[r]--; waits[r] == 0 {
				ready = append(ready, r)
			}
		}
	}
	for i, w := range waits {
		if w > 0 {
			return nil, fmt.Errorf("node %s (%s) is part of a cycle: it needs its own output %s", onnx.Quote(list[i].Name),
				onnx.Quote(list[i].OpType), onnx.Quote(list[i].Outputs[0]))
		}
	}
	return out, nil
}

// dependencies returns for each node which nodes read what it makes, and for how many
// nodes it waits; and whether each comes after all those. The names that a node's
// regions read count as its inputs.
func dependencies(list []*onnx.Node) (readers [][]int, waits []int, inOrder bool, err error) {
	maker := make(map[string]int, len(list))
	for i, n := range list {
		if len(n.Outputs) == 0 {
			return nil, nil, false, fmt.Errorf("node %s (%s) has no output", onnx.Quote(n.Name), onnx.Quote(n.OpType))
		}
		for _, out := range n.Outputs {
			if out == "" {
				continue
			}
			if j, ok := maker[out]; ok {
				return nil, nil, false, fmt.Errorf("value %s is made by two nodes, %s and %s", onnx.Quote(out), onnx.Quote(list[j].Name), onnx.Quote(n.Name))
			}
			maker[out] = i
		}
	}
	readers, waits, inOrder = make([][]int, len(list)), make([]int, len(list)), true
	for i, n := range list {
		needs := map[int]bool{}
		freeNames(n, func(name string) {
			if j, ok := maker[name]; ok && !needs[j] {
				needs[j] = true
				readers[j] = append(readers[j], i)
				waits[i]++
				inOrder = inOrder && j < i
			}
		})
	}
	return readers, waits, inOrder, nil
}

// freeNames calls use for every name that a node reads: its inputs, and the names that its regions
// read from outside (their free names).
func freeNames(n *onnx.Node, use func(name string)) {
	for _, in := range n.Inputs {
		if in != "" {
			use(in)
		}
	}
	for _, a := range n.Attributes {
		if a.Graph != nil {
			freeNamesOf(a.Graph, use)
		}
	}
}

// freeNamesOf calls use for every name that a region reads and does not define.
func freeNamesOf(g *onnx.Graph, use func(name string)) {
	own := map[string]bool{}
	for _, v := range g.Inputs {
		own[v.Name] = true
	}
	for _, t := range g.Initializers {
		own[t.Name] = true
	}
	for _, s := range g.SparseInitializers {
		if s.Values != nil {
			own[s.Values.Name] = true
		}
	}
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			own[out] = true
		}
	}
	outer := func(name string) {
		if !own[name] {
			use(name)
		}
	}
	for _, n := range g.Nodes {
		freeNames(n, outer)
	}
	for _, v := range g.Outputs {
		outer(v.Name)
	}
}
