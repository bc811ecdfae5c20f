package ops

import (
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// classScores computes a classifier's outputs from raw scores.
type classScores struct {
	names *tensor.Tensor // of the classes: strings or int64; nil: they are numbered
	post  string         // post_transform
}

// readScores reads the names of classes, which if they are integers are attribute ints, and
// post_transform.
func readScores(a *ir.Attrs, ints string) classScores {
	return classScores{classLabels(a, ints), readPost(a)}
}

// postTransforms are the values of post_transform; TreeEnsemble-5 has their numbers.
var postTransforms = []string{"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"}

func readPost(a *ir.Attrs) string { return a.OneOf("post_transform", postTransforms...) }

// dtype returns the type of labels.
func (s classScores) dtype() tensor.DType {
	if s.names == nil {
		return tensor.Int64
	}
	return s.names.DType()
}

// label writes the name of class k, or the number if there are no names, to
// element i of y.
func (s classScores) label(y *tensor.Tensor, i, k int) {
	switch {
	case s.names != nil && k < s.names.Len():
		cp := newCopier(y, s.names)
		cp.copy(i, k, 1)
	case y.DType() == tensor.String:
		y.Strings()[i] = fmt.Sprint(k)
	default:
		tensor.Data[int64](y)[i] = int64(k)
	}
}

// transform applies post_transform to raw scores.
func (s classScores) transform(x []float64) { transformScores(s.post, x) }

// transformScores applies a post_transform to the scores of a row, in place.
func transformScores(post string, x []float64) {
	switch post {
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

// probit is the inverse of the standard normal distribution's cumulative function.
func probit(v float64) float64 { return math.Sqrt2 * math.Erfinv(2*v-1) }

// softmaxNonzero is the softmax over the elements that are not 0; zeros stay.
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

// twoScores returns the scores of two classes, given the single score v of a binary model: without
// post_transform 1 - v and v if complement is set, otherwise -v and v.
func (s classScores) twoScores(v float64, complement bool) [2]float64 {
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

// best returns the index of the largest element, the first if there are several.
func best(x []float64) int {
	at := 0
	for i, v := range x {
		if v > x[at] {
			at = i
		}
	}
	return at
}
