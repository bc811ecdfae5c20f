package zoo

import (
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
	"github.com/visionzoo/vision/vision"
)

// TestGuessBytes: an unknown network that takes bytes of one size gets pictures of
// that size.
func TestGuessBytes(t *testing.T) {
	for _, c := range []struct {
		height, width int
		shape         []int
		guess         string
	}{
		{64, 48, []int{1, 3, 64, 48}, "stretched to its 64 x 48"},
		{0, 0, []int{1, 3, 7, 9}, "it takes bytes;"},
	} {
		size := func(n int, name string) ir.Dim {
			if n == 0 {
				return ir.Sym(name)
			}
			return ir.Dim{N: n}
		}
		b := ir.NewBuilder(21)
		x := b.Input("x", tensor.Uint8, ir.ShapeOf(ir.Sym("batch"), ir.Dim{N: 3}, size(c.height, "h"), size(c.width, "w")))
		b.Output("y", b.Node("Cast", []*ir.Value{x}, ir.AttrInt("to", 1)))
		model, err := new(config).model(&Card{Name: "bytes"}, built.Session(t, b))
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		got, _, err := model.Encoder().Encode(vision.NewImage(9, 7))
		if err != nil || !slices.Equal(got.Shape(), c.shape) || got.DType() != tensor.Uint8 || !strings.Contains(model.Guess(), c.guess) {
			t.Errorf("%v, %v: %s", got, err, model.Guess())
		}
	}
}
