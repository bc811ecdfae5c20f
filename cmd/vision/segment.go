package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

func segmentCommand() *cli.Command {
	return &cli.Command{
		Name:  "segment",
		Usage: "say of each pixel what it shows",
		UsageText: "vision segment street.jpg --model duc --save marked/\n" +
			"vision segment photos/ --map maps/ --json",
		ArgsUsage: "PIC...",
		Flags: append(detectorFlags(),
			&cli.StringFlag{Name: "map", Usage: "write class maps to DIR: PNGs whose pixels are class indices"},
		),
		Action: segmentAction,
	}
}

func segmentAction(c *cli.Context) error {
	if !c.Args().Present() {
		return usage("segment needs a picture: a file, folder, pattern, address, or - for standard input")
	}
	m, err := loadDetector(c, defaultSegmenter)
	if err != nil {
		return err
	}
	defer m.Close()
	s, err := detect.NewSegmenter(m, detect.Head(c.String("head")))
	if err != nil {
		return &exitError{exitUsage, err}
	}
	remark(c, m.Guess())
	remark(c, s.Guess())
	files, err := newSavers(c)
	if err != nil {
		return err
	}
	var maps *folder
	if dir := c.String("map"); dir != "" {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return usage("--map: %w", err)
		}
		maps = &folder{path: dir, taken: map[string]bool{}}
	}
	p := &segmentPrinter{c: c, csv: csv.NewWriter(c.App.Writer)}
	bad := false
	err = eachSource(c, func(src vision.Source, err error) {
		r := segmentResult{File: src.Name}
		if err == nil {
			err = r.fill(c, m, s, src, files, maps)
		}
		if err != nil {
			bad = true
			r = segmentResult{File: src.Name, Error: named(src.Name, err)}
		}
		if c.Context.Err() == nil {
			p.print(&r)
		}
	})
	if err != nil {
		return err
	}
	if bad {
		return failed()
	}
	return nil
}

// segmentResult is one picture's classes, as --json prints them.
type segmentResult struct {
	File    string        `json:"file"`
	Model   string        `json:"model,omitempty"`
	Width   int           `json:"width,omitempty"`
	Height  int           `json:"height,omitempty"`
	Classes []resultShare `json:"classes,omitempty"`
	Map     string        `json:"map,omitempty"` // the file that --map wrote
	MS      *stageTimes   `json:"ms,omitempty"`
	Error   string        `json:"error,omitempty"`
}

type resultShare struct {
	Class  int     `json:"class"`
	Label  string  `json:"label"`
	Share  float64 `json:"share"`
	Pixels int     `json:"pixels"`
}

func (r *segmentResult) fill(c *cli.Context, m *zoo.Model, s *detect.Segmenter, src vision.Source, files *savers, maps *folder) error {
	img, x, g, ms, err := encodeSource(c, m, src)
	if err != nil {
		return err
	}
	start := time.Now()
	classes, err := s.Tensor(c.Context, x, g)
	if err != nil {
		return err
	}
	ms.Infer = since(start)
	r.Model, r.Width, r.Height, r.MS = m.Card().Name, img.Width, img.Height, ms
	for _, q := range classes.Shares() {
		r.Classes = append(r.Classes, resultShare{q.Class, q.Label, digits(q.Share, 6), q.Pixels})
	}
	if maps != nil {
		r.Map = maps.name(src.Name, "", ".png")
		if err := writeMap(r.Map, classes); err != nil {
			return err
		}
	}
	if files.save == nil && !c.Bool("show") {
		return nil
	}
	drawn, err := vision.DrawMap(img, classes.Class, mapNames(classes))
	if err != nil {
		return err
	}
	return files.picture(src.Name, drawn)
}

// mapNames are the classes to draw: all that occur but the background.
func mapNames(m *detect.ClassMap) map[int]string {
	names := map[int]string{}
	for _, q := range m.Shares() {
		if !m.Background(q.Class) {
			names[q.Class] = q.Label
		}
	}
	return names
}

// writeMap writes a PNG with a palette: a pixel's index is its class.
func writeMap(path string, m *detect.ClassMap) (err error) {
	palette := make(color.Palette, 256)
	for i := range palette {
		palette[i] = vision.ClassColor(i)
		if m.Background(i) {
			palette[i] = color.RGBA{A: 255}
		}
	}
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(part)
		}
	}()
	w := bufio.NewWriter(f)
	if err = png.Encode(w, &image.Paletted{Pix: m.Class, Stride: m.Width, Rect: image.Rect(0, 0, m.Width, m.Height), Palette: palette}); err != nil {
		return err
	}
	if err = w.Flush(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(part, path)
}

type segmentPrinter struct {
	c     *cli.Context
	csv   *csv.Writer
	lines int
}

func (p *segmentPrinter) print(r *segmentResult) {
	out := p.c.App.Writer
	switch {
	case p.c.Bool("json"):
		printJSON(out, r)
	case r.Error != "":
		tell(p.c, r.Error)
	case p.c.Bool("csv"):
		if p.lines == 0 {
			_ = p.csv.Write([]string{"file", "class", "label", "share", "pixels"})
		}
		p.lines++
		for _, q := range r.Classes {
			_ = p.csv.Write([]string{cell(r.File), fmt.Sprint(q.Class), cell(q.Label), fmt.Sprintf("%.6f", q.Share), fmt.Sprint(q.Pixels)})
		}
		p.csv.Flush()
	default:
		fmt.Fprintf(out, "%s  %dx%d\n", oneLine(r.File), r.Width, r.Height)
		for _, q := range r.Classes {
			fmt.Fprintf(out, "  %5.1f %%  %-20s  %s\n", 100*q.Share, strings.Repeat("█", int(q.Share*20+0.5)), oneLine(q.Label))
		}
	}
}
