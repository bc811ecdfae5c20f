package ops

import (
	"cmp"
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

var randoms = []Def{
	{Name: "RandomNormal", Since: 1, In: Exactly(0), Out: Exactly(1), New: newRandomShaped(drawNormal), Random: true},
	{Name: "RandomUniform", Since: 1, In: Exactly(0), Out: Exactly(1), New: newRandomShaped(drawUniform), Random: true},
	{Name: "RandomNormalLike", Since: 1, In: Exactly(1), Out: Exactly(1), New: newRandomLike(drawNormal), Random: true},
	{Name: "RandomUniformLike", Since: 1, In: Exactly(1), Out: Exactly(1), New: newRandomLike(drawUniform), Random: true},
	{Name: "Bernoulli", Since: 15, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newBernoulli, Random: true},
	{Name: "Multinomial", Since: 7, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newMultinomial, Random: true},
	{Name: "Dropout", Since: 12, Types: tensor.FloatTypes | tensor.Float8Types, In: Arity{1, 3}, Out: Arity{1, 2}, New: newDropout, Random: true},
	{Name: "Dropout", Since: 10, Until: 11, Types: tensor.FloatTypes, In: Exactly(1), Out: Arity{1, 2}, New: newDropout7(tensor.Bool)},
	{Name: "Dropout", Since: 7, Until: 9, Types: tensor.FloatTypes, In: Exactly(1), Out: Arity{1, 2}, New: newDropout7(tensor.Invalid)},
	{Name: "Dropout", Since: 1, Until: 6, Types: tensor.FloatTypes, In: Exactly(1), Out: Arity{1, 2}, New: newDropout1, Random: true},
}

// seed seeds a node's generator in each evaluation: with the model's seed, which
// gives the same numbers each time, or with a random one.
type seed struct {
	given bool
	value uint32
}

// readSeed reads a float attribute and truncates it to an integer.
func readSeed(a *ir.Attrs) seed {
	return seed{a.Has("seed"), uint32(tensor.ToInt64(float64(a.Float("seed", 0))))}
}

func (s seed) start() *mersenne {
	if s.given {
		return newMersenne(s.value)
	}
	return newMersenne(anySeed())
}

// draw returns a number from a distribution.
type draw func(m *mersenne) float64

// drawNormal reads the attributes of a normal distribution, drawUniform those of a uniform one.
func drawNormal(a *ir.Attrs) draw {
	mean, scale := float64(a.Float("mean", 0)), float64(a.Float("scale", 1))
	return func(m *mersenne) float64 { return m.normal()*scale + mean }
}

func drawUniform(a *ir.Attrs) draw {
	low, high := float64(a.Float("low", 0)), float64(a.Float("high", 1))
	return func(m *mersenne) float64 { return m.uniform()*(high-low) + low }
}

// fill sets element i of y to f(i).
func fill(c *Call, y *tensor.Tensor, f func(i int) float64) error {
	var line [rowLength]float64
	return newWalk([]int{y.Len()}, []int{1}).rows(c.Run, func(n int, at, _ []int) {
		for i := range line[:n] {
			line[i] = f(at[0] + i)
		}
		tensor.Store(y, at[0], 1, line[:n])
	})
}

// sampler draws independent numbers from a distribution.
type sampler struct {
	seed
	draw
}

// eval sets output 0 to random numbers of the given dtype and shape.
func (s sampler) eval(c *Call, d tensor.DType, shape []int) error {
	y, err := c.zeroed(d, shape...)
	if err != nil {
		return err
	}
	m := s.start()
	return fill(c, y, func(int) float64 { return s.draw(m) })
}

// randomShaped fills a given shape with random numbers. ONNX RandomNormal-1,
// RandomUniform-1.
type randomShaped struct {
	sampler
	dtype tensor.DType
	shape []int
}

func newRandomShaped(of func(a *ir.Attrs) draw) func(n *ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		a := n.ReadAttrs().Need("shape")
		op := randomShaped{sampler{readSeed(a), of(a)}, a.DType("dtype", tensor.Float32), a.Ints("shape")}
		if !tensor.FloatTypes.Is(op.dtype) {
			a.Fail("attribute \"dtype\" is %s, it must be one of %s", op.dtype, tensor.FloatTypes)
		}
		if _, err := tensor.Count(op.shape); err != nil {
			a.Fail("attribute \"shape\" takes too much memory: %v", err)
		}
		return op, a.Err()
	}
}

// Infer: nothing → the shape in the attributes.
func (op randomShaped) Infer([]ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(op.dtype, ir.Dims(op.shape...))}, nil
}

// Eval draws element by element.
func (op randomShaped) Eval(c *Call) error { return op.eval(c, op.dtype, op.shape) }

// randomLike fills the input's shape with random numbers. ONNX
// RandomNormalLike-1, RandomUniformLike-1.
type randomLike struct {
	sampler
	dtype tensor.DType // Invalid: that of the input
}

func newRandomLike(of func(a *ir.Attrs) draw) func(n *ir.Node) (Op, error) {
	return func(n *ir.Node) (Op, error) {
		a := n.ReadAttrs()
		op := randomLike{sampler{readSeed(a), of(a)}, a.DType("dtype", tensor.Invalid)}
		return op, a.Err()
	}
}

// Infer: any → the same shape, with the dtype of the attribute.
func (op randomLike) Infer(in []ir.Fact) ([]ir.Fact, error) {
	d := cmp.Or(op.dtype, in[0].DType)
	if !tensor.FloatTypes.Is(d) {
		return nil, fmt.Errorf("cannot draw %s; attribute \"dtype\" must name one of %s", d, tensor.FloatTypes)
	}
	return []ir.Fact{ir.Tensor(d, in[0].Shape)}, nil
}

// Eval draws element by element.
func (op randomLike) Eval(c *Call) error {
	return op.eval(c, cmp.Or(op.dtype, c.In[0].DType()), c.In[0].Shape())
}

// bernoulli is 1 with the probability given by each element of the input,
// otherwise 0. ONNX Bernoulli-15.
type bernoulli struct {
	seed
	dtype tensor.DType // Invalid: that of the input
}

func newBernoulli(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := bernoulli{readSeed(a), a.DType("dtype", tensor.Invalid)}
	if op.dtype != tensor.Invalid && !(tensor.NumericTypes | boolType).Is(op.dtype) {
		a.Fail("attribute \"dtype\" is %s, it must be a number or bool", op.dtype)
	}
	return op, a.Err()
}

// Infer: probabilities → zeros and ones, same shape.
func (op bernoulli) Infer(in []ir.Fact) ([]ir.Fact, error) {
	return []ir.Fact{ir.Tensor(cmp.Or(op.dtype, in[0].DType), in[0].Shape)}, nil
}

// Eval draws one uniform number for each element and compares it like numpy's
// binomial(1, p).
func (op bernoulli) Eval(c *Call) error {
	y, err := c.zeroed(cmp.Or(op.dtype, c.In[0].DType()), c.In[0].Shape()...)
	if err != nil {
		return err
	}
	m := op.start()
	return mapElements(c, y, c.In[0], func(p float64) float64 {
		u := m.uniform()
		if p <= 0.5 && u > 1-p || p > 0.5 && u <= p {
			return 1
		}
		return 0
	})
}

// multinomial draws classes from rows of unnormalised log-probabilities. ONNX
// Multinomial-7.
type multinomial struct {
	seed
	dtype  tensor.DType
	sample int
}

func newMultinomial(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	op := multinomial{readSeed(a), a.DType("dtype", tensor.Int32), a.Int("sample_size", 1)}
	if op.dtype != tensor.Int32 && op.dtype != tensor.Int64 {
		a.Fail("attribute \"dtype\" is %s, it must be int32 or int64", op.dtype)
	}
	if op.sample < 0 {
		a.Fail("attribute \"sample_size\" is %d, it must not be negative", op.sample)
	}
	return op, a.Err()
}

// Infer: [batch classes] → [batch sample_size].
func (op multinomial) Infer(in []ir.Fact) ([]ir.Fact, error) {
	s := in[0].Shape
	if !s.Ranked {
		return []ir.Fact{ir.Tensor(op.dtype, ir.ShapeOf(ir.Unknown, ir.Dim{N: op.sample}))}, nil
	}
	if s.Rank() != 2 || s.Dims[1].N == 0 {
		return nil, fmt.Errorf("needs shape [batch classes] with at least one class, the input has %v", s)
	}
	return []ir.Fact{ir.Tensor(op.dtype, ir.ShapeOf(s.Dims[0], ir.Dim{N: op.sample}))}, nil
}

// Eval finds the class for each uniform number in the cumulative sum of the
// softmax.
func (op multinomial) Eval(c *Call) error {
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return err
	}
	batch, classes := c.In[0].Dim(0), c.In[0].Dim(1)
	y, err := c.zeroed(op.dtype, batch, op.sample)
	if err != nil {
		return err
	}
	if err := c.Run.reserveList(classes, 8); err != nil {
		return err
	}
	m := op.start()
	sums := make([]float64, classes)
	row := -1
	return fill(c, y, func(i int) float64 {
		if r := i / op.sample; r != row {
			row = r
			tensor.Load(sums, c.In[0], row*classes, 1)
			runningSoftmax(sums)
		}
		return float64(pick(sums, m.uniform()))
	})
}

// runningSoftmax replaces logits by the cumulative distribution, not normalised.
func runningSoftmax(x []float64) {
	top := math.Inf(-1)
	for _, v := range x {
		top = math.Max(top, v)
	}
	sum := 0.0
	for i, v := range x {
		sum += math.Exp(v - top)
		x[i] = sum
	}
}

// pick returns the class whose interval of the cumulative sums contains u of their total.
func pick(sums []float64, u float64) int {
	u *= sums[len(sums)-1]
	low, high := 0, len(sums)-1
	for low < high {
		if mid := (low + high) / 2; sums[mid] > u {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// dropout is x outside training. In training, elements are zero with probability ratio and the
// others scaled by 1/(1-ratio). ONNX Dropout-12; -13 and -22 extend the types. Srivastava et al.
// 2014, "Dropout".
type dropout struct {
	seed
	ratio    float64
	training bool         // if there is no input 2
	mask     tensor.DType // Invalid: that of the input
}

func newDropout(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return dropout{seed: seed{a.Has("seed"), uint32(a.Int("seed", 0))}, ratio: 0.5, mask: tensor.Bool}, a.Err()
}

// newDropout7 never drops. ONNX Dropout-7, -10.
func newDropout7(mask tensor.DType) func(n *ir.Node) (Op, error) {
	return noAttributes(dropout{mask: mask})
}

// newDropout1 drops unless is_test is set. ONNX Dropout-1, -6.
func newDropout1(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return dropout{ratio: float64(a.Float("ratio", 0.5)), training: !a.Bool("is_test", false)}, a.Err()
}

func (op dropout) maskType(d tensor.DType) tensor.DType {
	if op.mask == tensor.Invalid {
		return d
	}
	return op.mask
}

// Infer: data, ratio, training_mode → output and mask, both like data.
func (op dropout) Infer(in []ir.Fact) ([]ir.Fact, error) {
	if err := wantType(in, 1, tensor.FloatTypes|tensor.Float8Types); err != nil {
		return nil, err
	}
	if err := wantType(in, 2, boolType); err != nil {
		return nil, err
	}
	return []ir.Fact{ir.Tensor(in[0].DType, in[0].Shape), ir.Tensor(op.maskType(in[0].DType), in[0].Shape)}, nil
}

// Eval draws one uniform number for each element, which is kept if the number is
// at least ratio.
func (op dropout) Eval(c *Call) error {
	x, ratio, training := c.In[0], op.ratio, op.training
	for i := 1; i < 3; i++ {
		t := c.input(i)
		if t == nil {
			continue
		}
		if t.Len() != 1 {
			return fmt.Errorf("input %d must have one element, its shape is %v", i, t.Shape())
		}
		var v [1]float64
		tensor.Load(v[:], t, 0, 1)
		if i == 1 {
			ratio = v[0]
		} else {
			training = v[0] != 0
		}
	}
	if training && !(ratio >= 0 && ratio <= 1) {
		return fmt.Errorf("ratio is %v, it must be between 0 and 1", ratio)
	}
	var mask *tensor.Tensor
	if c.wants(1) || training {
		var err error
		if mask, err = c.New(op.maskType(x.DType()), x.Shape()...); err != nil {
			return err
		}
	}
	if c.wants(1) {
		c.Out[1] = mask
	}
	if !training || ratio == 0 {
		c.Out[0] = x
		if mask == nil {
			return nil
		}
		return fill(c, mask, func(int) float64 { return 1 })
	}
	y, err := c.zeroedLike(x)
	if err != nil {
		return err
	}
	m := op.start()
	if err := fill(c, mask, func(int) float64 {
		if m.uniform() >= ratio {
			return 1
		}
		return 0
	}); err != nil {
		return err
	}
	scale := 1 / (1 - ratio)
	w := broadcastWalk(y.Shape(), x.Shape(), x.Shape())
	return zipElements(c, w, y, x, mask, func(v, keep float64) float64 {
		if keep == 0 {
			return 0
		}
		return v * scale
	})
}
