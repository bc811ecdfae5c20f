package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Activations are elementwise functions, given here as ONNX defines them; two also have defaults that
// depend on the version (Selu) or another broadcasting rule (PRelu). Versions up to 5 have an
// attribute consumed_inputs, a hint that is ignored; all others differ only in element types.
var activations = []Def{
	{Name: "Relu", Since: 14, Types: tensor.FloatTypes | tensor.SignedTypes, In: Exactly(1), Out: Exactly(1), New: relu.of},
	{Name: "Relu", Since: 1, Until: 13, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: relu.of},
	{Name: "LeakyRelu", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newLeakyRelu},
	{Name: "PRelu", Since: 7, Types: tensor.NumericTypes, In: Exactly(2), Out: Exactly(1), New: newPRelu},
	{Name: "PRelu", Since: 1, Until: 6, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: newPRelu1},
	{Name: "Elu", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newElu},
	{Name: "Selu", Since: 6, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newSelu},
	{Name: "Selu", Since: 1, Until: 5, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newSelu},
	{Name: "Celu", Since: 12, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newCelu},
	{Name: "Sigmoid", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(sigmoid)},
	{Name: "HardSigmoid", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newHardSigmoid},
	{Name: "HardSwish", Since: 14, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(hardSwish)},
	{Name: "Softplus", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(softplus)},
	{Name: "Softsign", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(softsign)},
	{Name: "ThresholdedRelu", Since: 1, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newThresholdedRelu},
	{Name: "Shrink", Since: 9, Types: tensor.NumericTypes, In: Exactly(1), Out: Exactly(1), New: newShrink},
	{Name: "Gelu", Since: 20, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newGelu},
	{Name: "Mish", Since: 18, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: floatFunc(mish)},
	{Name: "Swish", Since: 24, Types: tensor.FloatTypes, In: Exactly(1), Out: Exactly(1), New: newSwish},
	{Name: "SwiGLU", Since: 28, Types: tensor.FloatTypes, In: Exactly(2), Out: Exactly(1), New: newSwiGLU},
}

// floatFunc returns the constructor of an elementwise operator without attributes that is defined for
// floats only.
func floatFunc(f func(float64) float64) func(*ir.Node) (Op, error) {
	return noAttributes(floats(f))
}

// relu is y = max(x, 0); NaN stays NaN. ONNX Relu.
var relu = unary{
	f64: func(x float64) float64 {
		if x < 0 {
			return 0
		}
		return x
	},
	i64: func(x int64) int64 { return max(x, 0) },
}

// newLeakyRelu makes y = x for x ≥ 0, alpha·x otherwise. ONNX LeakyRelu-6. Maas et
// al. 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models".
func newLeakyRelu(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha := float64(a.Float("alpha", 0.01))
	return floats(func(x float64) float64 {
		if x < 0 {
			return alpha * x
		}
		return x
	}), a.Err()
}

// prelu is y = x for x ≥ 0, slope·x otherwise. He et al. 2015, "Delving Deep into
// Rectifiers".
var prelu = binary{
	f64: func(x, slope float64) float64 {
		if x < 0 {
			return slope * x
		}
		return x
	},
	i64: func(x, slope int64) int64 {
		if x < 0 {
			return slope * x
		}
		return x
	},
	u64: func(x, _ uint64) uint64 { return x },
}

// newPRelu broadcasts the slope to the shape of X, never X to that of the slope. ONNX PRelu-7.
func newPRelu(*ir.Node) (Op, error) { return unidirectional{binaryOp{prelu}}, nil }

// newPRelu1 has a single slope, or one for each channel (axis 1). ONNX PRelu-1, -6.
func newPRelu1(*ir.Node) (Op, error) {
	return aligned{op: unidirectional{binaryOp{prelu}}, broadcast: true, axis: 1, hasAxis: true}, nil
}

// newElu makes y = x for x ≥ 0, alpha·(eˣ-1) otherwise. ONNX Elu-6. Clevert et al. 2015, "Fast and
// Accurate Deep Network Learning by Exponential Linear Units".
func newElu(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha := float64(a.Float("alpha", 1))
	return floats(func(x float64) float64 { return elu(x, alpha) }), a.Err()
}

func elu(x, alpha float64) float64 {
	if x < 0 {
		return alpha * math.Expm1(x)
	}
	return x
}

// newSelu makes y = gamma·elu(x, alpha). ONNX Selu-6. Klambauer et al. 2017, "Self-Normalizing Neural
// Networks".
func newSelu(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha, gamma := seluFactors(a, n.Version)
	return floats(func(x float64) float64 {
		if x > 0 {
			return float64(gamma) * x
		}
		return float64(gamma) * (float64(alpha)*math.Exp(x) - float64(alpha))
	}), a.Err()
}

// SeluFactors returns the attributes of a Selu of the default domain.
func SeluFactors(n *ir.Node) (alpha, gamma float32) { return seluFactors(n.ReadAttrs(), n.Version) }

// seluFactors reads the attributes; Selu-1 rounds their defaults to four digits.
func seluFactors(a *ir.Attrs, version int) (alpha, gamma float32) {
	if version < 6 {
		return a.Float("alpha", 1.6732), a.Float("gamma", 1.0507)
	}
	return a.Float("alpha", 1.67326319217681884765625), a.Float("gamma", 1.05070102214813232421875)
}

// newCelu makes y = max(0, x) + min(0, alpha·(exp(x/alpha)-1)). ONNX Celu-12. Barron
// 2017, "Continuously Differentiable Exponential Linear Units".
func newCelu(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha := float64(a.Float("alpha", 1))
	return floats(func(x float64) float64 {
		return math.Max(0, x) + math.Min(0, alpha*math.Expm1(x/alpha))
	}), a.Err()
}

// sigmoid is 1/(1 + e⁻ˣ). ONNX Sigmoid-6.
func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// newHardSigmoid makes y = max(0, min(1, alpha·x + beta)). ONNX HardSigmoid-6.
func newHardSigmoid(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha, beta := float64(a.Float("alpha", 0.2)), float64(a.Float("beta", 0.5))
	return floats(func(x float64) float64 { return math.Max(0, math.Min(1, alpha*x+beta)) }), a.Err()
}

// hardSwish is x·max(0, min(1, x/6 + 1/2)). ONNX HardSwish-14. Howard et al.
// 2019, "Searching for MobileNetV3".
func hardSwish(x float64) float64 { return x * math.Max(0, math.Min(1, x/6+0.5)) }

// softplus is ln(1 + eˣ) = max(x, 0) + ln(1 + e^-|x|), whose power cannot overflow. ONNX Softplus-1.
func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// softsign is x/(1 + |x|). ONNX Softsign-1.
func softsign(x float64) float64 { return x / (1 + math.Abs(x)) }

// mish is x·tanh(softplus(x)). ONNX Mish-18. Misra 2019, "Mish: A Self Regularized Non-Monotonic
// Neural Activation Function".
func mish(x float64) float64 { return x * math.Tanh(softplus(x)) }

// newThresholdedRelu makes y = x for x > alpha, 0 otherwise, for NaN too. ONNX
// ThresholdedRelu-10, and the experimental operator before it.
func newThresholdedRelu(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha := float64(a.Float("alpha", 1))
	return floats(func(x float64) float64 {
		if x > alpha {
			return x
		}
		return 0
	}), a.Err()
}

// newShrink makes y = x+bias for x < -lambd, x-bias for x > lambd, 0 otherwise, for
// NaN too. ONNX Shrink-9.
func newShrink(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	lambd, bias := float64(a.Float("lambd", 0.5)), float64(a.Float("bias", 0))
	return elementwise{throughFloat(func(x float64) float64 {
		switch {
		case x < -lambd:
			return x + bias
		case x > lambd:
			return x - bias
		}
		return 0
	})}, a.Err()
}

// throughFloat applies a function of floats to integers too; results are
// truncated.
func throughFloat(f func(float64) float64) unary {
	return unary{f64: f,
		i64: func(x int64) int64 { return tensor.ToInt64(f(float64(x))) },
		u64: func(x uint64) uint64 { return uint64(tensor.ToInt64(f(float64(x)))) }}
}

// newGelu makes y = x·Φ(x), where Φ is the standard normal distribution's cumulative function, exact
// or approximated by a tanh. ONNX Gelu-20. Hendrycks and Gimpel 2016, "Gaussian Error Linear Units".
func newGelu(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	if a.OneOf("approximate", "none", "tanh") == "tanh" {
		return floats(geluTanh), a.Err()
	}
	return floats(gelu), a.Err()
}

// gelu is x/2·(1 + erf(x/√2)).
func gelu(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }

// geluTanh is x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
func geluTanh(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// newSwish makes y = x·sigmoid(alpha·x). ONNX Swish-24. Ramachandran et al. 2017, "Searching for
// Activation Functions".
func newSwish(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	alpha := float64(a.Float("alpha", 1))
	return floats(func(x float64) float64 { return x * sigmoid(alpha*x) }), a.Err()
}

// newSwiGLU makes y = a·sigmoid(alpha·a)·b. ONNX SwiGLU-28. Shazeer 2020, "GLU
// Variants Improve Transformer".
func newSwiGLU(n *ir.Node) (Op, error) {
	at := n.ReadAttrs()
	alpha := float64(at.Float("alpha", 1))
	return binaryOp{binary{f64: func(a, b float64) float64 { return a * sigmoid(alpha*a) * b }}}, at.Err()
}
