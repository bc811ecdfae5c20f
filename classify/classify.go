// Package classify turns a classifier's logits into labels.
package classify

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
)

// Model is what a classifier needs: a network, how to feed it, what its classes
// mean (nil: numbers). A *zoo.Model is one.
type Model interface {
	Session() *engine.Session
	Encoder() *vision.Encoder
	Labels() *label.Set
}

// Prediction is one class with its probability.
type Prediction struct {
	Index       int     // in the network's output
	ID          string  // the data set's own id, such as n02123045; "" where it has none
	Label       string  // short name; not unique, see Index and ID
	Probability float64 // 0 to 1
}

// Option changes what is returned.
type Option func(*options)

type options struct{ top int }

// Top asks for the n most probable classes; the default is 5.
func Top(n int) Option { return func(o *options) { o.top = n } }

// Image names what is in a picture: the most probable classes, most probable
// first; of equal ones the lower index.
func Image(m Model, img *vision.Image, opts ...Option) ([]Prediction, error) {
	return ImageContext(context.Background(), m, img, opts...)
}

// ImageContext is Image with a context.
func ImageContext(ctx context.Context, m Model, img *vision.Image, opts ...Option) ([]Prediction, error) {
	if m.Encoder() == nil {
		return nil, fmt.Errorf("no input of the model takes a picture")
	}
	x, _, err := m.Encoder().Encode(img)
	if err != nil {
		return nil, err
	}
	return Tensor(ctx, m, x, opts...)
}

// Tensor names what is in a picture that the model's encoder has encoded.
func Tensor(ctx context.Context, m Model, x *tensor.Tensor, opts ...Option) ([]Prediction, error) {
	o := options{top: 5}
	for _, opt := range opts {
		opt(&o)
	}
	s := m.Session()
	out, err := s.Run(ctx, engine.Values{s.Inputs()[0].Name: x})
	if err != nil {
		return nil, err
	}
	logits, err := scores(out[s.Outputs()[0].Name], m.Labels())
	if err != nil {
		return nil, err
	}
	return Rank(Softmax(logits), m.Labels(), o.top), nil
}

// scores is the output of one picture as a flat list. A network that gives out
// features besides is none of a classifier's.
func scores(t *tensor.Tensor, labels *label.Set) ([]float64, error) {
	switch {
	case t.DType() >= tensor.Sequence || t.DType() == tensor.String || t.Len() == 0:
		return nil, fmt.Errorf("the model's first output is %v, not the scores of a classifier", t)
	case t.Rank() > 1 && t.Dim(0) != 1:
		return nil, fmt.Errorf("the model's first output is %v, not the scores of one picture", t)
	}
	if labels != nil {
		if _, ok := labels.Fit(t.Len()); !ok {
			return nil, fmt.Errorf("the model gives %d scores, its label set %s has %d classes", t.Len(), labels.Name(), labels.Len())
		}
	}
	return tensor.ToFloat64(t), nil
}

// Softmax turns logits into probabilities. Scores that are probabilities
// already, none negative and their sum near 1, are handed back as they are.
func Softmax(logits []float64) []float64 {
	sum, most, negative := 0.0, math.Inf(-1), false
	for _, v := range logits {
		sum += v
		most = max(most, v)
		negative = negative || v < 0
	}
	if !negative && math.Abs(sum-1) < 1e-2 {
		return logits
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

// Rank picks the n most probable classes; NaN ranks last.
func Rank(p []float64, labels *label.Set, n int) []Prediction {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := p[a], p[b]; {
		case x > y || x == x && y != y:
			return -1
		case x < y || x != x && y == y:
			return 1
		}
		return 0
	})
	if labels != nil {
		labels, _ = labels.Fit(len(p))
	}
	out := make([]Prediction, 0, max(0, min(n, len(p))))
	for _, i := range order[:cap(out)] {
		q := Prediction{Index: i, Label: fmt.Sprintf("class %d", i), Probability: p[i]}
		if labels != nil {
			l, _ := labels.At(i)
			q.ID, q.Label = l.ID, l.Name
		}
		out = append(out, q)
	}
	return out
}
