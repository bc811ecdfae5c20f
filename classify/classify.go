// Package classify names what is in pictures: it runs a classifier and turns its
// scores into labels with probabilities.
//
//	m, err := zoo.Load("resnet50")
//	if err != nil { … }
//	defer m.Close()
//	img, err := vision.Open("cat.jpg")
//	top, err := classify.Image(m, img, classify.Top(3)) // the most probable first
//	fmt.Println(top[0].Label, top[0].Probability)
//
// Stream classifies many pictures, several at the same time, with results in order.
// All functions may be called concurrently, also with the same model.
package classify

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
)

// Model is what a classifier needs: a network, an encoder that feeds it pictures,
// and the labels of its classes (nil: classes are shown by number). A *zoo.Model is
// one. If it also has a method Activation() string, as *zoo.Model does, that says
// what the network's scores are where its graph does not: see the function
// Activation.
type Model interface {
	Session() *engine.Session
	Encoder() *vision.Encoder
	Labels() *label.Set
}

// Prediction is one class with its probability. Its JSON is that of vision classify
// --json.
type Prediction struct {
	Rank        int     `json:"rank"`         // 1 for the most probable class
	Index       int     `json:"index"`        // in the network's output
	ID          string  `json:"id,omitempty"` // the data set's own id, such as n02123045; "" if it has none
	Label       string  `json:"label"`        // short name; not unique, see Index and ID
	Probability float64 `json:"probability"`  // 0 to 1
}

// Option changes what is returned, and how a Stream works.
type Option func(*options)

type options struct{ top, batch, workers int }

// Top asks for the n most probable classes, at least one; the default is 5.
func Top(n int) Option { return func(o *options) { o.top = n } }

// Image returns the most probable classes of a picture, the most probable first;
// equally probable ones are in order of their index. It is an error if the
// network's first output is not one score per class, or holds NaN. The picture is
// not changed.
func Image(m Model, img *vision.Image, opts ...Option) ([]Prediction, error) {
	return ImageContext(context.Background(), m, img, opts...)
}

// ImageContext is Image with a context.
func ImageContext(ctx context.Context, m Model, img *vision.Image, opts ...Option) ([]Prediction, error) {
	if err := check(m); err != nil {
		return nil, err
	}
	if _, err := newOptions(opts); err != nil {
		return nil, err
	}
	x, _, err := m.Encoder().EncodeContext(ctx, img)
	if err != nil {
		return nil, err
	}
	return Tensor(ctx, m, x, opts...)
}

var (
	errNoModel   = errors.New("the model is nil; zoo.Load opens one")
	errNoSession = errors.New("the model has no session; engine.Open opens one")
	errNoPicture = errors.New("no input of the model takes a picture")
)

// check refuses what cannot be a classifier before a picture is decoded.
func check(m Model) error {
	if err := checkSession(m); err != nil {
		return err
	}
	if m.Encoder() == nil {
		return errNoPicture
	}
	outputs := m.Session().Outputs()
	if len(outputs) == 0 {
		return nil // rows says so
	}
	dims := outputs[0].Shape.Dims
	shape := make([]int, len(dims))
	for i, d := range dims {
		shape[i] = max(d.N, 1) // what is open may be 1
	}
	if err := oneAxis(outputs[0].Fact, shape); err != nil {
		return err
	}
	classes := 1
	for i, d := range dims {
		if i == 0 && len(dims) > 1 {
			continue
		}
		if !d.Known() {
			return nil // scores says so
		}
		classes *= max(d.N, 1)
	}
	if outputs[0].Shape.Ranked {
		return named(classes, m.Labels())
	}
	return nil
}

// named refuses labels that do not fit the number of classes.
func named(classes int, labels *label.Set) error {
	if labels != nil {
		if _, ok := labels.Fit(classes); !ok {
			return fmt.Errorf("the model gives %d scores, its label set %s has %d classes", classes, labels.Name(), labels.Len())
		}
	}
	return nil
}

// checkSession refuses what cannot run.
func checkSession(m Model) error {
	switch {
	case m == nil:
		return errNoModel
	case m.Session() == nil:
		return errNoSession
	}
	return nil
}

// oneAxis refuses an output, described by what, that has more axes than those of the
// pictures and the classes.
func oneAxis(what fmt.Stringer, shape []int) error {
	wide := 0
	for i, d := range shape {
		if (i > 0 || len(shape) == 1) && d != 1 {
			wide++
		}
	}
	if wide > 1 {
		return fmt.Errorf("the model's first output is %v, not a score for each class: the model is not a classifier (vision detect and vision segment read other outputs)", what)
	}
	return nil
}

// Tensor is ImageContext for a picture that the model's encoder has already
// encoded.
func Tensor(ctx context.Context, m Model, x *tensor.Tensor, opts ...Option) ([]Prediction, error) {
	if err := checkSession(m); err != nil {
		return nil, err
	}
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	all, err := rows(ctx, m, x, 1)
	if err != nil {
		return nil, err
	}
	return ranked(m, all[0], o.top)
}

// ranked turns one picture's scores into predictions. Scores that are NaN are an
// error.
func ranked(m Model, scores []float64, n int) ([]Prediction, error) {
	p := probabilities(scores, Activation(m))
	lost := 0
	for _, v := range p {
		if math.IsNaN(v) {
			lost++
		}
	}
	if lost > 0 {
		return nil, fmt.Errorf("%d of %d probabilities are NaN; perhaps the recipe does not suit the network", lost, len(p))
	}
	return Rank(p, m.Labels(), n), nil
}

// rows runs the network on n encoded pictures and returns the scores of each.
func rows(ctx context.Context, m Model, x *tensor.Tensor, n int) ([][]float64, error) {
	s := m.Session()
	inputs, outputs := s.Inputs(), s.Outputs()
	if len(inputs) == 0 || len(outputs) == 0 {
		return nil, errors.New("the model has no input or no output, so it is not a classifier")
	}
	out, err := s.Run(ctx, engine.Values{inputs[0].Name: x})
	if err != nil {
		return nil, err
	}
	return scores(out[outputs[0].Name], n, m.Labels())
}

// scores cuts an output into one flat list per picture. An output that has a map of
// scores for each picture is not a classifier's.
func scores(t *tensor.Tensor, n int, labels *label.Set) ([][]float64, error) {
	switch {
	case t.DType() >= tensor.Sequence || t.DType() == tensor.String || t.Len() == 0:
		return nil, fmt.Errorf("the model's first output is %v, not the scores of a classifier", t)
	case t.Rank() > 1 && t.Dim(0) != n, n > 1 && t.Rank() < 2:
		return nil, fmt.Errorf("the model's first output is %v, not the scores of %d pictures", t, n)
	}
	if err := oneAxis(t, t.Shape()); err != nil {
		return nil, err
	}
	classes := t.Len() / n
	if err := named(classes, labels); err != nil {
		return nil, err
	}
	flat := tensor.ToFloat64(t)
	out := make([][]float64, n)
	for i := range out {
		out[i] = flat[i*classes : (i+1)*classes]
	}
	return out, nil
}
