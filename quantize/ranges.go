package quantize

import (
	"context"
	"fmt"
	"math"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// span is the range of a value; it includes 0.
type span struct{ low, high float64 }

// scale and zero are the scale and zero point with which 8 bits cover the span.
func (s span) scale() float32 { return float32((s.high - s.low) / 255) }

func (s span) zero() uint8 {
	return uint8(min(max(math.RoundToEven(-s.low/float64(s.scale())), 0), 255))
}

// bins is the number of bins of a histogram.
const bins = 4096

// histogram counts the numbers that one value takes.
type histogram struct {
	span
	counts [bins]float64
	zeros  float64 // exact zeros, which have no rounding error
	floor  float64 // what is below makes no difference
	sums   []float64
	pixels float64
}

// calibrate runs the samples twice in float32: first to find the extremes of every
// coded value, then its histogram and the moments of the layers that read it.
func (q *quantizer) calibrate(p *placement) error {
	q.seen, q.moments, q.rounded = map[*ir.Value]*histogram{}, map[*ir.Node]*moments{}, map[*ir.Node]coding{}
	for _, v := range p.order {
		q.seen[v] = &histogram{floor: p.floor(v)}
	}
	for _, n := range p.layers {
		q.moments[n] = newMoments(n)
	}
	s, names, err := q.openObserved(p)
	if err != nil {
		return err
	}
	defer s.Close()
	extremes := func(_ int, v *ir.Value, t *tensor.Tensor) { q.seen[v].extremes(t) }
	count := func(i int, v *ir.Value, t *tensor.Tensor) {
		q.seen[v].count(t)
		for _, n := range p.readers[v] {
			if m := q.moments[n]; m != nil && n.Inputs[0] == v {
				m.add(n, t, i, q.samples.Count)
			}
		}
	}
	held := 0
	for pass, see := range []func(i int, v *ir.Value, t *tensor.Tensor){extremes, count} {
		for i := range q.samples.Count {
			q.opt.Observe("calibrate", pass*q.samples.Count+i, 2*q.samples.Count)
			out, err := q.observe(s, i, names, see)
			if err != nil {
				return err
			}
			if pass == 1 && i == len(q.want) && i < compared {
				if held += size(out); i == 0 || held <= mostHeld {
					q.want = append(q.want, out)
				}
			}
		}
	}
	q.opt.Observe("calibrate", 2*q.samples.Count, 2*q.samples.Count)
	q.means, q.pixels = map[*ir.Value][]float64{}, map[*ir.Node]float64{}
	for v, h := range q.seen {
		for i := range h.sums {
			h.sums[i] /= max(h.pixels, 1)
		}
		q.means[v] = h.sums
	}
	for _, n := range p.layers {
		q.pixels[n] = q.seen[p.behind(n)].pixels
	}
	return nil
}

// openObserved opens the network in float32 with every coded value as an output too, and returns
// the names of the values in it.
func (q *quantizer) openObserved(p *placement) (*engine.Session, map[*ir.Value]string, error) {
	model, names, err := q.export(&placement{}, &Result{})
	if err != nil {
		return nil, nil, err
	}
	data, err := q.encode(model, q.float)
	if err != nil {
		return nil, nil, err
	}
	var ask []string
	for _, v := range p.order {
		if v.Node != nil {
			ask = append(ask, names[v])
		}
	}
	s, err := engine.OpenBytesContext(q.ctx, data, append([]engine.Option{engine.Outputs(ask...)}, q.opt.Engine...)...)
	if err != nil {
		return nil, nil, fmt.Errorf("calibration: %w", err)
	}
	return s, names, nil
}

// spans finds the range of every coded value.
func (q *quantizer) spans(m Method) (map[*ir.Value]span, error) {
	ranges := map[*ir.Value]span{}
	for v, h := range q.seen {
		if q.ctx.Err() != nil {
			return nil, context.Cause(q.ctx)
		}
		ranges[v] = h.choose(m, q.opt.Beyond)
	}
	return ranges, nil
}

// mostHeld bounds the bytes of the outputs that are kept for the comparison.
const mostHeld = 256 << 20

// size is the number of bytes of some values.
func size(v engine.Values) (n int) {
	for _, t := range v {
		if t.DType().IsElement() {
			n += len(t.Bytes())
		}
	}
	return n
}

// observe runs sample i, passes every coded value to see, and returns the network's own
// outputs.
func (q *quantizer) observe(s *engine.Session, i int, names map[*ir.Value]string, see func(i int, v *ir.Value, t *tensor.Tensor)) (engine.Values, error) {
	in, out, err := q.sample(s, i)
	if err != nil {
		return nil, err
	}
	for v := range q.seen {
		if q.ctx.Err() != nil {
			return nil, context.Cause(q.ctx)
		}
		t := out[names[v]]
		if v.Node == nil {
			t = in[v.Name]
		}
		if t == nil || t.DType() != tensor.Float32 {
			return nil, fmt.Errorf("BUG: value %q was not computed", v.Name)
		}
		see(i, v, t)
	}
	own := engine.Values{}
	for _, v := range q.graph.Outputs {
		own[names[v]] = out[names[v]]
	}
	return own, nil
}

// sample runs one sample.
func (q *quantizer) sample(s *engine.Session, i int) (in, out engine.Values, err error) {
	if in, err = q.samples.Load(i); err != nil {
		return nil, nil, err
	}
	out, err = s.Run(q.ctx, in)
	return in, out, err
}

// extremes widens the span to include a tensor's numbers, but for those below the floor.
func (h *histogram) extremes(t *tensor.Tensor) {
	for _, v := range tensor.Data[float32](t) {
		if x := max(float64(v), h.floor); x < h.low {
			h.low = x
		} else if x > h.high {
			h.high = x
		}
	}
}

// count adds a tensor's numbers to the histogram and to the sums of their channels.
func (h *histogram) count(t *tensor.Tensor) {
	data := tensor.Data[float32](t)
	per := bins / math.Max(h.high-h.low, 1e-30)
	for _, v := range data {
		if v == 0 {
			h.zeros++
			continue
		}
		h.counts[min(max(int((float64(v)-h.low)*per), 0), bins-1)]++
	}
	channels, inner := channelsOf(t)
	if h.sums == nil {
		h.sums = make([]float64, channels)
	}
	if len(h.sums) != channels {
		return
	}
	for i := 0; i+inner <= len(data); i += inner {
		sum := float64(0)
		for _, v := range data[i : i+inner] {
			sum += float64(v)
		}
		h.sums[i/inner%channels] += sum
	}
	h.pixels += float64(len(data) / channels)
}

// channelsOf is the number of channels of pictures [N C …] or of columns of rows
// […, C], and how many consecutive numbers belong to one.
func channelsOf(t *tensor.Tensor) (channels, inner int) {
	if t.Rank() == 4 {
		return max(t.Dim(1), 1), max(t.Dim(2)*t.Dim(3), 1)
	}
	if t.Rank() == 0 {
		return 1, 1
	}
	return max(t.Dim(-1), 1), 1
}

// choose finds the span that the codes cover.
func (h *histogram) choose(m Method, beyond float64) span {
	s := h.span
	if s.high == s.low {
		return span{0, 1} // nothing but zeros
	}
	switch m {
	case Percentile:
		return h.percentile(beyond)
	case MSE:
		return h.leastSquares()
	}
	return s
}

// percentile leaves the given share of values outside the span, at both ends.
func (h *histogram) percentile(beyond float64) span {
	total, width := h.zeros, (h.high-h.low)/bins
	for _, c := range h.counts {
		total += c
	}
	s := h.span
	for out, i := 0.0, 0; i < bins && s.low < 0; i++ {
		if out += h.counts[i]; out > beyond*total/2 {
			break
		}
		s.low = math.Min(h.low+float64(i+1)*width, 0)
	}
	for out, i := 0.0, bins-1; i >= 0 && s.high > 0; i-- {
		if out += h.counts[i]; out > beyond*total/2 {
			break
		}
		s.high = math.Max(h.low+float64(i)*width, 0)
	}
	if s.high == s.low {
		return h.span
	}
	return s
}

// leastSquares tries several spans and takes the one with the least squared error:
// that of clipping, and for the rest a rounding error spread uniformly over one
// step.
func (h *histogram) leastSquares() span {
	best, least := h.span, h.squared(h.span)
	try := func(s span) {
		if e := h.squared(s); e < least {
			best, least = s, e
		}
	}
	for a := 0.98; a > 0.2; a -= 0.02 {
		try(span{h.low * a, h.high * a})
	}
	for range 2 {
		s := best
		for a := 0.98; a > 0.5; a -= 0.02 {
			try(span{s.low, s.high * a})
			try(span{s.low * a, s.high})
		}
	}
	return best
}

func (h *histogram) squared(s span) float64 {
	step := (s.high - s.low) / 255
	noise, sum := step*step/12, 0.0
	width := (h.high - h.low) / bins
	for i, c := range h.counts {
		if c == 0 {
			continue
		}
		x := h.low + (float64(i)+0.5)*width
		switch {
		case x < s.low:
			sum += c * (s.low - x) * (s.low - x)
		case x > s.high:
			sum += c * (x - s.high) * (x - s.high)
		default:
			sum += c * noise
		}
	}
	return sum
}
