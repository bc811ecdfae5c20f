package ops

import "github.com/visionzoo/vision/engine/tensor"

// EvalFast turns float32 in float32.
func (op *rotary) EvalFast(c *Call) (bool, error) {
	v := c.vec(c.In[:3]...)
	if v == nil {
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
	return true, c.share(h.batch*h.length, float64(h.heads)*(0.3*float64(half)+15), func(from, to int) {
		for i := from; i < to; i++ {
			row := t.row(i) * half
			for head := range h.heads {
				at := h.at(i/h.length, head, i%h.length)
				in, out := src[at:at+h.size], dst[at:at+h.size]
				v.Turn(out, in, cos[row:row+half], sin[row:row+half], op.interleaved)
				copy(out[2*half:], in[2*half:])
			}
		}
	})
}

// EvalFast is that of the standard's operator.
func (op rotaryOffset) EvalFast(c *Call) (bool, error) {
	if c.vec(c.In[0], c.In[2], c.In[3]) == nil {
		return false, nil
	}
	inner, standard, err := op.standard(c)
	if err != nil {
		return true, err
	}
	return standard.EvalFast(inner)
}
