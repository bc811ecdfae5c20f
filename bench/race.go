package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed torch_contender.py
var torchScript string

// row is what one contender did with one model.
type row struct {
	Model     string  `json:"model"`
	Threads   int     `json:"threads"`
	Batch     int     `json:"batch"`
	Engine    string  `json:"engine"`
	Median    float64 `json:"median_ms"`
	Best      float64 `json:"best_ms"`
	Quiet     float64 `json:"quiet"` // share of the samples without disturbance
	LoadMS    float64 `json:"load_ms"`
	FirstMS   float64 `json:"first_ms"`
	GFLOPs    float64 `json:"gflops"`
	RSSMiB    float64 `json:"rss_mib"`
	Ratio     float64 `json:"ratio,omitempty"` // ONNX Runtime's median over this one's
	Deviation float64 `json:"deviation"`       // largest difference from ONNX Runtime's first output over its spread
	Error     string  `json:"error,omitempty"`
}

// child is a contender that runs.
type child struct {
	row
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	hello  ready
	kept   []float64
	all    []float64
	failed error
}

// race measures every contender on one model, in turns, the order turning too.
func race(ctx context.Context, s *settings, model string, threads int) ([]row, error) {
	unpin, err := pin(threads)
	if err != nil {
		return nil, err
	}
	defer unpin()
	warmProbe(threads)
	children, err := start(ctx, s, model, threads)
	defer func() {
		for _, c := range children {
			c.stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	for round := range s.rounds {
		for i := range children {
			c := children[(i+round)%len(children)]
			if c.failed == nil && ctx.Err() == nil {
				c.turn(threads)
			}
		}
	}
	return results(children), ctx.Err()
}

func start(ctx context.Context, s *settings, model string, threads int) ([]*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	base := row{Model: strings.TrimSuffix(filepath.Base(model), ".onnx"), Threads: threads, Batch: s.batch}
	common := []string{"--model", model, "--threads", strconv.Itoa(threads), "--batch", strconv.Itoa(s.batch)}
	var children []*child
	add := func(name, command string, args ...string) error {
		c := &child{row: base}
		c.Engine = name
		children = append(children, c)
		return c.start(ctx, command, args...)
	}
	for _, cfg := range s.configs {
		args := append([]string{"contender", "--engine", "vision", "--cpu", cfg.cpu, "--precision", cfg.precision}, common...)
		if err := add("vision "+cfg.String(), self, args...); err != nil {
			return children, err
		}
	}
	if s.ort != "" {
		args := append([]string{"contender", "--engine", "ort", "--library", s.ort}, common...)
		if err := add("onnxruntime", self, args...); err != nil {
			return children, err
		}
	}
	if s.torch {
		if err := add("torch", s.python, "-c", torchScript, base.Model, strconv.Itoa(threads), strconv.Itoa(s.batch)); err != nil {
			return children, err
		}
	}
	return children, nil
}

func (c *child) start(ctx context.Context, command string, args ...string) error {
	c.cmd = exec.CommandContext(ctx, command, args...)
	c.cmd.Stderr = os.Stderr
	c.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(max(c.Threads, 1)))
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	c.in, c.out = in, bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return err
	}
	if err := c.read(&c.hello); err != nil {
		c.failed = err
	} else if c.hello.Error != "" {
		c.failed = errors.New(c.hello.Error)
	}
	return nil
}

// read takes the next line of a contender.
func (c *child) read(into any) error {
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("it ended: %w", err)
	}
	return json.Unmarshal(line, into)
}

// rest is how long nobody runs after a turn: ONNX Runtime's threads spin for some
// 35 ms after a run, in the way of whoever comes next.
const rest = 60 * time.Millisecond

// turn lets a contender run for about 30 ms, between two probes.
func (c *child) turn(threads int) {
	defer time.Sleep(rest)
	n := 1
	if len(c.all) > 0 {
		n = min(max(int(30/slices.Min(c.all)), 1), 50)
	}
	before := quiet(threads)
	fmt.Fprintln(c.in, n)
	var s sample
	if c.failed = c.read(&s); c.failed == nil && s.Error != "" {
		c.failed = errors.New(s.Error)
	}
	if after := quiet(threads); before && after {
		c.kept = append(c.kept, s.MS...)
	}
	c.all = append(c.all, s.MS...)
	c.RSSMiB = s.RSSMiB
}

func (c *child) stop() {
	if c.cmd.Process == nil {
		return
	}
	c.in.Close()
	c.cmd.Wait()
}

// results makes rows of what was measured, ratios against ONNX Runtime.
func results(children []*child) []row {
	var rows []row
	var reference *child
	for _, c := range children {
		if c.Engine == "onnxruntime" && c.failed == nil {
			reference = c
		}
	}
	gflop := 0.0
	for _, c := range children {
		gflop = max(gflop, c.hello.GFLOP)
		c.summarise()
	}
	for _, c := range children {
		if c.failed == nil && reference != nil {
			c.Ratio = reference.Median / c.Median
			c.Deviation = deviation(c.hello.Output, reference.hello.Output)
		}
		if c.Median > 0 {
			c.GFLOPs = gflop / c.Median * 1e3
		}
		rows = append(rows, c.row)
	}
	return rows
}

func (c *child) summarise() {
	c.LoadMS, c.FirstMS = c.hello.LoadMS, c.hello.FirstM
	if c.failed != nil {
		c.Error = c.failed.Error()
		return
	}
	ms := c.kept
	if len(c.all) > 0 {
		c.Quiet = float64(len(c.kept)) / float64(len(c.all))
	}
	if len(ms) < 5 {
		ms = c.all
	}
	slices.Sort(ms)
	c.Median, c.Best = ms[len(ms)/2], ms[0]
}

// deviation is the largest difference of two outputs over the spread of the
// second.
func deviation(a, b []float32) float64 {
	if len(a) == 0 || len(a) != len(b) {
		return 0
	}
	var worst float64
	for i := range a {
		d := float64(a[i] - b[i])
		worst = max(worst, d, -d)
	}
	return worst / max(float64(slices.Max(b)-slices.Min(b)), 1e-30)
}
