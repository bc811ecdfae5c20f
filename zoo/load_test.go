package zoo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/shared"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// best runs a model on a picture and gives the most probable class.
func best(t testing.TB, m *zoo.Model, picture []byte) (int, float32) {
	t.Helper()
	img, err := vision.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	x, _, err := m.Encoder().Encode(img)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Session().Run(context.Background(), engine.Values{m.Input(): x})
	if err != nil {
		t.Fatal(err)
	}
	scores := tensor.Data[float32](out[m.Session().Outputs()[0].Name])
	top := 0
	for i, s := range scores {
		if s > scores[top] {
			top = i
		}
	}
	return top, scores[top]
}

// The built-in model names the sample pictures, as probably as ONNX Runtime 1.30
// finds (the table beside the pictures' source).
func TestBuiltin(t *testing.T) {
	m, err := zoo.Load("")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for name, probability := range map[string]float32{"cat": 0.986415, "horse": 0.953659, "truck": 0.953291} {
		picture, err := fs.ReadFile(assets.Samples(), name+".png")
		if err != nil {
			t.Fatal(err)
		}
		top, score := best(t, m, picture)
		if l, ok := m.Labels().At(top); !ok || l.Name != name || score < probability-2e-5 || score > probability+2e-5 {
			t.Errorf("%s is called %s (%v), want %v", name, l.Name, score, probability)
		}
	}
	if m.Guess() != "" || m.Card().Name != "builtin" {
		t.Errorf("guess %q, card %s", m.Guess(), m.Card().Name)
	}
}

func TestLoadFile(t *testing.T) {
	for _, c := range []struct {
		dir, card, recipe, guess string
		labels                   int
	}{
		{"mnist-8", "mnist-8", "mnist", "", 10},
		{"ultraface-rfb-320", "version-RFB-320", "ultraface320", "", 2},
		{"super-resolution-10", "super-resolution-10", "superres", "", 0},
		{"squeezenet1.1", "model", "caffe", `"caffe": its input is named as Caffe2's`, 1000},
		{"squeezenet1.1-fp16", "model", "caffe", `"caffe"`, 1000},
		{"mobilenetv2-12-int8", "model", "imagenet", `"imagenet"`, 1000},
		{"yolox-nano", "model", "yolox", `"yolox": its output has a row for each cell`, 80},
		{"nanodet-m-320", "model", "nanodet", `"nanodet"`, 80},
		{"yunet-n", "model", "yunet", `"yunet"`, 1},
	} {
		t.Run(c.dir, func(t *testing.T) {
			m, err := zoo.Load(shared.Path(t, "models", c.dir, "model.onnx"))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			labels := 0
			if m.Labels() != nil {
				labels = m.Labels().Len()
			}
			if m.Card().Name != c.card || m.Encoder().Recipe().Name != c.recipe || labels != c.labels {
				t.Errorf("card %s, recipe %s, %d labels", m.Card().Name, m.Encoder().Recipe().Name, labels)
			}
			if (m.Guess() == "") != (c.guess == "") || !strings.Contains(m.Guess(), c.guess) || strings.Contains(m.Guess(), "\n") {
				t.Errorf("guess %q, want %q", m.Guess(), c.guess)
			}
		})
	}
}

// A recipe of the caller's follows the network's size, layout and float type, and
// is refused where it cannot.
func TestLoadWithRecipe(t *testing.T) {
	path := shared.Path(t, "models", "squeezenet1.1-fp16", "model.onnx")
	caffe, err := vision.Named("caffe")
	if err != nil {
		t.Fatal(err)
	}
	m, err := zoo.Load(path, zoo.WithRecipe(caffe), zoo.WithEngine(engine.Threads(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Encoder().DType() != tensor.Float16 || m.Guess() != "" {
		t.Errorf("the encoder writes %s; guess %q", m.Encoder().DType(), m.Guess())
	}
	grey, err := vision.Named("mnist")
	if err != nil {
		t.Fatal(err)
	}
	_, err = zoo.Load(path, zoo.WithRecipe(grey))
	if err == nil || !strings.Contains(err.Error(), `recipe "mnist" gives 1 channels, input "data_0" takes 3`) {
		t.Errorf("error %v", err)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "page.onnx")
	if err := os.WriteFile(page, []byte("<!DOCTYPE html><html></html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, err string
	}{
		{"resnet5", "did you mean resnet50"},
		{filepath.Join(dir, "none.onnx"), `none.onnx": `}, // and the system's words
		{"none.onnx", `none.onnx": `},
		{filepath.Join(dir, strings.Repeat("deep/", 30), "none.onnx"), `none.onnx": `},
		{`C:\none.onnx`, `"C:\none.onnx": `},
		{"a\\b\x1b.onnx", `"a\\b\x1b.onnx": `},
		{"resnet50-v1-12.onnx", "for the zoo's model, leave out the extension: resnet50-v1-12"},
		{dir + "/", "is a folder"},
		{page, "page.onnx"},
		{"vgg16", "the network is switched off"},
	} {
		_, err := zoo.Load(c.name, zoo.WithHome(filepath.Join(dir, "home")), zoo.WithMirror(""), zoo.WithOffline(true))
		if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
	}
	if _, err := zoo.Load("none.onnx"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a path where no file is: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := zoo.LoadContext(ctx, "", zoo.WithHome(dir)); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func ExampleLoad() {
	m, err := zoo.Load("") // the built-in model; "resnet50" is fetched once
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	fmt.Println(m.Card().Title)
	fmt.Println(m.Labels().Len(), "classes")
	// Output:
	// The built-in ten-class classifier
	// 10 classes
}

func TestWithLabels(t *testing.T) {
	set, err := label.Open("mnist")
	if err != nil {
		t.Fatal(err)
	}
	m, err := zoo.Load("", zoo.WithLabels(set))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Labels() != set {
		t.Errorf("the labels are %v", m.Labels())
	}
}

// An option that is nil, as of a caller who leaves one out, changes nothing.
func TestNilOption(t *testing.T) {
	options := []zoo.Option{nil, zoo.WithEngine(nil), zoo.WithEncoder(nil), zoo.WithProgress(nil), zoo.WithNotice(nil), zoo.WithLabels(nil)}
	m, err := zoo.Load("", options...)
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	if _, err := zoo.Verify(t.Context(), "builtin", options...); err != nil {
		t.Error(err)
	}
	if _, err := zoo.FromSession("none", nil); err == nil {
		t.Error("a session that is nil makes a model")
	}
	if m, err = zoo.Load("no such model"); err == nil || m.Close() != nil {
		t.Errorf("closing what was not opened (%v)", err)
	}
	options = append(options, zoo.WithHome(t.TempDir()), zoo.WithMirror(shared.Path(t, "zoo", "mirror")))
	if _, err := zoo.Pull(t.Context(), "mnist", options...); err != nil {
		t.Error(err)
	}
}

// TestHomeless: as in a container or a service, where no folder is a user's. What is
// not kept in the cache needs none; the rest is told what to set.
func TestHomeless(t *testing.T) {
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "LocalAppData", "AppData", "VISION_HOME"} {
		t.Setenv(name, "")
	}
	path := filepath.Join(t.TempDir(), "net.onnx")
	if err := os.WriteFile(path, assets.Model(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "builtin", path} {
		m, err := zoo.Load(name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
		}
		m.Close()
	}
	if card, err := zoo.DefaultClassifier(); err != nil || !card.Builtin {
		t.Errorf("%v, %v", card, err)
	}
	_, loadErr := zoo.Load("resnet50")
	_, pathErr := zoo.Path("resnet50")
	_, pullErr := zoo.Pull(t.Context(), "resnet50")
	_, listErr := zoo.List(nil)
	for _, err := range []error{loadErr, pathErr, pullErr, listErr} {
		if err == nil || !strings.Contains(err.Error(), "set VISION_HOME to a folder of your own") {
			t.Error(err)
		}
	}
}

// TestReplaced: a file that is another by the time that the engine opens it does not get
// the card of the first.
func TestReplaced(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "net.onnx"), filepath.Join(dir, "other.onnx")
	for _, name := range []string{path, other} {
		if err := os.WriteFile(name, assets.Model(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	replace := before(engine.Name("net"), func() { // the engine reads its options last
		err := os.Rename(other, path)
		if runtime.GOOS == "windows" { // where an open file is not replaced, but may be written to
			err = os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour))
		}
		if err != nil {
			t.Error(err)
		}
	})
	if _, err := zoo.Load(path, zoo.WithEngine(replace)); err == nil || !strings.HasSuffix(err.Error(), "changed while it was opened; open it again") {
		t.Error(err)
	}
	m, err := zoo.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
}

// before is an option that calls do first.
func before[T any](option func(T), do func()) func(T) {
	return func(v T) {
		do()
		option(v)
	}
}
