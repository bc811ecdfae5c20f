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

// loadDetector opens the model that --model names, else the standard one, which is
// fetched if it is not cached.
func loadDetector(c *cli.Context, standard string, more ...zoo.Option) (*zoo.Model, error) {
	zo, err := zooOptions(c)
	if err != nil {
		return nil, err
	}
	zo = append(zo, more...)
	name := c.String("model")
	if name != "" {
		m, err := zoo.LoadContext(c.Context, name, zo...)
		if err != nil {
			return nil, noModel(err)
		}
		return m, nil
	}
	all, err := zoo.All()
	if err != nil {
		return nil, err
	}
	card, err := all.Find(standard)
	if err != nil {
		return nil, err
	}
	m, err := zoo.LoadContext(c.Context, standard, zo...)
	if err != nil {
		if c.Context.Err() != nil {
			return nil, c.Context.Err()
		}
		return nil, noModel(fmt.Errorf("the standard model %s (%s) is not cached and could not be fetched: %s; run vision zoo pull %s on a machine with a network, or name a file: --model PATH.onnx",
			standard, zoo.Size(card.Bytes), cause(err), standard))
	}
	remark(c, fmt.Sprintf("using %s; choose another with --model (vision zoo search %s)", standard, strings.Fields(card.Task)[0]))
	return m, nil
}

// cause is the reason a model could not be fetched, in a few words.
func cause(err error) string {
	if errors.Is(err, zoo.ErrOffline) {
		return "offline"
	}
	var tried *zoo.FetchError
	if errors.As(err, &tried) && len(tried.Attempts) > 0 {
		return oneLine(tried.Attempts[0].Answer)
	}
	s := oneLine(err.Error())
	if r := []rune(s); len(r) > 160 {
		s = string(r[:159]) + "…"
	}
	return s
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
