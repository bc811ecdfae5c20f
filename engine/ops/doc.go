// Package ops defines the operators: for each version of an ONNX operator, the nodes that it
// accepts, the types and shapes of its outputs, and a reference kernel that follows the
// specification's formula.
//
// This package may change without notice: operators are reached through engine.
//
// # The parts of an operator
//
//   - A [Def] is a row in the table of the operator's family. It says for which opsets of which
//     domain the row holds, how many inputs and outputs a node may have, which element types its
//     first input may have, and which constructor reads a node. registry.go lists the tables.
//   - The constructor (Def.New) reads and checks the attributes of a node, once, when the model is
//     opened. It returns an [Op], which does not change from then on.
//   - Infer derives the facts of the outputs (element type, shape, elements of small integer
//     vectors) from those of the inputs. A dimension may be a number, a symbol such as "batch", or
//     unknown, and not even the rank of a shape has to be known: Infer keeps what is known and
//     rejects only what cannot be right. The inputs that Def requires are always there, and their
//     number and the type of the first have been checked; everything else Infer checks.
//   - Eval is the reference kernel: the formula as the specification writes it, mostly in float64,
//     without regard to speed. Everything faster is tested against it. The tensors that it gets may
//     have shapes that Infer did not know, so it checks them again, most simply by calling Infer
//     with the facts of the tensors (factsOf, Call.inferred).
//   - EvalFast is optional (interface [Fast]) and mostly stands in a file with the suffix _fast.
//     It computes the same outputs with the kernels of package kernel, and returns false for operands
//     for which there are none.
//
// An operator's older versions are rows of their own. Where only element types differ, one row
// spans them all; where attributes became inputs or a default changed, each meaning has a
// constructor of its own, named after its first version (newShape1).
//
// # An example
//
// Shape, from shape.go. Version 15 added the attributes start and end, so there are two rows; the
// type is the same, because version 1 is the special case "all dimensions":
//
//	{Name: "Shape", Since: 15, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newShape},
//	{Name: "Shape", Since: 1, Until: 14, Types: tensor.AllTypes, In: Exactly(1), Out: Exactly(1), New: newShape1},
//
//	type shapeOf struct{ start, end int }
//
//	func newShape(n *ir.Node) (Op, error) {
//		a := n.ReadAttrs()
//		return shapeOf{a.Int("start", 0), a.Int("end", wholeRank)}, a.Err()
//	}
//
//	func newShape1(n *ir.Node) (Op, error) { return shapeOf{0, wholeRank}, nil }
//
//	func (op shapeOf) Infer(in []ir.Fact) ([]ir.Fact, error) {
//		s := in[0].Shape
//		if !s.Ranked {
//			return []ir.Fact{ir.Tensor(tensor.Int64, ir.AnyOfRank(1))}, nil
//		}
//		start, end := op.bounds(s.Rank())
//		f := ir.Tensor(tensor.Int64, ir.Dims(end-start))
//		f.Ints = s.Dims[start:end]
//		return []ir.Fact{f}, nil
//	}
//
//	func (op shapeOf) Eval(c *Call) error {
//		shape := c.In[0].Shape()
//		start, end := op.bounds(len(shape))
//		y, err := c.zeroed(tensor.Int64, end-start)
//		if err != nil {
//			return err
//		}
//		for i, d := range shape[start:end] {
//			tensor.Data[int64](y)[i] = int64(d)
//		}
//		return nil
//	}
//
// (bounds resolves negative numbers and clamps.) f.Ints is what lets Shape → Gather → Concat →
// Reshape fold into a constant, or into a shape with symbols, before anything runs.
//
// # What helps
//
//   - In a constructor: [ir.Attrs] keeps the first error, so that all attributes are read and the
//     error is checked once. readWindow reads the attributes of convolutions and pools. noAttributes
//     is the constructor of operators that have none.
//   - In Infer: wantType, wantRank, sameType and firstError check; fact(in, i) is an optional
//     input; knownInts reads a constant list of integers; broadcastShape, withDim and fitsShape
//     work on shapes with unknown dimensions.
//   - In Eval: c.zeroed and c.inferred allocate output 0, c.New and c.like other tensors;
//     c.input(i) is an optional input, c.wants(i) tells whether output i is read, callInts reads a
//     list of integers. elementwise, binaryOp, compareOp and variadic are whole operators that need
//     only a function of numbers. mapElements and zipElements apply a function to tensors of any
//     numeric type; walk visits broadcast or strided operands; copier copies runs of elements of
//     any type; evalReal picks the instantiation for a float type.
//   - In EvalFast: c.vec returns the row kernels if all operands are float32, c.output allocates
//     without zeroing, c.share and c.rows divide the work among threads. c.join and c.compare combine
//     broadcast operands in their own types, and pairRows hands out their rows.
//
// # What every operator keeps
//
// Models are not trusted. Memory whose size a model decides is allocated with c.New, or announced
// with Run.Reserve or reserveList first; long loops call Run.Check at least every 10 ms; loops
// whose length the model decides count their turns with Run.iterate; sizes are multiplied with
// tensor.Count. An error says what is needed and then what was met; the node's name is added by the
// caller. Inputs are only read. An Op has no state: what EvalFast keeps between runs is in
// [Call.Kept].
//
// # Adding an operator
//
//  1. Read all its versions in ONNX's Changelog.md, and add a row for each meaning to the table of
//     its family. A new family is a new file, whose table families in registry.go must list.
//  2. Write the type with the formula, the operator and the version it follows in its comment, then
//     the constructor, Infer and Eval, as above.
//  3. Strike its cases from engine/conform/testdata/known-failures.txt, and test what these leave
//     out: empty dimensions, scalars, NaN, negative axes, wrong shapes.
//  4. Name it in the tables that go by name, if it belongs there: shapeMath in fold.go (shapes are
//     computed with it), engine/pass/widen.go (it means the same for float16 as for float32),
//     flops in engine/cost.go (it multiplies matrices).
//  5. Bring docs/operators.md up to date: go test ./engine -run TestOperatorsDocument -update.
//
// The tests of this package check that the versions of each operator leave no hole, and that Eval
// and EvalFast agree.
package ops
