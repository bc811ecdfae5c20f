package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/classify"
	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/clock"
	"github.com/visionzoo/vision/internal/printable"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

func classifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "classify",
		Usage:     "name what is in pictures",
		UsageText: "vision classify cat.jpg\nvision classify photos/ -r --model resnet50 --top 3\ncat cat.jpg | vision classify - --json",
		ArgsUsage: "PIC...",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "zoo `NAME` or path of an .onnx file; without it the best cached classifier, else the built-in one of ten classes"},
			&cli.IntFlag{Name: "top", Usage: "print the `N` most probable classes", Value: 5},
			&cli.IntFlag{Name: "batch", Usage: "put up to `N` pictures into one run of the network", Value: 1},
			toggle("csv", "print CSV"),
			toggle("recursive", "search subfolders too", "r"),
			recipeFlag, labelsFlag, offlineFlag, quietFlag, threadsFlag, precisionFlag,
			jsonOf("predictions (rank, index, id, label, probability)"),
		},
		Action: classifyAction,
	}
}

func classifyAction(c *cli.Context) error {
	switch {
	case !c.Args().Present():
		return usage("classify needs a picture: a file, folder, pattern, URL, or - for standard input")
	case c.Int("top") < 1:
		return usage("--top %d: must be at least 1", c.Int("top"))
	case c.Int("batch") < 1 || c.Int("batch") > 4096:
		return usage("--batch %d: must be 1 to 4096", c.Int("batch"))
	}
	p, err := newPrinter(c, "file", "rank", "index", "id", "label", "probability")
	if err != nil {
		return err
	}
	total, err := countSources(c)
	if err != nil {
		return err
	}
	opts := []classify.Option{classify.Top(c.Int("top")), classify.Batch(c.Int("batch"))}
	var threads []zoo.Option
	if total > 1 {
		collectRarely()
		var workers []classify.Option
		threads, workers = sideBySide(c)
		opts = append(opts, workers...)
	}
	m, err := loadClassifier(c, threads...)
	if err != nil {
		return err
	}
	defer m.Close()
	remark(c, m.Guess())
	return classifyAll(c, m, p, total, opts)
}

// sideBySide runs one picture per processor at the same time, which is faster than
// several threads on each picture; with --threads, one picture at a time.
func sideBySide(c *cli.Context) ([]zoo.Option, []classify.Option) {
	if c.Int("threads") == 0 {
		return []zoo.Option{zoo.WithEngine(engine.Threads(1)), zoo.WithEncoder(vision.EncodeThreads(1))}, nil
	}
	return nil, []classify.Option{classify.Workers(1)}
}

// classifyAll prints a result for each picture, in order.
func classifyAll(c *cli.Context, m *zoo.Model, p *printer, total int, opts []classify.Option) error {
	bar := newPictureBar(c, total)
	defer bar.finish()
	bad := false
	for r, err := range classify.Stream(c.Context, m, sources(c), opts...) {
		if c.Context.Err() != nil {
			return c.Context.Err()
		}
		line := classifyResult{File: r.Name}
		switch {
		case err != nil && r.Name == "": // not about one picture
			if _, notDetector := detect.New(m); notDetector == nil {
				err = errors.New("the model gives objects, not a score for each class; use vision detect")
			}
			return usage("%w", err)
		case err != nil:
			bad = true
			line.Error = named(r.Name, err)
		default:
			line.fill(m, r)
		}
		p.print(&line)
		bar.step()
	}
	if bad {
		return failed()
	}
	return c.Context.Err()
}

// named is an error's message, prefixed with the picture's name if that is missing.
func named(name string, err error) string {
	msg := oneLine(plain(err))
	if strings.HasPrefix(msg, oneLine(name)) || strings.HasPrefix(msg, strconv.Quote(name)) {
		return msg
	}
	return oneLine(name) + ": " + msg
}

// sources are the pictures that the arguments name. The Open of one that cannot be found
// says so.
func sources(c *cli.Context) iter.Seq[vision.Source] {
	return func(yield func(vision.Source) bool) {
		for src := range pictureSources(c, c.Args().Slice()) {
			if !yield(src) {
				return
			}
		}
	}
}

type classifyResult struct {
	File        string                `json:"file"`
	Model       string                `json:"model,omitempty"`
	Predictions []classify.Prediction `json:"predictions,omitempty"`
	Damaged     bool                  `json:"damaged,omitempty"`
	MS          *stageTimes           `json:"ms,omitempty"`
	Error       string                `json:"error,omitempty"`
}

type stageTimes struct {
	Decode float64 `json:"decode"`
	Encode float64 `json:"encode"`
	Infer  float64 `json:"infer"`
}

func since(t time.Time) float64 { return milliseconds(clock.Since(t)) }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

func (r *classifyResult) fill(m *zoo.Model, of classify.Result) {
	r.Model, r.Predictions, r.Damaged = m.Card().Name, of.Predictions, of.Damaged
	r.MS = &stageTimes{milliseconds(of.Decode), milliseconds(of.Encode), milliseconds(of.Infer)}
}

func (r *classifyResult) failure() string { return r.Error }
func (r *classifyResult) warning() string { return damage(r.File, r.Damaged) }

func (r *classifyResult) rows() (rows [][]string) {
	for _, q := range r.Predictions {
		rows = append(rows, []string{cell(r.File), fmt.Sprint(q.Rank), fmt.Sprint(q.Index), q.ID, cell(q.Label), fmt.Sprintf("%.6f", q.Probability)})
	}
	return rows
}

// table prints ranks, bars and labels.
func (r *classifyResult) table(out io.Writer) {
	fmt.Fprintln(out, oneLine(r.File))
	width := 0
	for _, q := range r.Predictions {
		width = max(width, utf8.RuneCountInString(printable.Name(q.Label)))
	}
	for _, q := range r.Predictions {
		bar := strings.Repeat("█", int(q.Probability*20+0.5))
		line := fmt.Sprintf("%3d  %5.1f %%  %-20s  %-*s  %s", q.Rank, 100*q.Probability, bar, width, printable.Name(q.Label), printable.Name(q.ID))
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}

var _ classify.Model = (*zoo.Model)(nil)
