package vision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/visionzoo/vision/internal/limit"
	"github.com/visionzoo/vision/internal/repeated"
)

// Recipe says how a picture becomes a network's input: resize, crop, pad, then
// for each channel (x*Scale - Mean) / Std, in float32 and in that order, written
// in Layout as DType. The zero value passes the picture through as RGB, NCHW,
// float32 of 0 to 255.
//
// In JSON the rules are words, as in
//
//	{"size":[224,224],"resize":"shorter 256 bilinear antialias","crop":"center 224",
//	 "channels":"RGB","layout":"NCHW","scale":"1/255","mean":[0.485,0.456,0.406],
//	 "std":[0.229,0.224,0.225],"dtype":"float32"}
type Recipe struct {
	Name string `json:"name,omitempty"`

	// Size is the size of the network's input in pixels, [height, width]; empty if
	// it takes any. The rules below must result in this size.
	Size []int `json:"size,omitempty"`

	Resize ResizeRule `json:"resize,omitzero"`
	Crop   CropRule   `json:"crop,omitzero"`
	Pad    PadRule    `json:"pad,omitzero"`

	// Channels is "RGB" (also when empty), "BGR" or "grey": luma after ITU-R
	// BT.601, rounded as Pillow's "L".
	Channels string `json:"channels,omitempty"`

	// Layout is "NCHW" (also when empty), "NHWC", or without a batch axis "CHW"
	// or "HWC".
	Layout string `json:"layout,omitempty"`

	Scale Scale     `json:"scale,omitzero"`
	Mean  []float64 `json:"mean,omitempty"` // one per channel in the order of Channels, or one for all; empty: 0
	Std   []float64 `json:"std,omitempty"`  // likewise; empty: 1

	// DType is "float32" (also when empty), "float16", "uint8" or "int8". For the
	// integers, values are rounded (halves to even) and clipped, after Quant.
	DType string `json:"dtype,omitempty"`

	// Quant is the quantisation of a quantised input; nil for none.
	Quant *Quant `json:"quant,omitempty"`

	// Flip mirrors the picture left to right.
	Flip bool `json:"flip,omitempty"`

	// Remark is for people: where the recipe is documented, and what is uncertain.
	Remark string `json:"remark,omitempty"`
}

// Quant stores a value v as round(v/Scale) + ZeroPoint.
type Quant struct {
	Scale     float64 `json:"scale"`
	ZeroPoint int     `json:"zero_point"`
}

// maxRecipe bounds a recipe's JSON.
const maxRecipe = 64 << 10

// ParseRecipe reads a recipe from JSON. It is strict: unknown or repeated keys,
// data after the object, and rules that do not fit together are errors.
func ParseRecipe(data []byte) (Recipe, error) {
	var r Recipe
	if len(data) > maxRecipe {
		return r, limit.Errorf("recipe: %d bytes; a recipe has at most %d", len(data), maxRecipe)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // which editors on Windows begin texts with
	if key, ok := repeated.Key(data); ok {
		return r, fmt.Errorf("recipe: key %q occurs twice", shorten(key))
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err == io.EOF {
		return Recipe{}, errors.New("recipe: it is empty; it must hold a JSON object")
	} else if err != nil {
		return Recipe{}, fmt.Errorf("recipe: %s", oneLine(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Recipe{}, errors.New("recipe: something follows the object")
	}
	r.Size, r.Mean, r.Std = someOrNil(r.Size), someOrNil(r.Mean), someOrNil(r.Std)
	if err := r.Validate(); err != nil {
		return Recipe{}, err
	}
	return r, nil
}

// someOrNil is nil for an empty list, so that "std":[] is the same as no std.
func someOrNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// Validate returns an error of one line about the first rule that is invalid or
// does not fit the others.
func (r Recipe) Validate() error {
	name := "recipe"
	if r.Name != "" {
		name = fmt.Sprintf("recipe %q", shorten(r.Name))
	}
	if _, err := r.resolve(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// WithSize returns the recipe for a network with another fixed input size: the
// rules then result in height × width, and the size to which the shorter side is
// resized before a crop changes in proportion. A recipe without a fixed size, or for
// sides below 1, is returned unchanged.
func (r Recipe) WithSize(height, width int) Recipe {
	full, err := r.resolve()
	if err != nil || full.Size == nil || height < 1 || width < 1 {
		return r
	}
	oldHeight, oldWidth := full.Size[0], full.Size[1]
	if full.Resize.Mode == Shorter {
		full.Resize.Width = max(1, (full.Resize.Width*min(height, width)+min(oldHeight, oldWidth)/2)/min(oldHeight, oldWidth))
	}
	if m := full.Resize.Mode; m == Stretch && full.Crop.Mode == CropCenter {
		full.Resize.Width = max(1, (full.Resize.Width*width+oldWidth/2)/oldWidth)
		full.Resize.Height = max(1, (full.Resize.Height*height+oldHeight/2)/oldHeight)
	} else if m == Stretch || m == Letterbox {
		full.Resize.Width, full.Resize.Height = width, height
	}
	if full.Crop.Mode == CropCenter {
		full.Crop.Width, full.Crop.Height = width, height
	}
	full.Size = []int{height, width}
	return full
}

// resolve checks everything and fills in defaults: sizes, channel order, layout,
// and a mean and std for each channel.
func (r Recipe) resolve() (Recipe, error) {
	steps := []func(*Recipe) error{
		(*Recipe).resolveSize, (*Recipe).resolveNames, (*Recipe).resolveNumbers,
	}
	for _, step := range steps {
		if err := step(&r); err != nil {
			return Recipe{}, err
		}
	}
	return r, nil
}

func (r *Recipe) resolveSize() error {
	if r.Size != nil && (len(r.Size) != 2 || !side(r.Size[0]) || !side(r.Size[1])) {
		return fmt.Errorf("size %v is not [height, width] with sides of 1 to %d", r.Size, maxSide)
	}
	if r.Size != nil && r.Resize.Width == 0 && (r.Resize.Mode == Stretch || r.Resize.Mode == Letterbox) {
		r.Resize.Width, r.Resize.Height = r.Size[1], r.Size[0]
	}
	if r.Size != nil && r.Crop.Mode == CropCenter && r.Crop.Width == 0 {
		r.Crop.Width, r.Crop.Height = r.Size[1], r.Size[0]
	}
	for _, err := range []error{r.Resize.check(), r.Crop.check(), r.Pad.check()} {
		if err != nil {
			return err
		}
	}
	if r.Resize.Mode == Letterbox && (r.Crop.Mode != CropNone || r.Pad.Mode != PadTopLeft && r.Pad.Mode != PadCenter) {
		return fmt.Errorf("resize %q needs pad \"topleft VALUE\" or \"center VALUE\" and no crop", r.Resize)
	}
	if r.Resize.Mode != Letterbox && (r.Pad.Mode == PadTopLeft || r.Pad.Mode == PadCenter) {
		return fmt.Errorf("pad %q goes with resize \"letterbox\" only", r.Pad)
	}
	fixed := r.fixedSize()
	if r.Size == nil {
		r.Size = fixed
	}
	if fixed != nil && !slices.Equal(fixed, r.Size) {
		return fmt.Errorf("the rules give %v (height, width), size says %v", fixed, r.Size)
	}
	return nil
}

// fixedSize is the [height, width] that the rules result in for every picture, nil
// if it depends on the picture.
func (r *Recipe) fixedSize() []int {
	up := func(v int) int {
		if r.Pad.Mode == PadMultiple {
			v = (v + r.Pad.Multiple - 1) / r.Pad.Multiple * r.Pad.Multiple
		}
		return v
	}
	switch {
	case r.Crop.Mode == CropCenter:
		return []int{up(r.Crop.Height), up(r.Crop.Width)}
	case r.Resize.Mode == Stretch || r.Resize.Mode == Letterbox:
		return []int{up(r.Resize.Height), up(r.Resize.Width)}
	}
	return nil
}

func (r *Recipe) resolveNames() error {
	switch strings.ToLower(r.Channels) {
	case "", "rgb":
		r.Channels = "RGB"
	case "bgr":
		r.Channels = "BGR"
	case "grey", "gray", "y":
		r.Channels = "grey"
	default:
		return fmt.Errorf("channels %q is none of RGB, BGR, grey", shorten(r.Channels))
	}
	if r.Layout = strings.ToUpper(r.Layout); r.Layout == "" {
		r.Layout = "NCHW"
	}
	if !slices.Contains([]string{"NCHW", "NHWC", "CHW", "HWC"}, r.Layout) {
		return fmt.Errorf("layout %q is none of NCHW, NHWC, CHW, HWC", shorten(r.Layout))
	}
	if r.DType == "" {
		r.DType = "float32"
	}
	if !slices.Contains([]string{"float32", "float16", "uint8", "int8"}, r.DType) {
		return fmt.Errorf("dtype %q is none of float32, float16, uint8, int8", shorten(r.DType))
	}
	return nil
}

func (r *Recipe) resolveNumbers() error {
	channels := 3
	if r.Channels == "grey" {
		channels = 1
	}
	var err error
	if r.Mean, err = perChannel("mean", r.Mean, channels, 0); err != nil {
		return err
	}
	if r.Std, err = perChannel("std", r.Std, channels, 1); err != nil {
		return err
	}
	for _, v := range r.Std {
		if v == 0 {
			return errors.New("std has a zero; values are divided by it")
		}
	}
	if r.Scale == (Scale{}) {
		r.Scale = Scale{1, 1}
	}
	if err := r.Scale.check(); err != nil {
		return err
	}
	if q := r.Quant; q != nil {
		if !finite(q.Scale) || q.Scale <= 0 || q.ZeroPoint < -128 || q.ZeroPoint > 255 {
			return fmt.Errorf("quant: scale %v must be above 0, zero point %d within -128 to 255", q.Scale, q.ZeroPoint)
		}
		if r.DType != "uint8" && r.DType != "int8" {
			return fmt.Errorf("quant goes with dtype uint8 or int8, not %s", r.DType)
		}
	}
	return nil
}

// perChannel repeats a single value, fills in the default and checks the rest.
func perChannel(what string, v []float64, channels int, def float64) ([]float64, error) {
	switch len(v) {
	case 0:
		return slices.Repeat([]float64{def}, channels), nil
	case 1:
		v = slices.Repeat(v, channels)
	case channels:
		v = slices.Clone(v)
	default:
		return nil, fmt.Errorf("%s has %d values for %d channels", what, len(v), channels)
	}
	for _, x := range v {
		if !finite(x) {
			return nil, fmt.Errorf("%s holds %v; it must be a float32", what, x)
		}
	}
	return v, nil
}
