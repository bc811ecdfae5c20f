package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// The flags of all commands that may fetch a model.
var (
	recipeFlag  = &cli.StringFlag{Name: "recipe", Usage: "prepare pictures by this recipe: a `NAME` or a .json file"}
	labelsFlag  = &cli.StringFlag{Name: "labels", Usage: "names of the classes: a text `FILE` with one on each line, or the name of a label set (" + strings.Join(label.Names(), ", ") + ")"}
	offlineFlag = toggle("offline", "never use the network")
	quietFlag   = toggle("quiet", "print no progress and no remarks")
)

// zooOptions are the options that the flags set for finding, fetching and opening a
// model.
func zooOptions(c *cli.Context) ([]zoo.Option, error) {
	opts, err := engineOptions(c)
	if err != nil {
		return nil, err
	}
	out := append(fetchOptions(c), zoo.WithEngine(opts...))
	limit, err := memoryLimit()
	if err != nil {
		return nil, err
	}
	if limit > 0 {
		out = append(out, zoo.WithEncoder(vision.EncodeMemory(limit)))
	}
	if name := c.String("recipe"); name != "" {
		r, err := readRecipe(c.Context, name)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		out = append(out, zoo.WithRecipe(r))
	}
	return out, nil
}

// fetchOptions are those for finding and fetching alone.
func fetchOptions(c *cli.Context) []zoo.Option {
	out := []zoo.Option{zoo.WithNotice(func(line string) { remark(c, line) }), zoo.WithProgress(newDownload(c).report)}
	if c.Bool("offline") {
		out = append(out, zoo.WithOffline(true))
	}
	return out
}

// remark is tell, unless --quiet.
func remark(c *cli.Context, line string) {
	if !c.Bool("quiet") {
		tell(c, line)
	}
}

// openForPictures opens a model by its name in the zoo or its path. It refuses one
// without an input for pictures.
func openForPictures(c *cli.Context, name string, opts []zoo.Option) (*zoo.Model, error) {
	m, err := zoo.LoadContext(c.Context, name, opts...)
	if err != nil {
		return nil, noModel(err)
	}
	if err := takesPicture(m); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// takesPicture refuses a model without an input for pictures.
func takesPicture(m *zoo.Model) error {
	if m.Encoder() != nil {
		return nil
	}
	return usage("%s; vision inspect lists its inputs, and vision run feeds them", noPicture(m))
}

// noPicture says why a model has no encoder.
func noPicture(m *zoo.Model) string {
	if why := m.Guess(); why != "" {
		return why
	}
	return fmt.Sprintf("%s: no input of this model takes a picture", oneLine(m.Card().Name))
}

// modelOptions are zooOptions, with the names that --labels gives the classes.
func modelOptions(c *cli.Context) ([]zoo.Option, error) {
	opts, err := zooOptions(c)
	name := c.String("labels")
	if err != nil || name == "" {
		return opts, err
	}
	set, err := label.Open(name)
	if _, missing := os.Stat(name); errors.Is(err, label.ErrUnknown) && missing != nil {
		err = fmt.Errorf("%.80q is no file, and no label set; there are %s", name, strings.Join(label.Names(), ", "))
	} else if errors.Is(err, label.ErrUnknown) {
		set, err = readFile(c.Context, name, func(r io.Reader) (*label.Set, error) { return label.Read(filepath.Base(name), r) })
	}
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--labels: %w", err)}
	}
	return append(opts, zoo.WithLabels(set)), nil
}

// loadClassifier opens the model that --model names, else the best cached
// classifier, else the built-in one.
func loadClassifier(c *cli.Context, more ...zoo.Option) (*zoo.Model, error) {
	opts, err := modelOptions(c)
	if err != nil {
		return nil, err
	}
	opts = append(opts, more...)
	name := c.String("model")
	if name == "" {
		card, err := zoo.DefaultClassifier(opts...)
		if err != nil {
			return nil, noModel(err)
		}
		switch {
		case c.Bool("quiet"):
		case card.Builtin:
			fmt.Fprintln(c.App.ErrWriter, "using the built-in 10-class model; --model squeezenet1.1 for 1,000 classes")
		default:
			fmt.Fprintf(c.App.ErrWriter, "using %s from the cache; choose another with --model\n", card.Name)
		}
		name = card.Name
	}
	return openForPictures(c, name, opts)
}
