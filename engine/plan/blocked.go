package plan

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
)

type weights struct{}

func newWeights(*Options) *weights { return &weights{} }

func (b *builder) assign(nodes []*ir.Node) error { return nil }

func (b *builder) blockedNode(n *ir.Node) (bool, error) { return false, nil }

func (b *builder) toPlanar(v *ir.Value, p place) (place, error) {
	return place{}, fmt.Errorf("BUG")
}
