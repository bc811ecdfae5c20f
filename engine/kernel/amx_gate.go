//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// tileGate is a step that multiplies the weights of a 1x1 convolution by a gate and
// packs them for AMX tiles, into the scratch. The float32 products are rounded once,
// when they are packed. Behind the packed weights, each group of 32 outputs has a
// room for its products.
type tileGate struct {
	conv    Conv
	weights *TileWeights
	pitch   int // row stride of a room, in numbers
	chunks  int
}

func newTileGate(c *Conv, w *TileWeights) *tileGate {
	g := &tileGate{conv: *c, weights: w, pitch: roundUp(c.In.C, 16)}
	g.chunks = pieces(w.Chunks(), float64(32*c.In.C)/4)
	return g
}

// roomBytes returns the size of a room: 32 rows of weights, and the gate.
func (s *tileGate) roomBytes() int { return 4 * 33 * s.pitch }

// Chunks is part of Step.
func (s *tileGate) Chunks() int { return s.chunks }

// Run is part of Step.
func (s *tileGate) Run(chunk int, m *Memory) {
	groups := s.weights.Chunks()
	for i := chunk * groups / s.chunks; i < (chunk+1)*groups/s.chunks; i++ {
		s.group(i, m)
	}
}

func (s *tileGate) group(i int, m *Memory) {
	w, cin, pitch := s.weights, s.conv.In.C, s.pitch
	room := unsafe.Add(m.Scratch, len(w.data)+i*s.roomBytes())
	gate := floats(unsafe.Add(room, 4*32*pitch), pitch)
	for c, l := 0, s.conv.Gate; c < cin; c += 16 {
		copy(gate[c:], floats(unsafe.Add(m.More[0], l.At(0, c)+l.Pixel(0, 0)), 16))
	}
	outputs := min(32, w.cout-32*i)
	low, high, _ := Activation{}.limits()
	whole := cin &^ 7
	for r := range outputs {
		to := unsafe.Add(room, 4*r*pitch)
		wide := floats(to, cin)
		source := w.source.row((32*i+r)*cin, cin, &wide)
		amd64.MulRowAVX512(to, unsafe.Pointer(&source[0]), unsafe.Pointer(&gate[0]), whole, low, high)
		for c := whole; c < cin; c++ {
			floats(to, cin)[c] = source[c] * gate[c]
		}
	}
	gated := numbers{wide: floats(room, 32*pitch)}
	w.packRows(unsafe.Add(m.Scratch, i*w.panel), &gated, 0, pitch, outputs, w.scaleOf(i))
}

// packed returns the packed weights of a run.
func (s *tileConv) packed(m *Memory) unsafe.Pointer {
	if s.gated {
		return m.Scratch
	}
	return unsafe.Pointer(&s.weights.data[0])
}
