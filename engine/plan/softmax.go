package plan

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// softmax is Softmax over contiguous numbers, as at the end of classifiers. It is a
// kernel step because operators allocate memory.
type softmax struct {
	vec          *vec.Unit
	rows, length int
	each         int // rows in a chunk
}

// softmaxNode schedules a Softmax over the last axes; it reports false if the
// operator has to compute it.
func (b *builder) softmaxNode(n *ir.Node) (bool, error) {
	d, axis, ok := b.softmaxAxis(n)
	if !ok || b.constant(n.Inputs[0]) != nil {
		return false, nil
	}
	x, err := b.planar(n.Inputs[0])
	if err != nil {
		return false, err
	}
	s := &softmax{vec: &b.opt.Rung.Vec, rows: tensor.MustCount(d[:axis]), length: tensor.MustCount(d[axis:])}
	s.each = max(1, 40_000/s.length) // at half a nanosecond per number
	out, err := b.newPlanar(n.Outputs[0])
	if err != nil {
		return false, err
	}
	b.addWork(n, n.Op, kernel.Work{Steps: []kernel.Step{s}}, []place{x}, nil, out)
	return true, nil
}

// softmaxAxis returns the shape of what a Softmax reads, and the axis from which on the numbers
// of one softmax are contiguous; it reports false for other nodes.
func (b *builder) softmaxAxis(n *ir.Node) (d []int, axis int, ok bool) {
	if n.Domain != "" || n.Op != "Softmax" {
		return nil, 0, false
	}
	d, ok = b.matrix(n.Inputs[0], 1)
	a := n.ReadAttrs()
	axis = a.Int("axis", -1)
	if n.Version < 13 {
		axis = a.Int("axis", 1)
	}
	if axis < 0 {
		axis += len(d)
	}
	return d, axis, ok && a.Err() == nil && axis >= 0 && axis < len(d) && (n.Version < 13 || axis == len(d)-1)
}

// Chunks is part of kernel.Step.
func (s *softmax) Chunks() int { return (s.rows + s.each - 1) / s.each }

// Run is part of kernel.Step.
func (s *softmax) Run(chunk int, m *kernel.Memory) {
	first := chunk * s.each
	n := (min(first+s.each, s.rows) - first) * s.length
	src := unsafe.Slice((*float32)(unsafe.Add(m.In, 4*first*s.length)), n)
	dst := unsafe.Slice((*float32)(unsafe.Add(m.Out, 4*first*s.length)), n)
	s.vec.SoftmaxLines(dst, src, s.length, false)
}
