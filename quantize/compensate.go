package quantize

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// What a layer's rounded weights do to its outputs depends on its inputs: where two of
// them rise and fall together, as neighbouring pixels do, the error of one weight can be
// made up for by the other. Weights are therefore rounded one after another, and each
// error is distributed over those that are not rounded yet, by the covariance of the
// inputs (Frantar et al. 2022, "GPTQ: Accurate Post-Training Quantization for Generative
// Pre-trained Transformers", §3). Means need no weights: they are corrected in the bias.
const (
	patches     = 2048 // about how many inputs of a layer the covariance is estimated from
	blockLength = 256  // weights of an output that make up for each other; bounds time and memory
	damping     = 0.01 // what is added to the variances, relative to their mean
)

// block is a run of the inputs that an output's weights multiply, with the sums over
// patches of these inputs and of their products.
type block struct {
	group, first int
	sums         []float64
	products     []float64 // [n n], of which the lower triangle is filled
}

// moments are a layer's blocks. Its weights are [groups outputs channels taps…].
type moments struct {
	groups, channels, high, wide int
	blocks                       []block
	count                        float64
}

// newMoments cuts the weights of a layer into blocks, of whole channels unless a kernel is larger.
func newMoments(n *ir.Node) *moments {
	w := n.Inputs[1].Const()
	m := &moments{groups: 1, channels: w.Len() / w.Dim(outAxis(n)), high: 1, wide: 1}
	if n.Op == "Conv" {
		m.groups, m.channels, m.high, m.wide = n.ReadAttrs().Int("group", 1), w.Dim(1), w.Dim(2), w.Dim(3)
	}
	taps := m.high * m.wide
	per, step := m.channels*taps, max(blockLength/taps, 1)*taps
	if taps > blockLength {
		step = blockLength
	}
	for g := range m.groups {
		for first := 0; first < per; first += step {
			k := min(step, per-first)
			m.blocks = append(m.blocks, block{g, first, make([]float64, k), make([]float64, k*k)})
		}
	}
	return m
}

// add counts some patches of an input, at places that are the same for all layers and
// differ between the samples.
func (m *moments) add(n *ir.Node, t *tensor.Tensor, sample, samples int) {
	r := rand.New(rand.NewPCG(uint64(sample), 0))
	data := tensor.Data[float32](t)
	if len(data) == 0 {
		return
	}
	patch := make([]float64, m.groups*m.channels*m.high*m.wide)
	for range (patches + samples - 1) / samples {
		if n.Op == "Conv" {
			m.cut(patch, n, t, r)
		} else if len(data) >= len(patch) {
			row := r.IntN(len(data)/len(patch)) * len(patch)
			for i := range patch {
				patch[i] = float64(data[row+i])
			}
		}
		for i := range m.blocks {
			b := &m.blocks[i]
			b.add(patch[b.group*m.channels*m.high*m.wide+b.first:][:len(b.sums)])
		}
		m.count++
	}
}

// add counts a patch of the block's inputs.
func (b *block) add(x []float64) {
	for i, v := range x {
		if v == 0 {
			continue
		}
		b.sums[i] += v
		row := b.products[i*len(x):][:i+1]
		for j := range row {
			row[j] += v * x[j]
		}
	}
}

// cut takes what a convolution multiplies at one place, zeros in the padding.
func (m *moments) cut(patch []float64, n *ir.Node, t *tensor.Tensor, r *rand.Rand) {
	a := n.ReadAttrs()
	dilations, pads := a.Ints("dilations"), a.Ints("pads")
	if len(dilations) == 0 {
		dilations = []int{1, 1}
	}
	if len(pads) == 0 {
		pads = []int{0, 0, 0, 0}
	}
	data, h, w := tensor.Data[float32](t), t.Dim(2), t.Dim(3)
	top := r.IntN(max(h+pads[0]+pads[2]-(m.high-1)*dilations[0], 1)) - pads[0]
	left := r.IntN(max(w+pads[1]+pads[3]-(m.wide-1)*dilations[1], 1)) - pads[1]
	of := r.IntN(max(t.Dim(0), 1)) * m.groups * m.channels
	for i := range patch {
		c, y, x := i/(m.high*m.wide), top+i/m.wide%m.high*dilations[0], left+i%m.wide*dilations[1]
		patch[i] = 0
		if y >= 0 && y < h && x >= 0 && x < w {
			patch[i] = float64(data[((of+c)*h+y)*w+x])
		}
	}
}

// compensate rounds the weights of a layer, whose scales are known.
func (q *quantizer) compensate(n *ir.Node, c *coding) {
	m := q.moments[n]
	if m == nil || m.count == 0 {
		return
	}
	if was, ok := q.rounded[n]; ok && slices.Equal(was.scales, c.scales) { // in an earlier trial
		copy(c.codes, was.codes)
		return
	}
	data := tensor.Data[float32](n.Inputs[1].Const())
	outs, order := len(c.scales), orderOf(n)
	for _, b := range m.blocks {
		if q.ctx.Err() != nil {
			return
		}
		share := b.shares(m.count)
		if share == nil {
			continue
		}
		row, codes := make([]float64, len(b.sums)), make([]int8, len(b.sums))
		for o := b.group * outs / m.groups; o < (b.group+1)*outs/m.groups; o++ {
			for i := range row {
				row[i] = float64(data[order.at(o, b.first+i)])
			}
			roundRow(codes, row, share, float64(c.scales[o]))
			for i, code := range codes {
				c.codes[order.at(o, b.first+i)] = code
			}
		}
	}
	q.rounded[n] = coding{codes: slices.Clone(c.codes), scales: slices.Clone(c.scales)}
}

// roundRow rounds the weights of an output in a block, which it overwrites, with what the
// weights behind each take over of its error.
func roundRow(codes []int8, row, share []float64, scale float64) {
	k := len(row)
	for i, v := range row {
		codes[i] = roundTo(v, scale)
		e := v - float64(codes[i])*scale
		for j, f := range share[i*k+i+1 : i*k+k] {
			row[i+1+j] -= e * f
		}
	}
}

// shares are, in row i, what the inputs behind i take over of the error of i's weight:
// with H the covariance and U upper triangular, UᵀU = H⁻¹, it is U's row i over its
// diagonal. That is nil for inputs that never change.
func (b *block) shares(count float64) []float64 {
	k, trace := len(b.sums), 0.0
	h := make([]float64, k*k)
	for i := range k {
		for j := range i + 1 {
			h[i*k+j] = b.products[i*k+j]/count - b.sums[i]/count*b.sums[j]/count
		}
		trace += h[i*k+i]
	}
	if !(trace > 0 && trace <= math.MaxFloat64) {
		return nil
	}
	for i := range k {
		h[i*k+i] += damping * trace / float64(k)
	}
	// From the last input to the first, H = VVᵀ with V upper triangular; then U = V⁻¹.
	v := h
	for j := k - 1; j >= 0; j-- {
		for i := j; i >= 0; i-- {
			sum := h[j*k+i] // the lower triangle, read before V's entry takes its place
			for t := j + 1; t < k; t++ {
				sum -= v[i*k+t] * v[j*k+t]
			}
			if i == j {
				v[j*k+j] = math.Sqrt(sum)
			} else {
				v[i*k+j] = sum / v[j*k+j]
			}
		}
	}
	// VU = 1, so row i of U over its diagonal is -Σ V[i t] U[t j] for i < t ≤ j.
	u := make([]float64, k*k)
	for i := k - 1; i >= 0; i-- {
		for t := i + 1; t < k; t++ {
			f := v[i*k+t] / v[t*k+t]
			u[i*k+t] -= f
			for j := t + 1; j < k; j++ {
				u[i*k+j] -= f * u[t*k+j]
			}
		}
	}
	return u
}
