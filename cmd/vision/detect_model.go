package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// The models used if none is named; RATIONALE.md says why these.
const (
	defaultDetector  = "yolox-nano"
	defaultSegmenter = "fcn-resnet50-12-int8"
)

// loadDetector opens the model that --model names, else the default one, which is
// fetched if it is not cached.
func loadDetector(c *cli.Context, standard string, more ...zoo.Option) (*zoo.Model, error) {
	zo, err := modelOptions(c)
	if err != nil {
		return nil, err
	}
	zo = append(zo, more...)
	if name := c.String("model"); name != "" {
		return openForPictures(c, name, zo)
	}
	m, err := zoo.LoadContext(c.Context, standard, zo...)
	var tried *zoo.FetchError
	switch {
	case c.Context.Err() != nil:
		return nil, c.Context.Err()
	case errors.As(err, &tried):
		return nil, noModel(fmt.Errorf("the default %w; or name a model of your own: --model PATH.onnx", err))
	case err != nil:
		return nil, noModel(fmt.Errorf("the default model %s: %w", standard, err))
	}
	all, err := zoo.All()
	if err != nil {
		return nil, err
	}
	card, err := all.Find(standard)
	if err != nil {
		return nil, err
	}
	remark(c, fmt.Sprintf("using %s; choose another with --model (vision zoo search %s)", standard, strings.Fields(card.Task)[0]))
	return m, nil
}

// readRecipe finds a recipe by its name, or reads it from a .json file.
func readRecipe(ctx context.Context, name string) (vision.Recipe, error) {
	if !strings.HasSuffix(strings.ToLower(name), ".json") {
		return vision.Named(name)
	}
	return readFile(ctx, name, func(r io.Reader) (vision.Recipe, error) {
		data, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil {
			return vision.Recipe{}, err
		}
		return vision.ParseRecipe(data)
	})
}
