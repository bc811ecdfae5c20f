package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/zoo"
)

func zooCommand() *cli.Command {
	offline := &cli.BoolFlag{Name: "offline", Usage: "never touch the network"}
	return &cli.Command{
		Name:      "zoo",
		Usage:     "the catalogue of models and the cache",
		UsageText: "vision zoo list\nvision zoo pull squeezenet1.1\nvision zoo path resnet50",
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "list the catalogue", Action: func(c *cli.Context) error { return zooList(c) }},
			{Name: "search", Usage: "list the models that match words", ArgsUsage: "WORD...", Action: zooSearch},
			{Name: "pull", Usage: "fetch models into the cache", ArgsUsage: "NAME...", Flags: []cli.Flag{offline}, Action: zooEach(func(c *cli.Context, name string) error {
				path, err := zoo.Pull(c.Context, name, zoo.WithOffline(c.Bool("offline")))
				if err == nil {
					fmt.Fprintln(c.App.Writer, path)
				}
				return err
			})},
			{Name: "path", Usage: "print where a model lies, or belongs", ArgsUsage: "NAME...", Action: zooEach(func(c *cli.Context, name string) error {
				path, err := zoo.Path(name)
				if err == nil {
					fmt.Fprintln(c.App.Writer, path)
				}
				return err
			})},
			{Name: "rm", Usage: "remove models from the cache", ArgsUsage: "NAME...", Action: zooEach(func(c *cli.Context, name string) error {
				freed, err := zoo.Remove(name)
				if err == nil {
					fmt.Fprintf(c.App.Writer, "%s: %d bytes freed\n", name, freed)
				}
				return err
			})},
		},
	}
}

// zooEach does something for each name; the exit code tells of the first that
// failed, the rest is done.
func zooEach(do func(c *cli.Context, name string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if !c.Args().Present() {
			return usage("%s needs a NAME; vision zoo list has them", c.Command.Name)
		}
		var first error
		for _, name := range c.Args().Slice() {
			if err := do(c, name); err != nil {
				if first != nil {
					fmt.Fprintln(c.App.ErrWriter, "vision: "+oneLine(first.Error()))
				}
				first = err
			}
		}
		if first != nil {
			return noModel(first)
		}
		return nil
	}
}

func zooList(c *cli.Context, words ...string) error {
	all, err := zoo.All()
	if err != nil {
		return err
	}
	cards := all.Cards()
	if len(words) > 0 {
		cards = all.Search(words...)
	}
	for _, card := range cards {
		fmt.Fprintf(c.App.Writer, "%-36s %-10s %-5s %9.1f MB  %s\n", card.Name, card.Task, card.Variant, float64(card.Bytes)/1e6, card.Licence)
	}
	return nil
}

func zooSearch(c *cli.Context) error {
	if !c.Args().Present() {
		return usage("search needs a WORD")
	}
	return zooList(c, c.Args().Slice()...)
}
