package plan

import (
	"context"
	"slices"
	"sync"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/team"
	"github.com/visionzoo/vision/engine/tensor"
)

// A batch of pictures can be computed layer by layer, with all pictures in each, or
// picture by picture, with all layers for each. Layer by layer, weights are read once for
// all pictures, but the activations of a batch leave the caches between two layers. So if
// the activations of one picture are larger than the weights, the network runs for one
// picture after the other, or for a few of them if they are small, and threads take
// pictures rather than parts of every layer. A batch of 32 pictures, each with 30 MB of
// activations, runs in 32 parts on a network of 14 MB of weights; with 30 kB of activations
// and 10 kB of weights it runs in 7 parts of at most 5 pictures (leastPart), and with 30 kB
// and 4 MB all together.
//
// That gives the same result only if no layer mixes pictures, which is found by inferring
// the shapes of the whole batch and of one picture and comparing them, and by rules for
// each operator. The number of threads does not influence the decision, because a product
// of few rows rounds differently from one of many.

// batches remembers how batches of each shape are computed.
type batches struct {
	mu    sync.Mutex
	known []division // the one used last comes first
}

// keptDivisions bounds how many batches are remembered.
const keptDivisions = 100

// division says how a batch is divided.
type division struct {
	each    int       // pictures that are computed together; 0: all
	in, out []ir.Fact // of the whole batch
}

// fits reports whether the division was made for inputs of these types and shapes.
func (d *division) fits(in []*tensor.Tensor) bool {
	for i, t := range in {
		if !d.in[i].Admits(t) {
			return false
		}
	}
	return true
}

// divide returns how to compute the inputs, and how many pictures they hold.
func (r *Runner) divide(in []*tensor.Tensor) (d division, n int) {
	bytes := 0
	for _, t := range in {
		if t.Rank() == 0 || !t.DType().IsElement() || n > 0 && t.Shape()[0] != n {
			return division{}, 0
		}
		n, bytes = t.Shape()[0], bytes+len(t.Bytes())
	}
	if n < 2 || bytes == 0 || r.opt.Plain || r.opt.Trace != nil { // without bytes, the number of pictures is not known
		return division{}, n
	}
	b := &r.batches
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.known, func(d division) bool { return d.fits(in) })
	if at < 0 {
		at = min(len(b.known), keptDivisions-1)
		b.known = append(b.known[:at], r.division(in, n))
	}
	d = b.known[at]
	copy(b.known[1:at+1], b.known[:at])
	b.known[0] = d
	return d, n
}

// division decides for batches of n pictures with the shapes of in.
func (r *Runner) division(in []*tensor.Tensor, n int) division {
	var d division
	together, apart := r.stageFor(map[*ir.Value]ir.Fact{}), r.stageFor(map[*ir.Value]ir.Fact{})
	for i, v := range r.graph.Inputs {
		f := ir.TypeOf(in[i])
		d.in = append(d.in, f)
		together.facts[v] = f
		f.Shape.Dims = slices.Clone(f.Shape.Dims)
		f.Shape.Dims[0].N = 1
		apart.facts[v] = f
	}
	weights, activations, ok := r.traffic(pair{together, apart, n})
	if !ok {
		return d
	}
	for _, v := range r.graph.Outputs {
		d.out = append(d.out, together.facts[v])
	}
	if int64(activations) > r.opt.Memory/int64(n) { // each part counts its memory alone: all at once must fit
		return d
	}
	if weights <= activations {
		if d.each = (r.part + activations - 1) / max(activations, 1); d.each >= n {
			d.each = 0
		}
	}
	return d
}

// leastPart is how many bytes of activations a run should have: it costs some microseconds
// however little it computes.
const leastPart = 128 << 10

// traffic adds up the bytes of the weights, and of the activations of one picture.
// ok is false if the pictures are not independent.
func (r *Runner) traffic(p pair) (weights, activations int, ok bool) {
	seen := map[*ir.Value]bool{}
	for i := range r.program.work {
		w := &r.program.work[i]
		a, errA := p.together.classify(w)
		b, errB := p.apart.classify(w)
		if errA != nil || errB != nil || a != b || a > planned {
			return 0, 0, false
		}
		if a == folded {
			continue
		}
		if !p.independent(w.node) {
			return 0, 0, false
		}
		for _, v := range w.node.Inputs {
			if v != nil && v.Const() != nil && !seen[v] {
				seen[v] = true
				weights += v.Const().Size()
			}
		}
		for _, v := range w.node.Outputs {
			n, ok := p.apart.facts[v].Shape.Count()
			if !ok {
				return 0, 0, false
			}
			activations += n * p.apart.facts[v].DType.Size()
		}
	}
	for _, v := range r.graph.Outputs {
		if !p.batched(v) {
			return 0, 0, false
		}
	}
	return weights, activations, true
}

// pair holds the facts of a graph for a batch of n pictures (together) and for one
// (apart).
type pair struct {
	together, apart *stage
	n               int
}

// batched reports whether the first dimension of a value is the number of pictures, or a
// multiple, and the others do not depend on it: [32 64 7 7] of 32 and [1 64 7 7] of one.
func (p pair) batched(v *ir.Value) bool {
	a, b := p.together.fact(v), p.apart.fact(v)
	many, okA := a.Shape.Ints()
	one, okB := b.Shape.Ints()
	return okA && okB && a.Const == nil && b.Const == nil && len(one) > 0 && len(many) == len(one) &&
		many[0] == p.n*one[0] && slices.Equal(many[1:], one[1:])
}

// rule says when operators compute each picture from that picture alone.
type rule struct {
	ops    []string
	inputs string                                     // a letter each, the last for all others: see takes
	when   func(p pair, n *ir.Node, a *ir.Attrs) bool // further conditions, nil: none
}

// rules have more than one row for an operator of several forms. Outputs are checked
// before, by batched, which decides most cases: where the first dimension is reduced or
// moved, the output does not scale with the batch.
var rules = []rule{
	// on each number, or on one picture's numbers in their order in memory
	{ops: []string{"Relu", "Activate", "Clip", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Shrink", "Softsign",
		"HardSigmoid", "HardSwish", "Gelu", "QuickGelu", "Erf", "Exp", "Log", "Sqrt", "Neg", "Abs", "Identity", "Dropout", "Softplus",
		"Mish", "Swish", "Cast", "Flatten", "Squeeze", "Unsqueeze"}, inputs: "xw"},
	{ops: []string{"Reshape"}, inputs: "xs"},
	// of inputs that are broadcast
	{ops: []string{"Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sum", "PRelu"}, inputs: "+"},
	// on channels and pixels
	{ops: []string{"ScaleShift", "InstanceNormalization", "LRN", "AveragePool", "GlobalAveragePool", "GlobalMaxPool",
		"DepthToSpace", "SpaceToDepth", "ConvTranspose", "ReduceMean"}, inputs: "xw"},
	{ops: []string{"Conv", "FusedConv"}, inputs: "xww+w"},
	{ops: []string{"MaxPool"}, inputs: "x", when: func(_ pair, n *ir.Node, _ *ir.Attrs) bool {
		return len(n.Outputs) == 1 || n.Outputs[1].Name == "" // Indices count through the whole batch
	}},
	{ops: []string{"BatchNormalization"}, inputs: "xw", when: func(_ pair, n *ir.Node, a *ir.Attrs) bool {
		return len(n.Outputs) == 1 && !a.Bool("training_mode", false) // in training, statistics are those of the batch
	}},
	{ops: []string{"Resize"}, inputs: "xwws", when: func(p pair, n *ir.Node, a *ir.Attrs) bool {
		x, y := p.apart.fact(n.Inputs[0]).Shape.Dims, p.apart.fact(n.Outputs[0]).Shape.Dims
		return a.Str("coordinate_transformation_mode", "") != "tf_crop_and_resize" && x[0].N == y[0].N
	}},
	// along an axis, which may be any but the first
	{ops: []string{"Concat"}, inputs: "+", when: alongOther},
	{ops: []string{"Shuffle"}, inputs: "x"},
	{ops: []string{"Softmax", "LogSoftmax"}, inputs: "x", when: alongOther},
	{ops: []string{"LayerNormalization"}, inputs: "x+", when: alongOther},
	{ops: []string{"Split"}, inputs: "xw", when: func(_ pair, _ *ir.Node, a *ir.Attrs) bool { return a.Int("axis", 0) > 0 }},
	{ops: []string{"Transpose"}, inputs: "x", when: func(_ pair, _ *ir.Node, a *ir.Attrs) bool {
		perm := a.Ints("perm")
		return len(perm) > 0 && perm[0] == 0
	}},
	// of matrices
	{ops: []string{"Gemm"}, inputs: "xw+", when: func(_ pair, _ *ir.Node, a *ir.Attrs) bool { return !a.Bool("transA", false) }},
	{ops: []string{"MatMul"}, inputs: "+w"},
	{ops: []string{"MatMul"}, inputs: "+", when: func(p pair, n *ir.Node, _ *ir.Attrs) bool { return p.rank(n) > 2 }},
}

// alongOther reports whether a node works along another axis than the first.
func alongOther(p pair, n *ir.Node, a *ir.Attrs) bool {
	axis := a.Int("axis", -1)
	return axis != 0 && axis != -p.rank(n)
}

// rank is that of a node's first output.
func (p pair) rank(n *ir.Node) int { return p.apart.fact(n.Outputs[0]).Shape.Rank() }

// independent reports whether a node computes each picture from that picture alone.
func (p pair) independent(n *ir.Node) bool {
	for _, v := range n.Outputs {
		if v.Name != "" && !p.batched(v) {
			return false
		}
	}
	for _, r := range rules {
		if !slices.Contains(r.ops, n.Op) {
			continue
		}
		fits := true
		for i, v := range n.Inputs {
			fits = fits && (v == nil || p.takes(r.inputs[min(i, len(r.inputs)-1)], v, p.rank(n)))
		}
		if a := n.ReadAttrs(); fits && (r.when == nil || r.when(p, n, a)) && a.Err() == nil {
			return true
		}
	}
	return false
}

// takes reports whether a value is what a rule says of an input of a node with an output
// of that rank:
//
//	x  pictures
//	w  a constant, the same for any number of pictures
//	s  a constant shape, which may have that number in it
//	+  what is broadcast: pictures, of that rank, lest they meet rows of others; or a
//	   constant as w without anything for each picture
func (p pair) takes(kind byte, v *ir.Value, rank int) bool {
	a, b := p.together.fact(v), p.apart.fact(v)
	if a.Const == nil {
		return p.batched(v) && (kind == 'x' || kind == '+' && b.Shape.Rank() == rank)
	}
	switch dims := b.Shape.Dims; kind {
	case 's':
		return true
	case 'w', '+':
		return (a.Const == b.Const || slices.Equal(a.Const.Shape(), b.Const.Shape()) && slices.Equal(a.Const.Bytes(), b.Const.Bytes())) &&
			(kind == 'w' || len(dims) < rank || dims[0].N == 1)
	}
	return false
}

// runParts computes a batch of n pictures in parts.
func (r *Runner) runParts(ctx context.Context, in, into []*tensor.Tensor, d division, n int) ([]*tensor.Tensor, error) {
	run := ops.NewRun(ctx, r.opt.Memory, r.opt.Turns)
	out := make([]*tensor.Tensor, len(d.out))
	for k, f := range d.out {
		shape, _ := f.Shape.Ints()
		if into != nil {
			out[k] = into[k]
		}
		if out[k] == nil || out[k].DType() != f.DType || !slices.Equal(out[k].Shape(), shape) {
			if err := run.Reserve(f.DType, shape); err != nil {
				return nil, err
			}
			out[k] = tensor.New(f.DType, shape...)
			run.Grow(bytesOf(out[k]))
		}
	}
	parts := (n + d.each - 1) / d.each
	errs := make([]error, parts)
	err := team.Default().Run(r.opt.Threads, parts, task(func(i int) {
		first, last := i*d.each, min((i+1)*d.each, n)
		to := pictures(out, first, last, n)
		var made []*tensor.Tensor
		made, errs[i] = r.runWhole(ctx, pictures(in, first, last, n), to)
		for k, t := range made {
			if t != to[k] {
				copy(to[k].Bytes(), t.Bytes())
			}
		}
	}))
	for _, e := range errs {
		if err == nil {
			err = e
		}
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// pictures returns views of pictures [first, last) of n in tensors.
func pictures(ts []*tensor.Tensor, first, last, n int) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(ts))
	for k, t := range ts {
		size := len(t.Bytes()) / n
		shape := slices.Clone(t.Shape())
		shape[0] = shape[0] / n * (last - first)
		out[k] = tensor.View(t.DType(), t.Bytes()[first*size:last*size:last*size], shape)
	}
	return out
}
