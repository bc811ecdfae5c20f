package main

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/classify"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/conform"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// strictly opens a model as a reference: nothing but float32.
var strictly = zoo.WithEngine(engine.Precision(engine.F32Strict))

// computed is what is computed where --precision asks for something.
func computed(precision string) string {
	if precision == "bf16" && !engine.FastBF16() {
		return "f32"
	}
	return precision
}

// arithmetic is --precision, with what is computed instead if that is another.
func arithmetic(c *cli.Context) string {
	asked := c.String("precision")
	if is := computed(asked); is != asked {
		return asked + ", computed in " + is + ": bf16 is no faster here"
	}
	return asked
}

// compared is what a model and its reference say about one picture.
type compared struct {
	got, want classify.Result
	err       error
}

// beside classifies pictures with a model and, unless it is nil, a reference at the
// same time, and calls each with the results, in order.
func beside(c *cli.Context, m, ref *zoo.Model, pictures iter.Seq[vision.Source], opts []classify.Option, each func(compared) error) error {
	opts = append(slices.Clone(opts), classify.Top(5))
	next := func() (classify.Result, error, bool) { return classify.Result{}, nil, false }
	if ref != nil {
		if c.Int("threads") == 0 { // a processor for each picture: half of them for each model
			opts = append(opts, classify.Workers(max(1, runtime.GOMAXPROCS(0)/2)))
		}
		var stop func()
		next, stop = iter.Pull2(classify.Stream(c.Context, ref, pictures, opts...))
		defer stop()
	}
	for got, err := range classify.Stream(c.Context, m, pictures, opts...) {
		want, wantErr, _ := next()
		if c.Context.Err() != nil {
			return c.Context.Err()
		}
		if err := each(compared{got, want, cmp.Or(err, wantErr)}); err != nil {
			return err
		}
	}
	return nil
}

// agreement sums up on how many pictures a model says what its reference does.
type agreement struct {
	pictures int
	top1     int // the first class is the same
	top5     int // classes that are among the first five of both
	places   int // that top5 may be at most
	scores   conform.Difference
}

func (a *agreement) add(p compared) error {
	got, want := p.got.Predictions, p.want.Predictions
	if len(p.got.Scores) != len(p.want.Scores) {
		return fmt.Errorf("the model gives %d scores, the one it is compared with %d: they cannot be classifiers of the same classes", len(p.got.Scores), len(p.want.Scores))
	}
	a.pictures++
	a.places += len(want)
	if got[0].Index == want[0].Index {
		a.top1++
	}
	for _, w := range want {
		if slices.ContainsFunc(got, func(g classify.Prediction) bool { return g.Index == w.Index }) {
			a.top5++
		}
	}
	a.scores.Add(p.got.Scores, p.want.Scores)
	return nil
}

func (a *agreement) shares() (top1, top5 float64) {
	return float64(a.top1) / float64(max(a.pictures, 1)), float64(a.top5) / float64(max(a.places, 1))
}

func (a *agreement) text(m *zoo.Model) string {
	top1, top5 := a.shares()
	return fmt.Sprintf("the same first class on %.2f %% (%d), %.2f %% of the first five in common; %s %s",
		100*top1, a.top1, 100*top5, scoreWord(m), differenceText(a.scores))
}

// json has the keys of a comparison.
func (a *agreement) json() map[string]any {
	top1, top5 := a.shares()
	return map[string]any{"pictures": a.pictures, "agreement": map[string]float64{"top1": digits(top1, 6), "top5": digits(top5, 6)},
		"outputs": differenceJSON(a.scores)}
}

// scoreWord names what a classifier gives.
func scoreWord(m *zoo.Model) string {
	switch classify.Activation(m) {
	case "softmax", "sigmoid":
		return "probabilities"
	}
	return "logits"
}

func differenceText(d conform.Difference) string {
	text := fmt.Sprintf("differ by %.3g %% (rms), by %.3g at most", 100*d.Relative(), d.Largest)
	if d.Lost > 0 {
		text += fmt.Sprintf("; %d more are not finite", d.Lost)
	}
	return text
}

// differenceJSON has the root mean square of the differences, the same as a share
// of the reference's, and the largest difference.
func differenceJSON(d conform.Difference) map[string]float64 {
	return map[string]float64{"rms": min(d.RMS(), math.MaxFloat64), "relative": min(d.Relative(), math.MaxFloat64), "largest": d.Largest}
}
