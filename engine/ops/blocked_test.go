package ops

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// blockedNet is a convolution of cin to m channels whose weights lie in blocks of
// b, channel i of the output scaled by 7i%16+1 where trained is set.
func blockedNet(m, cin, b int, trained bool, then ...*ir.Node) *ir.Graph {
	rng := rand.New(rand.NewSource(1))
	w := tensor.New(tensor.Float32, m, cin, 3, 3)
	per := w.Len() / m
	for i := range tensor.Data[float32](w) {
		v := float32(rng.NormFloat64())
		if trained {
			v *= float32((i/(per*b)*b+i%b)*7%16 + 1)
		}
		tensor.Data[float32](w)[i] = v
	}
	g := &ir.Graph{}
	x := g.NewValue("x", ir.Tensor(tensor.Float32, ir.Dims(1, cin, 8, 8)))
	conv := &ir.Node{Domain: blocked, Op: "Conv", Version: 1, Inputs: []*ir.Value{x, g.Constant("w", w)}}
	y := g.NewValue("y", ir.Fact{})
	y.Node, conv.Outputs = conv, []*ir.Value{y}
	g.Nodes = []*ir.Node{conv}
	for _, n := range then {
		n.Inputs = []*ir.Value{y}
		g.Nodes = append(g.Nodes, n)
	}
	return g
}

// A file does not say how many channels a block has.
func TestBlocksOfChannels(t *testing.T) {
	output := func(channels int) *ir.Node {
		return &ir.Node{Domain: blocked, Op: "ReorderOutput", Version: 1, Attrs: []*ir.Attr{ir.AttrInt("channels", channels)}}
	}
	for _, r := range []struct {
		name string
		g    *ir.Graph
		want int // 0: it cannot be told
	}{
		{"24 channels", blockedNet(24, 3, 8, false), 8},
		{"8 channels filled up", blockedNet(16, 3, 16, false, output(8)), 16},
		{"24 channels filled up", blockedNet(32, 3, 16, false, output(24)), 16},
		{"8 channels from outside", blockedNet(16, 8, 16, false), 16},
		{"24 channels, one of which is wanted", blockedNet(24, 3, 8, false, output(1)), 0},
		{"weights that tell", blockedNet(64, 64, 8, true), 8},
		{"weights that tell of 16", blockedNet(64, 64, 16, true), 16},
		{"weights too few to tell", blockedNet(96, 3, 16, true), 0},
		{"channels too few to tell", blockedNet(32, 64, 16, true), 0},
		{"weights that do not", blockedNet(64, 64, 16, false), 0},
	} {
		b, err := blockOf(r.g.Nodes)
		if b != r.want || (err == nil) != (r.want > 0) || err != nil && !strings.Contains(err.Error(), anew) {
			t.Errorf("%s: blocks of %d, %v; want %d", r.name, b, err, r.want)
		}
	}
}

// Where sums of blocked values are taken block by block, blocks are no dimension.
func TestBlocksReshaped(t *testing.T) {
	n := &ir.Node{Op: "Reshape", Version: 13}
	g := blockedNet(24, 3, 8, false, n)
	v := g.NewValue("z", ir.Fact{})
	n.Outputs = []*ir.Value{v}
	if err := settleBlocks(g); err != nil || n.Op != "Identity" {
		t.Errorf("%v, left %s", err, n.Op)
	}
	if a := g.Nodes[0].Attr(blockAttr); a == nil || a.Int != 8 {
		t.Errorf("the convolution has %v", g.Nodes[0].Attrs)
	}
}
