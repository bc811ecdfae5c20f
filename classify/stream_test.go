package classify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/classify"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

func ExampleStream() {
	m, err := zoo.Load("", zoo.WithEngine(engine.Threads(1)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	for r, err := range classify.Stream(context.Background(), m, samples("cat", "horse", "truck"), classify.Top(1), classify.Batch(2)) {
		if err != nil {
			fmt.Println(r.Name, err)
			continue
		}
		fmt.Println(r.Name, r.Predictions[0].Label)
	}
	// Output:
	// cat cat
	// horse horse
	// truck truck
}

// All pictures of a folder and its subfolders.
func ExampleStream_folder() {
	m, err := zoo.Load("", zoo.WithEngine(engine.Threads(1)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	pictures := func(yield func(vision.Source) bool) {
		for source := range vision.Sources([]string{"../assets/samples"}, vision.Recursive()) {
			if !yield(source) { // of one that cannot be found, the error comes below
				return
			}
		}
	}
	for r, err := range classify.Stream(context.Background(), m, pictures, classify.Top(1)) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(filepath.Base(r.Name), r.Predictions[0].Label)
	}
	// Output:
	// cat.png cat
	// horse.png horse
	// truck.png truck
}

// samples are embedded pictures as sources; "bad" is one that cannot be opened.
func samples(names ...string) iter.Seq[vision.Source] {
	return func(yield func(vision.Source) bool) {
		for _, name := range names {
			s := vision.Source{Name: name, Open: func(_ context.Context, opts ...vision.Option) (*vision.Image, error) {
				if name == "bad" {
					return nil, errors.New("bad: no picture")
				}
				f, err := assets.Samples().Open(name + ".png")
				if err != nil {
					return nil, err
				}
				defer f.Close()
				return vision.Decode(f, opts...)
			}}
			if !yield(s) {
				return
			}
		}
	}
}

func load(t *testing.T) *zoo.Model {
	t.Helper()
	m, err := zoo.Load("", zoo.WithEngine(engine.Threads(1)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// Whatever the batch and the workers: the order of the sources, a bad picture
// in its place, and the answers of one picture at a time.
func TestStreamOrder(t *testing.T) {
	m := load(t)
	var names []string
	for range 13 {
		names = append(names, "cat", "bad", "truck", "horse")
	}
	alone := map[string]float64{}
	for s := range samples("cat", "truck", "horse") {
		img, err := s.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		top, err := classify.Image(m, img, classify.Top(1))
		if err != nil {
			t.Fatal(err)
		}
		alone[s.Name] = top[0].Probability
	}
	for _, o := range []struct{ batch, workers int }{{1, 1}, {1, 4}, {3, 2}, {64, 3}} {
		var got []string
		for r, err := range classify.Stream(t.Context(), m, samples(names...), classify.Batch(o.batch), classify.Workers(o.workers), classify.Top(1)) {
			got = append(got, r.Name)
			if (err != nil) != (r.Name == "bad") {
				t.Fatalf("%+v: %s: %v", o, r.Name, err)
			}
			if err != nil {
				continue
			}
			if p := r.Predictions[0]; p.Label != r.Name || p.Probability < alone[r.Name]-1e-4 || p.Probability > alone[r.Name]+1e-4 {
				t.Errorf("%+v: %s is %s with %g, alone %g", o, r.Name, p.Label, p.Probability, alone[r.Name])
			}
		}
		if !slices.Equal(got, names) {
			t.Errorf("%+v: order %v", o, got)
		}
	}
}

// A slow reader of results holds the sources up.
func TestStreamIsBounded(t *testing.T) {
	m := load(t)
	taken := 0
	endless := func(yield func(vision.Source) bool) {
		for s := range samples(slices.Repeat([]string{"cat"}, 10_000)...) {
			taken++
			if !yield(s) {
				return
			}
		}
	}
	const workers, batch = 2, 2
	for range classify.Stream(t.Context(), m, endless, classify.Workers(workers), classify.Batch(batch)) {
		time.Sleep(200 * time.Millisecond) // all that can go ahead has
		break
	}
	if most := (2*workers + 4) * batch; taken > most {
		t.Errorf("%d sources were taken before the second result was asked for, more than %d", taken, most)
	}
}

func TestStreamCancelled(t *testing.T) {
	m := load(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	n := 0
	for _, err := range classify.Stream(ctx, m, samples(slices.Repeat([]string{"cat"}, 1000)...)) {
		last = err
		if n++; n == 3 {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) || n > 10 {
		t.Errorf("after %d results: %v", n, last)
	}
}

func TestRefuses(t *testing.T) {
	m := load(t)
	for want, opt := range map[string]classify.Option{"a batch of 0": classify.Batch(0), "-1 workers": classify.Workers(-1), "the 0 most": classify.Top(0)} {
		results := 0
		for _, err := range classify.Stream(t.Context(), m, samples("cat"), opt) {
			if results++; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want an error with %q, got %v", want, err)
			}
		}
		if results != 1 {
			t.Errorf("%s: %d results, want the error alone", want, results)
		}
	}
	if _, err := classify.Image(m, vision.NewImage(32, 32), classify.Top(0)); err == nil {
		t.Error("the 0 most probable classes, and no error")
	}
	if _, err := classify.Image(nil, vision.NewImage(32, 32)); err == nil || !strings.Contains(err.Error(), "the model is nil") {
		t.Errorf("no model: %v", err)
	}
	for _, err := range classify.Stream(t.Context(), nil, samples("cat")) {
		if err == nil || !strings.Contains(err.Error(), "the model is nil") {
			t.Errorf("a stream without a model: %v", err)
		}
	}
}

// A picture that is a source's own is read and nothing else, also between
// pictures that are decoded into the stream's memory.
func TestStreamLeavesPicturesAlone(t *testing.T) {
	m := load(t)
	own := vision.NewImage(40, 30)
	for i := range own.Pix {
		own.Pix[i] = byte(i * 7)
	}
	want := own.Clone()
	var jpg bytes.Buffer
	if err := vision.NewImage(64, 64).EncodeJPEG(&jpg, 90); err != nil {
		t.Fatal(err)
	}
	decoded := vision.Source{Name: "jpg", Open: func(_ context.Context, opts ...vision.Option) (*vision.Image, error) {
		return vision.DecodeBytes(jpg.Bytes(), opts...)
	}}
	all := []vision.Source{decoded, vision.ImageSource("own", own), decoded, vision.ImageSource("own", own), decoded}
	var first, last []classify.Prediction
	for r, err := range classify.Stream(t.Context(), m, slices.Values(all), classify.Workers(1)) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Name == "own" {
			if last = r.Predictions; first == nil {
				first = last
			}
		}
	}
	if !slices.Equal(own.Pix, want.Pix) || !slices.Equal(first, last) {
		t.Error("the source's own picture was changed")
	}
}
