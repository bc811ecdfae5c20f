package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/visionzoo/vision/engine"
)

// runner is an engine with a model and an input.
type runner interface {
	run() error
	output() ([]float32, error) // numbers of the first output, to compare
	version() string            // of the engine, with its name
}

// opening is what an engine needs to open a model.
type opening struct {
	model          string
	threads        int
	cpu, precision string // this engine's
	library        string // ONNX Runtime's
	asAVX2         bool   // hide later vectors from it
	feed           feed
	values         engine.Values
}

// engines open a model, by the name that the contender is given.
var engines = map[string]func(opening) (runner, error){
	"vision": openVision, "ort": openORT, "opencv": openOpenCV,
}

// ready is a contender's first line; sample answers a line with a number of
// runs.
type ready struct {
	LoadMS  float64   `json:"load_ms"`
	FirstMS float64   `json:"first_ms"` // the first run, with what was put off until then
	GFLOP   float64   `json:"gflop,omitempty"`
	Output  []float32 `json:"output,omitempty"`
	Version string    `json:"version,omitempty"`
	Error   string    `json:"error,omitempty"`
}

type sample struct {
	MS     []float64 `json:"ms"`
	RSSMiB float64   `json:"rss_mib"` // the most so far
	Error  string    `json:"error,omitempty"`
}

// contend is the other side of a race: it loads, says so, and runs as often as
// each line of standard input asks for.
func contend(args []string) error {
	var o opening
	f := flag.NewFlagSet("contender", flag.ContinueOnError)
	name := f.String("engine", "vision", "")
	fed := f.String("feed", "", "")
	f.StringVar(&o.model, "model", "", "")
	f.IntVar(&o.threads, "threads", 1, "")
	f.StringVar(&o.cpu, "cpu", "", "")
	f.StringVar(&o.precision, "precision", "", "")
	f.StringVar(&o.library, "library", "", "")
	f.BoolVar(&o.asAVX2, "as-avx2", false, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	enc := json.NewEncoder(os.Stdout)
	r, hello := begin(*name, *fed, o)
	if err := enc.Encode(hello); err != nil || hello.Error != "" {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		n, err := strconv.Atoi(in.Text())
		if err != nil {
			return err
		}
		s := measure(r, n)
		s.RSSMiB = peakMiB()
		if err := enc.Encode(s); err != nil {
			return err
		}
	}
	return nil
}

// begin loads a model and runs it once.
func begin(name, fed string, o opening) (r runner, hello ready) {
	err := json.Unmarshal([]byte(fed), &o.feed)
	if err == nil {
		o.values, err = o.feed.values()
	}
	open := engines[name]
	if err == nil && open == nil {
		err = fmt.Errorf("no engine %q", name)
	}
	start := time.Now()
	if err == nil {
		r, err = open(o)
		hello.LoadMS = since(start)
	}
	if err == nil {
		start = time.Now()
		err = r.run()
		hello.FirstMS = since(start)
	}
	if err == nil {
		hello.Version = r.version()
		hello.Output, err = r.output()
	}
	if v, ok := r.(*visionRunner); ok && err == nil {
		hello.GFLOP, err = v.gflop()
	}
	if err != nil {
		hello.Error = err.Error()
	}
	return r, hello
}

// warmUp is how long an engine runs before it is timed: since its last turn others
// ran, and processors that idled have empty caches and low clocks.
const warmUp = 100 * time.Millisecond

// measure times n runs after some that warm up.
func measure(r runner, n int) sample {
	for start := time.Now(); ; {
		if err := r.run(); err != nil {
			return sample{Error: err.Error()}
		}
		if time.Since(start) > warmUp {
			break
		}
	}
	var s sample
	for range n {
		start := time.Now()
		if err := r.run(); err != nil {
			return sample{Error: err.Error()}
		}
		s.MS = append(s.MS, since(start))
	}
	return s
}

func since(t time.Time) float64 { return time.Since(t).Seconds() * 1e3 }

// peakMiB is the most memory the process held, mapped files included, as Linux
// reports it; 0 on other systems.
func peakMiB() float64 {
	if runtime.GOOS != "linux" {
		return 0
	}
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseFloat(fields[0], 64)
	return kib / 1024
}
