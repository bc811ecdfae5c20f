package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/internal/printable"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

func detectCommand() *cli.Command {
	return &cli.Command{
		Name:  "detect",
		Usage: "find objects in pictures",
		UsageText: "vision detect street.jpg\n" +
			"vision detect photos/ -r --save marked/ --classes person,car\n" +
			"vision detect group.jpg --model ultraface --json",
		ArgsUsage: "PIC...",
		Flags: append(detectorFlags(detect.Heads(), defaultDetector),
			jsonOf("width, height, objects (class, label, score, box [x1, y1, x2, y2] in pixels of the upright picture, mask {size [height, width], counts} as COCO's, keypoints [x, y, score] each, corners [x, y] each of a box at an angle)"),
			&cli.Float64Flag{Name: "iou", Usage: "drop an object whose overlap with a better one of its class is more than `IOU`, 0 to 1", Value: -1, DefaultText: "the head's"},
			&cli.Float64Flag{Name: "score", Usage: "report objects with at least this `SCORE`, 0 to 1", Value: -1, DefaultText: "the head's"},
			&cli.IntFlag{Name: "max", Usage: "report at most `N` objects per picture", Value: 100},
			&cli.StringFlag{Name: "classes", Usage: "report only the classes in `LIST`: names or indices, separated by commas"},
			&cli.StringFlag{Name: "coco", Usage: "write the objects to `FILE` as COCO results; if COCO lacks a class of the model, category ids are the model's class indices"},
			&cli.StringFlag{Name: "crop", Usage: "write each object to `DIR` as a picture of its own; files are replaced as by --save"},
		),
		Action: detectAction,
	}
}

// detectorFlags are the flags that detect and segment share.
func detectorFlags(heads []string, standard string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "model", Usage: "zoo `NAME` or path of an .onnx file; without it " + standard},
		recipeFlag, labelsFlag,
		&cli.StringFlag{Name: "head", Usage: "read the outputs as those of `HEAD`, which is recognised if not given: " + strings.Join(heads, ", ")},
		&cli.StringFlag{Name: "save", Usage: "write the pictures to `DIR` with the results drawn on them; existing files are replaced, unless pictures are read from that folder; the second x.jpg becomes x-2.jpg"},
		toggle("show", "show the pictures in the terminal"),
		toggle("csv", "print CSV"),
		toggle("recursive", "search subfolders too", "r"),
		offlineFlag, quietFlag, threadsFlag, precisionFlag,
	}
}

// detectOptions reads the flags.
func detectOptions(c *cli.Context) ([]detect.Option, error) {
	var opts []detect.Option
	for _, name := range []string{"score", "iou"} {
		if !c.IsSet(name) {
			continue
		}
		v := c.Float64(name)
		if !(v >= 0 && v <= 1) {
			return nil, usage("--%s %v: must be 0 to 1", name, v)
		}
		if name == "score" {
			opts = append(opts, detect.Score(v))
		} else {
			opts = append(opts, detect.IoU(v))
		}
	}
	if n := c.Int("max"); n < 1 || n > 30_000 {
		return nil, usage("--max %d: must be 1 to 30000", n)
	}
	opts = append(opts, detect.Max(c.Int("max")), detect.Head(c.String("head")))
	if list := c.String("classes"); list != "" {
		names := parted(list)
		if len(names) == 0 {
			return nil, usage("--classes %q: names or indices of classes, separated by commas", list)
		}
		opts = append(opts, detect.Classes(names...))
	}
	return opts, nil
}

// parted splits a list at its commas; empty items are dropped.
func parted(list string) (items []string) {
	for _, item := range strings.Split(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func detectAction(c *cli.Context) error {
	if !c.Args().Present() {
		return usage("detect needs a picture: a file, folder, pattern, URL, or - for standard input")
	}
	p, err := newPrinter(c, "file", "class", "label", "score", "x1", "y1", "x2", "y2")
	if err != nil {
		return err
	}
	if err := checkShow(c); err != nil {
		return err
	}
	opts, err := detectOptions(c)
	if err != nil {
		return err
	}
	if err := writableJSON("--coco", c.String("coco")); err != nil {
		return err
	}
	w, err := newCrew(c)
	if err != nil {
		return err
	}
	m, err := loadDetector(c, defaultDetector, w.threads...)
	if err != nil {
		return err
	}
	defer m.Close()
	d, err := detect.New(m, opts...)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	remark(c, m.Guess())
	remark(c, d.Guess())
	files, err := newSavers(c, w.pictures)
	if err != nil {
		return err
	}
	coco := newCOCOResults(d, w.pictures)
	bad := false
	f := &finder{d, m, files}
	err = eachPicture(c, w, m, files, f.picture, func(r found) {
		bad = bad || r.Error != ""
		coco.add(&r.detectResult)
		p.print(&r.detectResult)
		bad = !files.show(r.drawn) || bad
	})
	if err != nil {
		return err
	}
	if path := c.String("coco"); path != "" {
		if err := coco.write(c.Context, path); err != nil {
			return err
		}
	}
	if bad {
		return failed()
	}
	return nil
}

// tell prints a remark or an error on standard error.
func tell(c *cli.Context, line string) {
	if line != "" {
		fmt.Fprintln(c.App.ErrWriter, "vision: "+oneLine(line))
	}
}

// detectResult is one picture's objects, as --json prints them.
type detectResult struct {
	File    string          `json:"file"`
	Model   string          `json:"model,omitempty"`
	Width   int             `json:"width,omitempty"`
	Height  int             `json:"height,omitempty"`
	Objects []detect.Object `json:"objects,omitzero"`
	Damaged bool            `json:"damaged,omitempty"`
	MS      *stageTimes     `json:"ms,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// digits rounds v to n digits after the decimal point, so that it prints short.
func digits(v float64, n int) float64 {
	p := math.Pow10(n)
	return math.Round(v*p) / p
}

// rounded is an object as it is printed.
func rounded(o detect.Object) detect.Object {
	o.Score = digits(o.Score, 5)
	o.Box = detect.Box{X1: digits(o.Box.X1, 3), Y1: digits(o.Box.Y1, 3), X2: digits(o.Box.X2, 3), Y2: digits(o.Box.Y2, 3)}
	o.Keypoints = slices.Clone(o.Keypoints)
	for i, k := range o.Keypoints {
		o.Keypoints[i] = detect.Keypoint{X: digits(k.X, 3), Y: digits(k.Y, 3), Score: digits(k.Score, 5)}
	}
	o.Corners = slices.Clone(o.Corners)
	for i, p := range o.Corners {
		o.Corners[i] = [2]float64{digits(p[0], 3), digits(p[1], 3)}
	}
	return o
}

// finder finds objects in pictures.
type finder struct {
	*detect.Detector
	model *zoo.Model
	files *savers
}

// found is one picture's result; drawn is nil unless --show asks for it.
type found struct {
	detectResult
	drawn *vision.Image
}

// picture finds the objects in one picture and writes the files asked for.
func (f *finder) picture(ctx context.Context, d desk, j job) found {
	r := found{detectResult: detectResult{File: j.source.Name}}
	if err := f.fill(ctx, &r, d, j); err != nil {
		return found{detectResult: detectResult{File: j.source.Name, Error: named(j.source.Name, err)}}
	}
	return r
}

func (f *finder) fill(ctx context.Context, r *found, d desk, j job) error {
	e, err := d.encode(ctx, j)
	if err != nil {
		return err
	}
	var objects []detect.Object
	if err := d.run(ctx, &e, func() error {
		objects, err = f.Tensor(ctx, e.x, e.geometry)
		return err
	}); err != nil {
		return err
	}
	r.Model, r.Width, r.Height, r.Damaged, r.MS = f.model.Card().Name, e.img.Width, e.img.Height, e.img.Damaged, &e.ms
	r.Objects = []detect.Object{}
	for _, o := range objects {
		r.Objects = append(r.Objects, rounded(o))
	}
	r.drawn, err = f.files.objects(ctx, j, e.img, objects, f.Detector)
	return err
}

func (r *detectResult) failure() string { return r.Error }
func (r *detectResult) warning() string { return damage(r.File, r.Damaged) }

func (r *detectResult) rows() (rows [][]string) {
	for _, o := range r.Objects {
		row := []string{cell(r.File), fmt.Sprint(o.Class), cell(o.Label), fmt.Sprintf("%.5f", o.Score)}
		for _, v := range []float64{o.Box.X1, o.Box.Y1, o.Box.X2, o.Box.Y2} {
			row = append(row, fmt.Sprintf("%.2f", v))
		}
		rows = append(rows, row)
	}
	return rows
}

// table prints one object per line.
func (r *detectResult) table(out io.Writer) {
	what := fmt.Sprintf("%d objects", len(r.Objects))
	switch len(r.Objects) {
	case 0:
		what = "nothing found"
	case 1:
		what = "1 object"
	}
	fmt.Fprintf(out, "%s  %dx%d  %s\n", oneLine(r.File), r.Width, r.Height, what)
	width := 0
	for _, o := range r.Objects {
		width = max(width, utf8.RuneCountInString(printable.Name(o.Label)))
	}
	for i, o := range r.Objects {
		extra := ""
		if o.Mask != nil {
			extra = "  mask"
		}
		if n := len(o.Keypoints); n > 0 {
			extra += fmt.Sprintf("  %d points", n)
		}
		if len(o.Corners) == 4 {
			extra += fmt.Sprintf("  at %.0f°", direction(o.Corners))
		}
		fmt.Fprintf(out, "%3d  %-*s  %5.1f %%  %6.0f %6.0f  to %6.0f %6.0f%s\n", i+1, width, printable.Name(o.Label), 100*o.Score, o.Box.X1, o.Box.Y1, o.Box.X2, o.Box.Y2, extra)
	}
}

// direction is how many degrees clockwise, 0 up to 180, the longer sides of a rectangle are
// turned from the horizontal.
func direction(corners [][2]float64) float64 {
	dx, dy := corners[0][0]-corners[1][0], corners[0][1]-corners[1][1]
	if x, y := corners[1][0]-corners[2][0], corners[1][1]-corners[2][1]; math.Hypot(x, y) > math.Hypot(dx, dy) {
		dx, dy = x, y
	}
	return math.Mod(math.Atan2(dy, dx)*180/math.Pi+180, 180)
}

// stem is the name that files made from a source begin with: the source's base name
// without its extension, and without characters that are special in a path or to a
// terminal.
func stem(name string) string {
	if strings.HasPrefix(name, "http") {
		name, _, _ = strings.Cut(name, "?")
	}
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.TrimSuffix(name, filepath.Ext(name))
	name = strings.Map(func(r rune) rune {
		switch {
		case !printable.Is(r) || strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, name)
	name = strings.TrimLeft(name, ".-")
	for i := range name {
		if i > 150 { // bytes; file systems allow 255, and a suffix follows
			name = name[:i]
			break
		}
	}
	if name == "" {
		return "picture"
	}
	return name
}
