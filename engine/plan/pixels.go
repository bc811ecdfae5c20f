package plan

import (
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// Between convolutions and what works on pixels stand transpositions. The numbers of a head
// that detects 9 boxes of 4 numbers in each place,
//
//	Conv ─▶ x [1 36 20 20] ─ Reshape ─▶ [1 9 4 20 20] ─ Transpose 0 3 4 1 2 ─▶ [1 20 20 9 4]
//
// lie pixel by pixel in the end, each with its 36 channels. So do those of a picture that
// becomes the words of a transformer, [1 96 56 56] to [1 3136 96]; and on its way back a
// Transpose 0 3 1 2 makes planes of them, of which a convolution makes blocks. Blocks have
// channels side by side as well: kernel.Pixels copies between both, without planes.

// pixelsNode schedules a Transpose of a blocked value to pixels, or of pixels to a value
// that only nodes on blocks read. A Reshape between is left out.
func (b *builder) pixelsNode(n *ir.Node) (bool, error) {
	if n.Domain != "" || len(n.Outputs) != 1 || b.roles[n] != outside {
		return false, nil
	}
	y := n.Outputs[0]
	if reshapes[n.Op] && !b.needed[y] && len(b.readers[y]) == 1 {
		t := b.readers[y][0]
		if t.Op != "Transpose" || b.toPixels(t) == nil {
			return false, nil
		}
		b.readersLeft[b.toPixels(t)]++ // which the Transpose reads later
		return true, nil
	}
	if n.Op != "Transpose" {
		return false, nil
	}
	if x := b.toPixels(n); x != nil {
		from := b.blocked[x]
		out, err := b.newPlanar(y)
		if err != nil {
			return false, err
		}
		w, err := b.opt.Rung.Pixels(from.layout, false)
		if err != nil {
			return false, err
		}
		if x != n.Inputs[0] {
			b.readersLeft[x]--
		}
		b.addWork(n, "pixels of "+from.layout.Format.String(), w, []place{from}, nil, out)
		return true, nil
	}
	if !b.fromPixels(n) {
		return false, nil
	}
	from, err := b.planar(n.Inputs[0])
	if err != nil {
		return false, err
	}
	f := b.opt.Rung.Block
	if tile, plain := b.votes(y); tile > 0 && plain == 0 {
		f = b.narrow()
	}
	l := b.layout(y, f)
	out := place{buffer: b.newBuffer(l.Size()), layout: l}
	w, err := b.opt.Rung.Pixels(l, true)
	if err != nil {
		return false, err
	}
	b.blocked[y] = out
	b.addWork(n, "pixels to "+f.String(), w, []place{from}, nil, out)
	return true, nil
}

// toPixels returns the blocked value whose pixels the result of a Transpose is, nil if
// there is none. It says the same at the Reshape before and at the Transpose, whatever
// is scheduled between them.
func (b *builder) toPixels(t *ir.Node) *ir.Value {
	x := t.Inputs[0]
	shape, ok := b.fact(x).Shape.Ints()
	if r := x.Node; ok && r != nil && r.Domain == "" && reshapes[r.Op] && !b.needed[x] && len(b.readers[x]) == 1 && !b.made(x) {
		x = r.Inputs[0]
	}
	if _, blocked := b.blocked[x]; !ok || !blocked || !b.picture(x) {
		return nil
	}
	moves, ok := ops.Moves(t, b.inputFacts(t), tensor.Strides(shape))
	if !ok {
		return nil
	}
	_, c, h, w := b.dims(x)
	d, _ := b.fact(x).Shape.Ints()
	want, ok := ops.Reshaped([]int{d[0], h, w, c}, []int{c * h * w, w, 1, h * w}, moves[0].Shape)
	if !ok || !sameStrides(moves[0], want) {
		return nil
	}
	return x
}

// sameStrides reports whether a move has the given strides where there are several elements.
func sameStrides(m ops.Move, strides []int) bool {
	for i, n := range m.Shape {
		if n > 1 && m.Strides[i] != strides[i] {
			return false
		}
	}
	return m.Start == 0
}

// fromPixels reports whether a Transpose makes planes of pixels, for nodes on blocks alone.
func (b *builder) fromPixels(t *ir.Node) bool {
	y := t.Outputs[0]
	if !b.picture(y) || b.constant(t.Inputs[0]) != nil || b.needed[y] || !slices.Equal(t.ReadAttrs().Ints("perm"), []int{0, 3, 1, 2}) {
		return false
	}
	for _, r := range b.readers[y] {
		if b.roles[r] == outside {
			return false
		}
		if b.roles[r] == convolve && r.Inputs[0] == y && b.tapByTap(r) == nil {
			if c := b.conv(r); c.In.C/c.Group <= 4 && c.Group == 1 {
				return false // reads planes
			}
		}
	}
	return len(b.readers[y]) > 0
}
