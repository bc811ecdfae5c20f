package detect

import (
	"context"
	"errors"
	"fmt"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// network is a model with the name of the input that takes the picture.
type network struct {
	model Model
	input string
}

// newNetwork refuses what cannot run on a picture. It also returns the head that the
// model's card names, "" for none.
func newNetwork(m Model) (n network, cardHead string, err error) {
	if err := usable(m); err != nil {
		return n, "", err
	}
	if z, ok := m.(*zoo.Model); ok {
		return network{m, z.Input()}, z.Card().Head, nil
	}
	return network{m, m.Session().Inputs()[0].Name}, "", nil
}

// usable refuses what cannot run on a picture.
func usable(m Model) error {
	switch {
	case m == nil:
		return errors.New("the model is nil; zoo.Load opens one")
	case m.Session() == nil:
		return errors.New("the model has no session; engine.Open opens one")
	case m.Encoder() == nil || len(m.Session().Inputs()) == 0:
		return errors.New("no input of the model takes a picture")
	}
	return nil
}

// outputs is what the network declares about its outputs and the picture's size.
func (n network) outputs() outputs {
	s := n.model.Session()
	o := outputs{all: s.Outputs(), meta: s.Metadata()}
	for _, i := range s.Inputs() {
		d := dims(i)
		if i.Name != n.input || len(d) != 4 {
			continue
		}
		o.height, o.width = max(d[2], 0), max(d[3], 0)
		if d[3] == 3 || d[3] == 1 {
			o.height, o.width = max(d[1], 0), max(d[2], 0)
		}
	}
	return o
}

// run runs the network on the picture, and passes its size to networks that ask for
// it.
func (n network) run(ctx context.Context, x *tensor.Tensor, g vision.Geometry) ([]Output, error) {
	s := n.model.Session()
	in := engine.Values{n.input: x}
	for _, i := range s.Inputs() {
		if i.Name == n.input {
			continue
		}
		size, err := sizeInput(i, g)
		if err != nil {
			return nil, err
		}
		in[i.Name] = size
	}
	values, err := s.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	out := make([]Output, 0, len(values))
	for _, o := range s.Outputs() {
		out = append(out, Output{o.Name, values[o.Name]})
	}
	return out, nil
}

// sizeInput is the value of an input that takes the picture's size, [1 2]: height
// and width for the YOLOv3 exports of Keras (float32 "image_shape"), width and
// height for RT-DETR's (int64 "orig_target_sizes").
func sizeInput(i engine.Info, g vision.Geometry) (*tensor.Tensor, error) {
	switch i.DType {
	case tensor.Float32:
		return tensor.Of([]float32{float32(g.Height), float32(g.Width)}, 1, 2), nil
	case tensor.Int64:
		return tensor.Of([]int64{int64(g.Width), int64(g.Height)}, 1, 2), nil
	}
	return nil, fmt.Errorf("input %q (%v) takes neither a picture nor its size; run the model with vision run", i.Name, i.Fact)
}
