package zoo

import (
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
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
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.OpenModel(m)
	if err != nil {
		t.Fatal(err)
	}
	return s
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

// TestRecipeForThree: a recipe that the caller gives may be for an input that
// nobody would take for a picture's.
func TestRecipeForThree(t *testing.T) {
	r := vision.Recipe{Name: "own", Size: []int{16, 96}, Resize: vision.ResizeRule{Mode: vision.Stretch, Height: 16, Width: 96}, Channels: "grey"}
	m, err := (&config{open: openConfig{recipe: &r}}).model(&Card{Name: "wild"}, identity(t, "y", 1, 16, 96))
	if err != nil || m.Encoder() == nil || m.Encoder().Recipe().Layout != "CHW" {
		t.Errorf("%v, %v", m, err)
	}
}
