// Package pass rewrites graphs so that less has to be computed: constants are folded, what follows a
// convolution moves into it, patterns that exporters spell out become the one operator they stand for.
//
// A pass is a function that looks at each node through an [Editor], which knows who reads each value,
// and replaces what it recognises. Its comment begins with a drawing of what it looks for and what it
// puts in its place; operators in brackets are those of ops.Internal, which only passes create:
//
//	Conv -> BatchNormalization  =>  Conv
//
// Three rules hold for all of them. The outputs of a graph keep their names, and so does what other
// nodes or regions read: a node may disappear only if its one reader takes over (Editor.Only). A pass
// acts on what it knows: where a shape, type or constant is missing, the pattern stays as it is. And
// the result differs from the original at most by the rounding of float32; where it does more, the
// pass says so.
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

// Pass is one rewriting of a graph.
type Pass struct {
	Name string
	Does string                       // one line for vision inspect --passes
	Run  func(e *Editor) (int, error) // returns how many places it changed
}

// All are the passes in the order in which they run:
//
//   - "channels", "widen" and "contrib" come first, because they replace operators by others that the
//     later passes know. "quant" precedes "fold", which would otherwise convert weights of 8 bits to
//     float32; all others that look for constants follow it.
//   - "shuffle" follows "fold", which computes where its slices begin.
//   - "pad", "rows" and "focus" change what a convolution reads, so they precede "conv", after which it
//     is no longer a Conv of the standard.
//   - "batchnorm" follows "conv", because the fused form takes a scale beside its weights, which then
//     stay as they are in the file. It precedes "activation" and "residual": an activation or a sum
//     comes behind the normalisation, and once it is in the convolution nothing else can go there.
//   - "clip", "silu" and "gelu" make one activation of several operators, which "activation" may then
//     move; "affine" is for scales that stand behind the activation.
//   - "residual" follows "activation": the other branch of a sum must be computed before the convolution
//     that takes the sum, and an activation that is still a node of its own may stand behind it.
//   - "dead" removes what the others left without readers.
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
	{"shuffle", "makes one choice of channels of a channel shuffle and what is concatenated before and sliced after it", shuffle},
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
// leaves the graph bound, with the facts of all values. A cancelled context ends it within a pass.
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

// editors are those of a graph and its regions. They are kept from pass to pass, so that after a pass
// that changed nothing the next one need not look at the graph again.
type editors map[*ir.Graph]*Editor

// run runs a pass on a graph, then on the regions of its nodes.
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

// keep makes all editors stale if one of them changed its graph, because those of the graphs around a
// region know what the region reads.
func (known editors) keep() {
	changed := false
	for _, e := range known {
		changed = changed || e.changed
	}
	for _, e := range known {
		e.stale, e.changed = e.stale || changed, false
	}
}

// Editor changes a graph while it knows who reads each value. What it knows may be too much but never
// too little: readers are added when a node gets new inputs, and never taken away; whether one still
// reads the value is looked up when it matters (reads).
type Editor struct {
	ctx     context.Context
	Graph   *ir.Graph
	readers map[*ir.Value][]*ir.Node          // nodes that read a value, or once did; a node that reads it through a region counts
	through map[*ir.Node]map[*ir.Value]bool   // values that nodes read through their regions
	firsts  []*ir.Node                        // room for the first reader of each value: most have no other
	output  map[*ir.Value]bool                // outputs of the graph and, if it is a region, what it reads from outside
	gone    map[*ir.Node]bool                 // removed, but still in Graph.Nodes until sweep
	wide    map[*tensor.Tensor]*tensor.Tensor // float16 and bfloat16 constants as float32
	changed bool                              // the graph was changed in this pass
	stale   bool                              // this graph or a region was changed since this editor looked
}

// newEditor makes an editor and looks at the graph.
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

// note adds a node to the readers of what it reads.
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

// Nodes calls f for each node of the graph that is still there, in order: every value is made before
// it is read. f may remove and rebind nodes, but not add any.
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

// sweep takes the removed nodes out of the graph.
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

// Only returns the one node that reads v; nil if there are none or several, if v is an output of the
// graph, or if the graph is a region and v belongs to one around it.
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

// Read reports whether anything reads v, or it is an output.
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

// reads reports whether a node that once read v still does: it may be gone, or compute something else
// by now.
func (e *Editor) reads(n *ir.Node, v *ir.Value) bool {
	return !e.gone[n] && (slices.Contains(n.Inputs, v) || e.through[n][v])
}

// Remove takes a node out of the graph. Nothing may read its outputs any more.
func (e *Editor) Remove(n *ir.Node) { e.gone[n], e.changed = true, true }

// prune removes the node that makes v, and those that make its inputs, as far as nothing reads them
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

// Rebind turns a node into another in place: operator, inputs and attributes are new, the outputs
// stay.
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

// become makes the last node of a pattern compute what the whole pattern did: it takes the given
// operator and inputs, and the other nodes are removed as far as nothing else reads them. They must go
// at once, not in "dead": only when no node of the pattern reads its input any more can the operator
// that makes it take the new one over (Only).
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

// is reports whether a node is the named operator of the default domain; n may be nil.
func is(n *ir.Node, op string) bool { return n != nil && n.Domain == "" && n.Op == op }

// maker returns the node that makes v, if it is the named operator of the default domain, else nil.
func maker(v *ir.Value, op string) *ir.Node {
	if v != nil && is(v.Node, op) {
		return v.Node
	}
	return nil
}
