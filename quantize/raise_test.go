package quantize

import (
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// Before opset 13 an axis may be the rank itself: each number is a line.
func TestOneAxis(t *testing.T) {
	for _, c := range []struct {
		axis  int
		dims  []int
		fails bool
	}{{1, []int{2, 3}, false}, {1, []int{2, 3, 1}, false}, {-1, []int{2, 3}, false}, {1, []int{2, 3, 4}, true}, {3, []int{2, 3, 4}, true}} {
		g := &ir.Graph{}
		x := g.NewValue("x", ir.Tensor(tensor.Float32, ir.Dims(c.dims...)))
		n := &ir.Node{Op: "Softmax", Version: 11, Inputs: []*ir.Value{x}, Attrs: []*ir.Attr{ir.AttrInt("axis", c.axis)}}
		if err := oneAxis(n); (err != nil) != c.fails {
			t.Errorf("axis %d of %v gave %v", c.axis, c.dims, err)
		}
	}
}
