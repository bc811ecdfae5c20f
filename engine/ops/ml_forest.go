package ops

import (
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var mlForests = []Def{
	{Domain: mlDomain, Name: "TreeEnsembleRegressor", Since: 1, Types: mlNumbers, In: Exactly(1), Out: Exactly(1), New: newForestRegressor},
	{Domain: mlDomain, Name: "TreeEnsembleClassifier", Since: 1, Types: mlNumbers, In: Exactly(1), Out: Arity{1, 2}, New: newForestClassifier},
}

// listOf returns a list attribute of float32 or, under the name with _as_tensor
// appended, a tensor of any float type (version 3).
func listOf(a *ir.Attrs, name string) []float64 {
	t, list := a.Tensor(name+"_as_tensor"), a.Floats(name)
	if t == nil {
		t = tensor.Of(list)
	}
	if !tensor.FloatTypes.Is(t.DType()) {
		a.Fail("attribute %q is %s, it must be a float type", name+"_as_tensor", t.DType())
		return nil
	}
	return tensor.ToFloat64(t)
}

// readForest reads the older form of trees, in which parallel lists name each node by the numbers
// of its tree and of the node in it, into the form that trees evaluates: indices into lists of
// branches and of leaves. The attributes of the leaves' weights have names that begin with prefix.
func readForest(a *ir.Attrs, prefix string, targets int) *trees {
	op := &trees{targets: targets, aggregate: aggregateSum, base: listOf(a, "base_values")}
	f := forest{Attrs: a, trees: op, ids: a.Ints("nodes_nodeids"), treeIDs: a.Ints("nodes_treeids"), modes: a.Strs("nodes_modes")}
	if f.place() && f.branch() && f.leaves(prefix) {
		op.check(a)
	}
	return op
}

// forest holds the attributes of a forest while they are read. Its methods return
// false after an error, which Attrs has recorded.
type forest struct {
	*ir.Attrs
	trees        *trees
	ids, treeIDs []int           // of each node
	modes        []string        // of each node: a comparison, or LEAF
	places       map[[2]int]int  // by tree and node: index among the branches or the leaves
	leaf         map[[2]int]bool // by tree and node
	branches     []int           // which nodes are branches
}

// place numbers branches and leaves, each from 0, and finds the roots: the first node of each tree.
func (f *forest) place() bool {
	if len(f.treeIDs) != len(f.ids) || len(f.modes) != len(f.ids) {
		f.Fail("attributes \"nodes_…\" must have the same length")
		return false
	}
	f.places, f.leaf = make(map[[2]int]int, len(f.ids)), make(map[[2]int]bool)
	for i := range f.ids {
		key := [2]int{f.treeIDs[i], f.ids[i]}
		if _, ok := f.places[key]; ok {
			f.Fail("tree %d has two nodes %d", key[0], key[1])
			return false
		}
		if f.modes[i] == "LEAF" {
			f.places[key], f.leaf[key] = len(f.trees.leaves), true
			f.trees.leaves = append(f.trees.leaves, nil)
		} else {
			f.places[key] = len(f.branches)
			f.branches = append(f.branches, i)
		}
		if i == 0 || f.treeIDs[i] != f.treeIDs[i-1] {
			f.trees.roots, f.trees.bare = append(f.trees.roots, f.places[key]), append(f.trees.bare, f.leaf[key])
		}
	}
	return true
}

// branch reads the inner nodes.
func (f *forest) branch() bool {
	features, yes, no := f.Ints("nodes_featureids"), f.Ints("nodes_truenodeids"), f.Ints("nodes_falsenodeids")
	splits, missing := listOf(f.Attrs, "nodes_values"), f.Ints("nodes_missing_value_tracks_true")
	for _, k := range []int{len(features), len(yes), len(no), len(splits)} {
		if k != len(f.ids) {
			f.Fail("attributes \"nodes_…\" must have the same length")
			return false
		}
	}
	kinds := map[string]int{"BRANCH_LEQ": branchLEQ, "BRANCH_LT": branchLT, "BRANCH_GTE": branchGTE, "BRANCH_GT": branchGT,
		"BRANCH_EQ": branchEQ, "BRANCH_NEQ": branchNEQ}
	for _, i := range f.branches {
		mode, ok := kinds[f.modes[i]]
		keyYes, keyNo := [2]int{f.treeIDs[i], yes[i]}, [2]int{f.treeIDs[i], no[i]}
		at, okYes := f.places[keyYes]
		other, okNo := f.places[keyNo]
		if !ok || !okYes || !okNo {
			f.Fail("node %d of tree %d has the unknown mode %q or refers to a node that does not exist", f.ids[i], f.treeIDs[i], f.modes[i])
			return false
		}
		f.trees.nodes = append(f.trees.nodes, treeNode{feature: features[i], mode: mode, split: splits[i], yes: at, yesLeaf: f.leaf[keyYes],
			no: other, noLeaf: f.leaf[keyNo], missingTracksTrue: i < len(missing) && missing[i] != 0})
	}
	return true
}

// leaves reads the targets and weights of leaves.
func (f *forest) leaves(prefix string) bool {
	treeIDs, ids := f.Ints(prefix+"_treeids"), f.Ints(prefix+"_nodeids")
	goals, weights := f.Ints(prefix+"_ids"), listOf(f.Attrs, prefix+"_weights")
	if len(treeIDs) != len(ids) || len(goals) != len(ids) || len(weights) != len(ids) {
		f.Fail("attributes \"%s_…\" must have the same length", prefix)
		return false
	}
	for i := range ids {
		key := [2]int{treeIDs[i], ids[i]}
		if !f.leaf[key] {
			f.Fail("tree %d has no leaf %d", key[0], key[1])
			return false
		}
		at := f.places[key]
		f.trees.leaves[at] = append(f.trees.leaves[at], treeLeaf{goals[i], weights[i]})
	}
	return true
}

// forestRegressor sums the weights of the leaves that a row reaches. ONNX
// TreeEnsembleRegressor-1; -3 has tensors for lists of float64.
type forestRegressor struct{ *trees }

func newForestRegressor(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	targets := a.Int("n_targets", 1)
	op := forestRegressor{readForest(a, "target", targets)}
	if a.Err() != nil {
		return nil, a.Err()
	}
	if targets < 1 || targets > maxSpan || len(op.base) != 0 && len(op.base) != targets {
		a.Fail("%d targets need as many base values or none, there are %d", targets, len(op.base))
	}
	if len(op.base) == 0 {
		op.base = nil
	}
	op.aggregate = map[string]int{"AVERAGE": aggregateAverage, "SUM": aggregateSum, "MIN": aggregateMin,
		"MAX": aggregateMax}[a.OneOf("aggregate_function", "SUM", "AVERAGE", "MIN", "MAX")]
	op.post = readPost(a)
	return op, a.Err()
}

// Infer: X [N F] → float32 [N targets].
func (op forestRegressor) Infer(in []ir.Fact) ([]ir.Fact, error) {
	out, err := op.trees.Infer(in)
	if err == nil {
		out[0].DType = tensor.Float32
	}
	return out, err
}

func (op forestRegressor) Eval(c *Call) error {
	if err := op.trees.Eval(c); err != nil || c.Out[0].DType() == tensor.Float32 {
		return err
	}
	var err error
	c.Out[0], err = c.convert(c.Out[0], tensor.Float32)
	return err
}

// forestClassifier returns the class with the largest sum of weights. If all leaves name the same
// one of two classes, its sum decides: if it is above 0.5, or above 0 where weights may be
// negative, the class is the second. ONNX TreeEnsembleClassifier-1; -3 has tensors for lists of
// float64. Where the specification leaves something open, it follows ONNX Runtime.
type forestClassifier struct {
	*trees
	scores   classScores
	single   bool // two classes, and all leaves name the same one
	positive bool // no leaf has a negative weight
}

func newForestClassifier(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	s := readScores(a, "classlabels_int64s")
	if s.names == nil {
		a.Fail("attributes %q and %q: exactly one must be given", "classlabels_strings", "classlabels_int64s")
		return nil, a.Err()
	}
	op := &forestClassifier{trees: readForest(a, "class", s.names.Len()), scores: s, positive: true}
	if a.Err() != nil {
		return nil, a.Err()
	}
	named := map[int]bool{}
	for _, leaf := range op.leaves {
		for _, l := range leaf {
			named[l.target] = true
			op.positive = op.positive && l.weight >= 0
		}
	}
	op.single = op.targets == 2 && len(named) == 1
	if n := len(op.base); n != 0 && n != op.targets && !(op.targets == 2 && n == 1) {
		a.Fail("%d classes do not allow %d base values", op.targets, n)
	}
	return op, a.Err()
}

// Infer: X [N F] → labels [N], scores float32 [N classes].
func (op *forestClassifier) Infer(in []ir.Fact) ([]ir.Fact, error) {
	out, err := op.trees.Infer(in)
	if err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(op.scores.dtype(), ir.ShapeOf(out[0].Shape.Dims[0])), ir.Tensor(tensor.Float32, out[0].Shape)}, nil
}

func (op *forestClassifier) Eval(c *Call) error {
	y, z, err := newLabelled(c, op)
	if err != nil {
		return err
	}
	plain := *op.trees
	plain.base = nil
	sums, seen := make([]float64, op.targets), make([]bool, op.targets)
	return eachRow(c, c.In[0], func(r int, row []float64) error {
		if err := plain.vote(c.Run, row, sums, seen); err != nil {
			return err
		}
		shown, k := sums, 0
		if op.targets == 2 {
			shown, k = op.two(sums, seen)
		} else {
			for i, b := range op.base {
				sums[i], seen[i] = sums[i]+b, true
			}
			k = bestSeen(sums, seen)
			op.scores.transform(shown)
		}
		op.scores.label(y, r, k)
		tensor.Store(z, r*op.targets, 1, shown)
		return nil
	})
}

// bestSeen returns the class with the largest sum among those that a leaf named.
func bestSeen(x []float64, seen []bool) int {
	at := -1
	for i, v := range x {
		if seen[i] && (at < 0 || v > x[at]) {
			at = i
		}
	}
	return max(at, 0)
}

// two decides between two classes: it returns the scores and the class. seen tells which classes the
// leaves that the row reached have named; one base value is for the first class, two are for both.
func (op *forestClassifier) two(sums []float64, seen []bool) (shown []float64, k int) {
	one := !seen[1] // only one class has a score
	switch len(op.base) {
	case 2:
		if seen[1] && op.single {
			sums[1] += op.base[1]
			sums[0] = -sums[1]
		} else {
			sums[0], sums[1], one = sums[0]+op.base[0], sums[1]+op.base[1], false
		}
	case 1:
		sums[0] += op.base[0]
	}
	weight := sums[1]
	if one {
		weight = sums[0]
	}
	border := 0.0
	if op.single && op.positive {
		border = 0.5
	}
	if weight > border {
		k = 1
	}
	if one {
		both := op.scores.twoScores(weight, op.single && op.positive)
		return both[:], k
	}
	op.scores.transform(sums)
	return sums, k
}
