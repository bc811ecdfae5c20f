package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/conform"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// verifyAgainst compares models, by name or path, with a reference in strict
// float32: on zero and random inputs and, for classifiers, on pictures.
func verifyAgainst(c *cli.Context, other string, o conform.Options) error {
	opts, err := zooOptions(c)
	if err != nil {
		return err
	}
	if c.Bool("plain") {
		opts = append(opts, zoo.WithEngine(engine.Plain()))
	}
	pictures, err := comparedOn(c)
	if err != nil {
		return err
	}
	with, err := zoo.LoadContext(c.Context, other, append(slices.Clone(opts), strictly)...)
	if err != nil {
		return noModel(err)
	}
	defer with.Close()
	passed, wrong := 0, 0
	for _, name := range c.Args().Slice() {
		m, err := zoo.LoadContext(c.Context, name, opts...)
		if err != nil {
			return noModel(err)
		}
		between := fmt.Sprintf("%s (%s) against %s (f32strict)", name, arithmetic(c), other)
		reports := conform.Against(c.Context, m.Session(), with.Session(), o)
		for i, r := range reports {
			r.Name = between + ", " + r.Name
			if r.Err != nil {
				wrong++
			} else {
				passed++
			}
			if c.Context.Err() == nil {
				printAgainst(c, r)
			}
			if i == 0 && r.Note != "" {
				remark(c, "floats of another type were converted: "+r.Note)
			}
		}
		if len(pictures) > 0 && c.Context.Err() == nil {
			err = verifyPictures(c, m, with, between, pictures)
		}
		m.Close()
		if err := errors.Join(c.Context.Err(), err); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.App.Writer, "verify: %d passed, %d failed, 0 skipped\n", passed, wrong)
	if wrong > 0 {
		return failed()
	}
	return nil
}

// printAgainst prints how far the outputs are from the reference's, whether that is
// within the tolerance or not.
func printAgainst(c *cli.Context, r conform.Result) {
	printResult(c, r)
	if c.Bool("json") {
		return
	}
	switch {
	case r.Err == nil:
		fmt.Fprintf(c.App.Writer, "ok   %s: largest error %.3g; outputs %s\n", oneLine(r.Name), r.MaxError, differenceText(r.Differ))
	case r.Differ.Count > 0:
		fmt.Fprintf(c.App.Writer, "     outputs %s\n", differenceText(r.Differ))
	}
}

// comparedOn lists the pictures that --pictures names.
func comparedOn(c *cli.Context) (all []vision.Source, err error) {
	for src, err := range pictureSources(c, c.StringSlice("pictures")) {
		switch {
		case c.Context.Err() != nil:
			return nil, c.Context.Err()
		case err != nil:
			return nil, &exitError{exitUsage, err}
		}
		all = append(all, src)
	}
	return all, nil
}

// verifyPictures prints on how many pictures two classifiers agree.
func verifyPictures(c *cli.Context, m, with *zoo.Model, between string, pictures []vision.Source) error {
	if err := errors.Join(takesPicture(m), takesPicture(with)); err != nil {
		return err
	}
	remark(c, m.Guess())
	if with.Guess() != m.Guess() {
		remark(c, with.Guess())
	}
	_, opts := sideBySide(c)
	var a agreement
	failures := 0
	err := beside(c, m, with, slices.Values(pictures), opts, func(p compared) error {
		if p.err != nil {
			failures++
			tell(c, named(p.got.Name, p.err))
			return nil
		}
		return a.add(p)
	})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		line := a.json()
		line["case"] = between + ", pictures"
		printJSON(c.App.Writer, line)
	} else {
		fmt.Fprintf(c.App.Writer, "     %s, on %d pictures: %s\n", oneLine(between), a.pictures, a.text(m))
	}
	if failures > 0 {
		return failed()
	}
	return nil
}
