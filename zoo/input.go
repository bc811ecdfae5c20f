package zoo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
)

// pictureInput describes the input of a network that takes the picture.
type pictureInput struct {
	name                    string
	dtype                   tensor.DType
	layout                  string // as recipes spell it
	channels, height, width int    // 0 if it accepts any
}

func (p pictureInput) String() string {
	channels := anyOr(p.channels) + " channels"
	if p.channels == 1 {
		channels = "1 channel"
	}
	return fmt.Sprintf("%s, %s, %s, %s x %s", p.dtype, p.layout, channels, anyOr(p.height), anyOr(p.width))
}

func anyOr(n int) string {
	if n == 0 {
		return "any"
	}
	return fmt.Sprint(n)
}

// likely reports whether the input is that of pictures even if nothing says so. Three
// dimensions without 3 channels are more often a series of vectors, such as
// [1 16 96] of a network that listens.
func (p pictureInput) likely() bool { return strings.HasPrefix(p.layout, "N") || p.channels == 3 }

// findPicture returns the first input that can be a picture: it has three or four
// dimensions, and apart from the batch the first or the last is 1 or 3 channels.
func findPicture(inputs []engine.Info) (pictureInput, bool) {
	for _, in := range inputs {
		if !slices.Contains([]tensor.DType{tensor.Float32, tensor.Float16, tensor.Uint8, tensor.Int8}, in.DType) {
			continue
		}
		dims := make([]int, len(in.Shape.Dims)) // 0: any
		for i, d := range in.Shape.Dims {
			dims[i] = max(d.N, 0)
		}
		if p, ok := asPicture(dims); ok {
			p.name, p.dtype = in.Name, in.DType
			return p, true
		}
	}
	return pictureInput{}, false
}

func asPicture(dims []int) (pictureInput, bool) {
	prefix := ""
	if len(dims) == 4 {
		prefix, dims = "N", dims[1:]
	}
	if len(dims) != 3 {
		return pictureInput{}, false
	}
	channels := func(n int) bool { return n == 1 || n == 3 }
	switch first, last := dims[0], dims[2]; {
	case channels(first), first == 0 && last == 0 && prefix == "N", first == 0 && last > 3:
		return pictureInput{layout: prefix + "CHW", channels: first, height: dims[1], width: last}, true
	case channels(last):
		return pictureInput{layout: prefix + "HWC", channels: last, height: first, width: dims[1]}, true
	}
	return pictureInput{}, false
}

// fit adapts a recipe to an input's declared layout, float type and fixed size.
func (p pictureInput) fit(r vision.Recipe) vision.Recipe {
	encoder, err := vision.NewEncoder(r)
	if err != nil {
		return r // making the encoder for use reports the error
	}
	full := encoder.Recipe()
	if full.Layout != p.layout {
		r.Layout = p.layout
	}
	floats := []string{"float32", "float16"}
	if slices.Contains(floats, full.DType) && slices.Contains(floats, p.dtype.String()) {
		r.DType = p.dtype.String()
	}
	if p.height == 0 || p.width == 0 || slices.Equal(full.Size, []int{p.height, p.width}) {
		return r
	}
	if full.Size != nil {
		return r.WithSize(p.height, p.width)
	}
	switch {
	case r.Pad.Mode == vision.PadMultiple && r.Resize.Mode == vision.Keep: // any size would have done
		r.Resize = vision.ResizeRule{Mode: vision.Letterbox, Width: p.width, Height: p.height, Filter: vision.Linear}
		r.Pad = vision.PadRule{Mode: vision.PadTopLeft, Value: r.Pad.Value}
	case (r.Resize.Mode == vision.Keep || r.Resize.Mode == vision.Shorter) && r.Crop.Mode == vision.CropNone && r.Name != "none":
		r.Resize = vision.ResizeRule{Mode: vision.Stretch, Width: p.width, Height: p.height, Filter: vision.Bilinear}
	}
	return r
}

// takes checks that the encoder's tensors fit the input.
func (p pictureInput) takes(e *vision.Encoder) error {
	r := e.Recipe()
	given := 3
	if r.Channels == "grey" {
		given = 1
	}
	switch {
	case p.channels != 0 && p.channels != given:
		return fmt.Errorf("gives %d channels, input %s takes %d", given, quote(p.name), p.channels)
	case p.dtype != e.DType():
		return fmt.Errorf("gives %s, input %s takes %s", e.DType(), quote(p.name), p.dtype)
	case r.Size != nil && (p.height != 0 && p.height != r.Size[0] || p.width != 0 && p.width != r.Size[1]):
		return fmt.Errorf("gives %d x %d (height, width), input %s takes %s x %s", r.Size[0], r.Size[1], quote(p.name), anyOr(p.height), anyOr(p.width))
	}
	return nil
}
