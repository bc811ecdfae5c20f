package ops

import (
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

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
	v := c.vec()
	return true, c.share(h.batch*h.length, float64(h.heads)*(float64(half)+20), func(from, to int) {
		room := codeRows.Get().(*[codePiece]float32)
		defer codeRows.Put(room)
		for i := from; i < to; i++ {
			row := t.row(i) * half
			co, si := cos[row:row+half], sin[row:row+half]
			for head := range h.heads {
				at := h.at(i/h.length, head, i%h.length)
				in, out := src[at:at+h.size], dst[at:at+h.size]
				if op.interleaved {
					turnPairs(out, in, co, si)
				} else {
					turnHalves(v, out, in, co, si, room[:])
				}
				copy(out[2*half:], in[2*half:])
			}
		}
	})
}

// turnHalves turns pairs that are half a vector apart. room is overwritten.
func turnHalves(v *vec.Unit, dst, src, cos, sin, room []float32) {
	half := len(cos)
	for i := 0; i < half; i += len(room) {
		end := min(i+len(room), half)
		a, b, toA, toB, co, si, part := src[i:end], src[half+i:half+end], dst[i:end], dst[half+i:half+end], cos[i:end], sin[i:end], room[:end-i]
		v.Zip(vec.Mul, part, a, si)
		v.Affix(toB, b, co, part, 0, 1)
		v.Zip(vec.Mul, part, b, si)
		v.Zip(vec.Mul, toA, a, co)
		v.Zip(vec.Sub, toA, toA, part)
	}
}

// turnPairs turns pairs of neighbours.
func turnPairs(dst, src, cos, sin []float32) {
	for i, co := range cos {
		a, b := src[2*i], src[2*i+1]
		dst[2*i], dst[2*i+1] = co*a-sin[i]*b, sin[i]*a+co*b
	}
}
