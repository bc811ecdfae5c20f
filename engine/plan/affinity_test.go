package plan

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// Who feeds the same tensor again gets the same memory again, whoever was done
// first.
func TestInstanceFollowsItsInput(t *testing.T) {
	p := &Plan{opt: &Options{Memory: 1 << 20, Turns: 10}, stock: &stock{}, arena: 4096}
	inputs := []*tensor.Tensor{tensor.New(tensor.Float32, 4), tensor.New(tensor.Float32, 4)}
	start := func(i int) *instance {
		inst, err := p.start(t.Context(), inputs[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		return inst
	}
	first, second := start(0), start(1)
	memory := []*byte{&first.memory[0], &second.memory[0]}
	for _, order := range [][]*instance{{first, second}, {second, first}} {
		for _, inst := range order {
			p.give(inst)
		}
		again := []*instance{start(0), start(1)}
		if !slices.Equal(again, []*instance{first, second}) || &first.memory[0] != memory[0] || &second.memory[0] != memory[1] {
			t.Error("an instance went to another input than before")
		}
	}
}
