package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "look inside a model",
		UsageText: "vision inspect model.onnx\nvision inspect model.onnx --layers\nvision inspect --operators",
		ArgsUsage: "MODEL",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "layers", Usage: "list the nodes with what they make"},
			&cli.BoolFlag{Name: "passes", Usage: "tell what each optimisation changed"},
			&cli.BoolFlag{Name: "operators", Usage: "list the operators the engine knows"},
		},
		Action: inspect,
	}
}

func inspect(c *cli.Context) error {
	if c.Bool("operators") {
		return printOperators(c)
	}
	if c.Args().Len() != 1 {
		return usage("inspect needs one MODEL: the path of an .onnx file")
	}
	opts, err := engineOptions(c)
	if err != nil {
		return err
	}
	s, err := engine.Open(c.Args().First(), opts...)
	if err != nil {
		return noModel(err)
	}
	defer s.Close()
	out := c.App.Writer
	for _, i := range s.Inputs() {
		fmt.Fprintf(out, "input   %q  %v\n", i.Name, i.Fact)
	}
	for _, o := range s.Outputs() {
		fmt.Fprintf(out, "output  %q  %v\n", o.Name, o.Fact)
	}
	counts := map[string]int{}
	for _, l := range s.Layers() {
		counts[l.Op]++
	}
	for _, op := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "%7d %s\n", counts[op], op)
	}
	cost := s.Cost()
	fmt.Fprintf(out, "%d parameters, %.1f MiB, %.3f GFLOP a picture\n", cost.Parameters, float64(cost.Bytes)/(1<<20), cost.FLOPs/1e9)
	if c.Bool("layers") {
		for _, l := range s.Layers() {
			for _, o := range l.Outputs {
				fmt.Fprintf(out, "%-20s %q  %v\n", l.Op, o.Name, o.Fact)
			}
		}
	}
	if c.Bool("passes") {
		for _, r := range s.Passes() {
			fmt.Fprintf(out, "%5d  %-10s %s\n", r.Changes, r.Name, r.Does)
		}
	}
	return nil
}

func printOperators(c *cli.Context) error {
	for _, o := range engine.Operators() {
		domain, until := o.Domain, fmt.Sprint(o.Until)
		if domain == "" {
			domain = "ai.onnx"
		}
		if o.Until == 0 {
			until = ""
		}
		fmt.Fprintf(c.App.Writer, "%-28s %-26s %3d–%-3s %s\n", domain, o.Name, o.Since, until, o.Types)
	}
	return nil
}
