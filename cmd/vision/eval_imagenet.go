package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/classify"
	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

func evalImageNetCommand() *cli.Command {
	return &cli.Command{
		Name:  "imagenet",
		Usage: "measure top-1 and top-5 of a classifier on a folder of labelled pictures",
		UsageText: "vision eval imagenet val/ --model resnet50\n" +
			"vision eval imagenet val/ --labels val_labels.txt --model quantised.onnx --json\n" +
			"vision eval imagenet val/ --model quantised.onnx --against resnet50\n" +
			"vision eval imagenet val/ --model resnet50 --precision bf16\n\n" +
			"What a picture shows is read from the labels file (a line for each picture: its file and\n" +
			"its class, as an index, WordNet id or name), from DIR/labels.tsv, from the name of its\n" +
			"folder, or from a WordNet id at the beginning of its own name.\n\n" +
			"With --against, or --precision bf16, the cost of precision is printed too: top-1 and top-5\n" +
			"of both, how often both name the same class, and how far apart their logits are.",
		ArgsUsage: "DIR",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "model", Usage: "zoo `NAME` or path of an .onnx file"},
			&cli.StringFlag{Name: "against", Usage: "also run this `MODEL` (a zoo name or a path) in strict float32 and compare; with --precision bf16 it is the model itself"},
			recipeFlag,
			&cli.StringFlag{Name: "labels", Usage: "`FILE` that says what each picture shows"},
			&cli.IntFlag{Name: "limit", Usage: "use `N` of the pictures, evenly spread; 0 means all"},
			offlineFlag, quietFlag,
			threadsFlag, precisionFlag, jsonFlag,
		},
		Action: evalImageNet,
	}
}

// labelled is a picture with the class it shows, as the model's index.
type labelled struct {
	path  string
	class int
}

func evalImageNet(c *cli.Context) error {
	if c.Args().Len() != 1 || c.String("model") == "" {
		return usage("eval imagenet needs one DIR and --model NAME")
	}
	if c.Int("limit") < 0 {
		return usage("--limit %d: must be at least 0", c.Int("limit"))
	}
	threads, opts := sideBySide(c)
	load, err := zooOptions(c)
	if err != nil {
		return err
	}
	load = append(load, threads...)
	m, err := openForPictures(c, c.String("model"), load)
	if err != nil {
		return err
	}
	defer m.Close()
	remark(c, m.Guess())
	pictures, err := await.Do(c.Context, func() ([]labelled, error) {
		return findLabelled(c.Args().First(), c.String("labels"), m.Labels())
	})
	if err != nil {
		return err
	}
	if n := c.Int("limit"); n > 0 && n < len(pictures) {
		for i := range n {
			pictures[i] = pictures[i*len(pictures)/n]
		}
		pictures = pictures[:n]
	}
	ref, err := loadReference(c, load)
	if err != nil {
		return err
	}
	defer ref.Close()
	return scoreImageNet(c, m, ref, pictures, opts)
}

// loadReference opens the model that precision is measured against, nil if that was
// not asked for.
func loadReference(c *cli.Context, load []zoo.Option) (*zoo.Model, error) {
	name := c.String("against")
	if name == "" && c.String("precision") == "bf16" {
		name = c.String("model")
	}
	if name == "" {
		return nil, nil
	}
	ref, err := openForPictures(c, name, append(slices.Clone(load), strictly))
	if err != nil {
		return nil, err
	}
	if c.String("against") != "" {
		remark(c, ref.Guess())
	}
	return ref, nil
}

// scoreImageNet classifies the pictures, several at the same time, and prints the
// score, and that of a reference unless it is nil.
func scoreImageNet(c *cli.Context, m, ref *zoo.Model, pictures []labelled, opts []classify.Option) error {
	var own, theirs imageNetScore
	var both agreement
	failures := 0
	start := time.Now()
	bar := newPictureBar(c, len(pictures))
	defer bar.finish()
	err := beside(c, m, ref, files(pictures), opts, func(p compared) error {
		picture := pictures[own.pictures+failures]
		bar.step()
		if p.err != nil {
			failures++
			tell(c, named(picture.path, p.err))
			return nil
		}
		own.add(p.got, picture.class)
		if ref == nil {
			return nil
		}
		theirs.add(p.want, picture.class)
		return both.add(p)
	})
	if err != nil {
		return err
	}
	switch asked := c.String("precision"); {
	case c.Bool("json"):
		line := own.json(m.Card().Name, asked)
		line["pictures"], line["failed"], line["seconds"] = own.pictures, failures, digits(time.Since(start).Seconds(), 3)
		if ref != nil {
			line["computed"] = computed(asked)
			line["against"] = theirs.json(ref.Card().Name, "f32strict")
			maps.Copy(line, both.json())
		}
		printJSON(c.App.Writer, line)
	case ref == nil:
		fmt.Fprintf(c.App.Writer, "%s on %d pictures: top-1 %s, top-5 %s; %.1f ms per picture in the network\n",
			oneLine(m.Card().Name), own.pictures, own.share(own.top1), own.share(own.top5), own.infer())
	default:
		w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "on %d pictures\tprecision\ttop-1\ttop-5\tms per picture\n", own.pictures)
		own.row(w, m.Card().Name, arithmetic(c))
		theirs.row(w, ref.Card().Name, "f32strict")
		w.Flush()
		fmt.Fprintln(c.App.Writer, both.text(m))
	}
	if failures > 0 {
		return failed()
	}
	return nil
}

// files yields the pictures as sources.
func files(pictures []labelled) iter.Seq[vision.Source] {
	return func(yield func(vision.Source) bool) {
		for _, p := range pictures {
			if !yield(vision.FileSource(p.path).With(decodeOptions()...)) {
				return
			}
		}
	}
}

// imageNetScore counts how often a model is right.
type imageNetScore struct {
	top1, top5, pictures int
	busy                 time.Duration // in the network
}

func (s *imageNetScore) add(r classify.Result, class int) {
	s.pictures++
	s.busy += r.Infer
	at := slices.IndexFunc(r.Predictions, func(q classify.Prediction) bool { return q.Index == class })
	if at == 0 {
		s.top1++
	}
	if at >= 0 {
		s.top5++
	}
}

// infer is the time per picture in the network, in milliseconds.
func (s *imageNetScore) infer() float64 {
	return digits(s.busy.Seconds()*1e3/float64(max(s.pictures, 1)), 3)
}

func (s *imageNetScore) share(n int) string {
	return fmt.Sprintf("%.2f %% (%d)", 100*float64(n)/float64(max(s.pictures, 1)), n)
}

func (s *imageNetScore) row(w io.Writer, model, precision string) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.1f\n", oneLine(model), precision, s.share(s.top1), s.share(s.top5), s.infer())
}

func (s *imageNetScore) json(model, precision string) map[string]any {
	n := float64(max(s.pictures, 1))
	return map[string]any{"model": model, "precision": precision, "top1": digits(float64(s.top1)/n, 6), "top5": digits(float64(s.top5)/n, 6),
		"ms": map[string]float64{"infer": s.infer()}}
}

// findLabelled lists the pictures of a folder with their classes, in the order of
// their names.
func findLabelled(dir, labelsFile string, labels *label.Set) ([]labelled, error) {
	if labelsFile == "" {
		if path := filepath.Join(dir, "labels.tsv"); fileExists(path) {
			labelsFile = path
		}
	}
	if labelsFile != "" {
		return readLabels(dir, labelsFile, labels)
	}
	var all []labelled
	unknown := ""
	for src, err := range vision.Sources([]string{dir}, vision.Recursive()) {
		if err != nil {
			return nil, err
		}
		path := src.Name
		class, ok := 0, false
		if in := filepath.Dir(path); in != filepath.Clean(dir) {
			class, ok = classIndex(filepath.Base(in), labels)
		}
		if id, _, cut := strings.Cut(filepath.Base(path), "_"); !ok && cut {
			class, ok = classIndex(id, labels)
		}
		if !ok {
			unknown = cmp.Or(unknown, path)
			continue
		}
		all = append(all, labelled{path, class})
	}
	if unknown != "" {
		return nil, fmt.Errorf("%s: neither its folder nor its own name is a class of the model; give --labels FILE", oneLine(unknown))
	}
	return all, nil
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// readLabels reads a file of lines with a file and a class, separated by tabs or a
// space. There may be more columns; the first one after the file that is a class is
// used.
func readLabels(dir, path string, labels *label.Set) ([]labelled, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []labelled
	lines := bufio.NewScanner(io.LimitReader(f, 1<<30))
	for at := 1; lines.Scan(); at++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")) // which editors on Windows begin texts with
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) == 1 {
			name, rest, _ := strings.Cut(line, " ")
			fields = []string{name, strings.TrimSpace(rest)}
		}
		class, ok := 0, false
		for _, field := range fields[1:] {
			if class, ok = classIndex(field, labels); ok {
				break
			}
		}
		if !ok && at == 1 && !fileExists(filepath.Join(dir, fields[0])) {
			continue // a header
		}
		if !filepath.IsLocal(fields[0]) {
			return nil, fmt.Errorf("%s: line %d: a line must name a file in the folder and its class, but it is %.80q", path, at, line)
		}
		if !ok {
			return nil, fmt.Errorf("%s: line %d: %.80q names no class of the model; write its index, its WordNet id, or a name that only it has", path, at, line)
		}
		all = append(all, labelled{filepath.Join(dir, fields[0]), class})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(all) == 0 {
		return nil, errors.New(path + ": no labels in it")
	}
	return all, nil
}

// classIndex finds the model's index of a class that is given as an id, an index of
// the data set, or a name that only one class has.
func classIndex(s string, labels *label.Set) (int, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		if labels == nil {
			return n, true
		}
		if first, ok := labels.At(0); ok && first.Name == label.Background { // those of the data set begin at 1
			n++
		}
		return n, n < labels.Len()
	}
	if labels == nil {
		return 0, false
	}
	found := labels.Find(s)
	for _, l := range found {
		if strings.EqualFold(l.ID, s) {
			return l.Index, true
		}
	}
	if len(found) == 1 {
		return found[0].Index, true
	}
	return 0, false
}
