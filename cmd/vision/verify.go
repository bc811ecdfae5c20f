package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/conform"
	"github.com/visionzoo/vision/zoo"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "run ONNX test cases against their golden outputs, or one model against another",
		UsageText: "vision verify resnet50/             a folder with model.onnx and test_data_set_*\nvision verify onnx/backend/test/data/node --json\nvision verify squeezenet1.1         a model of the zoo, with its publisher's data\nvision verify small.onnx --against original.onnx\nvision verify resnet50 --against resnet50 --precision bf16 --pictures photos/",
		ArgsUsage: "PATH...",
		Flags: []cli.Flag{
			&cli.Float64Flag{Name: "rtol", Usage: "relative tolerance `R`; without it the case's own, else 1e-3, or 1e-2 for floats of 16 bits and fewer", DefaultText: "the case's"},
			&cli.Float64Flag{Name: "atol", Usage: "absolute tolerance `A`; without it the case's own, else 1e-5, or 1e-2 for floats of 16 bits and fewer; networks of ten convolutions and matrix products or more get at least 5e-4 of the output's spread", DefaultText: "the case's"},
			&cli.DurationFlag{Name: "timeout", Usage: "fail a case that takes longer than `TIME`", Value: time.Minute},
			&cli.StringFlag{Name: "against", Usage: "compare with this `MODEL`, a zoo name or a path, in strict float32: on zero and random inputs"},
			&cli.StringSliceFlag{Name: "pictures", Usage: "with --against: compare classifiers on these `PICTURES` too, by their first classes and logits: a folder, file or pattern"},
			recipeFlag,
			toggle("plain", "use the reference kernels only, without optimisation"),
			offlineFlag, quietFlag, threadsFlag, precisionFlag, toggle("json", "print a line of JSON for each case; the last line stays plain text"),
		},
		Action: verify,
	}
}

func verify(c *cli.Context) error {
	if !c.Args().Present() {
		return usage("verify needs a PATH: a case folder, a folder of them, or the name of a model of the zoo")
	}
	if !(c.Float64("rtol") >= 0 && c.Float64("atol") >= 0) { // NaN is not either
		return usage("--rtol and --atol must be numbers of 0 or more")
	}
	if c.Duration("timeout") <= 0 {
		return usage("--timeout %v: must be above 0", c.Duration("timeout"))
	}
	o := conform.Options{RTol: tolerance(c, "rtol"), ATol: tolerance(c, "atol"), Timeout: c.Duration("timeout")}
	if other := c.String("against"); other != "" {
		return verifyAgainst(c, other, o)
	}
	var err error
	if o.Engine, err = engineOptions(c); err != nil {
		return err
	}
	if c.Bool("plain") {
		o.Engine = append(o.Engine, engine.Plain())
	}
	if c.IsSet("pictures") || c.IsSet("recipe") {
		return usage("--pictures and --recipe need --against MODEL")
	}
	var cases []conform.Case
	for _, path := range c.Args().Slice() {
		path, err := casesOf(c, path)
		if err != nil {
			return noModel(err)
		}
		found, err := conform.Find(path)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		cases = append(cases, found...)
	}
	passed, wrong, skipped := 0, 0, 0
	verifyAll(c.Context, cases, o, func(r conform.Result) {
		switch {
		case r.Skipped != "":
			skipped++
		case r.Err != nil:
			wrong++
		default:
			passed++
		}
		printResult(c, r)
	})
	if err := c.Context.Err(); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "verify: %d passed, %d failed, %d skipped\n", passed, wrong, skipped)
	if wrong > 0 {
		return failed()
	}
	return nil
}

// casesOf is the folder of cases that an argument names: itself or, for a model of
// the zoo, that of its publisher's data, which is fetched if it is not cached.
func casesOf(c *cli.Context, arg string) (string, error) {
	if _, err := os.Stat(arg); err == nil {
		return arg, nil
	}
	all, err := zoo.All()
	if err != nil {
		return "", err
	}
	if _, err := all.Find(arg); err != nil {
		return arg, nil // a path that does not exist
	}
	return zoo.PullCase(c.Context, arg, fetchOptions(c)...)
}

// tolerance is a flag's value: 0, which means the default, if it is not given, and
// almost 0 if it is given as 0.
func tolerance(c *cli.Context, flag string) float64 {
	if v := c.Float64(flag); v != 0 || !c.IsSet(flag) {
		return v
	}
	return 1e-300
}

func printResult(c *cli.Context, r conform.Result) {
	if c.Bool("json") {
		line := map[string]any{"case": r.Name, "ms": milliseconds(r.Elapsed), "max_error": r.MaxError}
		if r.Differ.Count > 0 {
			line["outputs"] = differenceJSON(r.Differ)
		}
		switch {
		case r.Skipped != "":
			line["skipped"] = r.Skipped
		case r.Err != nil:
			line["error"] = oneLine(r.Err.Error())
		}
		printJSON(c.App.Writer, line)
		return
	}
	if r.Err != nil {
		fmt.Fprintf(c.App.Writer, "FAIL %s: %s\n", oneLine(r.Name), oneLine(r.Err.Error()))
	}
}

// verifyAll runs cases on all processors and reports them in order. When the
// context is done, it returns at once, even if a case is still opening its model.
func verifyAll(ctx context.Context, cases []conform.Case, o conform.Options, report func(conform.Result)) {
	results := make([]chan conform.Result, len(cases))
	for i := range results {
		results[i] = make(chan conform.Result, 1)
	}
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for i := range next {
				results[i] <- cases[i].Run(ctx, o)
			}
		}()
	}
	go func() {
		defer close(next)
		for i := range cases {
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	for _, r := range results {
		select {
		case done := <-r:
			report(done)
		case <-ctx.Done():
			return
		}
	}
}
