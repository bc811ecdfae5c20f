package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// trees is a forest. In each tree a row of features takes a way from the root to a leaf, which adds a
// weight to some targets. ONNX TreeEnsemble-5; ml_forest.go reads the older operators into this form.
type trees struct {
	nodes     []treeNode
	roots     []int
	bare      []bool       // roots that are leaves; nil: none
	leaves    [][]treeLeaf // the targets and weights of each leaf
	base      []float64    // added to each target; nil: zeros
	targets   int
	features  int    // minimum length of rows
	aggregate int    // of the weights of a target: aggregateAverage, …
	post      string // post_transform
}

// The values of attribute aggregate_function.
const (
	aggregateAverage = iota
	aggregateSum
	aggregateMin
	aggregateMax
)

// The values of attribute nodes_modes: how a branch compares.
const (
	branchLEQ = iota
	branchLT
	branchGTE
	branchGT
	branchEQ
	branchNEQ
	branchMember
)

// treeNode is a branch: a comparison of one feature, and the nodes (or leaves)
// that follow if it is true or false.
type treeNode struct {
	feature, mode     int       // mode: branchLEQ, …
	split             float64   // what the feature is compared with
	members           []float64 // or, with branchMember, the set in which it has to be
	yes, no           int
	yesLeaf, noLeaf   bool
	missingTracksTrue bool
}

// treeLeaf is the weight that a leaf gives to one target.
type treeLeaf struct {
	target int
	weight float64
}

func newTreeEnsemble(n *ir.Node) (Op, error) {
	a := n.ReadAttrs().Need("leaf_targetids", "leaf_weights", "nodes_falseleafs", "nodes_falsenodeids", "nodes_featureids",
		"nodes_modes", "nodes_splits", "nodes_trueleafs", "nodes_truenodeids", "tree_roots")
	op := &trees{roots: a.Ints("tree_roots"), targets: a.Int("n_targets", 1), aggregate: a.Int("aggregate_function", aggregateSum)}
	post := a.Int("post_transform", 0)
	modes, splits, weights := a.Tensor("nodes_modes"), a.Tensor("nodes_splits"), a.Tensor("leaf_weights")
	if a.Err() != nil {
		return nil, a.Err()
	}
	lists := [][]int{a.Ints("nodes_featureids"), a.Ints("nodes_truenodeids"), a.Ints("nodes_trueleafs"), a.Ints("nodes_falsenodeids"), a.Ints("nodes_falseleafs")}
	count := modes.Len()
	for _, v := range lists {
		if len(v) != count || splits.Len() != count {
			a.Fail("attributes \"nodes_…\" must have the same length")
			return nil, a.Err()
		}
	}
	targets := a.Ints("leaf_targetids")
	if len(targets) != weights.Len() || op.targets < 1 || op.targets > maxSpan || op.aggregate < aggregateAverage || op.aggregate > aggregateMax ||
		post < 0 || post >= len(postTransforms) {
		a.Fail("attributes \"leaf_targetids\" and \"leaf_weights\" differ in length, or a setting is out of range")
		return nil, a.Err()
	}
	op.post = postTransforms[post]
	for i, w := range tensor.ToFloat64(weights) {
		op.leaves = append(op.leaves, []treeLeaf{{targets[i], w}})
	}
	mode, split := tensor.ToFloat64(modes), tensor.ToFloat64(splits)
	missing, members := a.Ints("nodes_missing_value_tracks_true"), membersOf(a)
	for i := range count {
		t := treeNode{feature: lists[0][i], mode: int(mode[i]), split: split[i], yes: lists[1][i], yesLeaf: lists[2][i] != 0, no: lists[3][i], noLeaf: lists[4][i] != 0}
		t.missingTracksTrue = i < len(missing) && missing[i] != 0
		if t.mode == branchMember && len(members) > 0 {
			t.members, members = members[0], members[1:]
		}
		op.nodes = append(op.nodes, t)
	}
	op.check(a)
	return op, a.Err()
}

// membersOf returns the sets of the nodes of mode "member", in order. In the
// attribute, a NaN ends each set.
func membersOf(a *ir.Attrs) [][]float64 {
	t := a.Tensor("membership_values")
	if t == nil || t.DType() == tensor.String {
		return nil
	}
	var out [][]float64
	var set []float64
	for _, v := range tensor.ToFloat64(t) {
		if v != v {
			out, set = append(out, set), nil
			continue
		}
		set = append(set, v)
	}
	return append(out, set)
}

// check rejects indices outside the lists.
func (op *trees) check(a *ir.Attrs) {
	inside := func(i int, leaf bool) bool {
		return i >= 0 && (leaf && i < len(op.leaves) || !leaf && i < len(op.nodes))
	}
	for i, t := range op.nodes {
		if !inside(t.yes, t.yesLeaf) || !inside(t.no, t.noLeaf) || t.feature < 0 || t.feature > maxSpan || t.mode < branchLEQ || t.mode > branchMember {
			a.Fail("tree node %d refers to a node, leaf, feature or mode that does not exist", i)
			return
		}
		op.features = max(op.features, t.feature+1)
	}
	for i, r := range op.roots {
		if !inside(r, op.bare != nil && op.bare[i]) {
			a.Fail("attribute \"tree_roots\" has the element %d, there are %d nodes", r, len(op.nodes))
			return
		}
	}
	for i, leaf := range op.leaves {
		for _, l := range leaf {
			if l.target < 0 || l.target >= op.targets {
				a.Fail("leaf %d has target %d, there are %d targets", i, l.target, op.targets)
				return
			}
		}
	}
}

// Infer: X [N F] → [N targets].
func (op *trees) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s, n := in[0].Shape, ir.Unknown
	if s.Ranked {
		if s.Rank() != 2 || s.Dims[1].Known() && s.Dims[1].N < op.features {
			return nil, fmt.Errorf("needs shape [N F] with at least %d features, the input has %v", op.features, s)
		}
		n = s.Dims[0]
	}
	return []ir.Fact{ir.Tensor(in[0].DType, ir.ShapeOf(n, ir.Dim{N: op.targets}))}, nil
}

// Eval evaluates all trees on each row.
func (op *trees) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	x := c.In[0]
	y, err := c.zeroed(x.DType(), x.Dim(0), op.targets)
	if err != nil {
		return err
	}
	if err := c.Run.reserveList(op.targets+x.Dim(1), 16); err != nil {
		return err
	}
	row, sums, seen := make([]float64, x.Dim(1)), make([]float64, op.targets), make([]bool, op.targets)
	for r := range x.Dim(0) {
		tensor.Load(row, x, r*len(row), 1)
		if err := op.vote(c.Run, row, sums, seen); err != nil {
			return err
		}
		transformScores(op.post, sums)
		tensor.Store(y, r*op.targets, 1, sums)
	}
	return nil
}

// vote aggregates the leaves that a row reaches. seen tells which targets these
// leaves have.
func (op *trees) vote(run *Run, row, sums []float64, seen []bool) error {
	clear(sums)
	clear(seen)
	for i, at := range op.roots {
		if err := run.Check(); err != nil {
			return err
		}
		if op.bare == nil || !op.bare[i] {
			if at = op.leafOf(row, at); at < 0 {
				return fmt.Errorf("a tree has a cycle")
			}
		}
		for _, l := range op.leaves[at] {
			switch {
			case !seen[l.target] || op.aggregate == aggregateAverage || op.aggregate == aggregateSum:
				sums[l.target] += l.weight
			case op.aggregate == aggregateMin:
				sums[l.target] = math.Min(sums[l.target], l.weight)
			default:
				sums[l.target] = math.Max(sums[l.target], l.weight)
			}
			seen[l.target] = true
		}
	}
	for i := range sums {
		if op.aggregate == aggregateAverage && len(op.roots) > 0 {
			sums[i] /= float64(len(op.roots))
		}
		if op.base != nil {
			sums[i] += op.base[i]
		}
	}
	return nil
}

// leafOf returns the leaf that a row reaches from a node on, -1 if the tree has a
// cycle.
func (op *trees) leafOf(row []float64, at int) int {
	for range op.nodes { // a longer path has a cycle
		t := &op.nodes[at]
		next, isLeaf := t.no, t.noLeaf
		if t.holds(row[t.feature]) {
			next, isLeaf = t.yes, t.yesLeaf
		}
		if isLeaf {
			return next
		}
		at = next
	}
	return -1
}

// holds reports whether the true branch is taken.
func (t *treeNode) holds(x float64) bool {
	if x != x && t.missingTracksTrue {
		return true
	}
	switch t.mode {
	case branchLEQ:
		return x <= t.split
	case branchLT:
		return x < t.split
	case branchGTE:
		return x >= t.split
	case branchGT:
		return x > t.split
	case branchEQ:
		return x == t.split
	case branchNEQ:
		return x != t.split
	}
	for _, m := range t.members {
		if x == m {
			return true
		}
	}
	return false
}
