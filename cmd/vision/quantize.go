package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cheggaaa/pb/v3"
	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/printable"
	"github.com/visionzoo/vision/quantize"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

func quantizeCommand() *cli.Command {
	return &cli.Command{
		Name:      "quantize",
		Usage:     "convert a network to int8, calibrated on pictures",
		UsageText: "vision quantize resnet50 --calibrate photos/ -o resnet50-int8.onnx\nvision quantize my.onnx --calibrate photos/ -r --recipe imagenet -o my-int8.onnx --json",
		ArgsUsage: "MODEL",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "calibrate", Usage: "`PICTURES` like those the network will see, 50 to 200 of them: a folder, file or pattern"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the network to `FILE`"},
			&cli.IntFlag{Name: "count", Usage: "use at most `N` of the pictures, evenly spread", Value: 200},
			&cli.StringFlag{Name: "method", Usage: "find ranges by `METHOD`: mse, percentile or minmax; without, by mse or percentile, whichever costs less accuracy"},
			&cli.Float64Flag{Name: "percentile", Usage: "for --method percentile: keep `P` per cent of the values inside the range", Value: 99.99},
			&cli.StringSliceFlag{Name: "float", Usage: "keep `NODE` in float32; may be repeated"},
			toggle("all", "quantize all layers, even those that cost much accuracy"),
			toggle("recursive", "search subfolders too", "r"),
			recipeFlag, offlineFlag, quietFlag, threadsFlag, jsonFlag,
		},
		Action: quantizeAction,
	}
}

// quantizeMethod checks the flags and arguments, and returns the method that they ask for.
func quantizeMethod(c *cli.Context) (quantize.Method, error) {
	switch {
	case c.Args().Len() != 1:
		return "", usage("quantize needs one MODEL: a zoo name, or the path of an .onnx file")
	case c.String("output") == "":
		return "", usage("quantize needs -o FILE.onnx to write to")
	case len(c.StringSlice("calibrate")) == 0:
		return "", usage("quantize needs --calibrate DIR: pictures like those the network will see")
	case slices.Contains(c.StringSlice("calibrate"), "-"):
		return "", usage("--calibrate -: pictures are read several times; name files or a folder")
	case c.Int("count") < 1:
		return "", usage("--count %d: must be at least 1", c.Int("count"))
	case !(c.Float64("percentile") > 0 && c.Float64("percentile") <= 100):
		return "", usage("--percentile %v: must be above 0, at most 100", c.Float64("percentile"))
	case c.IsSet("percentile") && c.String("method") != string(quantize.Percentile):
		return "", usage("--percentile is for --method percentile")
	}
	method := quantize.Method(c.String("method"))
	if c.IsSet("method") && method != quantize.MSE && method != quantize.Percentile && method != quantize.MinMax {
		return "", usage("--method %q is none of mse, percentile, minmax", method)
	}
	if c.Float64("percentile") == 100 {
		method = quantize.MinMax // all of them
	}
	return method, nil
}

func quantizeAction(c *cli.Context) error {
	method, err := quantizeMethod(c)
	if err != nil {
		return err
	}
	if err := checkTarget(c.Args().First(), c.String("output")); err != nil {
		return err
	}
	opts, err := zooOptions(c)
	if err != nil {
		return err
	}
	m, err := openForPictures(c, c.Args().First(), append(opts, zoo.WithEngine(quantize.Prepare())))
	if err != nil {
		return err
	}
	defer m.Close()
	remark(c, m.Guess())
	samples, bad, err := calibration(c, m)
	if err != nil {
		return err
	}
	session, err := engineOptions(c)
	if err != nil {
		return err
	}
	bar := &stageBar{c: c}
	r, err := quantize.Session(c.Context, m.Session(), samples, quantize.Options{Method: method, Beyond: 1 - c.Float64("percentile")/100,
		Float: c.StringSlice("float"), Exact: c.Bool("all"), Engine: session, Observe: bar.observe})
	bar.finish()
	if errors.Is(err, quantize.ErrNoNode) {
		return usage("--float: %w", err)
	}
	if err != nil {
		return err
	}
	path := c.String("output")
	if err := r.WriteFile(path); err != nil {
		return errors.New(named(path, err))
	}
	if err := reportQuantized(c, m, r); err != nil || !bad {
		return err
	}
	return failed()
}

// checkTarget checks that the output can be written and is neither the model itself
// nor a picture, nor a file with the model's external data.
func checkTarget(model, output string) error {
	in := model
	if path, err := zoo.Path(model); err == nil {
		in = path
	}
	if sameFile(in, output) {
		return usage("-o %s: that is the model itself; name another file", output)
	}
	if info, err := os.Stat(output); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return usage("-o %s: not a regular file", output)
	}
	if err := writable("-o", output); err != nil {
		return err
	}
	if !strings.EqualFold(filepath.Ext(output), ".onnx") { // as when FILE is forgotten and a picture is taken for it
		return usage("-o %s: the network is written to an .onnx file; name one, such as int8.onnx", output)
	}
	return nil
}

// calibration returns the pictures as samples, which are opened when they are
// needed. They are spread over all that the flag names, whose order is often that of
// their classes. Pictures that cannot be read are reported, and their neighbours
// taken; bad says that there were some.
func calibration(c *cli.Context, m *zoo.Model) (samples quantize.Samples, bad bool, err error) {
	var all, good []vision.Source
	for src, err := range pictureSources(c, c.StringSlice("calibrate")) {
		if c.Context.Err() != nil {
			return samples, bad, c.Context.Err()
		}
		if err != nil {
			tell(c, err.Error())
			bad = true
			continue
		}
		all = append(all, src)
	}
	n := min(c.Int("count"), len(all))
	for i := range n {
		for _, src := range all[i*len(all)/n : (i+1)*len(all)/n] {
			_, err := src.Open(c.Context)
			if c.Context.Err() != nil {
				return samples, bad, c.Context.Err()
			}
			if err == nil {
				good = append(good, src)
				break
			}
			tell(c, err.Error())
			bad = true
		}
	}
	if len(good) == 0 {
		return samples, bad, fmt.Errorf("no pictures to calibrate with; --calibrate takes folders, files and patterns")
	}
	return quantize.Samples{Count: len(good), Load: func(i int) (engine.Values, error) {
		img, err := good[i].Open(c.Context)
		if err != nil {
			return nil, err
		}
		x, _, err := m.Encoder().EncodeContext(c.Context, img)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", good[i].Name, err)
		}
		return engine.Values{m.Input(): x}, nil
	}}, bad, nil
}

// stageBar shows the progress of each stage: a bar on a terminal, else one line per
// stage.
type stageBar struct {
	c     *cli.Context
	stage string
	bar   *pb.ProgressBar
}

const stageLine = `{{string . "stage"}} {{bar . "[" "=" ">" " " "]"}} {{percent . }} {{rtime . "%s left" "%s" ""}}`

func (s *stageBar) observe(stage string, done, total int) {
	if s.c.Bool("quiet") {
		return
	}
	if stage != s.stage {
		s.finish()
		s.stage = stage
		if isTerminal(s.c.App.ErrWriter) {
			bar := pb.New(total).SetTemplateString(stageLine).SetWriter(s.c.App.ErrWriter).Set("stage", stage)
			s.bar = fitWidth(bar, s.c.App.ErrWriter).Start()
		} else {
			fmt.Fprintf(s.c.App.ErrWriter, "%s ...\n", stage)
		}
	}
	if s.bar != nil {
		s.bar.SetCurrent(int64(done))
	}
}

func (s *stageBar) finish() {
	if s.bar != nil {
		s.bar.Finish()
		s.bar = nil
	}
}

// quantized is what --json prints.
type quantized struct {
	Model     string           `json:"model"`
	File      string           `json:"file"`
	Before    int64            `json:"bytes_before"`
	After     int64            `json:"bytes_after"`
	Method    quantize.Method  `json:"method"`
	Error     float64          `json:"relative_error"`
	Agreement *float64         `json:"agreement,omitempty"` // where the outputs are scores
	Compared  int              `json:"compared"`
	Float     []string         `json:"float"`
	Layers    []quantize.Layer `json:"layers"`
}

func reportQuantized(c *cli.Context, m *zoo.Model, r *quantize.Result) error {
	path := c.String("output")
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	out := quantized{Model: m.Card().Name, File: path, Before: m.Card().Bytes, After: info.Size(), Method: r.Method, Error: r.Error,
		Compared: r.Compared, Layers: r.Layers, Float: []string{}}
	same := ""
	if r.Agreement >= 0 {
		out.Agreement, same = &r.Agreement, fmt.Sprintf(", the top class is the same on %.1f %%", 100*r.Agreement)
	}
	if out.Before < int64(r.Float)/2 { // no file, or one whose weights are in another
		out.Before = int64(r.Float)
	}
	for _, l := range r.Layers {
		if !l.Integer {
			out.Float = append(out.Float, l.Node)
		}
	}
	if c.Bool("json") {
		printJSON(c.App.Writer, out)
		return nil
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "layer\toperator\tweights\tin\toutput from\tto\tweight error\t")
	for _, l := range r.Layers {
		if !l.Integer {
			fmt.Fprintf(w, "%s\t%s\t%d\tfloat32\t\t\t\t\n", printable.Name(l.Node), l.Op, l.Weights)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\tint8\t%.4g\t%.4g\t%.2f %%\t\n", printable.Name(l.Node), l.Op, l.Weights, l.Low, l.High, 100*l.WeightRMS)
	}
	w.Flush()
	fmt.Fprintf(c.App.Writer, "\n%s: %d of %d layers in int8; %s, was %s\n", filepath.Base(path), len(r.Layers)-len(out.Float), len(r.Layers),
		zoo.Size(out.After), zoo.Size(out.Before))
	fmt.Fprintf(c.App.Writer, "on %d pictures, ranges by %s: outputs differ by %.2f %% (rms)%s\n", r.Compared, r.Method, 100*r.Error, same)
	return nil
}
