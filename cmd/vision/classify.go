package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/classify"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

func classifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "classify",
		Usage:     "name what is in pictures",
		UsageText: "vision classify cat.jpg\nvision classify photos/ --model resnet50 --top 3\ncat cat.jpg | vision classify - --json",
		ArgsUsage: "PIC...",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "zoo name, or the path of an .onnx file; without it the built-in ten classes"},
			&cli.StringFlag{Name: "recipe", Usage: "how pictures are prepared: a name or a .json file"},
			&cli.IntFlag{Name: "top", Usage: "classes to print", Value: 5},
			&cli.BoolFlag{Name: "csv", Usage: "print CSV"},
			&cli.BoolFlag{Name: "offline", Usage: "never touch the network"},
			threadsFlag, precisionFlag, jsonFlag,
		},
		Action: classifyAction,
	}
}

func classifyAction(c *cli.Context) error {
	if !c.Args().Present() {
		return usage("classify needs a picture: a file, folder, pattern, address, or - for standard input")
	}
	if c.Int("top") < 1 {
		return usage("--top %d: at least 1", c.Int("top"))
	}
	m, err := loadModel(c)
	if err != nil {
		return err
	}
	defer m.Close()
	if g := m.Guess(); g != "" {
		fmt.Fprintln(c.App.ErrWriter, "vision: "+oneLine(g))
	}
	p := &classifyPrinter{c: c, model: m.Card().Name, csv: csv.NewWriter(c.App.Writer)}
	bad := false
	for src, err := range vision.Sources(c.Args().Slice()) {
		if c.Context.Err() != nil {
			return c.Context.Err()
		}
		r := classifyResult{File: src.Name}
		if err == nil {
			err = r.fill(c, m, src)
		}
		if err != nil {
			if c.Context.Err() != nil {
				return c.Context.Err()
			}
			bad = true
			r.Error = oneLine(err.Error())
		}
		p.print(&r)
	}
	p.csv.Flush()
	if bad {
		return failed()
	}
	return nil
}

// loadModel opens the model that --model names, or the built-in one.
func loadModel(c *cli.Context) (*zoo.Model, error) {
	opts, err := engineOptions(c)
	if err != nil {
		return nil, err
	}
	zo := []zoo.Option{zoo.WithEngine(opts...)}
	if c.Bool("offline") {
		zo = append(zo, zoo.WithOffline(true))
	}
	if name := c.String("recipe"); name != "" {
		r, err := vision.Named(name)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		zo = append(zo, zoo.WithRecipe(r))
	}
	name := c.String("model")
	if name == "" {
		fmt.Fprintln(c.App.ErrWriter, "using the built-in 10-class model; --model squeezenet1.1 for 1,000 classes")
	}
	m, err := zoo.LoadContext(c.Context, name, zo...)
	if err != nil {
		return nil, noModel(err)
	}
	return m, nil
}

type classifyResult struct {
	File        string             `json:"file"`
	Model       string             `json:"model,omitempty"`
	Predictions []rankedPrediction `json:"predictions,omitempty"`
	MS          *stageTimes        `json:"ms,omitempty"`
	Error       string             `json:"error,omitempty"`
}

type rankedPrediction struct {
	Rank        int     `json:"rank"`
	Index       int     `json:"index"`
	ID          string  `json:"id,omitempty"`
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

type stageTimes struct {
	Decode float64 `json:"decode"`
	Encode float64 `json:"encode"`
	Infer  float64 `json:"infer"`
}

func since(t time.Time) float64 { return float64(time.Since(t).Microseconds()) / 1e3 }

// fill decodes, encodes and classifies one picture.
func (r *classifyResult) fill(c *cli.Context, m *zoo.Model, src vision.Source) error {
	var ms stageTimes
	start := time.Now()
	img, err := src.Open(c.Context)
	if err != nil {
		return err
	}
	ms.Decode = since(start)
	if m.Encoder() == nil {
		return fmt.Errorf("no input of model %s takes a picture", m.Card().Name)
	}
	start = time.Now()
	x, _, err := m.Encoder().Encode(img)
	if err != nil {
		return err
	}
	ms.Encode = since(start)
	start = time.Now()
	top, err := classify.Tensor(c.Context, m, x, classify.Top(c.Int("top")))
	if err != nil {
		return err
	}
	ms.Infer = since(start)
	for i, p := range top {
		r.Predictions = append(r.Predictions, rankedPrediction{i + 1, p.Index, p.ID, p.Label, p.Probability})
	}
	r.Model, r.MS = m.Card().Name, &ms
	return nil
}

type classifyPrinter struct {
	c     *cli.Context
	model string
	csv   *csv.Writer
	lines int
}

func (p *classifyPrinter) print(r *classifyResult) {
	out := p.c.App.Writer
	switch {
	case p.c.Bool("json"):
		data, _ := json.Marshal(r)
		fmt.Fprintln(out, string(data))
	case r.Error != "":
		fmt.Fprintln(p.c.App.ErrWriter, "vision: "+r.Error)
	case p.c.Bool("csv"):
		p.csvRows(r)
	default:
		p.table(r)
	}
}

// csvRows writes a row a class. Cells that a spreadsheet would take for a
// formula are quoted out of that.
func (p *classifyPrinter) csvRows(r *classifyResult) {
	if p.lines == 0 {
		_ = p.csv.Write([]string{"file", "rank", "index", "id", "label", "probability"})
	}
	p.lines++
	for _, q := range r.Predictions {
		_ = p.csv.Write([]string{cell(r.File), fmt.Sprint(q.Rank), fmt.Sprint(q.Index), q.ID, cell(q.Label), fmt.Sprintf("%.6f", q.Probability)})
	}
	p.csv.Flush()
}

func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// table prints ranks, bars and labels for eyes.
func (p *classifyPrinter) table(r *classifyResult) {
	fmt.Fprintln(p.c.App.Writer, oneLine(r.File))
	for _, q := range r.Predictions {
		bar := strings.Repeat("█", int(q.Probability*20+0.5))
		fmt.Fprintf(p.c.App.Writer, "%3d  %5.1f %%  %-20s  %s  %s\n", q.Rank, 100*q.Probability, bar, q.Label, q.ID)
	}
}

var _ classify.Model = (*zoo.Model)(nil)
