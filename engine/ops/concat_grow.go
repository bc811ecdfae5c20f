package ops

import "github.com/visionzoo/vision/engine/tensor"

// A loop that collects results concatenates them to a carried value, in each iteration a few rows
// more:
//
//	all = Concat(all, row)
//
// Copying everything each time takes time that grows with the square of the number of iterations.
// So such a result is allocated with spare room behind it, into which the next iteration's Concat
// appends. The two then share memory, which is safe because tensors never change once they are
// made: the longer one only begins with the elements of the shorter.

// growMin is the size in bytes from which on a concatenation reserves room for
// the next one.
const growMin = 1 << 16

// appended concatenates along axis a large first input, of memory that this run owns, and others that
// are smaller together: into the room behind the first, or else into new memory with room. It returns
// nil if that does not apply, or the memory limit is too close.
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
