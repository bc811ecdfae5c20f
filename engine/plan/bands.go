package plan

import (
	"runtime"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
)

// A depthwise convolution reads and writes much and computes little. With the 1x1
// convolutions around it, which make more channels and fewer again, it runs in
// bands of rows, and what lies between never leaves the cache of a core.

// bandChain is the chain of convolutions that begins with n and runs in bands, nil
// where there is none: a depthwise one with a 1x1 convolution before it, behind it
// or both. What lies between is read by the next of them only.
func (b *builder) bandChain(n *ir.Node) []*ir.Node {
	var chain []*ir.Node
	if b.pointwiseConv(n) && !hasResidual(n) && b.gates[n] == nil {
		chain = append(chain, n)
		n = b.onlyReader(n)
	}
	if n == nil || !b.depthwise(n) || hasResidual(n) {
		return nil
	}
	chain = append(chain, n)
	if n = b.onlyReader(n); n != nil && b.pointwiseConv(n) && (!hasResidual(n) || b.made(n.Inputs[3])) {
		chain = append(chain, n)
	}
	if len(chain) < 2 || b.averaged(chain[len(chain)-1]) || !b.worthBands(chain) {
		return nil
	}
	return chain
}

// onlyReader is the convolution that alone reads what n makes, as its first
// input, or nil.
func (b *builder) onlyReader(n *ir.Node) *ir.Node {
	y := n.Outputs[0]
	if b.needed[y] || len(b.readers[y]) != 1 || b.shapes[y].root != nil {
		return nil
	}
	if r := b.readers[y][0]; b.roles[r] == convolve && r.Inputs[0] == y {
		return r
	}
	return nil
}

// averaged reports whether somebody wants the means of what n makes.
func (b *builder) averaged(n *ir.Node) bool {
	for _, r := range b.readers[n.Outputs[0]] {
		if b.roles[r] == globalPool {
			return true
		}
	}
	return false
}

// made reports whether a value was computed before the node at hand.
func (b *builder) made(v *ir.Value) bool {
	_, blocked := b.blocked[v]
	return blocked || b.isPlanar(v)
}

// pointwiseConv reports whether n is a 1x1 convolution of stride 1 and one group.
func (b *builder) pointwiseConv(n *ir.Node) bool {
	c := b.conv(n, n.Operator.(*ops.FusedConv))
	return c.KernelH*c.KernelW*c.StrideH*c.StrideW*c.Group == 1 && c.PadTop+c.PadLeft == 0 && below(c) == 0 && rightOf(c) == 0 &&
		c.In.C > 4
}

// depthwise reports whether every channel has a kernel of its own.
func (b *builder) depthwise(n *ir.Node) bool {
	c := b.conv(n, n.Operator.(*ops.FusedConv))
	return c.Group > 1 && c.Group == c.In.C && c.Group == c.Out.C
}

// worthBands reports whether a chain is faster in bands: every run of them reads
// all weights, and a low picture makes few runs.
func (b *builder) worthBands(chain []*ir.Node) bool {
	const low = 14
	between, weights := 0, 0
	for i, n := range chain {
		c := b.conv(n, n.Operator.(*ops.FusedConv))
		weights += c.Out.C * c.In.C / c.Group
		if i > 0 {
			between = max(between, c.In.C*c.In.H*c.In.W)
		}
	}
	_, _, h, _ := b.dims(chain[len(chain)-1].Outputs[0])
	return h >= low && weights <= between
}

// bandNode schedules a chain.
func (b *builder) bandNode(chain []*ir.Node) error {
	var names []string
	links := make([]kernel.Link, len(chain))
	var from place
	var res *place
	last := len(chain) - 1
	for i, n := range chain {
		x, y := n.Inputs[0], n.Outputs[0]
		c := b.conv(n, n.Operator.(*ops.FusedConv))
		tiled := b.tiled(n, c)
		if i == 0 {
			var err error
			if from, err = b.in(x, b.reads(x, c, tiled)); err != nil {
				return err
			}
			c.In = from.layout
		} else {
			c.In = links[i-1].Conv.Out
		}
		c.Out = b.layout(y, b.shapes[y].format)
		if i == last {
			var err error
			if res, err = b.residual(n, tiled); err != nil {
				return err
			}
			if res != nil {
				c.Residual = &res.layout
			}
		}
		plan, name, err := b.convPlan(n, c, tiled)
		if err != nil {
			return err
		}
		links[i], names = kernel.Link{Conv: *c, Plan: plan}, append(names, strings.TrimPrefix(name, "conv "))
		b.done[n] = i > 0
	}
	y := chain[last].Outputs[0]
	out := b.home(y)
	links[last].Conv.Out = out.layout
	b.blocked[y] = out
	work, err := kernel.Bands(links, b.threads())
	if err != nil {
		return err
	}
	b.addWork(chain[0], "conv "+strings.Join(names, ", ")+" in bands", work, []place{from}, res, out)
	return nil
}

// threads is how many chunks of a step may run at once.
func (b *builder) threads() int {
	if b.opt.Threads > 0 {
		return min(b.opt.Threads, runtime.GOMAXPROCS(0))
	}
	return runtime.GOMAXPROCS(0)
}
