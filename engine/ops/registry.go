package ops

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
)

// families lists all operators: the tables of their families, most of them one for each file. The
// package's documentation says how to add one.
var families = [][]Def{
	// elementwise
	activations, arithmetics, casts, comparisons, functions, randoms, texts,
	// shape and movement
	shapes, constants, moves, gathers, scatters, splits, rearrangements, sorts, sequences, controls,
	// networks
	convolutions, pools, normalizations, products, softmaxes, reductions, recurrents, attentions, previews, sequenceMixers, losses,
	// images and signals
	resizes, rois, suppressions, grids, imageOps, transforms, signalOps,
	// quantised
	quantizers, integerProducts, qlinears,
	// machine learning and training
	mlOperators, mlMaps, mlLinears, mlSVMs, mlForests, mlFeatures, optimizers,
	// of opsets up to 9
	legacies, legacyFills,
	// of ONNX Runtime
	contributed, contributedNorms, contributedProducts, contributedAttentions, contributedNHWC, contributedMoves, contributedMath,
	contributedPictures, blockeds,
	// created by passes
	fused, quantFused, quantDynamic, derivatives,
}

// newest is the highest supported opset version of each domain.
var newest = map[string]int{"": 28, "ai.onnx.ml": 6, "ai.onnx.preview": 1, "ai.onnx.preview.training": 1,
	"ai.onnx.training": 1, Microsoft: 1, Blocked: 1, Internal: 1}

// Internal is the domain of operators that passes create and no standard has, such as a
// convolution with its activation. Their constructors trust the node, so model files must not use
// this domain.
const Internal = "vision.internal"

type key struct{ domain, name string }

// registry maps an operator to its definitions, in ascending order of version.
var registry = sync.OnceValue(func() map[key][]*Def {
	r := map[key][]*Def{}
	for _, family := range families {
		for i := range family {
			d := &family[i]
			k := key{d.Domain, d.Name}
			r[k] = append(r[k], d)
		}
	}
	for _, defs := range r {
		slices.SortFunc(defs, func(a, b *Def) int { return a.Since - b.Since })
	}
	return r
})

// Find returns the definition of an operator for a version of its domain's opset,
// or nil if there is none.
func Find(domain, name string, version int) *Def {
	for _, d := range registry()[key{domain, name}] {
		if d.Since <= version && (d.Until == 0 || version <= d.Until) {
			return d
		}
	}
	return nil
}

// Defs returns all definitions, sorted by domain, name and version.
func Defs() []*Def {
	var out []*Def
	for _, defs := range registry() {
		out = append(out, defs...)
	}
	slices.SortFunc(out, func(a, b *Def) int {
		if c := strings.Compare(a.Domain, b.Domain); c != 0 {
			return c
		}
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return a.Since - b.Since
	})
	return out
}

// Bind sets the Operator of each node of a model, subgraphs included. Operators
// that are not supported are collected and reported in one UnsupportedError.
func Bind(m *ir.Model) error {
	if _, ok := m.Opsets[Internal]; ok {
		return fmt.Errorf("the model imports domain %q of the engine's own operators, which files must not use", Internal)
	}
	for domain, v := range m.Opsets {
		if top, ok := newest[domain]; ok && v > top {
			return fmt.Errorf("the model imports opset %d of domain %s; the newest supported is %d", v, onnx.Quote(domain), top)
		}
	}
	return bindGraph(m.Graph)
}

// Rebind sets the Operator of those nodes of a cloned graph that have none: ir.Graph.Clone drops the
// operator of a node with subgraphs, which refers to the subgraphs of the original.
func Rebind(g *ir.Graph) error { return bindGraph(g) }

// bindGraph binds a graph and its subgraphs, inner nodes first. Two kinds of nodes have no meaning
// by themselves, so the graph around them is rewritten before: Gradient (gradient.go) and blocked
// convolutions of ONNX Runtime, whose file does not tell the size of a block.
func bindGraph(g *ir.Graph) error {
	var unknown []string
	var bind func(g *ir.Graph) error
	bind = func(g *ir.Graph) error {
		if err := expandGradients(g); err != nil {
			return err
		}
		if err := setBlockSize(g); err != nil {
			return err
		}
		for _, n := range g.Nodes {
			for _, region := range n.Regions() {
				if err := bind(region); err != nil {
					return err
				}
			}
			if n.Operator != nil {
				continue
			}
			d := Find(n.Domain, n.Op, n.Version)
			if d == nil {
				unknown = append(unknown, missing(n))
				continue
			}
			if err := bindKnown(n, d); err != nil {
				return err
			}
		}
		return nil
	}
	if err := bind(g); err != nil {
		return err
	}
	if len(unknown) > 0 {
		return &UnsupportedError{unknown}
	}
	return nil
}

// UnsupportedError lists every node whose operator is not supported.
type UnsupportedError struct{ Nodes []string }

func (e *UnsupportedError) Error() string {
	const most = 20
	list := e.Nodes
	more := ""
	if len(list) > most {
		more = fmt.Sprintf(" and %d more", len(list)-most)
		list = list[:most]
	}
	return "unsupported operators: " + strings.Join(list, ", ") + more
}

// missing says why no definition was found for a node: its operator is unknown, or not part of the
// opset that the model imports.
func missing(n *ir.Node) string {
	name := onnx.Quote(n.Name)
	op := n.Op
	if n.Domain != "" {
		op = n.Domain + "." + op
	}
	op = strings.Trim(onnx.Quote(op), `"`)
	defs := registry()[key{n.Domain, n.Op}]
	switch {
	case n.Domain == Internal || len(defs) == 0:
		return fmt.Sprintf("%s (node %s)", op, name)
	case defs[0].Since > n.Version:
		return fmt.Sprintf("%s (node %s: added in opset %d, the model imports %d)", op, name, defs[0].Since, n.Version)
	}
	return fmt.Sprintf("%s (node %s: not part of opset %d, which the model imports)", op, name, n.Version)
}

// BindNode sets the Operator of a node to the one that d constructs from it.
func BindNode(n *ir.Node, d *Def) error {
	if err := d.In.check(len(n.Inputs), "input"); err != nil {
		return n.Fail(err)
	}
	for i := range d.In.Min {
		if n.Inputs[i] == nil {
			return n.Fail(fmt.Errorf("required input %d is missing", i))
		}
	}
	if d.In.Max == Many && d.In.Min > 0 { // a list leaves nothing out
		if i := slices.Index(n.Inputs, nil); i >= 0 {
			return n.Fail(fmt.Errorf("input %d is missing", i))
		}
	}
	if err := d.Out.check(len(n.Outputs), "output"); err != nil {
		return n.Fail(err)
	}
	op, err := d.New(n)
	if err != nil {
		return n.Fail(err)
	}
	n.Operator = op
	return nil
}

func (a Arity) check(n int, what string) error {
	if n >= a.Min && n <= a.Max {
		return nil
	}
	want := fmt.Sprintf("%d to %d", a.Min, a.Max)
	switch {
	case a.Min == a.Max:
		want = fmt.Sprint(a.Min)
	case a.Max == Many:
		want = fmt.Sprintf("at least %d", a.Min)
	}
	return fmt.Errorf("has %d %ss, the operator takes %s", n, what, want)
}
