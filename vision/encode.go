package vision

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/limit"
)

// Encoder writes pictures into tensors according to a recipe. It is safe for
// concurrent use.
type Encoder struct {
	recipe   Recipe // with all defaults filled in
	dtype    tensor.DType
	channels int
	threads  int
	memory   int64           // bytes that a tensor and the work on it may take
	values   [3][256]float32 // the value for each byte of each channel
	zero     float32         // how a zero after mean and std is stored
}

// An EncoderOption changes how an Encoder works, never what it writes.
type EncoderOption func(*Encoder)

// EncodeThreads bounds the goroutines that encode one picture. With 1 the caller's
// goroutine does all the work, which is best if several pictures are encoded at the
// same time. The default is GOMAXPROCS; small pictures never use more than one.
func EncodeThreads(n int) EncoderOption { return func(e *Encoder) { e.threads = max(n, 0) } }

// EncodeMemory sets how many bytes a tensor may take, together with the memory in
// which a picture is resized; more is an error. The default is 1 GiB.
func EncodeMemory(n int64) EncoderOption { return func(e *Encoder) { e.memory = n } }

// NewEncoder returns an encoder for a recipe, or the error of its Validate.
func NewEncoder(r Recipe, opts ...EncoderOption) (*Encoder, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	full, _ := r.resolve()
	e := &Encoder{recipe: full, channels: len(full.Mean), memory: defaultMemory}
	e.dtype = map[string]tensor.DType{"float32": tensor.Float32, "float16": tensor.Float16, "uint8": tensor.Uint8, "int8": tensor.Int8}[full.DType]
	for _, opt := range opts {
		if opt != nil {
			opt(e)
		}
	}
	e.makeTables()
	return e, nil
}

// Recipe returns the encoder's recipe with all defaults filled in.
func (e *Encoder) Recipe() Recipe { return e.recipe.clone() }

// DType is the element type of the tensors.
func (e *Encoder) DType() tensor.DType { return e.dtype }

// makeTables computes the value for each byte of each channel. The steps are those
// of the frameworks, each rounded to float32, so that the values equal theirs bit
// for bit; a look-up in a table of 256 costs less than the arithmetic.
func (e *Encoder) makeTables() {
	r := e.recipe
	for c := range e.channels {
		mean, std := float32(r.Mean[c]), float32(r.Std[c])
		for b := range 256 {
			v := float32(float32(b) * float32(r.Scale.Times))
			v = float32(v / float32(r.Scale.Over))
			v = float32(v-mean) / std
			e.values[c][b] = e.stored(v)
		}
	}
	e.zero = e.stored(0)
}

// stored is the value after conversion to the recipe's dtype, as a float32.
func (e *Encoder) stored(v float32) float32 {
	if e.dtype == tensor.Float32 || e.dtype == tensor.Float16 {
		return v
	}
	x := float64(v)
	if q := e.recipe.Quant; q != nil {
		x = math.RoundToEven(float64(v/float32(q.Scale))) + float64(q.ZeroPoint)
	}
	x = math.RoundToEven(x)
	if e.dtype == tensor.Uint8 {
		return float32(min(max(x, 0), 255))
	}
	return float32(min(max(x, -128), 127))
}

// check refuses an encoder that NewEncoder has not made, such as that of a model that
// takes no picture.
func (e *Encoder) check() error {
	if e == nil || e.channels == 0 {
		return errors.New("vision: there is no encoder; NewEncoder makes one of a recipe")
	}
	return nil
}

// placement says where a picture's resized window lies in the tensor.
type placement struct {
	window        window
	left, top     int
	width, height int
	scaleX        float64
	scaleY        float64
}

// place computes the effect of resize, crop and pad on a picture of the given size,
// which shares a tensor with others so that there are n, and refuses what takes too
// much memory.
func (e *Encoder) place(n, width, height int) (placement, error) {
	if err := e.check(); err != nil {
		return placement{}, err
	}
	r := e.recipe
	w, h, sx, sy := r.Resize.size(width, height)
	if max(int64(width), int64(height), w, h) > 1<<30 {
		return placement{}, fmt.Errorf("vision: a picture of %dx%d cannot be resized by %q", width, height, r.Resize)
	}
	p := placement{window: window{width: int(w), height: int(h)}, scaleX: sx, scaleY: sy}
	p.window.x1, p.window.y1, p.width, p.height = int(w), int(h), int(w), int(h)
	switch {
	case r.Crop.Mode == CropCenter:
		p.width, p.height = r.Crop.Width, r.Crop.Height
		p.window.x0, p.window.x1, p.left = r.Crop.cut(int(w), p.width)
		p.window.y0, p.window.y1, p.top = r.Crop.cut(int(h), p.height)
	case r.Resize.Mode == Letterbox:
		p.width, p.height = r.Resize.Width, r.Resize.Height
		if r.Pad.Mode == PadCenter {
			p.left, p.top = (p.width-int(w))/2, (p.height-int(h))/2
		}
	}
	if k := r.Pad.Multiple; r.Pad.Mode == PadMultiple {
		p.width, p.height = (p.width+k-1)/k*k, (p.height+k-1)/k*k
	}
	if int64(p.width)*int64(p.height) > MaxPixels || p.window.x1-p.window.x0 > maxSide || p.window.y1-p.window.y0 > maxSide {
		return placement{}, limit.Errorf("vision: a picture of %dx%d becomes %dx%d by recipe %q: over the limit of %d pixels and %d a side",
			width, height, p.width, p.height, shorten(r.Name), MaxPixels, maxSide)
	}
	if r.Size != nil && (p.height != r.Size[0] || p.width != r.Size[1]) {
		return placement{}, fmt.Errorf("vision: a picture of %dx%d becomes %dx%d, the recipe's size is %dx%d (width x height); add a resize or crop rule",
			width, height, p.width, p.height, r.Size[1], r.Size[0])
	}
	each := int64(p.width) * int64(p.height) * int64(max(e.channels*e.dtype.Size(), 3)) // 3 to render it
	work := p.window.bytes(width, height, r.Resize.Filter, e.threads)
	if work > e.memory || each*int64(min(n, 1<<31-1)) > e.memory-work {
		return placement{}, limit.Errorf("vision: encoding %d of %dx%d by recipe %q takes %d MiB each and %d to resize one; the limit is %d: make it larger (VISION_MEMORY_LIMIT, vision.EncodeMemory) if the pictures are sound",
			n, width, height, shorten(r.Name), each>>20, work>>20, e.memory>>20)
	}
	return p, nil
}

// size returns the size of the resized picture and the scales by which boxes are
// divided.
func (r ResizeRule) size(width, height int) (w, h int64, sx, sy float64) {
	fw, fh := float64(width), float64(height)
	switch r.Mode {
	case Shorter:
		if r.Longest > 0 {
			s := float64(r.Width) / min(fw, fh)
			if s*max(fw, fh) > float64(r.Longest) {
				s = float64(r.Longest) / max(fw, fh)
			}
			return max(1, int64(s*fw)), max(1, int64(s*fh)), s, s
		}
		short, long := int64(min(width, height)), int64(max(width, height))
		w, h = int64(r.Width), int64(float64(int64(r.Width)*long)/float64(short))
		if width > height {
			w, h = h, w
		}
		return w, h, float64(w) / fw, float64(h) / fh
	case Stretch:
		return int64(r.Width), int64(r.Height), float64(r.Width) / fw, float64(r.Height) / fh
	case Letterbox:
		s := min(float64(r.Width)/fw, float64(r.Height)/fh)
		if r.Round {
			w, h = int64(math.RoundToEven(fw*s)), int64(math.RoundToEven(fh*s))
		} else {
			w, h = int64(fw*s), int64(fh*s)
		}
		return min(max(1, w), int64(r.Width)), min(max(1, h), int64(r.Height)), s, s
	}
	return int64(width), int64(height), 1, 1
}

// cut returns the range of columns (or rows) of a side that a crop keeps, and how
// many black ones are added before it if the side is too short.
func (c CropRule) cut(side, crop int) (from, to, pad int) {
	if side < crop {
		return 0, side, (crop - side) / 2
	}
	from = (side - crop) / 2
	if odd := (side-crop)%2 != 0; odd && !c.Truncate && from%2 != 0 {
		from++ // halves to even
	}
	return from, from + crop, 0
}

func (p placement) geometry(width, height int, flip bool) Geometry {
	return Geometry{Width: width, Height: height, InputWidth: p.width, InputHeight: p.height,
		ScaleX: p.scaleX, ScaleY: p.scaleY, ResizedWidth: p.window.width, ResizedHeight: p.window.height,
		CropLeft: p.window.x0, CropTop: p.window.y0, PadLeft: p.left, PadTop: p.top, Flipped: flip}
}

// region is the part of a picture of width × height that the encoder reads; empty
// if that is not known.
func (e *Encoder) region(width, height int) image.Rectangle {
	p, err := e.place(1, width, height)
	if err != nil || width < 1 || height < 1 {
		return image.Rectangle{}
	}
	return p.window.source(width, height, e.recipe.Resize.Filter)
}

// Shape returns the shape of the tensor for one picture of width × height.
func (e *Encoder) Shape(width, height int) ([]int, error) { return e.BatchShape(1, width, height) }

// BatchShape returns the shape of the tensor for n pictures of width × height. The
// layout must have a batch axis if there are several.
func (e *Encoder) BatchShape(n, width, height int) ([]int, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if width < 1 || height < 1 {
		return nil, fmt.Errorf("vision: a picture of %dx%d is empty", width, height)
	}
	if n < 1 || n > 1 && len(e.recipe.Layout) != 4 {
		return nil, fmt.Errorf("vision: %d pictures for a batch in layout %s", n, e.recipe.Layout)
	}
	p, err := e.place(n, width, height)
	if err != nil {
		return nil, err
	}
	shape := e.shape(n, p)
	if _, err := tensor.Count(shape); err != nil {
		return nil, fmt.Errorf("vision: a batch of %d pictures: %w", n, err)
	}
	return shape, nil
}

func (e *Encoder) shape(n int, p placement) []int {
	switch e.recipe.Layout {
	case "NHWC":
		return []int{n, p.height, p.width, e.channels}
	case "CHW":
		return []int{e.channels, p.height, p.width}
	case "HWC":
		return []int{p.height, p.width, e.channels}
	}
	return []int{n, e.channels, p.height, p.width}
}

// Encode returns a new tensor with the picture (a batch of one, if the layout has a
// batch axis), and the geometry that maps the tensor's pixels to the picture's.
func (e *Encoder) Encode(img *Image) (*tensor.Tensor, Geometry, error) {
	return e.EncodeContext(context.Background(), img)
}

// EncodeContext is Encode with a context.
func (e *Encoder) EncodeContext(ctx context.Context, img *Image) (*tensor.Tensor, Geometry, error) {
	if err := img.check(); err != nil {
		return nil, Geometry{}, err
	}
	p, err := e.place(1, img.Width, img.Height)
	if err != nil {
		return nil, Geometry{}, err
	}
	t := tensor.New(e.dtype, e.shape(1, p)...)
	g, err := e.EncodeInto(ctx, t, 0, img)
	return t, g, err
}

// EncodeInto writes the picture as number i, from 0, of the batch dst, which has the
// encoder's DType and the form that BatchShape returns. Different pictures of one
// batch may be written at the same time. If the context is done, its error is
// returned, and the picture's part of dst is undefined.
func (e *Encoder) EncodeInto(ctx context.Context, dst *tensor.Tensor, i int, img *Image) (Geometry, error) {
	if err := img.check(); err != nil {
		return Geometry{}, err
	}
	if dst == nil {
		return Geometry{}, errors.New("vision: no tensor to encode into; Shape returns its shape")
	}
	if err := await.Check(ctx); err != nil {
		return Geometry{}, err
	}
	p, err := e.place(1, img.Width, img.Height)
	if err != nil {
		return Geometry{}, err
	}
	n := 1
	if len(e.recipe.Layout) == 4 && dst.Rank() == 4 {
		n = dst.Dim(0)
	}
	if want := e.shape(n, p); dst.DType() != e.dtype || !slices.Equal(dst.Shape(), want) || i < 0 || i >= n {
		return Geometry{}, fmt.Errorf("vision: picture %d becomes %s%v, which does not fit a batch of %s", i, e.dtype, e.shape(1, p), dst)
	}
	switch e.dtype {
	case tensor.Float32:
		err = write(ctx, e, part(tensor.Data[float32](dst), i, n), img, p, func(v float32) float32 { return v })
	case tensor.Float16:
		err = write(ctx, e, part(tensor.Data[tensor.Float16Bits](dst), i, n), img, p, tensor.ToFloat16)
	case tensor.Uint8:
		err = write(ctx, e, part(tensor.Data[uint8](dst), i, n), img, p, func(v float32) uint8 { return uint8(v) })
	case tensor.Int8:
		err = write(ctx, e, part(tensor.Data[int8](dst), i, n), img, p, func(v float32) int8 { return int8(v) })
	}
	return p.geometry(img.Width, img.Height, e.recipe.Flip), err
}

// part is number i of n equal parts.
func part[T any](data []T, i, n int) []T {
	size := len(data) / n
	return data[i*size : (i+1)*size]
}

// Batch encodes pictures into one tensor. All must have the same size once encoded,
// and the layout must have a batch axis.
func (e *Encoder) Batch(imgs []*Image) (*tensor.Tensor, []Geometry, error) {
	if err := e.check(); err != nil {
		return nil, nil, err
	}
	if len(imgs) == 0 || len(e.recipe.Layout) != 4 {
		return nil, nil, fmt.Errorf("vision: %d pictures for a batch in layout %s", len(imgs), e.recipe.Layout)
	}
	if err := imgs[0].check(); err != nil {
		return nil, nil, err
	}
	shape, err := e.BatchShape(len(imgs), imgs[0].Width, imgs[0].Height)
	if err != nil {
		return nil, nil, err
	}
	t := tensor.New(e.dtype, shape...)
	out := make([]Geometry, len(imgs))
	for i, img := range imgs {
		if out[i], err = e.EncodeInto(context.Background(), t, i, img); err != nil {
			return nil, nil, err
		}
	}
	return t, out, nil
}

// Render returns what the network sees as a picture: resized, cropped and padded,
// but without reordered channels or normalised values. Padding that a recipe adds
// after the mean is black.
func (e *Encoder) Render(img *Image) (*Image, Geometry, error) {
	if err := img.check(); err != nil {
		return nil, Geometry{}, err
	}
	p, err := e.place(1, img.Width, img.Height)
	if err != nil {
		return nil, Geometry{}, err
	}
	out := NewImage(p.width, p.height)
	if e.recipe.Pad.Value != 0 {
		for i := range out.Pix {
			out.Pix[i] = e.recipe.Pad.Value
		}
	}
	err = resample(context.Background(), img, p.window, e.recipe.Resize.Filter, e.threads, func(y int, row []byte) {
		copy(out.Row(p.top + y)[p.left*3:], row)
	})
	if err != nil {
		return nil, Geometry{}, err
	}
	if e.recipe.Flip {
		for y := range out.Height {
			mirror(out.Row(y), out.Row(y))
		}
	}
	return out, p.geometry(img.Width, img.Height, e.recipe.Flip), nil
}
