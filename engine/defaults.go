package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
)

// Defaults describes the inputs that have a value of their own: initializers that the
// file lists as inputs too, since IR version 4. Run may be given other values. Those that
// it is not given are constants, for which everything is optimised. The first run with
// values for another set of them opens the model anew, which takes as long as Open and
// keeps weights of its own.
func (s *Session) Defaults() []Info {
	var out []Info
	for _, d := range s.orEmpty().model.Defaults {
		out = append(out, Info{d.Const.Name, d.Fact})
	}
	return out
}

// givenDefaults are the sessions in which some defaults are inputs.
type givenDefaults struct {
	load     func(ctx context.Context, names []string) (*Session, error)
	loading  chan struct{}       // held while a session is looked for or made
	sessions map[string]*Session // by the defaults' names
}

// mostGiven bounds the sessions that are kept for different sets of defaults: each has
// weights of its own.
const mostGiven = 4

func newGivenDefaults(load func(ctx context.Context, names []string) (*Session, error)) *givenDefaults {
	return &givenDefaults{load: load, loading: make(chan struct{}, 1), sessions: map[string]*Session{}}
}

// open returns the session in which the named defaults are inputs.
func (g *givenDefaults) open(ctx context.Context, names []string) (*Session, error) {
	select {
	case g.loading <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-g.loading }()
	key := strings.Join(names, "\x00")
	if s := g.sessions[key]; s != nil {
		return s, nil
	}
	s, err := g.load(ctx, names)
	if err != nil {
		return nil, err
	}
	if len(g.sessions) == mostGiven {
		clear(g.sessions)
	}
	g.sessions[key] = s
	return s, nil
}

// with returns the session that takes the values in, among them some of Defaults.
func (s *Session) with(ctx context.Context, in Values) (*Session, error) {
	var names []string
	for _, d := range s.model.Defaults {
		if in[d.Const.Name] != nil {
			names = append(names, d.Const.Name)
		}
	}
	if s.given == nil || len(names)+len(s.runner.Inputs()) < len(in) {
		return nil, s.unknown("input", in, s.runner.Inputs())
	}
	return s.given.open(ctx, names)
}

// usedDefaults are those that the nodes or outputs of a part of the graph read.
func usedDefaults(g *ir.Graph, all []ir.Default) []ir.Default {
	used := map[*ir.Value]bool{}
	var walk func(g *ir.Graph)
	walk = func(g *ir.Graph) {
		for _, n := range g.Nodes {
			for _, v := range n.Inputs {
				used[v] = true
			}
			for _, r := range n.Regions() {
				walk(r)
			}
		}
		for _, v := range g.Outputs {
			used[v] = true
		}
	}
	walk(g)
	return slices.DeleteFunc(slices.Clone(all), func(d ir.Default) bool { return !used[d.Const] })
}
