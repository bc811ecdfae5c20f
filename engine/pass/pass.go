// Package pass rewrites graphs so that less has to be computed: constants are
// folded, what follows a convolution moves into it, patterns that exporters
// spell out become the one operator they stand for.
//
// This package may change without notice: use it through engine.
package pass

import (
	"context"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// Pass is one rewriting of a graph. Run returns how many places it changed.
type Pass struct {
	Name string
	Does string // one line for vision inspect --passes
	Run  func(e *Editor) (int, error)
}

// All are the passes in the order in which they run. Folding comes before what
// looks for constants, but after what wants weights narrow; batch normalisation
// goes into a convolution of the fused form, which takes its weights as they are,
// and before activations and sums do, since they follow it.
var All = []Pass{
	{"channels", "brings channels to the front where ONNX Runtime's optimiser has moved them last", channelsFirst},
	{"widen", "lets networks of float16 and bfloat16 compute in float32", widen},
	{"contrib", "spells out attention and what ONNX Runtime's optimiser has joined", spellOut},
	{"quant", "turns operators between codes of 8 bits into integer ones", joinQuantized},
	{"fold", "computes what depends on constants only", foldConstants},
	{"dynamic", "joins integer convolutions and products with the quantisation before and the scaling after them", joinDynamic},
	{"identity", "takes out operators that hand their input on", dropIdentities},
	{"pad", "moves zero padding into the convolution or average pool after it", movePads},
	{"rows", "lets convolutions of one dimension work on pictures of one row", asRows},
	{"focus", "lets a convolution of every second pixel, side by side as channels, read the picture itself", focus},
	{"conv", "gives convolutions of two and three dimensions their fused form", fuseConv},
	{"batchnorm", "turns batch normalisation into a scale and a shift; moves scales and shifts into the convolution before them", batchNorm},
	{"clip", "turns maxima and minima with a number into clips", joinClip},
	{"silu", "joins x·sigmoid(x), x·sigmoid(αx), x·hardsigmoid(x) and x·tanh(softplus(x))", joinSilu},
	{"gelu", "joins x/2·(1+erf(x/√2)) and its approximation by tanh", joinGelu},
	{"layernorm", "joins the steps of a layer normalisation", joinLayerNorm},
	{"activation", "moves activations into the operator before them", fuseActivation},
	{"affine", "joins sums and products with constants behind activations, and moves them into the convolutions after them", fuseAffine},
	{"residual", "moves sums of two branches into the convolution before them", fuseResidual},
	{"dead", "drops nodes whose results nobody reads", dropDead},
}

// Report is what a pass did.
type Report struct {
	Pass
	Changes int
}

// Optimise runs all passes but those named off on a graph and its regions, and
// leaves the graph bound and its facts inferred. A cancelled context ends it within a
// pass.
func Optimise(ctx context.Context, g *ir.Graph, off map[string]bool) ([]Report, error) {
	var reports []Report
	known := editors{}
	for _, p := range All {
		if off[p.Name] {
			continue
		}
		changes, err := known.run(ctx, g, p)
		if err != nil {
			return reports, err
		}
		known.keep()
		reports = append(reports, Report{p, changes})
	}
	return reports, nil
}

// editors are those of a graph and its regions, which the next pass takes over
// from one that changed nothing.
type editors map[*ir.Graph]*Editor

func (known editors) run(ctx context.Context, g *ir.Graph, p Pass) (int, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	e := known[g]
	switch {
	case e == nil:
		e = newEditor(ctx, g)
		known[g] = e
	case e.stale:
		e.look()
	}
	changes, err := p.Run(e)
	if err != nil {
		return 0, err
	}
	for _, n := range g.Nodes {
		for _, r := range n.Regions() {
			c, err := known.run(ctx, r, p)
			if err != nil {
				return 0, err
			}
			changes += c
		}
	}
	return changes, nil
}

// keep has all editors look again where one changed its graph: what a region
// reads is known to those around it too.
func (known editors) keep() {
	changed := false
	for _, e := range known {
		changed = changed || e.changed
	}
	for _, e := range known {
		e.stale, e.changed = e.stale || changed, false
	}
}

// Editor changes a graph while it knows who reads each value.
type Editor struct {
	ctx     context.Context
	Graph   *ir.Graph
	readers map[*ir.Value][]*ir.Node        // by value; a node that reads it through a region counts
	through map[*ir.Node]map[*ir.Value]bool // what nodes read through their regions
	firsts  []*ir.Node                      // room for the first reader of each value: most have no other
	output  map[*ir.Value]bool              // of the graph, or captured by the region that it is
	gone    map[*ir.Node]bool
	wide    map[*tensor.Tensor]*tensor.Tensor // float16 and bfloat16 constants as float32
	changed bool
	stale   bool // it or another changed its graph since this one looked
}

// newEditor looks at a graph as it is.
func newEditor(ctx context.Context, g *ir.Graph) *Editor {
	e := &Editor{ctx: ctx, Graph: g, readers: map[*ir.Value][]*ir.Node{}, through: map[*ir.Node]map[*ir.Value]bool{}, output: map[*ir.Value]bool{}, gone: map[*ir.Node]bool{},
		wide: map[*tensor.Tensor]*tensor.Tensor{}}
	e.look()
	return e
}

// look forgets what the editor knew and looks at its graph as it is now.
func (e *Editor) look() {
	clear(e.readers)
	clear(e.through)
	clear(e.output)
	clear(e.gone)
	e.changed, e.stale = false, false
	uses := 0
	for _, n := range e.Graph.Nodes {
		uses += len(n.Inputs)
	}
	e.firsts = slices.Grow(e.firsts[:0], uses)
	for _, n := range e.Graph.Nodes {
		e.note(n)
	}
	for _, v := range e.Graph.Outputs {
		e.output[v] = true
	}
	if e.Graph.Parent != nil {
		for _, v := range e.Graph.Captures() {
			e.output[v] = true // made and read outside too
		}
	}
}

func (e *Editor) note(n *ir.Node) {
	for _, v := range n.Inputs {
		if v != nil {
			e.noteReader(v, n)
		}
	}
	regions := n.Regions()
	if len(regions) == 0 {
		return
	}
	e.through[n] = map[*ir.Value]bool{}
	for _, r := range regions {
		for _, v := range r.Captures() {
			e.noteReader(v, n)
			e.through[n][v] = true
		}
	}
}

func (e *Editor) noteReader(v *ir.Value, n *ir.Node) {
	readers := e.readers[v]
	if at := len(e.firsts); readers == nil && at < cap(e.firsts) {
		e.firsts = e.firsts[:at+1]
		readers = e.firsts[at : at : at+1]
	}
	e.readers[v] = append(readers, n)
}

// Nodes calls f for each node of the graph that is still there, in order.
func (e *Editor) Nodes(f func(n *ir.Node) error) error {
	for _, n := range e.Graph.Nodes {
		if e.gone[n] {
			continue
		}
		if e.ctx.Err() != nil {
			return context.Cause(e.ctx)
		}
		if err := f(n); err != nil {
			return err
		}
	}
	e.sweep()
	return nil
}

func (e *Editor) sweep() {
	if len(e.gone) == 0 {
		return
	}
	kept := e.Graph.Nodes[:0]
	for _, n := range e.Graph.Nodes {
		if !e.gone[n] {
			kept = append(kept, n)
		}
	}
	clear(e.Graph.Nodes[len(kept):])
	e.Graph.Nodes = kept
	e.gone = map[*ir.Node]bool{}
}

// Only is the one node that reads v, nil where there are more readers, v is an
// output of the graph, or the graph is a region and v that of one around it.
func (e *Editor) Only(v *ir.Value) *ir.Node {
	if e.output[v] {
		return nil
	}
	var only *ir.Node
	for _, n := range e.readers[v] {
		if !e.reads(n, v) {
			continue
		}
		if only != nil && only != n {
			return nil
		}
		only = n
	}
	return only
}

// Read reports whether anything reads v.
func (e *Editor) Read(v *ir.Value) bool {
	if e.output[v] {
		return true
	}
	for _, n := range e.readers[v] {
		if e.reads(n, v) {
			return true
		}
	}
	return false
}

// reads reports whether a node that read v once still does: it may be gone, or
// compute something else by now.
func (e *Editor) reads(n *ir.Node, v *ir.Value) bool {
	return !e.gone[n] && (slices.Contains(n.Inputs, v) || e.through[n][v])
}

// Remove takes a node out.
func (e *Editor) Remove(n *ir.Node) { e.gone[n], e.changed = true, true }

// prune takes out the maker of v, and its makers, as far as nothing reads them
// any more.
func (e *Editor) prune(v *ir.Value) {
	if v == nil || v.Node == nil || e.gone[v.Node] {
		return
	}
	n := v.Node
	for _, o := range n.Outputs {
		if e.Read(o) {
			return
		}
	}
	e.Remove(n)
	for _, in := range n.Inputs {
		e.prune(in)
	}
}

// Replace makes every reader of old read new. It reports false, and does
// nothing, where old is an output of the graph, whose name must stay, or is
// read inside a region.
func (e *Editor) Replace(old, new *ir.Value) bool {
	if e.output[old] {
		return false
	}
	for _, n := range e.readers[old] {
		if len(n.Regions()) > 0 && !e.gone[n] {
			return false
		}
	}
	for _, n := range e.readers[old] {
		if e.gone[n] {
			continue
		}
		for i, v := range n.Inputs {
			if v == old {
				n.Inputs[i] = new
			}
		}
		e.readers[new] = append(e.readers[new], n)
	}
	delete(e.readers, old)
	e.changed = true
	return true
}

// Rebind gives a node another meaning in place: operator, inputs, attributes.
// Its outputs stay.
func (e *Editor) Rebind(n *ir.Node, domain, op string, version int, inputs []*ir.Value, attrs []*ir.Attr) error {
	e.changed = true
	n.Domain, n.Op, n.Version, n.Inputs, n.Attrs = domain, op, version, inputs, attrs
	e.note(n)
	d := ops.Find(domain, op, version)
	if d == nil {
		panic("BUG: pass: no operator " + domain + "." + op)
	}
	return ops.BindNode(n, d)
}

// become makes last compute what a whole pattern did: it takes the operator
// and inputs given, and the other nodes of the pattern go as far as nothing else
// reads them: an activation that only they shared its input with can then move
// into the operator before it.
func (e *Editor) become(last *ir.Node, domain, op string, version int, inputs []*ir.Value, attrs ...*ir.Attr) error {
	old := last.Inputs
	if err := e.Rebind(last, domain, op, version, inputs, attrs); err != nil {
		return err
	}
	for _, v := range old {
		e.prune(v)
	}
	return nil
}

// is reports whether a node is an operator of the default domain.
func is(n *ir.Node, op string) bool { return n != nil && n.Domain == "" && n.Op == op }

// maker is the node that makes v, when it is the operator named.
func maker(v *ir.Value, op string) *ir.Node {
	if v != nil && is(v.Node, op) {
		return v.Node
	}
	return nil
}
