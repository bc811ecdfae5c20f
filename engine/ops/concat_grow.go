package ops

import "github.com/visionzoo/vision/engine/tensor"

// growing is from what size on, in bytes, a concatenation leaves room for the
// next.
const growing = 1 << 16

// lengthened is a concatenation that puts little behind a large first input:
// loops gather their results so. It lies in memory with room to spare, where
// the next turn's may follow without a copy of all that came before. Tensors
// are not changed once they are made, so the first input and the result may
// share what they have in common. It is nil where that does not fit the case.
func (c *Call) lengthened(shape []int, axis int) *tensor.Tensor {
	x := c.In[0]
	if len(c.Planned) > 0 || c.Run.Kernel == nil || x.DType() == tensor.String || len(x.Bytes()) < growing || c.Run.owner(x) == nil {
		return nil
	}
	if before, _, _ := split3(shape, axis); before != 1 {
		return nil
	}
	n, err := tensor.Count(shape)
	if size := n * x.DType().Size(); err != nil || size > 2*len(x.Bytes()) {
		return nil
	}
	y := x.Extended(shape...)
	if y == nil {
		if y = c.roomy(x.DType(), shape, n*x.DType().Size(), len(x.Bytes())); y == nil {
			return nil
		}
		copy(y.Bytes(), x.Bytes())
	}
	at := len(x.Bytes())
	for _, more := range c.In[1:] {
		at += copy(y.Bytes()[at:], more.Bytes())
	}
	return y
}

// mostAhead bounds for how many turns of a loop room is made: a loop may end
// before its time.
const mostAhead = 32

// roomy makes a tensor of size bytes that grew from old with room behind it: for
// as much again each turn that the loop around has left, and for half of it at
// least. It is nil where the memory limit is too near.
func (c *Call) roomy(d tensor.DType, shape []int, size, old int) *tensor.Tensor {
	room := size + size/2
	if ahead := min(c.Run.ahead, mostAhead); ahead > 0 {
		room = max(room, size+int(ahead)*(size-old))
		if c.Run.ReserveBytes(4*int64(room)) != nil { // a large part of what there is
			room = size + size/2
		}
	}
	if c.Run.ReserveBytes(int64(room)+perTensor) != nil {
		return nil
	}
	y := tensor.NewWithRoom(room, d, shape...)
	o := y.Own(c.Run, int64(room)+perTensor)
	c.Run.live += o.Bytes
	c.Run.fresh = append(c.Run.fresh, o)
	return y
}
