package plan

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/team"
	"github.com/visionzoo/vision/engine/tensor"
)

// Plan is a schedule for nodes whose shapes are all known: the steps in order, and
// the place of every value in one arena. Its schedule never changes; each run uses an
// instance with memory of its own.
type Plan struct {
	opt     *Options
	stock   *stock      // where arenas come from
	inputs  []*ir.Value // read from outside
	outputs []*ir.Value // read after the plan
	steps   []step
	series  [][]team.Loop // runs of kernels, see series.go; if there are none, each kernel is a loop of its own
	buffers []buffer
	places  map[*ir.Value]place // of planar values; blocked ones do not outlive planning
	facts   map[*ir.Value]ir.Fact
	arena   int // bytes

	mu   sync.Mutex
	idle []*instance // ready for the next run
}

// step is one step of the schedule: a kernel on the arena or, where kernel is nil, the
// operator of the node on tensors. The steps of a node that takes several have the same
// operands.
type step struct {
	node    *ir.Node
	name    string // of the kernel, for traces
	kernel  kernel.Step
	packed  []*kernel.GemmWeights // of an operator's products with constants
	in      []place               // what is read: a kernel's Memory.In, then Memory.More
	res     *place                // a kernel's Memory.Residual
	mean    *place                // where a convolution writes means too
	out     place                 // of a kernel
	scratch place                 // of a kernel
	of      []*ir.Node            // what it computes, for traces; of a node's steps only the last has any
}

// place is where a value lies: in a buffer of the arena or, with buffer -1, in the memory
// of a plan's input. Where neither is named, there is nothing.
type place struct {
	buffer int           // index
	from   *ir.Value     // that input
	offset int           // bytes into the buffer or the input
	layout kernel.Layout // of blocked values, and of planar ones of rank 4
}

// buffer is a piece of the arena that is in use from step first to step last, both
// included.
type buffer struct {
	size, offset int
	first, last  int
}

// builder makes a plan. What it knows of a value is spread over maps: a value is in
// places once it exists in row-major order, in blocked once it exists on channel blocks,
// in copies for every further format, and in moved as long as it does not exist at all.
type builder struct {
	*Plan

	// the graph
	needed      map[*ir.Value]bool       // read after the plan
	readers     map[*ir.Value][]*ir.Node // of each value
	readersLeft map[*ir.Value]int        // how many of them are not scheduled yet
	decides     bool                     // later computation depends on values, not only on shapes

	// constants
	weights *weights                // of the graph's constants
	own     *weights                // of constants in found
	found   map[*tensor.Tensor]bool // constants that planning found

	// what assign decided, before anything is scheduled
	roles      map[*ir.Node]role
	specs      map[*ir.Value]*layoutSpec  // of values made by blocked nodes
	halos      map[*ir.Value]*kernel.Halo // of other values that convolutions read
	joined     map[*ir.Value]bool         // concatenations that operands are written into
	convsAfter map[*ir.Node]int           // by convolution: the length of the longest chain of convolutions after it
	gates      map[*ir.Node]*ir.Node      // by convolution: the gate multiplied into its weights
	gated      map[*ir.Node]*ir.Node      // by gate: that convolution
	quant      *quants                    // for operators on 8-bit codes

	// what has been scheduled
	blocked map[*ir.Value]place     // values as their node wrote them
	copies  map[copyKey]place       // values that were converted later
	moved   map[*ir.Value]moved     // values that were not written so far
	roots   map[*ir.Value]place     // buffers of the concatenations in joined
	scores  map[*ir.Value]*scores   // by the result of its softmax: a product that attention waits for
	fused   map[*ir.Node]bool       // nodes fused into a node before them
	resized map[*ir.Node]resizeTaps // results of resizing

	// timing the methods of convolutions, see measured.go
	trialOperands trialMemory
	trialScratch  trialMemory
	trialTime     time.Duration // what trials took
}

// newPlan schedules nodes in their order. needed lists the values that are read
// afterwards. decides says that later computation depends on values, not only on
// shapes.
func newPlan(ctx context.Context, r *Runner, nodes []*ir.Node, needed map[*ir.Value]bool, facts map[*ir.Value]ir.Fact, decides bool) (*Plan, error) {
	b := &builder{
		Plan:   &Plan{opt: &r.opt, stock: r.stock, places: map[*ir.Value]place{}, facts: facts},
		needed: needed, readers: map[*ir.Value][]*ir.Node{}, decides: decides,
		weights: r.weights, own: newWeights(&r.opt), found: map[*tensor.Tensor]bool{},
		halos: map[*ir.Value]*kernel.Halo{}, blocked: map[*ir.Value]place{}, copies: map[copyKey]place{}, moved: map[*ir.Value]moved{}, roots: map[*ir.Value]place{},
		scores: map[*ir.Value]*scores{},
		fused:  map[*ir.Node]bool{}, resized: map[*ir.Node]resizeTaps{},
	}
	defer b.trialOperands.close()
	defer b.trialScratch.close()
	nodes = b.live(nodes)
	b.boundary(nodes)
	b.steps = make([]step, 0, len(nodes))
	b.assignQuant(nodes)
	b.assign(nodes)
	for _, n := range nodes {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		at := len(b.steps)
		if err := b.node(n); err != nil {
			return nil, n.Fail(err)
		}
		if r.opt.Trace != nil && len(b.steps) > at { // the last step is the one that others prepare
			last := &b.steps[len(b.steps)-1]
			last.of = slices.Insert(slices.Clone(last.of), 0, n)
		}
	}
	var kept []place
	for _, v := range b.outputs {
		if b.facts[v].Const == nil {
			p, err := b.planar(v)
			if err != nil {
				return nil, err
			}
			kept = append(kept, p)
		}
	}
	for _, p := range kept { // in use until the last output has been converted
		b.use(p, len(b.steps))
	}
	if err := b.placeBuffers(); err != nil {
		return nil, err
	}
	if b.threads() > 1 && r.opt.Trace == nil { // a trace needs the time of each step
		b.makeSeries()
	}
	if err := r.weights.pack(ctx); err != nil {
		return nil, err
	}
	defer func() { r.weights.took += b.own.took }()
	return b.Plan, b.own.pack(ctx)
}

// live drops nodes that are not needed, since some values turned out to be
// constant.
func (b *builder) live(nodes []*ir.Node) []*ir.Node {
	wanted := map[*ir.Value]bool{}
	kept := make([]*ir.Node, 0, len(nodes))
	for _, n := range slices.Backward(nodes) {
		use := false
		for _, v := range n.Outputs {
			use = use || (wanted[v] || b.needed[v]) && b.facts[v].Const == nil
		}
		if !use {
			continue
		}
		kept = append(kept, n)
		for _, v := range n.Inputs {
			if v != nil {
				wanted[v] = true
			}
		}
	}
	slices.Reverse(kept)
	return kept
}

// boundary finds the values that the nodes read from outside, and those of their
// outputs that are needed.
func (b *builder) boundary(nodes []*ir.Node) {
	made := map[*ir.Value]bool{}
	seen := map[*ir.Value]bool{}
	input := func(v *ir.Value) {
		if !made[v] && !seen[v] && b.constant(v) == nil {
			seen[v] = true
			b.inputs = append(b.inputs, v)
		}
	}
	for _, n := range nodes {
		for _, v := range n.Inputs {
			if v == nil {
				continue
			}
			input(v)
			b.readers[v] = append(b.readers[v], n)
			if c := b.facts[v].Const; c != nil && v.Const() == nil {
				b.found[c] = true
			}
		}
		for _, v := range n.Outputs {
			made[v] = true
			if b.needed[v] {
				b.outputs = append(b.outputs, v)
			}
		}
	}
	for _, v := range b.inputs {
		b.places[v] = place{buffer: -1, from: v, layout: planarLayout(b.facts[v])}
	}
}

// constant is a value's constant, from the graph or found while planning, nil if it
// has none.
func (b *builder) constant(v *ir.Value) *tensor.Tensor {
	if c := v.Const(); c != nil {
		return c
	}
	return b.facts[v].Const
}

// fact is what is known of a value.
func (p *Plan) fact(v *ir.Value) ir.Fact {
	if v.Const() != nil {
		return v.Fact
	}
	return p.facts[v]
}

// planarLayout describes a planar value of rank 4 for kernels.
func planarLayout(f ir.Fact) kernel.Layout {
	d, ok := f.Shape.Ints()
	if !ok || len(d) != 4 || f.DType != tensor.Float32 {
		return kernel.Layout{}
	}
	return kernel.NewLayout(kernel.Planar, d[0], d[1], d[2], d[3], kernel.Halo{})
}

// newBuffer reserves memory.
func (b *builder) newBuffer(size int) int {
	b.buffers = append(b.buffers, buffer{size: size, first: len(b.steps), last: len(b.steps)})
	return len(b.buffers) - 1
}

// use records that a step needs a place, so that its buffer lives as long.
func (b *builder) use(p place, step int) {
	if p.buffer >= 0 {
		b.buffers[p.buffer].last = max(b.buffers[p.buffer].last, step)
	}
}

// add appends a step.
func (b *builder) add(s step) {
	at := len(b.steps)
	for _, p := range s.in {
		b.use(p, at)
	}
	if s.res != nil {
		b.use(*s.res, at)
	}
	b.use(s.out, at)
	b.use(s.scratch, at)
	b.steps = append(b.steps, s)
}

// node schedules one node: as part of one before it, on 8-bit codes, on channel blocks,
// without any step, with a kernel on row-major values, or as its operator. The first that
// can schedules it.
func (b *builder) node(n *ir.Node) error {
	defer b.releaseInputs(n)
	if b.fused[n] {
		return nil
	}
	for _, schedule := range []func(*ir.Node) (bool, error){
		b.quantNode, b.blockedNode, b.pixelsNode, b.leaveOut, b.acrossNode, b.volumeNode, b.dynamicProduct, b.sumsNode, b.attentionNode, b.productNode, b.softmaxNode,
	} {
		if done, err := schedule(n); done || err != nil {
			return err
		}
	}
	return b.operator(n)
}

// leaveOut leaves out a node whose result lies where its input does, in the same order or for readers
// that follow strides.
func (b *builder) leaveOut(n *ir.Node) (bool, error) {
	return b.moveAgain(n) || b.alias(n) || b.moveNode(n), nil
}

// reshapes are the operators that return their first input with another shape.
var reshapes = map[string]bool{"Reshape": true, "Flatten": true, "Squeeze": true, "Unsqueeze": true, "Identity": true}

// alias places the outputs of a node that only changes the shape, or takes
// contiguous parts of its first input, in the memory of that input.
func (b *builder) alias(n *ir.Node) bool {
	if n.Domain != "" || n.Input(0) == nil || b.constant(n.Inputs[0]) != nil {
		return false
	}
	starts, ok := b.contiguousParts(n)
	if !ok {
		return false
	}
	p, err := b.planar(n.Inputs[0])
	if err != nil {
		return false
	}
	for i, v := range n.Outputs {
		from, to := b.facts[n.Inputs[0]], b.facts[v]
		if p.buffer < 0 && (starts[i] != 0 || !slices.Equal(sizesOf(from), sizesOf(to)) && !reshapes[n.Op] && n.Op != "Transpose") {
			return false // values from outside are read as a whole
		}
	}
	for i, v := range n.Outputs {
		at := p
		at.offset += starts[i] * b.facts[v].DType.Size()
		at.layout = planarLayout(b.facts[v])
		b.places[v] = at
	}
	return true
}

// contiguousParts reports whether the outputs of a node are contiguous parts of its first input,
// and returns with which of its numbers each begins.
func (b *builder) contiguousParts(n *ir.Node) (starts []int, ok bool) {
	if n.Domain == "" && reshapes[n.Op] {
		return []int{0}, true
	}
	return ops.View(n, b.inputFacts(n))
}

// sizesOf returns the dimensions of a shape whose dimensions are all known.
func sizesOf(f ir.Fact) []int {
	d, _ := f.Shape.Ints()
	return d
}

// operator schedules a node as its operator over planar tensors.
func (b *builder) operator(n *ir.Node) error {
	s := step{node: n, name: n.Op}
	if m, ok := n.Operator.(ops.Multiplier); ok {
		var err error
		if s.packed, err = b.packProducts(n, m); err != nil {
			return err
		}
	}
	for _, v := range n.Inputs {
		if v == nil || b.constant(v) != nil {
			continue
		}
		p, err := b.planar(v)
		if err != nil {
			return err
		}
		s.in = append(s.in, p)
	}
	for _, v := range n.Outputs {
		if _, err := b.newPlanar(v); err != nil {
			return err
		}
	}
	s.out, s.scratch = place{buffer: -1}, place{buffer: -1}
	b.add(s)
	return nil
}

// newPlanar reserves memory for a value in row-major order, which the next steps write.
func (b *builder) newPlanar(v *ir.Value) (place, error) {
	f := b.facts[v]
	sizes, ok := f.Shape.Ints()
	if !ok {
		return place{}, fmt.Errorf("BUG: value %q is planned without a shape", v.Name)
	}
	n, err := tensor.Count(sizes)
	if err != nil {
		return place{}, err
	}
	out := place{buffer: b.newBuffer(n * f.DType.Size()), layout: planarLayout(f)}
	b.places[v] = out
	return out, nil
}

// planar is the place of a value in row-major order, converted if necessary.
func (b *builder) planar(v *ir.Value) (place, error) {
	if p, ok := b.places[v]; ok {
		return p, nil
	}
	if m, ok := b.moved[v]; ok {
		if err := b.write(m); err != nil {
			return place{}, err
		}
		return b.places[v], nil
	}
	p, ok := b.blocked[v]
	if !ok {
		if p, ok, err := b.codesToPlanar(v); ok {
			return p, err
		}
		return place{}, fmt.Errorf("BUG: value %q has no place", v.Name)
	}
	return b.toPlanar(v, p)
}

// tooLarge adds the node that takes most of the memory to an error about memory.
func (p *Plan) tooLarge(err error) error { return fmt.Errorf("%s: %w", p.largest(), err) }

// largest names the node whose output takes most of the arena.
func (p *Plan) largest() string {
	most, name := -1, "plan"
	for _, s := range p.steps {
		for _, v := range s.node.Outputs {
			if pl, ok := p.places[v]; ok && pl.buffer >= 0 && p.buffers[pl.buffer].size > most {
				most, name = p.buffers[pl.buffer].size, s.node.String()
			}
		}
	}
	return name
}
