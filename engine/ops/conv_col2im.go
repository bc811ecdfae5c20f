package ops

import (
	"fmt"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// col2Im adds up what im2col takes apart: im2col copies the pixels that each position of a window
// covers to a column, and col2Im adds each element of a column to the pixel that it was copied
// from. Pixels covered several times are sums. ONNX Col2Im-18.
type col2Im struct{ window }

func newCol2Im(n *ir.Node) (Op, error) {
	a := n.ReadAttrs()
	return &col2Im{readWindow(a)}, a.Err()
}

// Infer: columns [N C·taps L], image shape [n], block shape [n] → [N C image…].
func (op *col2Im) Infer(in []ir.Fact) ([]ir.Fact, error) {
	for i := 1; i < 3; i++ {
		if err := wantType(in, i, tensor.Types(tensor.Int64)); err != nil {
			return nil, err
		}
	}
	out := ir.Shape{}
	if in[0].Shape.Ranked && in[0].Shape.Rank() != 3 {
		return nil, fmt.Errorf("needs an input of rank 3, it has %s", in[0].Shape)
	}
	if image, block := in[1].Ints, in[2].Ints; image != nil && block != nil && in[0].Shape.Ranked {
		c := ir.Unknown
		if d := in[0].Shape.Dims[1]; d.Known() {
			taps, err := tensor.Count(sizes(block))
			if err == nil && taps > 0 && d.N%taps == 0 {
				c = ir.Dim{N: d.N / taps}
			}
		}
		out = ir.ShapeOf(append([]ir.Dim{in[0].Shape.Dims[0], c}, image...)...)
	}
	return []ir.Fact{ir.Tensor(in[0].DType, out)}, nil
}

func (op *col2Im) Eval(c *Call) error {
	switch arithmeticOf(c.In[0].DType()) {
	case inSigned:
		return evalCol2Im[int64](op, c, tensor.Int64)
	case inUnsigned:
		return evalCol2Im[uint64](op, c, tensor.Uint64)
	}
	return evalCol2Im[float64](op, c, tensor.Float64)
}

// evalCol2Im accumulates each plane (a channel of an image) in T, which wide is the dtype of.
func evalCol2Im[T wideNumber](op *col2Im, c *Call, wide tensor.DType) error {
	x := c.In[0]
	image, spans, counts, err := op.geometry(c)
	if err != nil {
		return err
	}
	taps, blocks := 1, 1
	for i := range spans {
		taps, blocks = taps*spans[i].kernel, blocks*counts[i]
	}
	if x.Rank() != 3 || x.Dim(1)%taps != 0 || x.Dim(2) != blocks {
		return fmt.Errorf("needs an input of shape [N C·%d %d] for an image of %v, it has %v", taps, blocks, image, x.Shape())
	}
	channels := x.Dim(1) / taps
	y, err := c.zeroed(x.DType(), append([]int{x.Dim(0), channels}, image...)...)
	if err != nil {
		return err
	}
	scratch, err := c.New(wide, image...)
	if err != nil {
		return err
	}
	row, err := c.New(wide, blocks)
	if err != nil {
		return err
	}
	acc, in := tensor.Data[T](scratch), tensor.Data[T](row)
	for plane := range x.Dim(0) * channels {
		clear(acc)
		for t := range taps {
			if err := c.Run.Check(); err != nil {
				return err
			}
			tensor.Load(in, x, (plane*taps+t)*blocks, 1)
			for l, v := range in {
				if at := pixelOf(spans, counts, image, l, t); at >= 0 {
					acc[at] += v
				}
			}
		}
		tensor.Store(y, plane*len(acc), 1, acc)
	}
	return nil
}

// pixelOf returns the pixel that tap t of block l covers, -1 if it is outside the image. counts are
// the numbers of blocks along each dimension.
func pixelOf(spans []span, counts, image []int, l, t int) int {
	at, stride := 0, 1
	for i := len(spans) - 1; i >= 0; i-- {
		s := spans[i]
		p := s.at(l%counts[i], t%s.kernel)
		if p < 0 || p >= image[i] {
			return -1
		}
		at += p * stride
		stride *= image[i]
		l, t = l/counts[i], t/s.kernel
	}
	return at
}

// geometry reads the shapes and computes the number of blocks along each
// dimension. The product of these numbers fits an int, and so does the size of a
// block.
func (op *col2Im) geometry(c *Call) (image []int, spans []span, counts []int, err error) {
	image, err = callInts(c, 1)
	if err != nil {
		return nil, nil, nil, err
	}
	block, err := callInts(c, 2)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(image) != len(block) || len(block) == 0 {
		return nil, nil, nil, fmt.Errorf("image shape %v and block shape %v must have one element for each spatial dimension", image, block)
	}
	for i := range block {
		if block[i] < 1 || block[i] > maxSpan || image[i] < 0 || image[i] > maxSpan {
			return nil, nil, nil, fmt.Errorf("image shape %v or block shape %v is out of range", image, block)
		}
	}
	w := op.window
	w.kernel = block
	if spans, err = w.spans(len(block), nil); err != nil {
		return nil, nil, nil, err
	}
	counts = make([]int, len(block))
	for i := range spans {
		if spans[i], counts[i], err = w.place(spans[i], image[i]); err != nil {
			return nil, nil, nil, err
		}
	}
	for _, shape := range [][]int{block, counts, image} {
		if _, err := tensor.Count(shape); err != nil {
			return nil, nil, nil, err
		}
	}
	return image, spans, counts, nil
}
