package ops

import (
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// blockedNet is a convolution from cin to m channels.
func blockedNet(m, cin int, then ...*ir.Node) *ir.Graph {
	w := tensor.New(tensor.Float32, m, cin, 3, 3)
	g := &ir.Graph{}
	x := g.NewValue("x", ir.Tensor(tensor.Float32, ir.Dims(1, cin, 8, 8)))
	conv := &ir.Node{Domain: Blocked, Op: "Conv", Version: 1, Inputs: []*ir.Value{x, g.Constant("w", w)}}
	y := g.NewValue("y", ir.Fact{})
	y.Node, conv.Outputs = conv, []*ir.Value{y}
	g.Nodes = []*ir.Node{conv}
	for _, n := range then {
		n.Inputs = []*ir.Value{y}
		g.Nodes = append(g.Nodes, n)
	}
	return g
}

// The size of blocks is not in the file; it follows from numbers of channels.
func TestBlocksOfChannels(t *testing.T) {
	output := func(channels int) *ir.Node {
		return &ir.Node{Domain: Blocked, Op: "ReorderOutput", Version: 1, Attrs: []*ir.Attr{ir.AttrInt("channels", channels)}}
	}
	for _, r := range []struct {
		name string
		g    *ir.Graph
		want int // 0: cannot be determined
	}{
		{"24 channels", blockedNet(24, 3), 8},
		{"8 channels filled up", blockedNet(16, 3, output(8)), 16},
		{"24 channels filled up", blockedNet(32, 3, output(24)), 16},
		{"8 channels from outside", blockedNet(16, 8), 16},
		{"24 channels, one of which is wanted", blockedNet(24, 3, output(1)), 0},
		{"64 channels", blockedNet(64, 64), 0},
	} {
		b, err := blockOf(r.g.Nodes)
		if b != r.want || (err == nil) != (r.want > 0) || err != nil && !strings.Contains(err.Error(), exportAgain) {
			t.Errorf("%s: blocks of %d, %v; want %d", r.name, b, err, r.want)
		}
	}
}

// If blocked values are added in their blocked shape, a Reshape has the block as
// a dimension of its own.
func TestBlocksReshaped(t *testing.T) {
	n := &ir.Node{Op: "Reshape", Version: 13}
	g := blockedNet(24, 3, n)
	v := g.NewValue("z", ir.Fact{})
	n.Outputs = []*ir.Value{v}
	if err := setBlockSize(g); err != nil || n.Op != "Identity" {
		t.Errorf("%v, left %s", err, n.Op)
	}
	if a := g.Nodes[0].Attr(blockAttr); a == nil || a.Int != 8 {
		t.Errorf("the convolution has %v", g.Nodes[0].Attrs)
	}
}
