package classify_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/classify"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// made is a model of one operator on pictures of 2 x 2.
type made struct {
	session *engine.Session
	encoder *vision.Encoder
}

func (m made) Session() *engine.Session { return m.session }
func (m made) Encoder() *vision.Encoder { return m.encoder }
func (m made) Labels() *label.Set       { return nil }

func build(t *testing.T, network func(b *ir.Builder, x *ir.Value) *ir.Value) made {
	t.Helper()
	b := ir.NewBuilder(21)
	b.Output("y", network(b, b.Input("x", tensor.Float32, ir.ShapeOf(ir.Sym("batch"), ir.Dim{N: 3}, ir.Dim{N: 2}, ir.Dim{N: 2}))))
	r, err := vision.ParseRecipe([]byte(`{"resize":"stretch 2x2 bilinear","scale":"1/255"}`))
	if err != nil {
		t.Fatal(err)
	}
	e, err := vision.NewEncoder(r)
	if err != nil {
		t.Fatal(err)
	}
	return made{built.Session(t, b), e}
}

// TestNoAnswer: of black pixels the network takes logarithms of negative numbers.
// That is an error of the picture, beside others that are well.
func TestNoAnswer(t *testing.T) {
	m := build(t, func(b *ir.Builder, x *ir.Value) *ir.Value {
		flat := b.Node("Flatten", []*ir.Value{x})
		return b.Node("Log", []*ir.Value{b.Node("Sub", []*ir.Value{flat, b.Const("c", tensor.Scalar(float32(0.5)))})})
	})
	black, white := vision.NewImage(2, 2), vision.NewImage(2, 2)
	for i := range white.Pix {
		white.Pix[i], black.Pix[i] = 255, 0
	}
	if top, err := classify.Image(m, black); top != nil || err == nil || !strings.Contains(err.Error(), "12 of 12 probabilities are NaN") {
		t.Errorf("%v, %v", top, err)
	}
	var got []bool
	sources := slices.Values([]vision.Source{vision.ImageSource("white", white), vision.ImageSource("black", black), vision.ImageSource("white", white)})
	for r, err := range classify.Stream(context.Background(), m, sources, classify.Batch(3)) {
		if err != nil && !strings.HasPrefix(err.Error(), "black: 12 of 12 probabilities are NaN") {
			t.Error(err)
		}
		got = append(got, err == nil && len(r.Predictions) == 5)
	}
	if !slices.Equal(got, []bool{true, false, true}) {
		t.Errorf("of three pictures, these had answers: %v", got)
	}
}

// TestNoClassifier: a picture, or a score for each cell, is no list of classes.
func TestNoClassifier(t *testing.T) {
	m := build(t, func(b *ir.Builder, x *ir.Value) *ir.Value { return b.Node("Relu", []*ir.Value{x}) })
	_, err := classify.Image(m, vision.NewImage(2, 2))
	if err == nil || !strings.Contains(err.Error(), "float32[batch 3 2 2], not a score for each class") {
		t.Error(err)
	}
	for _, err := range classify.Stream(context.Background(), m, slices.Values([]vision.Source{vision.ImageSource("a", vision.NewImage(2, 2))})) {
		if err == nil || errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	pooled := build(t, func(b *ir.Builder, x *ir.Value) *ir.Value { return b.Node("GlobalAveragePool", []*ir.Value{x}) })
	if top, err := classify.Image(pooled, vision.NewImage(2, 2)); err != nil || len(top) != 3 {
		t.Errorf("a score for each class, [1 3 1 1]: %v, %v", top, err)
	}
}

// TestLeftOut: what a caller leaves out is told, or stands for the default.
func TestLeftOut(t *testing.T) {
	m := build(t, func(b *ir.Builder, x *ir.Value) *ir.Value { return b.Node("Flatten", []*ir.Value{x}) })
	if top, err := classify.Image(m, vision.NewImage(2, 2), nil); err != nil || len(top) != 5 {
		t.Errorf("an option that is nil: %v, %v", top, err)
	}
	if _, err := classify.Image(m, nil); err == nil {
		t.Error("no picture, no error")
	}
	errs := 0
	for r, err := range classify.Stream(context.Background(), m, slices.Values([]vision.Source{{Name: "none"}, vision.ImageSource("a", vision.NewImage(2, 2))})) {
		if err != nil {
			errs++
			if r.Name != "none" || !strings.Contains(err.Error(), "cannot be opened") {
				t.Errorf("%s: %v", r.Name, err)
			}
		}
	}
	for _, err := range classify.Stream(context.Background(), m, nil) {
		if errs++; err == nil || !strings.Contains(err.Error(), "the sources are nil") {
			t.Error(err)
		}
	}
	if errs != 2 {
		t.Errorf("%d errors", errs)
	}
}

// TestRefusedOnce: what a model declares is enough to refuse it once, before the
// first picture.
func TestRefusedOnce(t *testing.T) {
	maps := build(t, func(b *ir.Builder, x *ir.Value) *ir.Value { return b.Node("Relu", []*ir.Value{x}) })
	opened := func(context.Context, ...vision.Option) (*vision.Image, error) {
		t.Error("a picture was opened")
		return vision.NewImage(2, 2), nil
	}
	for want, m := range map[string]classify.Model{"is not a classifier": maps, "has no session": made{nil, maps.encoder}} {
		pictures := slices.Values([]vision.Source{{Name: "a", Open: opened}, {Name: "b", Open: opened}})
		met := 0
		for r, err := range classify.Stream(t.Context(), m, pictures) {
			if met++; err == nil || !strings.Contains(err.Error(), want) || r.Name != "" {
				t.Errorf("%q: %v", r.Name, err)
			}
		}
		if _, err := classify.Image(m, vision.NewImage(2, 2)); met != 1 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d errors of the stream; of a picture %v", met, err)
		}
	}
}

// TestRefused: what is no model, picture or context is an error and no panic.
func TestRefused(t *testing.T) {
	var ctx context.Context
	m := build(t, func(b *ir.Builder, x *ir.Value) *ir.Value { return b.Node("Flatten", []*ir.Value{x}) })
	x, white := tensor.New(tensor.Float32, 1, 3, 2, 2), vision.NewImage(2, 2)
	stream := func(ctx context.Context, m classify.Model, opts ...classify.Option) (first error) {
		for _, err := range classify.Stream(ctx, m, slices.Values([]vision.Source{vision.ImageSource("a", white)}), opts...) {
			first = errors.Join(first, err)
		}
		return first
	}
	for name, call := range map[string]func() error{
		"a picture without a context": func() error { _, err := classify.ImageContext(ctx, m, white); return err },
		"a tensor without a context":  func() error { _, err := classify.Tensor(ctx, m, x); return err },
		"a stream without a context":  func() error { return stream(ctx, m) },
		"a tensor that is nil":        func() error { _, err := classify.Tensor(t.Context(), m, nil); return err },
		"a tensor of another shape":   func() error { _, err := classify.Tensor(t.Context(), m, tensor.New(tensor.Int64)); return err },
		"no model":                    func() error { _, err := classify.Image(nil, white); return err },
		"no model for a tensor":       func() error { _, err := classify.Tensor(t.Context(), nil, x); return err },
		"no model for a stream":       func() error { return stream(t.Context(), nil) },
		"a model that is a nil":       func() error { _, err := classify.Image((*zoo.Model)(nil), white); return err },
		"a model of the zero value":   func() error { _, err := classify.Image(new(zoo.Model), white); return err },
		"no encoder":                  func() error { _, err := classify.Image(made{m.session, nil}, white); return err },
		"no session for a tensor":     func() error { _, err := classify.Tensor(t.Context(), made{}, x); return err },
		"no class":                    func() error { _, err := classify.Image(m, white, classify.Top(0)); return err },
		"a batch of nothing":          func() error { return stream(t.Context(), m, classify.Batch(-1)) },
		"no worker":                   func() error { return stream(t.Context(), m, classify.Workers(0)) },
	} {
		if err := call(); err == nil || strings.Contains(err.Error(), "BUG") {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	for _, none := range []classify.Model{nil, (*zoo.Model)(nil), new(zoo.Model), made{}} {
		if got := classify.Activation(none); got != "" {
			t.Errorf("nothing ends in %q", got)
		}
	}
	if top := classify.Rank(nil, nil, -1); len(top) != 0 || len(classify.Softmax(nil)) != 0 {
		t.Errorf("the best of none: %v", top)
	}
}
