package engine

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/internal/nearest"
)

// Layer is a node of the model with its inputs and outputs.
type Layer struct {
	Node       string // name
	Op         string // operator, with its domain if that is not ai.onnx
	Version    int    // opset of the operator's domain that the model imports
	Inputs     []Info
	Outputs    []Info
	Parameters int // numbers in constant inputs
}

// Layers lists the nodes of the model as they are in its file, in the order in
// which they run. Outputs and Slice accept the name of every output, except that
// Slice cannot begin at a constant.
func (s *Session) Layers() []Layer {
	var out []Layer
	for _, n := range s.orEmpty().model.Graph.Nodes {
		l := Layer{Node: n.Name, Op: n.Op, Version: n.Version, Outputs: infos(n.Outputs)}
		if n.Domain != "" {
			l.Op = n.Domain + "." + n.Op
		}
		for _, v := range n.Inputs {
			if v == nil {
				continue
			}
			if c := v.Const(); c != nil {
				l.Parameters += c.Len()
			}
			l.Inputs = append(l.Inputs, Info{v.Name, v.Fact})
		}
		out = append(out, l)
	}
	return out
}

// Passes lists the optimisations and how much each changed.
func (s *Session) Passes() []pass.Report { return s.orEmpty().reports }

// Graph is the model as it is in its file, for tools that look inside or export. It
// must not be changed. Guard protects those that read its constants.
func (s *Session) Graph() *ir.Graph { return s.orEmpty().model.Graph }

// Optimised is the graph that runs. It must not be changed.
func (s *Session) Optimised() *ir.Graph { return s.orEmpty().runner.Graph() }

// Guard calls do, which reads constants of Graph or Optimised. They may lie in the
// model's file, which is mapped: if that has become shorter, reading what is gone
// would end the program, and the error is ErrChanged instead; after Close it is
// ErrClosed. do must not read them on goroutines of its own, nor call Close, which waits
// for it.
func (s *Session) Guard(do func() error) (err error) {
	if err := s.ready(context.Background()); err != nil {
		return err
	}
	if !s.mapped.enter() {
		return inFile(s.file, ErrClosed)
	}
	defer s.mapped.leave()
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		r := recover()
		if r == nil {
			return
		}
		if fault, ok := r.(error); !ok || s.mapped.explain(fault) != ErrChanged {
			panic(r)
		}
		err = inFile(s.file, ErrChanged)
	}()
	return do()
}

// Metadata returns the file's own metadata (metadata_props).
func (s *Session) Metadata() map[string]string { return maps.Clone(s.orEmpty().model.Metadata) }

// Opsets are the operator set versions the model imports, by domain; "" is
// ai.onnx.
func (s *Session) Opsets() map[string]int { return maps.Clone(s.orEmpty().model.Opsets) }

// Producer names the program that wrote the file.
func (s *Session) Producer() string { return s.orEmpty().model.Producer }

// IRVersion is the version of the file format.
func (s *Session) IRVersion() int { return s.orEmpty().model.IRVersion }

// expose makes inner values outputs.
func (s *Session) expose(names []string) error {
	g := s.model.Graph
	for _, name := range names {
		v := g.Find(name)
		if v == nil {
			return noValue(g, name)
		}
		if !slices.Contains(g.Outputs, v) {
			g.Outputs = append(g.Outputs, v)
		}
	}
	return nil
}

// noValue is the error for a name that no value of the graph has, with those that
// are near.
func noValue(g *ir.Graph, name string) error {
	var known []string
	for _, v := range g.Inputs {
		known = append(known, v.Name)
	}
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			known = append(known, v.Name)
		}
	}
	near := nearest.Words(name, known, 3)
	for i, w := range near {
		near[i] = onnx.Quote(w)
	}
	hint := ""
	if len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return fmt.Errorf("%w %s%s (Layers or vision inspect --layers lists them)", ErrNoValue, onnx.Quote(name), hint)
}

// Slice returns a part of the model as a session of its own, in which the value
// from is the input and the value to the output. An empty from keeps the model's
// inputs, an empty to its outputs. Other inputs of the model that the part needs
// remain inputs. The slice shares the model's weights: it ends with the session it came
// from.
func (s *Session) Slice(from, to string) (*Session, error) {
	return s.SliceContext(context.Background(), from, to)
}

// SliceContext is Slice with a context that can end the planning and the packing of
// weights.
func (s *Session) SliceContext(ctx context.Context, from, to string) (part *Session, err error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if !s.mapped.enter() {
		return nil, fmt.Errorf("%s: %w", s.file, ErrClosed)
	}
	defer s.mapped.leave()
	defer guard(s.file, s.mapped, &part, &err)()
	g := s.model.Graph.Clone()
	if err := ops.Rebind(g); err != nil {
		return nil, err
	}
	if to != "" {
		v := g.Find(to)
		if v == nil {
			return nil, noValue(g, to)
		}
		g.Outputs = []*ir.Value{v}
	}
	if from != "" {
		v := g.Find(from)
		if v == nil || v.Const() != nil {
			return nil, fmt.Errorf("%w; constants do not count", noValue(g, from))
		}
		if !slices.Contains(g.Inputs, v) {
			g.Inputs = append([]*ir.Value{v}, g.Inputs...)
			detach(g, v)
			v.Fact.Ints = nil
		}
	}
	cut(g)
	if from != "" && g.Find(from) == nil {
		return nil, fmt.Errorf("%s does not depend on %s", onnx.Quote(to), onnx.Quote(from))
	}
	forget(g)
	if err := ops.Infer(ctx, g); err != nil {
		return nil, err
	}
	m := *s.model
	m.Graph = g
	part = &Session{file: s.file, model: &m, options: s.options, mapped: s.mapped}
	if m.Defaults = usedDefaults(g, m.Defaults); len(m.Defaults) > 0 {
		part.given = newGivenDefaults(func(ctx context.Context, given []string) (*Session, error) {
			whole, err := s.given.open(ctx, given)
			if err != nil {
				return nil, err
			}
			return whole.SliceContext(ctx, from, to)
		})
	}
	return part, part.prepare(ctx)
}

// detach makes v an input: the node that made it goes on without that output.
func detach(g *ir.Graph, v *ir.Value) {
	n := v.Node
	unnamed := g.NewValue("", v.Fact)
	unnamed.Node, v.Node = n, nil
	n.Outputs[slices.Index(n.Outputs, v)] = unnamed
}

// forget drops what is known of the values that nodes make, so that it can be inferred from
// other inputs.
func forget(g *ir.Graph) {
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			v.Fact = ir.Fact{}
		}
		for _, r := range n.Regions() {
			forget(r)
		}
	}
}

// cut removes the nodes and inputs that the outputs do not need, now that some values are inputs:
// nodes before these are not needed any more.
func cut(g *ir.Graph) {
	input := map[*ir.Value]bool{}
	for _, v := range g.Inputs {
		input[v] = true
	}
	needed := map[*ir.Value]bool{}
	for _, v := range g.Outputs {
		needed[v] = true
	}
	var kept []*ir.Node
	for _, n := range slices.Backward(g.Nodes) {
		wanted := false
		for _, v := range n.Outputs {
			wanted = wanted || needed[v] && !input[v]
		}
		if !wanted {
			continue
		}
		kept = append(kept, n)
		for _, v := range n.Uses() {
			needed[v] = true
		}
	}
	slices.Reverse(kept)
	g.Nodes = kept
	g.Inputs = slices.DeleteFunc(g.Inputs, func(v *ir.Value) bool { return !needed[v] })
}
