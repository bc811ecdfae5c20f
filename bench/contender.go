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
)

// runner is an engine with a model and an input.
type runner interface {
	run() error
	output() ([]float32, error) // numbers of the first output, to compare
}

// ready is a contender's first line; sample answers a line with a number of
// runs.
type ready struct {
	LoadMS float64   `json:"load_ms"`
	FirstM float64   `json:"first_ms"` // the first run, with what was put off until then
	GFLOP  float64   `json:"gflop,omitempty"`
	Output []float32 `json:"output,omitempty"`
	Error  string    `json:"error,omitempty"`
}

type sample struct {
	MS     []float64 `json:"ms"`
	RSSMiB float64   `json:"rss_mib"` // the most so far
	Error  string    `json:"error,omitempty"`
}

// contend is the other side of a race: it loads, says so, and runs as often as
// each line of standard input asks for.
func contend(args []string) error {
	f := flag.NewFlagSet("contender", flag.ContinueOnError)
	engine := f.String("engine", "vision", "")
	model := f.String("model", "", "")
	threads := f.Int("threads", 1, "")
	cpu := f.String("cpu", "", "")
	precision := f.String("precision", "", "")
	library := f.String("library", "", "")
	batch := f.Int("batch", 1, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	start := time.Now()
	var r runner
	var gflop float64
	var err error
	switch *engine {
	case "vision":
		r, gflop, err = openVision(*model, *cpu, *precision, *threads, *batch)
	case "ort":
		r, err = openORT(*library, *model, *threads, *batch)
	default:
		err = fmt.Errorf("no engine %q", *engine)
	}
	hello := ready{LoadMS: since(start), GFLOP: gflop}
	if err == nil {
		start = time.Now()
		err = r.run()
		hello.FirstM = since(start)
	}
	if err == nil {
		hello.Output, err = r.output()
	}
	if err != nil {
		hello.Error = err.Error()
	}
	enc := json.NewEncoder(os.Stdout)
	if enc.Encode(hello) != nil || err != nil {
		return nil
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

// warmUp is how long an engine runs before it is timed: others ran since, and
// processors that idled have empty caches and low clocks.
const warmUp = 30 * time.Millisecond

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

// peakMiB is the most memory the process held, mapped files included, by what
// Linux tells; 0 elsewhere.
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
