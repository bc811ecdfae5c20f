package plan

import (
	"runtime"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
)

// A depthwise convolution reads and writes much and computes little. Together with
// the 1x1 convolutions around it, which widen the channels and narrow them again,
// it runs in bands of rows, so that the values between them never leave the cache
// of a core. In a block of MobileNetV2,
//
//	[1 24 56 56] ─ 1x1 ─▶ [1 144 56 56] ─ depthwise 3x3 ─▶ [1 144 56 56] ─ 1x1 ─▶ [1 24 56 56]
//
// each value in the middle has 1.8 MB. Eight rows of the result need ten rows of the first
// and eight of the second, 0.6 MB. A max pool after a first convolution runs in bands too.
// This file finds such chains; kernel.Bands plans them.

// bandChain returns the chain that begins with convolution n and can run in bands,
// nil if there is none: a depthwise convolution with a 1x1 convolution before it,
// after it or both, or any convolution with a max pool after it. Each value inside the
// chain is read only by the next node. Where a global pool reads the result, the depthwise
// convolution by itself computes the means too (meanOf), which bands do not; so they have to
// save more.
func (b *builder) bandChain(n *ir.Node) []*ir.Node {
	if p := b.pooled(n); p != nil {
		return []*ir.Node{n, p}
	}
	var chain []*ir.Node
	if b.pointwiseConv(n) && !hasResidual(n) && b.gates[n] == nil {
		chain = append(chain, n)
		n = b.onlyReader(n, convolve)
	}
	if n == nil || !b.depthwise(n) || hasResidual(n) {
		return nil
	}
	chain = append(chain, n)
	if n = b.onlyReader(n, convolve); n != nil && b.pointwiseConv(n) && (!hasResidual(n) || b.made(n.Inputs[3])) {
		chain = append(chain, n)
	}
	if len(chain) < 2 || !b.worthBands(chain) {
		return nil
	}
	if b.averaged(chain[len(chain)-1]) && b.conv(chain[0]).Out.Image <= far {
		return nil
	}
	return chain
}

// far is how many bytes of a picture between two convolutions cost more on their way to memory and
// back than it costs to read what the second gives again for the means of its channels: 7 % of
// EfficientNet-B0 at 448x448, whose largest such value has 19 MB, and nothing at 224x224, with 5 MB.
const far = 6 << 20

// pooled returns the max pool that alone reads convolution n's output, if that is
// too large for L2, n has few weights, and Winograd's form is no candidate for n.
func (b *builder) pooled(n *ir.Node) *ir.Node {
	const (
		large = 1 << 20 // bytes of a picture between them
		few   = 1 << 18 // bytes of weights: every band reads all
	)
	p := b.onlyReader(n, pool)
	c := b.conv(n)
	if p == nil || p.Op != "MaxPool" || hasResidual(n) || b.gates[n] != nil || c.Out.Image <= large ||
		n.Inputs[1].Const().Size() > few || !b.tiled(n, c) && len(candidates(c)) > 0 || b.tapByTap(n) != nil {
		return nil
	}
	if _, ok := b.poolWindow(p); !ok {
		return nil
	}
	return p
}

// onlyReader returns the node that alone reads n's output, as its first input, if
// it has the given role; else nil.
func (b *builder) onlyReader(n *ir.Node, as role) *ir.Node {
	y := n.Outputs[0]
	if b.needed[y] || len(b.readers[y]) != 1 || b.specs[y].root != nil {
		return nil
	}
	if r := b.readers[y][0]; b.roles[r] == as && r.Inputs[0] == y {
		return r
	}
	return nil
}

// averaged reports whether a global pool reads n's output.
func (b *builder) averaged(n *ir.Node) bool {
	for _, r := range b.readers[n.Outputs[0]] {
		if b.roles[r] == globalPool {
			return true
		}
	}
	return false
}

// made reports whether a value is computed before the current node.
func (b *builder) made(v *ir.Value) bool {
	_, blocked := b.blocked[v]
	return blocked || b.isPlanar(v)
}

// pointwiseConv reports whether n is a 1x1 convolution of stride 1 and one group.
func (b *builder) pointwiseConv(n *ir.Node) bool {
	c := b.conv(n)
	return c.KernelH*c.KernelW*c.StrideH*c.StrideW*c.Group == 1 && c.Halo() == kernel.Halo{} && c.In.C > 4
}

// depthwise reports whether n is a convolution in which every channel has a kernel
// of its own.
func (b *builder) depthwise(n *ir.Node) bool {
	c := b.conv(n)
	return c.Group > 1 && c.Group == c.In.C && c.Group == c.Out.C
}

// worthBands reports whether a chain is faster in bands: each run of bands reads
// all weights, which must not be more than the numbers of the largest value in the middle,
// and a low picture has too few rows for runs.
func (b *builder) worthBands(chain []*ir.Node) bool {
	const low = 14 // rows
	between, weights := 0, 0
	for i, n := range chain {
		c := b.conv(n)
		weights += c.Out.C * c.In.C / c.Group
		if i > 0 {
			between = max(between, c.In.C*c.In.H*c.In.W)
		}
	}
	_, _, h, _ := b.dims(chain[len(chain)-1].Outputs[0])
	return h >= low && weights <= between
}

// bandNode schedules a chain as one step of its first node.
func (b *builder) bandNode(chain []*ir.Node) error {
	first, last := chain[0], chain[len(chain)-1]
	x, y := first.Inputs[0], last.Outputs[0]
	c := b.conv(first)
	from, err := b.inFormat(x, b.inputFormat(x, c, b.tiled(first, c)))
	if err != nil {
		return err
	}
	var res *place
	if b.roles[last] == convolve {
		if res, err = b.residual(last, b.runsTiled(last)); err != nil {
			return err
		}
	}
	out := b.home(y)
	b.blocked[y] = out
	var names []string
	var links []kernel.Link
	in := from.layout
	for _, n := range chain {
		to := out.layout
		if n != last {
			to = b.layout(n.Outputs[0], b.specs[n.Outputs[0]].format)
		}
		link, name, err := b.link(n, in, to)
		if err != nil {
			return err
		}
		links, names = append(links, link), append(names, name)
		b.fused[n] = n != first
		in = to
	}
	if res != nil {
		links[len(links)-1].Conv.Residual = &res.layout
	}
	work, err := kernel.Bands(links, b.threads())
	if err != nil {
		return err
	}
	b.addWork(first, "conv "+strings.Join(names, ", ")+" in bands", work, []place{from}, res, out)
	b.steps[len(b.steps)-1].of = chain[1:]
	return nil
}

// link returns a node as a link of a chain, and the name of its kernel.
func (b *builder) link(n *ir.Node, in, out kernel.Layout) (kernel.Link, string, error) {
	if b.roles[n] == pool {
		p, _ := b.poolWindow(n)
		c := kernel.Conv{In: in, Out: out, KernelH: p.KernelH, KernelW: p.KernelW, StrideH: p.StrideH, StrideW: p.StrideW,
			DilationH: p.DilationH, DilationW: p.DilationW, PadTop: p.PadTop, PadLeft: p.PadLeft, Group: in.C}
		return kernel.Link{Conv: c, Plan: func(c *kernel.Conv) (kernel.Work, error) {
			p.In, p.Out, p.PadTop = c.In, c.Out, c.PadTop
			return b.opt.Rung.MaxPool(p)
		}}, n.Op, nil
	}
	c := b.conv(n)
	c.In, c.Out = in, out
	plan, name, err := b.convPlan(n, c, b.tiled(n, c))
	return kernel.Link{Conv: *c, Plan: plan}, strings.TrimPrefix(name, "conv "), err
}

// threads is how many chunks of a step may run at the same time, at most.
func (p *Plan) threads() int {
	if p.opt.Threads > 0 {
		return min(p.opt.Threads, runtime.GOMAXPROCS(0))
	}
	return runtime.GOMAXPROCS(0)
}
