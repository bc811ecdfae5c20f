package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/conform"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/zoo"
)

// given is what --input says of an input: its value, or the shape of one to make up.
type given struct {
	value *tensor.Tensor
	shape []int
}

// givenInputs reads what --input names.
func givenInputs(c *cli.Context, inputs []engine.Info) (map[string]given, error) {
	all := map[string]given{}
	for _, arg := range c.StringSlice("input") {
		info, file, err := inputOf(arg, inputs)
		if err != nil {
			return nil, err
		}
		if _, twice := all[info.Name]; twice {
			return nil, usage("--input %s: input %.80q has a value already", arg, info.Name)
		}
		var g given
		switch shape, ok := parseShape(file); {
		case ok:
			g.shape = shape
		case isData(file):
			g.value, err = readData(c.Context, file, info)
		default:
			err = usage("--input %s: write a shape as 1x16000, or give a .npy or .pb file", arg)
		}
		if err != nil {
			return nil, err
		}
		all[info.Name] = g
	}
	return all, nil
}

// parseShape reads a shape as 1x3x224x224, unless a file has that name.
func parseShape(text string) (shape []int, ok bool) {
	if _, err := os.Stat(text); err == nil {
		return nil, false
	}
	for _, side := range strings.Split(strings.ToLower(text), "x") {
		n, err := strconv.Atoi(side)
		if err != nil || n < 0 {
			return nil, false
		}
		shape = append(shape, n)
	}
	return shape, true
}

// benchInputs makes up inputs that are not given, as conform.Randomise does. An open
// first dimension gets the batch size, those of a picture height and width, others 1.
func benchInputs(infos []engine.Info, known map[string]given, batch, height, width int) (engine.Values, error) {
	r := rand.New(rand.NewPCG(1, 2))
	in := engine.Values{}
	limit, err := runLimit()
	if err != nil {
		return nil, err
	}
	room := limit
	for _, info := range infos {
		g := known[info.Name]
		if g.value != nil {
			in[info.Name] = g.value
			continue
		}
		if !info.DType.IsElement() || !info.Shape.Ranked && g.shape == nil {
			return nil, usage("input %.80q is %v: bench cannot make one up; write --input NAME=FILE, or NAME=SHAPE if only its shape is open", info.Name, info.Fact)
		}
		shape := g.shape
		if shape == nil {
			shape = make([]int, len(info.Shape.Dims))
			for i, d := range info.Shape.Dims {
				if shape[i] = d.N; !d.Known() {
					shape[i] = openDim(info, i, batch, height, width)
				}
			}
		}
		n, err := tensor.Count(shape)
		if err != nil {
			return nil, fmt.Errorf("input %.80q: %w", info.Name, err)
		}
		each := int64(cmp.Or(info.DType.Size(), 16)) // a string's header
		if int64(n) > room/each {
			return nil, fmt.Errorf("input %.80q: %v%v is larger than the memory limit of %s (VISION_MEMORY_LIMIT sets another)", info.Name, info.DType, shape, zoo.Size(limit))
		}
		room -= int64(n) * each
		in[info.Name] = tensor.New(info.DType, shape...)
		conform.Randomise(in[info.Name], r)
	}
	return in, nil
}

// madeUp adds to the error of a run which shapes bench chose.
func madeUp(err error, infos []engine.Info, known map[string]given, in engine.Values) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	var chosen []string
	for _, info := range infos {
		_, given := known[info.Name]
		open := false
		for _, d := range info.Shape.Dims {
			open = open || !d.Known()
		}
		if open && !given {
			chosen = append(chosen, fmt.Sprintf("%.80q %v", info.Name, in[info.Name].Shape()))
		}
	}
	if len(chosen) == 0 {
		return err
	}
	return fmt.Errorf("%w; bench chose %s: --input NAME=SHAPE sets another", err, strings.Join(chosen, ", "))
}

func openDim(info engine.Info, axis, batch, height, width int) int {
	dims := info.Shape.Dims
	if axis == 0 && len(dims) > 1 {
		return batch
	}
	if len(dims) != 4 {
		return 1
	}
	if height == 0 {
		height, width = 224, 224
	}
	channelsLast := dims[3].N == 1 || dims[3].N == 3
	switch {
	case axis == 1 && !channelsLast:
		return 3
	case axis == 1, axis == 2 && !channelsLast:
		return height
	}
	return width
}
