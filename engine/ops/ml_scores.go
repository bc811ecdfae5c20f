package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// classScores is how scores become what a classifier shows.
type classScores struct {
	names *tensor.Tensor
	post  string
}

func readScores(a *ir.Attrs, ints string) classScores {
	return classScores{classLabels(a, ints), a.OneOf("post_transform", "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")}
}

// dtype is that of labels.
func (s classScores) dtype() tensor.DType {
	if s.names == nil {
		return tensor.Int64
	}
	return s.names.DType()
}

// label writes the name of class k, its number where there are no names, to
// place i of y.
func (s classScores) label(y *tensor.Tensor, i, k int) {
	switch {
	case s.names != nil && k < s.names.Len():
		b := newBlocks(y, s.names)
		b.copy(i, k, 1)
	case y.DType() == tensor.String:
		y.Strings()[i] = fmt.Sprint(k)
	default:
		tensor.Data[int64](y)[i] = int64(k)
	}
}

// transform turns scores into what is shown.
func (s classScores) transform(x []float64) {
	switch s.post {
	case "SOFTMAX":
		softmaxLine(x)
	case "SOFTMAX_ZERO":
		softmaxNonzero(x)
	case "LOGISTIC":
		for i, v := range x {
			x[i] = sigmoid(v)
		}
	case "PROBIT":
		for i, v := range x {
			x[i] = probit(v)
		}
	}
}

func probit(v float64) float64 { return math.Sqrt2 * math.Erfinv(2*v-1) }

// softmaxNonzero is the softmax of what is not 0; 0 stays.
func softmaxNonzero(x []float64) {
	var kept []float64
	for _, v := range x {
		if v != 0 {
			kept = append(kept, v)
		}
	}
	softmaxLine(kept)
	for i, v := range x {
		if v != 0 {
			x[i], kept = kept[0], kept[1:]
		}
	}
}

// both makes the scores of two classes of the one that a binary model has:
// shares of one where complement is set, else the score and its opposite.
func (s classScores) both(v float64, complement bool) [2]float64 {
	switch {
	case s.post == "PROBIT":
		return [2]float64{probit(v), probit(v)}
	case s.post == "LOGISTIC":
		return [2]float64{sigmoid(-v), sigmoid(v)}
	case complement:
		return [2]float64{1 - v, v}
	}
	return [2]float64{-v, v}
}

// best is the place of the largest number, the first of equals.
func best(x []float64) int {
	at := 0
	for i, v := range x {
		if v > x[at] {
			at = i
		}
	}
	return at
}
