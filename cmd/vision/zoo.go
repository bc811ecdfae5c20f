package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/zoo"
)

func zooCommand() *cli.Command {
	cached := toggle("cached", "only what is in the cache")
	return &cli.Command{
		Name:      "zoo",
		Usage:     "list models, fetch them into the cache, check and remove them",
		UsageText: "vision zoo list --cached\nvision zoo show squeezenet1.1\nvision zoo pull squeezenet1.1\nvision zoo path resnet50",
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "list the catalogue, with size, licence and what is cached", UsageText: "vision zoo list\nvision zoo list --cached --json",
				Flags: []cli.Flag{cached, jsonFlag}, Action: zooList},
			{Name: "search", Usage: "list the models that match words", UsageText: "vision zoo search detect int8", ArgsUsage: "WORD...",
				Flags: []cli.Flag{cached, jsonFlag}, Action: zooSearch},
			{Name: "show", Usage: "print a model's card", UsageText: "vision zoo show resnet50\nvision zoo show yolov4 --json", ArgsUsage: "NAME...",
				Flags: []cli.Flag{jsonFlag}, Action: zooEach(zooShow)},
			{Name: "pull", Usage: "fetch models into the cache", UsageText: "vision zoo pull squeezenet1.1\nVISION_ZOO_MIRROR=/mnt/zoo vision zoo pull resnet50 vgg16",
				ArgsUsage: "NAME...", Flags: []cli.Flag{offlineFlag, quietFlag}, Action: zooPullAll},
			{Name: "verify", Usage: "read cached models and compare size and sha256 with the catalogue", UsageText: "vision zoo verify\nvision zoo verify resnet50",
				ArgsUsage: "[NAME...]", Flags: []cli.Flag{quietFlag}, Action: zooVerify},
			{Name: "path", Usage: "print the path of a model in the cache, whether it is there or not", UsageText: "vision zoo path resnet50", ArgsUsage: "NAME...", Action: zooEach(zooPath)},
			{Name: "rm", Usage: "remove models from the cache", UsageText: "vision zoo rm vgg16", ArgsUsage: "NAME...", Action: zooEach(zooRemove)},
		},
		Action: group,
	}
}

// zooEach calls do for each name, and goes on with the rest if one fails.
func zooEach(do func(c *cli.Context, name string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		if !c.Args().Present() {
			return usage("%s needs a NAME; vision zoo list prints them", c.Command.Name)
		}
		return each(c, c.Args().Slice(), do)
	}
}

func each(c *cli.Context, names []string, do func(c *cli.Context, name string) error) error {
	var last error
	for _, name := range names {
		if c.Context.Err() != nil {
			return c.Context.Err()
		}
		if err := do(c, name); err != nil {
			if last != nil {
				tell(c, last.Error())
			}
			last = err
		}
	}
	if last != nil {
		return noModel(last)
	}
	return nil
}

// zooPullAll fetches models, after checking that all names are known.
func zooPullAll(c *cli.Context) error {
	all, err := zoo.All()
	if err != nil {
		return err
	}
	for _, name := range c.Args().Slice() {
		if _, err := all.Find(name); err != nil {
			return noModel(err)
		}
	}
	return zooEach(zooPull)(c)
}

func zooPull(c *cli.Context, name string) error {
	path, err := zoo.Pull(c.Context, name, fetchOptions(c)...)
	if err == nil {
		fmt.Fprintln(c.App.Writer, path)
	}
	return err
}

func zooPath(c *cli.Context, name string) error {
	path, err := zoo.Path(name)
	if err == nil {
		fmt.Fprintln(c.App.Writer, path)
	}
	return err
}

func zooRemove(c *cli.Context, name string) error {
	freed, err := zoo.Remove(name)
	if err == nil {
		fmt.Fprintf(c.App.Writer, "%s: %s freed\n", name, zoo.Size(freed))
	}
	return err
}

func zooShow(c *cli.Context, name string) error {
	all, err := zoo.All()
	if err != nil {
		return err
	}
	card, err := all.Find(name)
	if err != nil {
		return err
	}
	entries, err := states([]*zoo.Card{card})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		printEntryJSON(c, entries[0])
		return nil
	}
	if err := card.WriteText(c.App.Writer); err != nil {
		return err
	}
	if !card.Builtin {
		state := cacheState(entries[0], "no")
		if entries[0].Cached {
			state = "yes"
		}
		fmt.Fprintf(c.App.Writer, "%-12s%s\n", "cached", state)
	}
	return nil
}

// states looks up which models are cached. Where no folder is a user's, none is.
func states(cards []*zoo.Card) ([]zoo.Entry, error) {
	if _, err := zoo.Home(); err == nil {
		return zoo.List(cards)
	}
	entries := make([]zoo.Entry, len(cards))
	for i, card := range cards {
		entries[i] = zoo.Entry{Card: card, Cached: card.Builtin}
	}
	return entries, nil
}

// printEntryJSON prints a card with its state in the cache.
func printEntryJSON(c *cli.Context, e zoo.Entry) {
	printJSON(c.App.Writer, struct {
		*zoo.Card
		Cached bool   `json:"cached"`
		File   string `json:"file,omitempty"`
	}{e.Card, e.Cached, e.Path})
}

// zooVerify checks the named models, or all that are in the cache.
func zooVerify(c *cli.Context) error {
	names := c.Args().Slice()
	if len(names) == 0 {
		entries, err := zooEntries(false)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if _, err := os.Lstat(e.Path); err == nil || e.Card.Builtin { // even if its size is wrong
				names = append(names, e.Card.Name)
			}
		}
	}
	err := each(c, names, func(c *cli.Context, name string) error {
		progress := newDownload(c)
		check, err := zoo.Verify(c.Context, name, zoo.WithProgress(progress.report))
		progress.end()
		if err == nil {
			fmt.Fprintf(c.App.Writer, "ok  %s  %s  %s\n", check.Card.Name, zoo.Size(check.Bytes), check.SHA256)
		}
		return err
	})
	if errors.Is(err, zoo.ErrDigest) && !errors.Is(err, fs.ErrNotExist) {
		return &exitError{exitFailed, err}
	}
	return err
}

// zooEntries lists the models that match the words, with their state in the cache.
func zooEntries(cachedOnly bool, words ...string) ([]zoo.Entry, error) {
	all, err := zoo.All()
	if err != nil {
		return nil, err
	}
	entries, err := states(all.Search(words...))
	if !cachedOnly || err != nil {
		return entries, err
	}
	var cached []zoo.Entry
	for _, e := range entries {
		if e.Cached {
			cached = append(cached, e)
		}
	}
	return cached, nil
}

func cacheState(e zoo.Entry, absent string) string {
	switch {
	case e.Card.Builtin:
		return "built in"
	case e.Cached:
		return "cached"
	case e.Partial > 0:
		return fmt.Sprintf("%d %%", 100*e.Partial/e.Card.Bytes)
	}
	return absent
}

func zooList(c *cli.Context) error {
	if c.Args().Present() {
		return usage("list takes no arguments; vision zoo search %s finds models", c.Args().First())
	}
	return printEntries(c)
}

func printEntries(c *cli.Context, words ...string) error {
	entries, err := zooEntries(c.Bool("cached"), words...)
	if err != nil {
		return err
	}
	name, task := 0, 0
	for _, e := range entries {
		name, task = max(name, len(e.Card.Name)), max(task, len(e.Card.Task))
	}
	for _, e := range entries {
		card := e.Card
		if c.Bool("json") {
			printEntryJSON(c, e)
			continue
		}
		fmt.Fprintf(c.App.Writer, "%-*s  %-*s  %-4s %10s  %-8s  %s\n", name, card.Name, task, card.Task, card.Variant, zoo.Size(card.Bytes), cacheState(e, ""), card.Licence)
	}
	if len(entries) == 0 && len(words) > 0 {
		return noModel(fmt.Errorf("no model matches all of these words; vision zoo list prints all models"))
	}
	return nil
}

func zooSearch(c *cli.Context) error {
	if !c.Args().Present() {
		return usage("search needs a WORD")
	}
	return printEntries(c, c.Args().Slice()...)
}
