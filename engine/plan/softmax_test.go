package plan

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
)

func TestSoftmax(t *testing.T) {
	for _, c := range []struct {
		name  string
		shape []int
		attrs []*ir.Attr
	}{
		{"of a vector", []int{7}, nil},
		{"of logits", []int{3, 1000}, nil},
		{"of many short rows", []int{5, 40, 600}, []*ir.Attr{integer("axis", 2)}},
		{"of rows of one", []int{4, 1}, nil},
		{"over an inner axis", []int{2, 5, 6}, []*ir.Attr{integer("axis", 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			n.Outputs = append(n.Outputs, n.op("Softmax", []*ir.Value{n.input(c.shape...)}, c.attrs...))
			if steps := n.check(1e-6); !slices.Equal(steps, []string{"Softmax"}) {
				t.Errorf("steps %q", steps)
			}
		})
	}
}
