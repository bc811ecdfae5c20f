package zoo

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
	"github.com/visionzoo/vision/vision"
)

// identity is a network that gives back what it takes; sides of 0 are open.
func identity(t *testing.T, output string, sides ...int) *engine.Session {
	t.Helper()
	dims := make([]ir.Dim, len(sides))
	for i, n := range sides {
		if dims[i] = (ir.Dim{N: n}); n == 0 {
			dims[i] = ir.Sym(string(rune('a' + i)))
		}
	}
	b := ir.NewBuilder(21)
	y := b.Node("Relu", []*ir.Value{b.Input("x", tensor.Float32, ir.ShapeOf(dims...))})
	y.Name = output
	b.Output(output, y)
	return built.Session(t, b)
}

// TestGuessFits: a recipe is guessed only where it fits the input, and a network
// that takes no picture can be opened all the same.
func TestGuessFits(t *testing.T) {
	for _, c := range []struct {
		why    string
		sides  []int
		output string
		guess  string
		recipe string // "": none
	}{
		{"vectors in a row", []int{1, 16, 96}, "y", "no input of this model takes a picture", ""},
		{"of any number", []int{0, 16, 96}, "y", "no input of this model takes a picture", ""},
		{"sound", []int{0, 0}, "y", "no input of this model takes a picture", ""},
		{"a picture without a batch axis", []int{3, 0, 0}, "y", `"rcnn_bgr"`, "rcnn_bgr"},
		{"another number of channels", []int{1, 1, 32, 32}, "cls_8", `"superres"`, "superres"},
		{"a height of its own", []int{0, 3, 48, 0}, "y", `"fcn": its output is a map`, "fcn"},
		{"a recipe of another size", []int{0, 48, 0, 3}, "y", `gives 224 x 224 (height, width), input "x" takes 48 x any; give --recipe`, ""},
		{"a map of any size", []int{0, 1, 0, 0}, "y", `"superres"`, "superres"},
	} {
		m, err := new(config).model(&Card{Name: "wild"}, identity(t, c.output, c.sides...))
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		defer m.Close()
		recipe := ""
		if m.Encoder() != nil {
			recipe = m.Encoder().Recipe().Name
		}
		if recipe != c.recipe || !strings.Contains(m.Guess(), c.guess) {
			t.Errorf("%s: recipe %q, %s", c.why, recipe, m.Guess())
		}
	}
}

// TestGuessUltralytics: Ultralytics' exports say in their metadata what they are, and
// for what size those were trained that take any.
func TestGuessUltralytics(t *testing.T) {
	for _, c := range []struct {
		why    string
		output []int64
		meta   map[string]string
		recipe string
		size   []int // height, width
	}{
		{"a detector", []int64{1, 84, 8400}, map[string]string{"task": "detect", "imgsz": "[320, 480]"}, "ultralytics", []int{320, 480}},
		{"YOLOv5", []int64{1, 25200, 85}, nil, "ultralytics", []int{640, 640}},
		{"a classifier", []int64{1, 5}, map[string]string{"task": "classify", "imgsz": "[64, 64]"}, "ultralytics_classify", []int{64, 64}},
		{"YOLOv5's classifier", []int64{1, 5}, nil, "imagenet", []int{224, 224}},
		{"an absurd size", []int64{1, 84, 8400}, map[string]string{"imgsz": "[0, -3]"}, "ultralytics", []int{640, 640}},
		{"no size", []int64{1, 84, 8400}, map[string]string{"imgsz": "large"}, "ultralytics", []int{640, 640}},
	} {
		b := ir.NewBuilder(21)
		x := b.Input("images", tensor.Float32, ir.ShapeOf(ir.Sym("batch"), ir.Dim{N: 3}, ir.Sym("height"), ir.Sym("width")))
		mean := b.Node("ReduceMean", []*ir.Value{x}, ir.AttrInt("keepdims", 0))
		y := b.Node("Expand", []*ir.Value{mean, b.Const("shape", tensor.Of(c.output, len(c.output)))})
		b.Output("output0", y)
		net, err := b.Model()
		if err != nil {
			t.Fatal(err)
		}
		net.Metadata = map[string]string{"stride": "32", "names": "{0: 'person'}"}
		maps.Copy(net.Metadata, c.meta)
		s, err := engine.OpenModel(net)
		if err != nil {
			t.Fatal(err)
		}
		m, err := FromSession("wild", s)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if r := m.Encoder().Recipe(); r.Name != c.recipe || !slices.Equal(r.Size, c.size) {
			t.Errorf("%s: recipe %s of %v, want %s of %v", c.why, r.Name, r.Size, c.recipe, c.size)
		}
	}
}

// TestRecipeForThree: a recipe that the caller gives may be for an input that
// nobody would take for a picture's.
func TestRecipeForThree(t *testing.T) {
	r := vision.Recipe{Name: "own", Size: []int{16, 96}, Resize: vision.ResizeRule{Mode: vision.Stretch, Height: 16, Width: 96}, Channels: "grey"}
	m, err := (&config{open: openConfig{recipe: &r}}).model(&Card{Name: "wild"}, identity(t, "y", 1, 16, 96))
	if err != nil || m.Encoder() == nil || m.Encoder().Recipe().Layout != "CHW" {
		t.Errorf("%v, %v", m, err)
	}
}

// TestListedNames: labels in the forms in which exporters write them.
func TestListedNames(t *testing.T) {
	for _, c := range []struct{ why, text, want string }{
		{"lines", "cat\ndog, hound\n", "cat|dog, hound"},
		{"commas", "cat, dog", "cat|dog"},
		{"a list", `["cat", "dog's, all", 'a "b"']`, `cat|dog's, all|a "b"`},
		{"a list of several lines", "[\n  \"cat\",\n  \"dog\",\n]", "cat|dog"},
		{"Python's dictionary", `{0: 'person', 1: "jack-o'-lantern", 2: 'a, b'}`, "person|jack-o'-lantern|a, b"},
		{"without spaces", `{0:'a, b',1:'c: d'}`, "a, b|c: d"},
		{"in another order", `{1: 'dog', 0: 'cat'}`, "cat|dog"},
		{"JSON's, of several lines", "{\n  \"0\": \"cat\",\n  \"1\": \"a \\\"dog\\\"\"\n}", `cat|a "dog"`},
		{"a number missing", `{0: 'a', 2: 'b'}`, ""},
		{"a number twice", `{0: 'a', 0: 'b'}`, ""},
		{"from 1", `{1: 'a', 2: 'b'}`, ""},
		{"a dictionary of one", `{0: 'person'}`, "person"},
		{"one word", "person", ""},
		{"nothing in a dictionary", "{}", ""},
		{"names to numbers", `{"dog": 1, "cat": 0}`, "cat|dog"},
		{"ids to names", `{"n01": "cat", "n02": "dog"}`, "cat|dog"},
	} {
		if got := strings.Join(listedNames(c.text), "|"); got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}

// TestGuessLabelsFit: labels of the metadata that are not those of the classes are
// not taken; a detector's first output does not tell.
func TestGuessLabelsFit(t *testing.T) {
	outputs := func(shapes ...[]int) (infos []engine.Info) {
		for _, s := range shapes {
			infos = append(infos, engine.Info{Fact: ir.Fact{DType: tensor.Float32, Shape: ir.Dims(s...)}})
		}
		return infos
	}
	names := map[string]string{"labels": "made by us, in 2024, with care", "names": "cat, dog"}
	for _, c := range []struct {
		why  string
		out  []engine.Info
		want string
	}{
		{"the set that fits", outputs([]int{1, 2}), "names"},
		{"none fits", outputs([]int{1, 7}), ""},
		{"none fits, and the number tells", outputs([]int{1, 1000}), "imagenet1k"},
		{"boxes", outputs([]int{9, 4}, []int{9}, []int{9}), "labels"},
		{"a map", outputs([]int{1, 7, 5, 5}), "labels"},
	} {
		got := ""
		if set := guessLabels("", c.out, names); set != nil {
			got = set.Name()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}

// TestFromSession: a network that comes from no file gets a recipe and labels too.
func TestFromSession(t *testing.T) {
	s := identity(t, "y", 1, 3, 0, 0)
	m, err := FromSession("made", s, WithLabels(label.New("own", "a", "b")))
	if err != nil {
		t.Fatal(err)
	}
	if m.Session() != s || m.Encoder() == nil || m.Labels().Name() != "own" || m.Card().Name != "made" || !strings.HasPrefix(m.Guess(), "made: no recipe is known") {
		t.Errorf("%+v: %s", m.Card(), m.Guess())
	}
	grey, err := vision.Named("mnist")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FromSession("made", s, WithRecipe(grey)); err == nil || !strings.Contains(err.Error(), `model "made": recipe "mnist" gives 1 channels`) {
		t.Errorf("a recipe that does not fit: %v", err)
	}
	x := tensor.New(tensor.Float32, 1, 3, 2, 2)
	if _, err := s.Run(t.Context(), engine.Values{"x": x}); err != nil {
		t.Errorf("the session after the error: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
