package engine_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/tensor"
)

var (
	randomFor  = flag.Duration("random.for", 3*time.Second, "how long TestRandomGraphs looks for a counterexample")
	randomSeed = flag.Int64("random.seed", 1, "the seed TestRandomGraphs starts at; it goes up by one a graph")
	randomOne  = flag.Bool("random.one", false, "TestRandomGraphs runs its first seed only")
)

// way is one way to run a graph.
type way struct {
	name  string
	opts  []engine.Option
	like  string // the way it must agree with to the bit, "": with the reference within rounding
	tight bool   // memory may be too little
	rough bool   // as rough as a graph that rounds to a grid
}

// waysToRun are all that must come to the same: the file as it stands, each
// optimisation left out, every class of kernels, one thread and many.
func waysToRun(seed int64) []way {
	ways := []way{{name: "plain", opts: []engine.Option{engine.Plain()}}}
	for _, cpu := range engine.CPUs() {
		one := way{name: cpu + ", one thread", opts: []engine.Option{engine.CPU(cpu), engine.Threads(1)}}
		ways = append(ways, one, way{name: cpu, opts: []engine.Option{engine.CPU(cpu)}, like: one.name})
	}
	bf16, one := engine.Precision(engine.BF16), "bf16, one thread"
	ways = append(ways, way{name: one, opts: []engine.Option{bf16, engine.Threads(1)}, rough: true},
		way{name: "bf16", opts: []engine.Option{bf16}, like: one, rough: true})
	rng := rand.New(rand.NewSource(seed))
	var passes, off []string
	for _, p := range pass.All {
		passes = append(passes, p.Name)
		if rng.Intn(4) == 0 {
			off = append(off, p.Name)
		}
	}
	return append(ways,
		way{name: "little memory", opts: []engine.Option{engine.MemoryLimit(1 << (12 + rng.Intn(9)))}, tight: true},
		way{name: "traced", opts: []engine.Option{engine.Trace(func(engine.Event) {})}},
		way{name: "strict", opts: []engine.Option{engine.Precision(engine.F32Strict)}},
		way{name: fmt.Sprint("without ", off), opts: []engine.Option{engine.WithoutPass(off...)}},
		way{name: "without any pass", opts: []engine.Option{engine.WithoutPass(passes...)}})
}

// TestRandomGraphs grows small random graphs and runs each in every way. A
// failure prints the graph; -random.seed with -random.one runs it again.
func TestRandomGraphs(t *testing.T) {
	start, graphs, failed := time.Now(), 0, 0
	for seed := *randomSeed; time.Since(start) < *randomFor && failed < 3; seed++ {
		g := newRandomGraph(seed)
		if len(g.graph.Outputs) == 0 {
			continue
		}
		graphs++
		if err := checkWays(g, waysToRun(seed)); err != nil {
			failed++
			t.Errorf("%v\n%s", err, g)
		}
		if *randomOne {
			break
		}
	}
	t.Logf("%d graphs", graphs)
}

// checkWays runs a graph in every way, twice: the second run meets memory that
// the first one used.
func checkWays(g *randomGraph, ways []way) error {
	results := map[string]engine.Values{}
	others, err := g.otherSizes()
	if err != nil {
		return err
	}
	for _, w := range append(ways, g.looking()) {
		if err := g.check(w, results, others); err != nil {
			var memory *engine.MemoryError
			if w.tight && errors.As(err, &memory) {
				continue
			}
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return g.checkParts()
}

// looking asks for some inner values too.
func (g *randomGraph) looking() way {
	var names []string
	for _, n := range g.graph.Nodes {
		for _, v := range n.Outputs {
			if t := g.want(v.Name); t != nil && t.DType() < tensor.Sequence && g.rng.Intn(3) == 0 {
				names = append(names, v.Name)
			}
		}
	}
	return way{name: fmt.Sprint("asked for ", names), opts: []engine.Option{engine.Outputs(names...)}}
}

// checkParts runs parts of the graph, each from one value to another.
func (g *randomGraph) checkParts() error {
	s, err := engine.OpenModel(g.model())
	if err != nil {
		return err
	}
	for range min(2, len(g.graph.Nodes)) {
		from, to := from(g, g.graph.Nodes...).Outputs[0].Name, from(g, g.graph.Outputs...).Name
		part, err := s.Slice(from, to)
		if err != nil {
			if err = broken(err); err != nil {
				return err
			}
			continue // to does not depend on from
		}
		in := engine.Values{}
		for _, v := range part.Inputs() {
			if in[v.Name] = g.inputs[v.Name]; in[v.Name] == nil {
				in[v.Name] = g.want(v.Name)
			}
		}
		out, err := part.Run(context.Background(), in)
		if err == nil {
			err = near(out[to], g.want(to), false, true) // differences of what is given and what is computed have errors of their own
		}
		if err != nil {
			return fmt.Errorf("from %s to %s: %w", from, to, err)
		}
	}
	return nil
}

// check runs a graph in one way and adds to the results.
func (g *randomGraph) check(w way, results map[string]engine.Values, others *otherRun) error {
	s, err := engine.OpenModel(g.model(), w.opts...)
	if err != nil {
		return err
	}
	if w.rough {
		others = nil
	}
	for i := range 2 {
		if i == 1 {
			if err := g.interrupt(s); err != nil {
				return err
			}
			if others != nil {
				if err := g.checkOther(s, others); err != nil {
					return err
				}
			}
		}
		out := results[w.name]
		if i == 0 {
			out, err = s.Run(context.Background(), g.inputs)
		} else { // into what the first has made
			for _, t := range out {
				copy(t.Bytes(), slices.Repeat([]byte{0x5a}, len(t.Bytes())))
			}
			err = s.RunInto(context.Background(), g.inputs, out)
		}
		if err != nil {
			return err
		}
		results[w.name] = out
		if i == 1 && w.like != "" && others != nil {
			if err := g.together(s, others); err != nil {
				return err
			}
		}
		for name, got := range out {
			want, exact := g.want(name), g.bits
			if w.like != "" {
				want, exact = results[w.like][name], true
			}
			if err := near(got, want, exact, g.steps || w.rough); err != nil {
				return fmt.Errorf("output %s %w", name, err)
			}
		}
	}
	return nil
}

// interrupt begins a run that ends anywhere.
func (g *randomGraph) interrupt(s *engine.Session) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(g.rng.Intn(200))*time.Microsecond)
	defer cancel()
	if _, err := s.Run(ctx, g.inputs); err != nil {
		return broken(err)
	}
	return nil
}

// otherRun is a run with inputs of other sizes.
type otherRun struct{ in, want engine.Values }

// otherSizes are inputs of other sizes, where inputs leave them open, other integers and
// choices, and what the plain meaning makes of them; nil where there is nothing to compare.
func (g *randomGraph) otherSizes() (*otherRun, error) {
	in, open := maps.Clone(g.inputs), false
	for _, v := range g.graph.Inputs {
		switch t := in[v.Name]; t.DType() {
		case tensor.Bool:
			open, in[v.Name] = true, tensor.Scalar(g.coin())
			continue
		case tensor.Int64:
			open, t = true, t.Clone()
			for i, n := range tensor.Data[int64](t) {
				tensor.Data[int64](t)[i] = max(min(n, 1), n+int64(g.rng.Intn(3)-1))
			}
			in[v.Name] = t
			continue
		}
		if _, fixed := v.Fact.Shape.Ints(); fixed || in[v.Name].Rank() == 0 {
			continue
		}
		open = true
		least := 0
		if g.steps { // the mean of no numbers has no code
			least = 1
		}
		shape := slices.Clone(in[v.Name].Shape())
		for i := range shape {
			if i != 1 && g.coin() {
				shape[i] = max(least, shape[i]+g.rng.Intn(8)-3)
			}
		}
		in[v.Name] = turned(g.normal(shape...), in[v.Name].DType())
	}
	if !open {
		return nil, nil
	}
	s, err := engine.OpenModel(g.model(), engine.Plain())
	if err != nil {
		return nil, err
	}
	out, err := s.Run(context.Background(), in)
	if err != nil {
		return &otherRun{in, nil}, broken(err)
	}
	for _, t := range out {
		if !tame(t) {
			return nil, nil
		}
	}
	return &otherRun{in, out}, nil
}

// broken is err where it is a bug of ours and not the sizes' fault.
func broken(err error) error {
	if strings.Contains(err.Error(), "BUG") {
		return err
	}
	return nil
}

func (g *randomGraph) checkOther(s *engine.Session, o *otherRun) error {
	out, err := s.Run(context.Background(), o.in)
	switch {
	case o.want == nil && err != nil:
		return broken(err)
	case o.want == nil:
		return nil // what was at fault may have been optimised away
	case err != nil:
		return fmt.Errorf("with other sizes: %w", err)
	}
	for name, want := range o.want {
		if err := near(out[name], want, g.bits, g.steps); err != nil {
			return fmt.Errorf("with other sizes, %v: output %s %w", o.in, name, err)
		}
	}
	return nil
}

// together runs a session on both sizes at a time.
func (g *randomGraph) together(s *engine.Session, others *otherRun) error {
	var all sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		all.Go(func() {
			if i%2 == 0 {
				errs[i] = g.checkOther(s, others)
				return
			}
			out, err := s.Run(context.Background(), g.inputs)
			for _, v := range g.graph.Outputs {
				if err == nil {
					err = near(out[v.Name], g.want(v.Name), g.bits, g.steps)
				}
			}
			errs[i] = err
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("several at a time: %w", err)
	}
	return nil
}

// near compares: to the bit, or within what rounding may add up to in a small
// graph. Where a graph rounds to a grid single numbers may be a step off, but
// not many.
func near(got, want *tensor.Tensor, exact, steps bool) error {
	if got.DType() != want.DType() || !same(got, want) {
		return fmt.Errorf("is %s, want %s", got, want)
	}
	a, b := tensor.ToFloat64(got), tensor.ToFloat64(want)
	size, off, worst, at := 0.0, 0.0, 0.0, 0
	for i, w := range b {
		d := math.Abs(a[i] - w)
		if exact && math.Float64bits(a[i]) != math.Float64bits(w) {
			return fmt.Errorf("number %d of %s is %g, want %g to the bit", i, got, a[i], w)
		}
		if !(d <= worst) {
			worst, at = d, i
		}
		size += w * w
		off += d * d
	}
	n := float64(max(1, len(b)))
	size, off = math.Sqrt(size/n)+1e-3, math.Sqrt(off/n)
	if steps {
		bound := 0.05 * (size + 1)
		if got.DType() != tensor.Float32 {
			bound += 0.4 // codes: where a scale makes ties many are a step beside
		}
		if !(off <= bound) {
			return fmt.Errorf("is off by %.3g where numbers are %.3g (of %s)", off, size, got)
		}
		return nil
	}
	if !(worst <= 2e-3*size) {
		return fmt.Errorf("differs by %.3g where numbers are %.3g: number %d of %s is %g, want %g", worst, size, at, got, a[at], b[at])
	}
	return nil
}
