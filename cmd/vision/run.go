package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/limit"
	"github.com/visionzoo/vision/internal/printable"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "run any network on any data",
		UsageText: "vision run resnet50 --input cat.jpg\n" +
			"vision run model.onnx --input tokens=t.npy --input mask=m.pb --output results/\n" +
			"vision run squeezenet1.1 --input cat.jpg --layer fire2/concat_1 --output results/",
		ArgsUsage: "MODEL",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "input", Usage: "`NAME=FILE`, or FILE if the model has one input: .npy, .pb (an ONNX tensor) or a picture"},
			&cli.StringFlag{Name: "output", Usage: "write each output to `DIR` as NAME.npy; without it a summary is printed"},
			&cli.StringSliceFlag{Name: "layer", Usage: "also output the inner value `NAME` (vision inspect MODEL --layers lists them)"},
			recipeFlag, offlineFlag, quietFlag, threadsFlag, precisionFlag, jsonFlag,
		},
		Action: runAction,
	}
}

func runAction(c *cli.Context) error {
	switch n := c.Args().Len(); {
	case n == 0:
		return usage("run needs a MODEL: a zoo name, or the path of an .onnx file")
	case n > 1:
		return usage("run takes one MODEL, but %q follows it; to feed that to the model, write --input %s", c.Args().Get(1), c.Args().Get(1))
	}
	opts, err := zooOptions(c)
	if err != nil {
		return err
	}
	if dir := c.String("output"); dir != "" {
		if err := writableFolder("--output", dir); err != nil {
			return err
		}
	}
	opts = append(opts, zoo.WithEngine(engine.Outputs(c.StringSlice("layer")...)))
	m, err := zoo.LoadContext(c.Context, c.Args().First(), opts...)
	if errors.Is(err, engine.ErrNoValue) {
		return usage("--layer: %w", err)
	}
	if err != nil {
		return noModel(err)
	}
	defer m.Close()
	in, err := runInputs(c, m)
	if err != nil {
		return err
	}
	out, err := m.Session().Run(c.Context, in)
	if err != nil {
		return err
	}
	if dir := c.String("output"); dir != "" {
		return writeOutputs(c, dir, m.Session().Outputs(), out)
	}
	for _, o := range m.Session().Outputs() {
		if err := printSummary(c, o.Name, out[o.Name]); err != nil {
			return err
		}
	}
	return nil
}

// runInputs reads the files that --input names.
func runInputs(c *cli.Context, m *zoo.Model) (engine.Values, error) {
	in := engine.Values{}
	inputs := m.Session().Inputs()
	guessed := false
	for _, arg := range c.StringSlice("input") {
		info, file, err := inputOf(arg, inputs, m.Session().Defaults()...)
		if err != nil {
			return nil, err
		}
		if in[info.Name] != nil {
			return nil, usage("--input %s: input %.80q has a value already", arg, info.Name)
		}
		if isData(file) {
			in[info.Name], err = readData(c.Context, file, info)
		} else {
			in[info.Name], err = readPicture(c, m, info, file)
			if !guessed && err == nil {
				remark(c, m.Guess())
				guessed = true
			}
		}
		if err != nil {
			return nil, err
		}
	}
	var missing []string
	for _, i := range inputs {
		if in[i.Name] == nil {
			missing = append(missing, fmt.Sprintf("%s (%v)", printable.Name(i.Name), i.Fact))
		}
	}
	if len(missing) > 0 {
		return nil, usage("no value for input %s; write --input NAME=FILE", strings.Join(missing, ", "))
	}
	return in, nil
}

// inputOf splits NAME=FILE. The name may contain "=", and so may a file without a
// name. Further inputs, which have a value, are meant only where they are named.
func inputOf(arg string, inputs []engine.Info, further ...engine.Info) (engine.Info, string, error) {
	for _, i := range slices.SortedFunc(slices.Values(slices.Concat(inputs, further)), func(a, b engine.Info) int { return cmp.Compare(len(b.Name), len(a.Name)) }) {
		if file, ok := strings.CutPrefix(arg, i.Name+"="); ok {
			return i, file, nil
		}
	}
	var names []string
	for _, i := range inputs {
		names = append(names, fmt.Sprintf("%.80q", i.Name))
	}
	_, statErr := os.Stat(arg)
	switch {
	case len(inputs) == 0:
		return engine.Info{}, "", usage("--input %s: the model takes no input", arg)
	case len(inputs) == 1 && (statErr == nil || !strings.Contains(arg, "=")):
		return inputs[0], arg, nil
	case strings.Contains(arg, "="):
		return engine.Info{}, "", usage("--input %s: no input has that name; the inputs are %s", arg, strings.Join(names, ", "))
	}
	return engine.Info{}, "", usage("--input %s: which input? Write NAME=%s; the inputs are %s", arg, arg, strings.Join(names, ", "))
}

func isData(file string) bool {
	ext := strings.ToLower(filepath.Ext(file))
	return ext == ".npy" || ext == ".pb"
}

// readData reads a tensor, and no more of a file than one can have, or a run.
func readData(ctx context.Context, file string, info engine.Info) (*tensor.Tensor, error) {
	room, err := runLimit()
	if err != nil {
		return nil, err
	}
	return readFile(ctx, file, func(r io.Reader) (*tensor.Tensor, error) {
		if f, ok := r.(*os.File); ok {
			if at, err := f.Stat(); err == nil && at.Size() > room {
				return nil, fmt.Errorf("has %s, more than the memory limit of %s (VISION_MEMORY_LIMIT sets another)", zoo.Size(at.Size()), zoo.Size(room))
			}
		}
		if strings.EqualFold(filepath.Ext(file), ".npy") {
			return tensor.ReadNpy(r)
		}
		data, err := limit.ReadAll(r, limit.Proto)
		if err != nil {
			return nil, err
		}
		return engine.ReadTensor(data, info)
	})
}

func readPicture(c *cli.Context, m *zoo.Model, info engine.Info, file string) (*tensor.Tensor, error) {
	switch {
	case m.Encoder() == nil:
		return nil, fmt.Errorf("%s: %s; give .npy or .pb", file, noPicture(m))
	case m.Input() != info.Name:
		return nil, fmt.Errorf("%s: the picture goes to input %.80q, not %.80q", file, m.Input(), info.Name)
	}
	img, err := openPicture(c, file)
	if err != nil {
		return nil, err
	}
	remark(c, damage(file, img.Damaged))
	x, _, err := m.Encoder().EncodeContext(c.Context, img)
	return x, err
}

// openPicture opens one picture: a file, a URL, or "-".
func openPicture(c *cli.Context, arg string) (*vision.Image, error) {
	var one *vision.Source
	for src, err := range pictureSources(c, []string{arg}) {
		if err != nil {
			return nil, err
		}
		if one != nil {
			return nil, usage("--input %s: several pictures; the network takes one, such as %s", arg, one.Name)
		}
		one = &src
	}
	if one == nil {
		return nil, fmt.Errorf("%s: no picture", arg)
	}
	return one.Open(c.Context)
}

// writeOutputs writes a .npy file for each output, atomically. A sequence gives one
// file for each of its tensors.
func writeOutputs(c *cli.Context, dir string, infos []engine.Info, out engine.Values) error {
	taken := map[string]bool{}
	for _, info := range infos {
		base := fileName(info.Name)
		for n := 2; taken[strings.ToLower(base)]; n++ {
			base = fmt.Sprintf("%s-%d", fileName(info.Name), n)
		}
		taken[strings.ToLower(base)] = true
		for name, t := range flatten(base, out[info.Name]) {
			path := filepath.Join(dir, name+".npy")
			if err := writeWhole(c.Context, path, func(w io.Writer) error { return tensor.WriteNpy(w, t) }); err != nil {
				return fmt.Errorf("output %.80q: %w", info.Name, err)
			}
			if c.Bool("json") {
				s := summarise(info.Name, t)
				s.File = path
				printJSON(c.App.Writer, s)
				continue
			}
			fmt.Fprintln(c.App.Writer, path)
		}
	}
	return nil
}

// flatten yields the tensors of a value with distinct names.
func flatten(name string, t *tensor.Tensor) func(yield func(string, *tensor.Tensor) bool) {
	return func(yield func(string, *tensor.Tensor) bool) {
		if t.DType().IsElement() {
			yield(name, t)
			return
		}
		for i, e := range t.Elems() {
			for n, inner := range flatten(fmt.Sprintf("%s.%d", name, i), e) {
				if !yield(n, inner) {
					return
				}
			}
		}
	}
}

// fileName makes a safe file name from a value's name, which comes from an
// untrusted file.
func fileName(name string) string {
	s := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '_'
	}, name)
	s = strings.TrimLeft(s, ".")
	if len(s) > 100 {
		s = s[:100]
	}
	if !filepath.IsLocal(s + ".npy") { // a device of Windows, such as aux
		s = "_" + s
	}
	return cmp.Or(s, "output")
}

// outputSummary is the summary of an output.
type outputSummary struct {
	Name  string   `json:"name"`
	File  string   `json:"file,omitempty"` // with --output
	DType string   `json:"dtype"`
	Shape []int    `json:"shape"`
	Min   *float64 `json:"min,omitempty"`
	Max   *float64 `json:"max,omitempty"`
	Mean  *float64 `json:"mean,omitempty"`
	NaN   int      `json:"nan,omitempty"` // numbers that are none
	Inf   int      `json:"inf,omitempty"` // infinite ones; min, max and mean are of the others
}

// printSummary prints a line for each tensor of a value; a sequence may hold millions.
func printSummary(c *cli.Context, name string, t *tensor.Tensor) error {
	for name, t := range flatten(name, t) {
		if err := c.Context.Err(); err != nil {
			return err
		}
		s := summarise(name, t)
		if c.Bool("json") {
			printJSON(c.App.Writer, s)
			continue
		}
		printSummaryLine(c.App.Writer, s)
	}
	return nil
}

func printSummaryLine(w io.Writer, s outputSummary) {
	fmt.Fprintf(w, "%-24s %-9s %-18s", printable.Name(s.Name), s.DType, fmt.Sprint(s.Shape))
	if s.Min != nil {
		fmt.Fprintf(w, " min %.6g  max %.6g  mean %.6g", *s.Min, *s.Max, *s.Mean)
	}
	if s.NaN > 0 {
		fmt.Fprintf(w, "  %d NaN", s.NaN)
	}
	if s.Inf > 0 {
		fmt.Fprintf(w, "  %d infinite", s.Inf)
	}
	fmt.Fprintln(w)
}

func summarise(name string, t *tensor.Tensor) outputSummary {
	s := outputSummary{Name: name, DType: t.DType().String(), Shape: append([]int{}, t.Shape()...)}
	if t.DType() == tensor.String || t.DType() == tensor.Complex64 || t.DType() == tensor.Complex128 {
		return s
	}
	low, high, sum, n := 0.0, 0.0, 0.0, 0
	piece := make([]float64, min(1024, t.Len())) // as float64, all would take up to eight times the memory of t
	for at := 0; at < t.Len(); at += len(piece) {
		piece = piece[:min(len(piece), t.Len()-at)]
		tensor.Load(piece, t, at, 1)
		for _, v := range piece {
			switch {
			case v != v:
				s.NaN++
				continue
			case v-v != 0:
				s.Inf++
				continue
			}
			if n == 0 {
				low, high = v, v
			}
			low, high = min(low, v), max(high, v)
			sum += v
			n++
		}
	}
	if finite := sum - sum; n > 0 && finite == 0 {
		mean := sum / float64(n)
		s.Min, s.Max, s.Mean = &low, &high, &mean
	}
	return s
}
