package classify

import "math"

// Activation says how a network's scores were made: "softmax" or "sigmoid" for
// probabilities, "none" for logits. What the graph ends in counts first, then the
// model's own method Activation, if it has one; "" means that neither says,
// or that the model has no session.
func Activation(m Model) string {
	if checkSession(m) != nil {
		return ""
	}
	if outputs := m.Session().Graph().Outputs; len(outputs) > 0 {
		for n := outputs[0].Node; n != nil && len(n.Inputs) > 0 && n.Inputs[0] != nil; n = n.Inputs[0].Node {
			switch n.Op {
			case "Softmax", "QLinearSoftmax":
				return "softmax"
			case "Sigmoid", "QLinearSigmoid":
				return "sigmoid"
			}
			if !keepsScores[n.Op] {
				break
			}
		}
	}
	if named, ok := m.(interface{ Activation() string }); ok {
		return named.Activation()
	}
	return ""
}

// keepsScores are the operators between an activation and the output that leave the
// scores as they are, but for rounding.
var keepsScores = map[string]bool{"Identity": true, "Dropout": true, "Cast": true, "Reshape": true, "Flatten": true,
	"Squeeze": true, "Unsqueeze": true, "Transpose": true, "QuantizeLinear": true, "DequantizeLinear": true}

// probabilities turns scores into probabilities, unless the network has done that.
// Those of a quantised softmax add up to 1 only roughly.
func probabilities(scores []float64, activation string) []float64 {
	switch activation {
	case "softmax", "sigmoid":
		return scores
	case "none":
		return softmax(scores)
	}
	return Softmax(scores)
}

// Softmax turns logits into probabilities. Scores that are probabilities already
// (none is negative, and their sum is near 1) are returned unchanged. A single score
// is the logit of a yes-or-no question and becomes the probability of yes.
func Softmax(logits []float64) []float64 {
	sum, negative := 0.0, false
	for _, v := range logits {
		sum += v
		negative = negative || v < 0
	}
	if len(logits) > 1 && !negative && math.Abs(sum-1) < 1e-2 {
		return logits
	}
	return softmax(logits)
}

func softmax(logits []float64) []float64 {
	if len(logits) == 1 {
		return []float64{1 / (1 + math.Exp(-logits[0]))}
	}
	most := math.Inf(-1)
	for _, v := range logits {
		most = max(most, v)
	}
	out, total := make([]float64, len(logits)), 0.0
	for i, v := range logits {
		out[i] = math.Exp(v - most)
		total += out[i]
	}
	for i := range out {
		out[i] /= total
	}
	return out
}
