package ops

import "github.com/visionzoo/vision/engine/tensor"

// growMin is the size in bytes from which on a concatenation reserves room for
// the next one.
const growMin = 1 << 16

// appended concatenates a large first input and much smaller ones, as loops do
// that collect results. The result is allocated with spare room behind it, so
// that the next iteration's concatenation can append in place instead of copying
// everything. Tensors are immutable once made, so the first input and the result
// may share memory. It returns nil if that does not apply.
func (c *Call) appended(shape []int, axis int) *tensor.Tensor {
	x := c.In[0]
	if len(c.Planned) > 0 || c.Run.Kernel == nil || x.DType() == tensor.String || len(x.Bytes()) < growMin || c.Run.owner(x) == nil {
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
		if y = c.newWithRoom(x.DType(), shape, n*x.DType().Size(), len(x.Bytes())); y == nil {
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

// mostAhead bounds the number of loop iterations for which room is reserved: a
// loop may end early.
const mostAhead = 32

// newWithRoom allocates a tensor of size bytes that grew from old, with room
// behind it: for the same growth in each remaining iteration of the loop, and at
// least half of size. It returns nil if the memory limit is too close.
func (c *Call) newWithRoom(d tensor.DType, shape []int, size, old int) *tensor.Tensor {
	room := size + size/2
	if ahead := min(c.Run.ahead, mostAhead); ahead > 0 {
		room = max(room, size+int(ahead)*(size-old))
		if c.Run.ReserveBytes(4*int64(room)) != nil { // more than a quarter of the memory that is left
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
