package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/internal/printable"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

func segmentCommand() *cli.Command {
	return &cli.Command{
		Name:  "segment",
		Usage: "label each pixel with what it shows",
		UsageText: "vision segment street.jpg --model duc --save marked/\n" +
			"vision segment photos/ --map maps/ --json",
		ArgsUsage: "PIC...",
		Flags: append(detectorFlags(detect.SegmentHeads(), defaultSegmenter),
			jsonOf("width, height, classes (class, label, share, pixels), map (the file of --map)"),
			&cli.StringFlag{Name: "map", Usage: "write class maps to `DIR`: PNG files whose pixel values are class indices; files are replaced as by --save"},
		),
		Action: segmentAction,
	}
}

func segmentAction(c *cli.Context) error {
	if !c.Args().Present() {
		return usage("segment needs a picture: a file, folder, pattern, URL, or - for standard input")
	}
	p, err := newPrinter(c, "file", "class", "label", "share", "pixels")
	if err != nil {
		return err
	}
	if err := checkShow(c); err != nil {
		return err
	}
	w, err := newCrew(c)
	if err != nil {
		return err
	}
	m, err := loadDetector(c, defaultSegmenter, w.threads...)
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
	files, err := newSavers(c, w.pictures)
	if err != nil {
		return err
	}
	bad := false
	f := &mapper{s, m, files}
	err = eachPicture(c, w, m, files, f.picture, func(r mapped) {
		bad = bad || r.Error != ""
		p.print(&r.segmentResult)
		bad = !files.show(r.drawn) || bad
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
	File    string         `json:"file"`
	Model   string         `json:"model,omitempty"`
	Width   int            `json:"width,omitempty"`
	Height  int            `json:"height,omitempty"`
	Classes []detect.Share `json:"classes,omitempty"`
	Map     string         `json:"map,omitempty"` // the file that --map wrote
	Damaged bool           `json:"damaged,omitempty"`
	MS      *stageTimes    `json:"ms,omitempty"`
	Error   string         `json:"error,omitempty"`
}

// mapper labels the pixels of pictures.
type mapper struct {
	*detect.Segmenter
	model *zoo.Model
	files *savers
}

// mapped is one picture's result; drawn is nil unless --show asks for it.
type mapped struct {
	segmentResult
	drawn *vision.Image
}

// picture labels one picture's pixels and writes the files asked for.
func (f *mapper) picture(ctx context.Context, d desk, j job) mapped {
	r := mapped{segmentResult: segmentResult{File: j.source.Name}}
	if err := f.fill(ctx, &r, d, j); err != nil {
		return mapped{segmentResult: segmentResult{File: j.source.Name, Error: named(j.source.Name, err)}}
	}
	return r
}

func (f *mapper) fill(ctx context.Context, r *mapped, d desk, j job) error {
	e, err := d.encode(ctx, j)
	if err != nil {
		return err
	}
	var classes *detect.ClassMap
	if err := d.run(ctx, &e, func() error {
		classes, err = f.Tensor(ctx, e.x, e.geometry)
		return err
	}); err != nil {
		return err
	}
	r.Model, r.Width, r.Height, r.Damaged, r.MS = f.model.Card().Name, e.img.Width, e.img.Height, e.img.Damaged, &e.ms
	for _, q := range classes.Shares() {
		q.Share = digits(q.Share, 6)
		r.Classes = append(r.Classes, q)
	}
	if r.Map = j.files.classes; r.Map != "" {
		if err := writeMap(ctx, r.Map, classes); err != nil {
			return err
		}
	}
	r.drawn, err = f.files.drawing(ctx, j, e.img, func() (*vision.Image, error) {
		return vision.DrawMapContext(ctx, e.img, classes.Class, mapNames(classes))
	})
	return err
}

// mapNames are the classes to draw: all that occur, except the background.
func mapNames(m *detect.ClassMap) map[int]string {
	names := map[int]string{}
	for _, q := range m.Shares() {
		if !m.Background(q.Class) {
			names[q.Class] = q.Label
		}
	}
	return names
}

// writeMap writes a PNG with a palette in which each pixel's index is its class.
func writeMap(ctx context.Context, path string, m *detect.ClassMap) error {
	palette := make(color.Palette, 256)
	for i := range palette {
		palette[i] = vision.ClassColor(i)
		if m.Background(i) {
			palette[i] = color.RGBA{A: 255}
		}
	}
	return writeWhole(ctx, path, func(w io.Writer) error {
		return png.Encode(w, &image.Paletted{Pix: m.Class, Stride: m.Width, Rect: image.Rect(0, 0, m.Width, m.Height), Palette: palette})
	})
}

func (r *segmentResult) failure() string { return r.Error }
func (r *segmentResult) warning() string { return damage(r.File, r.Damaged) }

func (r *segmentResult) rows() (rows [][]string) {
	for _, q := range r.Classes {
		rows = append(rows, []string{cell(r.File), fmt.Sprint(q.Class), cell(q.Label), fmt.Sprintf("%.6f", q.Share), fmt.Sprint(q.Pixels)})
	}
	return rows
}

// table prints the classes with their share of the picture.
func (r *segmentResult) table(out io.Writer) {
	fmt.Fprintf(out, "%s  %dx%d\n", oneLine(r.File), r.Width, r.Height)
	for _, q := range r.Classes {
		fmt.Fprintf(out, "  %5.1f %%  %-20s  %s\n", 100*q.Share, strings.Repeat("█", int(q.Share*20+0.5)), printable.Name(q.Label))
	}
}
