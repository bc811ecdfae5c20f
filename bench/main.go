// Command bench measures this engine side by side with others, on the same
// model files, with the same threads, in turns:
//
//	npm i --ignore-scripts onnxruntime-node
//	go run . --ort node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1 --threads 1,2 models/*.onnx
//
// Every contender is a process of its own, so that its memory can be measured, and
// waits while the others run. Samples that another virtual machine on the host
// disturbed, as a probe before and after shows, are left out.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/visionzoo/vision/internal/sides"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "contender" {
		exit(contend(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "photos" {
		exit(photos(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "opencv" { // asked by --opencv
		exit(opencvVersion())
	}
	exit(compare(os.Args[1:]))
}

func exit(err error) {
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// settings are what the command line chooses.
type settings struct {
	models  []string
	ort     string
	torch   bool
	python  string
	opencv  string
	ncnn    string
	configs []config
	threads []int
	asAVX2  bool
	size    sizes
	inputs  map[string]string // what --input gives for an input
	rounds  int
	json    bool
	rows    string
	write   string
	section string
}

// config is one way to run this engine.
type config struct{ cpu, precision string }

func (c config) String() string { return strings.Trim(c.cpu+"/"+c.precision, "/") }

func parse(args []string) (*settings, error) {
	var s settings
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "bench --ort libonnxruntime.so.1 --threads 1,2 resnet50.onnx vgg16.onnx\nbench --configs /f32,avx512/f32,/bf16 --torch resnet50.onnx\nbench --ort libonnxruntime.so.1 --threads 1,2 --write speed.md resnet50.onnx\nbench photos …")
		f.PrintDefaults()
	}
	f.StringVar(&s.ort, "ort", os.Getenv("ONNXRUNTIME"), "ONNX Runtime's shared library; none: it is left out")
	f.BoolVar(&s.torch, "torch", false, "also PyTorch (oneDNN), for files named after a torchvision model")
	f.StringVar(&s.python, "python", "python3", "the interpreter that has PyTorch")
	f.StringVar(&s.opencv, "opencv", "", "also OpenCV's dnn module: the path of this program built with -tags gocv")
	f.StringVar(&s.ncnn, "ncnn", "", "also ncnn: the path of its program benchncnn, its networks' .param files beside it")
	configs := f.String("configs", "/f32", "ways to run this engine: CPU/PRECISION,…")
	threads := f.String("threads", "1", "numbers of threads")
	f.BoolVar(&s.asAVX2, "as-avx2", false, "as on a processor with AVX2 and no AVX-512, which ONNX Runtime is not shown (Linux, Intel)")
	f.IntVar(&s.size.batch, "batch", 1, "pictures at once, where the model's batch is free")
	size := f.String("size", "", "height and width, where the model leaves them free: 224 or 480x640")
	s.inputs = map[string]string{}
	f.Func("input", "`NAME=SHAPE` as 1x16000, or NAME=FILE.npy, for an input whose free dimensions 1 does not suit; any number of times", func(arg string) error {
		name, value, ok := cutLast(arg)
		if !ok {
			return errors.New("write NAME=SHAPE or NAME=FILE.npy")
		}
		s.inputs[name] = value
		return nil
	})
	f.IntVar(&s.rounds, "rounds", 30, "turns of each contender")
	f.BoolVar(&s.json, "json", false, "one JSON object a line")
	f.StringVar(&s.rows, "rows", "", "keep the rows in this file and write the page from all that are there, so that a long run is done in parts:\nthe same flags, other models")
	f.StringVar(&s.write, "write", "", "also write the machine, versions, table and notes to this Markdown page, a new one or between the lines\n<!-- bench:SECTION --> and <!-- /bench:SECTION --> of one that is there")
	f.StringVar(&s.section, "section", "networks", "the SECTION of --write")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	for _, c := range strings.Split(*configs, ",") {
		cpu, precision, _ := strings.Cut(c, "/")
		if s.asAVX2 && cpu == "" {
			cpu = "avx2"
		}
		if s.asAVX2 && cpu != "avx2" && cpu != "purego" {
			return nil, fmt.Errorf("--configs %s: a processor with AVX2 alone has no kernels %q; leave --as-avx2 out, or take avx2 or purego", c, cpu)
		}
		s.configs = append(s.configs, config{cpu, precision})
	}
	if s.asAVX2 && (s.torch || s.opencv != "" || s.ncnn != "") {
		return nil, errors.New("--as-avx2 is for this engine and ONNX Runtime: the others would use AVX-512")
	}
	for _, t := range strings.Split(*threads, ",") {
		n, err := strconv.Atoi(t)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("--threads %q is not a list of numbers like 1,2", *threads)
		}
		s.threads = append(s.threads, n)
	}
	var err error
	if s.size.height, s.size.width, err = sides.Parse(*size); err != nil {
		return nil, fmt.Errorf("--size %s: %w", *size, err)
	}
	if s.size.batch < 1 || s.rounds < 1 {
		return nil, errors.New("--batch and --rounds are at least 1")
	}
	if err := s.checkOthers(); err != nil {
		return nil, err
	}
	if s.models = f.Args(); len(s.models) == 0 {
		f.Usage()
		return nil, flag.ErrHelp
	}
	return &s, nil
}

// cutLast splits at the last "=", since a name may contain one.
func cutLast(arg string) (name, value string, ok bool) {
	at := strings.LastIndexByte(arg, '=')
	if at < 1 {
		return "", "", false
	}
	return arg[:at], arg[at+1:], true
}

// checkOthers sees, before anything is measured, that the other engines'
// programs are there and are what they are taken for.
func (s *settings) checkOthers() error {
	if s.ncnn != "" && !exists(s.ncnn) {
		return fmt.Errorf("--ncnn %s: no such file; build benchncnn from ncnn's sources and keep its .param files beside it", s.ncnn)
	}
	if s.opencv == "" {
		return nil
	}
	var err error
	if s.opencv, err = filepath.Abs(s.opencv); err != nil {
		return err
	}
	if !exists(s.opencv) {
		return fmt.Errorf("--opencv %s: no such file; with libopencv-dev 4.6 (as Debian 12 has) run: go build -tags gocv -o bench-opencv .", s.opencv)
	}
	if text, err := exec.Command(s.opencv, "opencv").CombinedOutput(); err != nil {
		return fmt.Errorf("--opencv %s: %w: %s", s.opencv, err, lastWords(string(text)))
	}
	return nil
}

func compare(args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	var to *page
	if s.write != "" { // refused now rather than after an hour
		if to, err = openPage(s.write, s.section); err != nil {
			return err
		}
	}
	before, err := readRows(s.rows)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	report := newReport(out, s.json, s.asAVX2)
	report.peaks.look(500 * time.Millisecond)
	others := ncnnTimes{}
	for _, model := range s.models {
		for _, threads := range s.threads {
			report.peaks.look(50 * time.Millisecond)
			rows, err := race(ctx, s, model, threads, others)
			if err != nil {
				return fmt.Errorf("%s, %d threads: %w", model, threads, err)
			}
			report.add(rows)
			out.Flush()
		}
	}
	report.end()
	if s.rows != "" {
		report.take(before)
		if err := writeRows(s.rows, report.rows); err != nil {
			return err
		}
	}
	if to == nil {
		return nil
	}
	flags := args[:len(args)-len(s.models)]
	return to.write(report.markdown(time.Now(), commandLine(append(slices.Clone(flags), report.files()...))))
}
