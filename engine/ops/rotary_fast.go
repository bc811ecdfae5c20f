package ops

import "github.com/visionzoo/vision/engine/tensor"

// EvalFast turns float32 in float32.
func (op *rotary) EvalFast(c *Call) (bool, error) {
	if c.vec(c.In[:3]...) == nil {
		return false, nil
	}
	t, err := op.turns(c)
	if err != nil {
		return true, err
	}
	x := c.In[0]
	y, err := c.output(tensor.Float32, x.Shape()...)
	if err != nil || y.Len() == 0 {
		return true, err
	}
	src, dst, h, half := tensor.Data[float32](x), tensor.Data[float32](y), t.heads, t.dims/2
	cos, sin := tensor.Data[float32](c.In[1]), tensor.Data[float32](c.In[2])
	turn := turnHalves
	if op.interleaved {
		turn = turnPairs
	}
	return true, c.share(h.batch*h.length, float64(h.heads)*(1.5*float64(half)+10), func(from, to int) {
		for v := from; v < to; v++ {
			row := t.row(v) * half
			for head := range h.heads {
				at := h.at(v/h.length, head, v%h.length)
				in, out := src[at:at+h.size], dst[at:at+h.size]
				turn(out, in, cos[row:row+half], sin[row:row+half])
				copy(out[2*half:], in[2*half:])
			}
		}
	})
}

// turnHalves turns pairs that are half a vector apart.
func turnHalves(dst, src, cos, sin []float32) {
	n := len(cos)
	a, b, toA, toB, sin := src[:n], src[n:2*n], dst[:n], dst[n:2*n], sin[:n]
	for i, co := range cos {
		toA[i], toB[i] = co*a[i]-sin[i]*b[i], sin[i]*a[i]+co*b[i]
	}
}

// turnPairs turns pairs of neighbours.
func turnPairs(dst, src, cos, sin []float32) {
	for i, co := range cos {
		a, b := src[2*i], src[2*i+1]
		dst[2*i], dst[2*i+1] = co*a-sin[i]*b, sin[i]*a+co*b
	}
}
