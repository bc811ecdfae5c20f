package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

// feed is what every contender gets to know of a model's inputs and outputs, so
// that all run on the same numbers and none has to open the model more than once.
type feed struct {
	Inputs  []array `json:"inputs"`
	Outputs []array `json:"outputs"`
	Saved   string  `json:"saved,omitempty"` // an .npz file with values of inputs
}

// array is the name and type of an input or output, and its shape: of outputs, only
// where they are floats of 16 bits, for which other engines need it.
type array struct {
	Name  string       `json:"name"`
	DType tensor.DType `json:"dtype"`
	Shape []int        `json:"shape,omitempty"`
	File  string       `json:"file,omitempty"` // an .npy file with its value
}

// halves reports whether an array is of floats of 16 bits.
func (a array) halves() bool { return a.DType == tensor.Float16 || a.DType == tensor.BFloat16 }

// sizes are what a model's free dimensions become.
type sizes struct{ batch, height, width int } // height 0: none was asked for

// usual is the height and width of pictures where nobody asked for another.
const usual = 224

// describe returns how to feed a model. The arrays in the .npz beside it are taken
// where there is one, the batch is 1 and no size is asked for; what is given for
// an input by its name, a shape or an .npy file, comes before.
func describe(model string, size sizes, given map[string]string) (feed, error) {
	s, err := engine.Open(model, engine.Plain())
	if err != nil {
		return feed{}, err
	}
	defer s.Close()
	f, free, open, named := feed{}, false, false, 0
	if saved := strings.TrimSuffix(model, ".onnx") + ".npz"; size.batch == 1 && size.height == 0 && exists(saved) {
		f.Saved = saved
	}
	for _, info := range s.Inputs() {
		a := array{Name: info.Name, DType: info.DType}
		if text, ok := given[info.Name]; ok {
			if a.Shape, ok = parseShape(text); !ok {
				a.File = text
			}
			named++
		} else {
			a.Shape = shapeOf(info, size)
		}
		if !info.DType.IsElement() || !info.Shape.Ranked && given[info.Name] == "" {
			return feed{}, fmt.Errorf("input %s: no numbers can be made up for %s", info.Name, info.Fact)
		}
		f.Inputs = append(f.Inputs, a)
		free, open = free || hasFreeSize(info), open || len(info.Shape.Dims) > 0 && !info.Shape.Dims[0].Known()
	}
	if named < len(given) {
		return feed{}, fmt.Errorf("--input: no input has that name; the inputs are %v", f.Inputs)
	}
	if size.height > 0 && !free {
		return feed{}, fmt.Errorf("--size: the model's inputs have sizes of their own, as %s %s", s.Inputs()[0].Name, s.Inputs()[0].Fact)
	}
	if size.batch > 1 && !open {
		return feed{}, fmt.Errorf("--batch: the model's inputs have a batch of their own, as %s %s", s.Inputs()[0].Name, s.Inputs()[0].Fact)
	}
	for _, info := range s.Outputs() {
		f.Outputs = append(f.Outputs, array{Name: info.Name, DType: info.DType})
	}
	return f, f.shapeHalves(model)
}

// shapeHalves runs a model once, if it has outputs of 16 bits, to learn their shapes.
func (f feed) shapeHalves(model string) error {
	if !slices.ContainsFunc(f.Outputs, array.halves) {
		return nil
	}
	in, err := f.values()
	if err != nil {
		return err
	}
	s, err := engine.Open(model)
	if err != nil {
		return err
	}
	defer s.Close()
	out, err := s.Run(context.Background(), in)
	if err != nil {
		return err
	}
	for i, a := range f.Outputs {
		if a.halves() {
			f.Outputs[i].Shape = out[a.Name].Shape()
		}
	}
	return nil
}

// feedLine is a feed as contenders get it.
func feedLine(model string, size sizes, given map[string]string) (string, error) {
	f, err := describe(model, size, given)
	if err != nil {
		return "", err
	}
	line, err := json.Marshal(f)
	return string(line), err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// hasFreeSize reports whether an input is of pictures whose height or width is
// free.
func hasFreeSize(info engine.Info) bool {
	d := info.Shape.Dims
	return len(d) == 4 && (!d[2].Known() || !d[3].Known() || !d[1].Known() && d[3].N == 3)
}

// shapeOf fills in free dimensions: the first is the batch; of four, those of a
// picture are its channels, height and width; others are 1.
func shapeOf(info engine.Info, size sizes) []int {
	if size.height == 0 {
		size.height, size.width = usual, usual
	}
	dims := info.Shape.Dims
	free := []int{size.batch, 3, size.height, size.width}
	if len(dims) == 4 && (dims[3].N == 1 || dims[3].N == 3) { // channels last
		free = []int{size.batch, size.height, size.width, 3}
	}
	shape := make([]int, len(dims))
	for i, d := range dims {
		switch {
		case d.Known():
			shape[i] = d.N
		case len(dims) == 4 || i == 0:
			shape[i] = free[i]
		default:
			shape[i] = 1
		}
	}
	return shape
}

// values are the arrays that were saved, and numbers between -2 and 2 for
// others, the same at each call.
func (f feed) values() (engine.Values, error) {
	saved := map[string]*tensor.Tensor{}
	if f.Saved != "" {
		file, err := os.Open(f.Saved)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		stat, err := file.Stat()
		if err != nil {
			return nil, err
		}
		if saved, err = tensor.ReadNpz(file, stat.Size()); err != nil {
			return nil, err
		}
	}
	in := engine.Values{}
	r := rand.New(rand.NewPCG(1, 2))
	for _, a := range f.Inputs {
		var err error
		switch {
		case a.File != "":
			in[a.Name], err = readArray(a.File)
		case saved[a.Name] != nil:
			in[a.Name] = saved[a.Name]
		default:
			in[a.Name] = random(r, a)
		}
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", a.Name, err)
		}
	}
	return in, nil
}

func readArray(path string) (*tensor.Tensor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return tensor.ReadNpy(f)
}

// parseShape reads a shape as 1x3x224x224.
func parseShape(text string) (shape []int, ok bool) {
	for _, side := range strings.Split(strings.ToLower(text), "x") {
		n, err := strconv.Atoi(side)
		if err != nil || n < 1 {
			return nil, false
		}
		shape = append(shape, n)
	}
	return shape, true
}

func random(r *rand.Rand, a array) *tensor.Tensor {
	t := tensor.New(a.DType, a.Shape...)
	switch a.DType {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
		for i := range t.Len() {
			tensor.Store(t, i, 1, []float64{float64(r.Float32()*4 - 2)})
		}
	default:
		for i, d := 0, t.Bytes(); a.DType == tensor.Uint8 && i < len(d); i++ {
			d[i] = byte(r.Uint32())
		}
	}
	return t
}

// compared is how many numbers of the first output are compared with another
// engine's.
const compared = 2000

// floats are the first numbers of a tensor of floats.
func floats(t *tensor.Tensor) []float32 {
	if t == nil || t.DType() != tensor.Float32 && !(array{DType: t.DType()}).halves() {
		return nil
	}
	wide := make([]float64, min(t.Len(), compared))
	tensor.Load(wide, t, 0, 1)
	out := make([]float32, len(wide))
	for i, v := range wide {
		out[i] = float32(v)
	}
	return out
}
