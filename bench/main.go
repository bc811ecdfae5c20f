// Command bench measures this engine side by side with others, on the same
// model files, with the same threads, in turns:
//
//	npm i --ignore-scripts onnxruntime-node
//	go run . --ort node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1 --threads 1,2 models/*.onnx
//
// Every contender is a process of its own, so that its memory can be told, and
// waits while the others run. Samples that a neighbour on the host disturbed,
// as a probe before and after tells, are left out.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "contender" {
		exit(contend(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "photos" {
		exit(photos(os.Args[2:]))
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
	configs []config
	threads []int
	batch   int
	rounds  int
	json    bool
}

// config is one way to run this engine.
type config struct{ cpu, precision string }

func (c config) String() string { return strings.Trim(c.cpu+"/"+c.precision, "/") }

func parse(args []string) (*settings, error) {
	var s settings
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "bench --ort libonnxruntime.so.1 --threads 1,2 resnet50.onnx vgg16.onnx\nbench --configs /f32,avx512/f32,/bf16 --torch resnet50.onnx")
		f.PrintDefaults()
	}
	f.StringVar(&s.ort, "ort", os.Getenv("ONNXRUNTIME"), "ONNX Runtime's shared library; none: it is left out")
	f.BoolVar(&s.torch, "torch", false, "also PyTorch (oneDNN), for files named after a torchvision model")
	f.StringVar(&s.python, "python", "python3", "the interpreter that has PyTorch")
	configs := f.String("configs", "/f32", "ways to run this engine: CPU/PRECISION,…")
	threads := f.String("threads", "1", "numbers of threads")
	f.IntVar(&s.batch, "batch", 1, "pictures at once, where the model's batch is free")
	f.IntVar(&s.rounds, "rounds", 30, "turns of each contender")
	f.BoolVar(&s.json, "json", false, "one JSON object a line")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	for _, c := range strings.Split(*configs, ",") {
		cpu, precision, _ := strings.Cut(c, "/")
		s.configs = append(s.configs, config{cpu, precision})
	}
	for _, t := range strings.Split(*threads, ",") {
		n, err := strconv.Atoi(t)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("--threads %q is not a list of numbers like 1,2", *threads)
		}
		s.threads = append(s.threads, n)
	}
	if s.models = f.Args(); len(s.models) == 0 {
		f.Usage()
		return nil, flag.ErrHelp
	}
	return &s, nil
}

func compare(args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	report := newReport(out, s.json)
	for _, model := range s.models {
		for _, threads := range s.threads {
			rows, err := race(ctx, s, model, threads)
			if err != nil {
				return fmt.Errorf("%s, %d threads: %w", model, threads, err)
			}
			report.add(rows)
			out.Flush()
		}
	}
	return nil
}
