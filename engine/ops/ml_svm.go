package ops

import (
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// svm is the common part of support vector machines: a kernel, support vectors
// and their coefficients.
type svm struct {
	kernel              string
	gamma, coef, degree float64
	vectors             []float32 // [count features]; none: linear, coefficients are the weights
	coefficients        []float32 // one for each vector (and, in classifiers, pair of classes)
	rho                 []float32 // constants that are added to the sums
}

// readSVM reads the attributes that both operators have.
func readSVM(a *ir.Attrs) svm {
	p := a.Floats("kernel_params")
	s := svm{kernel: a.OneOf("kernel_type", "LINEAR", "POLY", "RBF", "SIGMOID"), vectors: a.Floats("support_vectors"),
		coefficients: a.Floats("coefficients"), rho: a.Floats("rho"), degree: 3}
	switch {
	case len(p) == 3:
		s.gamma, s.coef, s.degree = float64(p[0]), float64(p[1]), float64(p[2])
	case len(p) != 0:
		a.Fail("attribute %q has %d elements, it needs gamma, coef0 and degree", "kernel_params", len(p))
	}
	if len(s.coefficients) == 0 || len(s.rho) == 0 {
		a.Fail("attributes %q and %q must not be empty", "coefficients", "rho")
	}
	return s
}

// product is the kernel function of two vectors: x·v, (gamma·x·v + coef0)^degree,
// exp(-gamma·|x-v|²) or tanh(gamma·x·v + coef0).
func (s *svm) product(x []float64, v []float32) float64 {
	switch s.kernel {
	case "POLY":
		return math.Pow(s.gamma*dot(x, v)+s.coef, s.degree)
	case "SIGMOID":
		return math.Tanh(s.gamma*dot(x, v) + s.coef)
	case "RBF":
		sum := 0.0
		for i, u := range x {
			d := u - float64(v[i])
			sum += d * d
		}
		return math.Exp(-s.gamma * sum)
	}
	return dot(x, v)
}

// each sets dst to the kernel of x with each support vector.
func (s *svm) each(dst, x []float64) {
	for i := range dst {
		dst[i] = s.product(x, s.vectors[i*len(x):][:len(x)])
	}
}

var mlSVMs = []Def{
	{Domain: mlDomain, Name: "SVMRegressor", Since: 1, Types: mlNumbers, In: Exactly(1), Out: Exactly(1), New: newSVMRegressor},
	{Domain: mlDomain, Name: "SVMClassifier", Since: 1, Types: mlNumbers, In: Exactly(1), Out: Arity{1, 2}, New: newSVMClassifier},
}

// svmRegressor is Σ coefficient·k(x, vector) + rho, or the sign of it if
// one_class is set. ONNX SVMRegressor-1.
type svmRegressor struct {
	svm
	count, features int
	sign            bool
}

func newSVMRegressor(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &svmRegressor{svm: readSVM(a), count: a.Int("n_supports", 0), sign: a.Bool("one_class", false)}
	op.features = len(op.coefficients)
	if op.count != 0 {
		if op.count < 0 || len(op.coefficients) != op.count || len(op.vectors)%op.count != 0 {
			a.Fail("%d coefficients and %d numbers of vectors do not match %d vectors", len(op.coefficients), len(op.vectors), op.count)
			return op, a.Err()
		}
		op.features = len(op.vectors) / op.count
	}
	return op, a.Err()
}

// Infer: [N features] → float32 [N 1].
func (op *svmRegressor) Infer(in []ir.Fact) ([]ir.Fact, error) {
	rows, columns, err := rowsOf(in[0].Shape)
	if err == nil && columns.Known() && columns.N != op.features {
		err = fmt.Errorf("needs rows of %d features, the input has %d", op.features, columns.N)
	}
	return []ir.Fact{ir.Tensor(tensor.Float32, ir.ShapeOf(rows, ir.Dim{N: 1}))}, err
}

func (op *svmRegressor) Eval(c *Call) error {
	y, err := c.inferred(op)
	if err != nil {
		return err
	}
	products := make([]float64, op.count)
	return eachRow(c, c.In[0], func(r int, row []float64) error {
		var sum float64
		if op.count > 0 {
			op.each(products, row)
			sum = dot(products, op.coefficients)
		} else {
			sum = op.product(row, op.coefficients)
		}
		if sum += float64(op.rho[0]); op.sign {
			if sum > 0 {
				sum = 1
			} else {
				sum = -1
			}
		}
		tensor.Store(y, r, 1, []float64{sum})
		return nil
	})
}

// svmClassifier lets each pair of classes vote, with coefficients of its own, as libsvm does, or is
// linear with a weight vector for each class. ONNX SVMClassifier-1; pairwise probabilities are
// combined as in Wu, Lin and Weng 2004, "Probability Estimates for Multi-class Classification by
// Pairwise Coupling".
type svmClassifier struct {
	svm
	scores       classScores
	perClass     []int     // number of support vectors of each class; nil: linear
	from         []int     // index of the first support vector of each class
	probA, probB []float32 // for each pair: its probability is sigmoid(-(A·decision + B)); empty: none
	classes      int
	count        int // number of support vectors
	features     int
}

func newSVMClassifier(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := &svmClassifier{svm: readSVM(a), scores: readScores(a, "classlabels_ints"), perClass: a.Ints("vectors_per_class"),
		probA: a.Floats("prob_a"), probB: a.Floats("prob_b")}
	if op.scores.names == nil {
		a.Fail("attributes %q and %q: exactly one must be given", "classlabels_strings", "classlabels_ints")
		return op, a.Err()
	}
	op.classes = op.scores.names.Len()
	if op.perClass == nil {
		if op.features = len(op.coefficients) / op.classes; len(op.coefficients)%op.classes != 0 {
			a.Fail("%d coefficients cannot be divided among %d classes", len(op.coefficients), op.classes)
		}
		return op, a.Err()
	}
	op.classes = len(op.perClass)
	for _, k := range op.perClass {
		if k < 0 || k > len(op.vectors) {
			a.Fail("attribute %q has the element %d, it must not be negative", "vectors_per_class", k)
			return op, a.Err()
		}
		op.from = append(op.from, op.count)
		op.count += k
	}
	duels := op.classes * (op.classes - 1) / 2
	if op.count == 0 || op.classes < 2 || len(op.vectors)%op.count != 0 || len(op.coefficients) != op.count*(op.classes-1) || len(op.rho) < duels ||
		len(op.probA) != len(op.probB) || len(op.probA) != 0 && len(op.probA) < duels {
		a.Fail("%d classes with %d vectors need %d coefficients, %d rho and %d prob_a and prob_b or none; there are %d, %d, %d and %d",
			op.classes, op.count, op.count*(op.classes-1), duels, duels, len(op.coefficients), len(op.rho), len(op.probA), len(op.probB))
		return op, a.Err()
	}
	op.features = len(op.vectors) / op.count
	return op, a.Err()
}

// shown returns the number of output scores.
func (op *svmClassifier) shown() int {
	if op.perClass != nil && len(op.probA) == 0 && op.classes > 2 {
		return op.classes * (op.classes - 1) / 2
	}
	return op.classes
}

// Infer: [N features] → labels [N], scores float32 [N scores].
func (op *svmClassifier) Infer(in []ir.Fact) ([]ir.Fact, error) {
	rows, columns, err := rowsOf(in[0].Shape)
	if err == nil && columns.Known() && columns.N != op.features {
		err = fmt.Errorf("needs rows of %d features, the input has %d", op.features, columns.N)
	}
	return []ir.Fact{ir.Tensor(op.scores.dtype(), ir.ShapeOf(rows)),
		ir.Tensor(tensor.Float32, ir.ShapeOf(rows, ir.Dim{N: op.shown()}))}, err
}

func (op *svmClassifier) Eval(c *Call) error {
	y, z, err := newLabelled(c, op)
	if err != nil {
		return err
	}
	products := make([]float64, op.count)
	return eachRow(c, c.In[0], func(r int, row []float64) error {
		if op.perClass == nil {
			scores := make([]float64, op.classes)
			for k := range scores {
				scores[k] = op.product(row, op.coefficients[k*op.features:]) + float64(op.rho[0])
			}
			op.scores.label(y, r, best(scores))
			op.scores.transform(scores)
			tensor.Store(z, r*len(scores), 1, scores)
			return nil
		}
		op.each(products, row)
		scores, votes := op.pairwise(products)
		k := best(votes)
		switch {
		case len(op.probA) > 0:
			scores = op.probabilities(scores)
			op.scores.transform(scores)
		case op.classes == 2:
			two := op.scores.twoScores(scores[0], op.scores.post != "NONE")
			scores = two[:]
		default:
			op.scores.transform(scores)
		}
		op.scores.label(y, r, k)
		tensor.Store(z, r*len(scores), 1, scores)
		return nil
	})
}

// pairwise returns the decision value of each pair of classes i < j, and the number of votes for
// each class. A class has classes-1 rows of coefficients, one for each other class: that of vectors
// of class i against j is row j-1, that of vectors of class j against i is row i.
func (op *svmClassifier) pairwise(products []float64) (decisions, votes []float64) {
	votes = make([]float64, op.classes)
	for i := range op.classes {
		for j := i + 1; j < op.classes; j++ {
			sum := float64(op.rho[len(decisions)])
			for k := op.from[i]; k < op.from[i]+op.perClass[i]; k++ {
				sum += float64(op.coefficients[(j-1)*op.count+k]) * products[k]
			}
			for k := op.from[j]; k < op.from[j]+op.perClass[j]; k++ {
				sum += float64(op.coefficients[i*op.count+k]) * products[k]
			}
			if decisions = append(decisions, sum); sum > 0 {
				votes[i]++
			} else {
				votes[j]++
			}
		}
	}
	return decisions, votes
}

// probabilities combines pairwise probabilities r: it returns the p that
// minimises Σ (r[j][i]·p[i] - r[i][j]·p[j])², by the iteration of Wu, Lin and
// Weng 2004, algorithm 2.
func (op *svmClassifier) probabilities(decisions []float64) []float64 {
	n := op.classes
	r := make([]float64, n*n)
	at := 0
	for i := range n {
		for j := i + 1; j < n; j++ {
			p := sigmoid(-(decisions[at]*float64(op.probA[at]) + float64(op.probB[at])))
			r[i*n+j] = min(max(p, 1e-7), 1-1e-7)
			r[j*n+i] = 1 - r[i*n+j]
			at++
		}
	}
	q, p := make([]float64, n*n), slices.Repeat([]float64{1 / float64(n)}, n)
	for i := range n {
		for j := range n {
			if i != j {
				q[i*n+i] += r[j*n+i] * r[j*n+i]
				q[i*n+j] = -r[j*n+i] * r[i*n+j]
			}
		}
	}
	qp := make([]float64, n)
	for range max(100, n) {
		total, worst := 0.0, 0.0
		for i := range n {
			qp[i] = dot(q[i*n:(i+1)*n], p)
			total += p[i] * qp[i]
		}
		for _, v := range qp {
			worst = math.Max(worst, math.Abs(v-total))
		}
		if worst < 0.005/float64(n) {
			break
		}
		for i := range n {
			diff := (total - qp[i]) / q[i*n+i]
			p[i] += diff
			total = (total + diff*(diff*q[i*n+i]+2*qp[i])) / (1 + diff) / (1 + diff)
			for j := range n {
				qp[j] = (qp[j] + diff*q[i*n+j]) / (1 + diff)
				p[j] /= 1 + diff
			}
		}
	}
	return p
}
