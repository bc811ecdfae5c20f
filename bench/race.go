package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed torch_contender.py
var torchScript string

// row is what one contender did with one model.
type row struct {
	Model   string  `json:"model"`
	Threads int     `json:"threads"`
	Batch   int     `json:"batch"`
	Height  int     `json:"height,omitempty"` // where one was asked for
	Width   int     `json:"width,omitempty"`
	Engine  string  `json:"engine"`
	Version string  `json:"version,omitempty"` // of another engine
	Median  float64 `json:"median_ms"`         // of ncnn the average
	Best    float64 `json:"best_ms"`
	Samples int     `json:"samples"`
	Quiet   float64 `json:"quiet"` // share of the samples without disturbance
	LoadMS  float64 `json:"load_ms"`
	FirstMS float64 `json:"first_ms"`
	GFLOPs  float64 `json:"gflops"`             // 10⁹ operations a second in the median
	Share   float64 `json:"of_peak,omitempty"`  // of what all threads' cores compute in f32 at most
	F32Peak float64 `json:"f32_peak,omitempty"` // of one core, as known by then, in GFLOP/s
	RSSMiB  float64 `json:"rss_mib"`
	Ratio   float64 `json:"ratio,omitempty"` // ONNX Runtime's median over this one's
	// Deviation is the largest difference from ONNX Runtime's first output over
	// its spread, where both gave numbers of one kind.
	Deviation *float64 `json:"deviation,omitempty"`
	Error     string   `json:"error,omitempty"`
}

// child is a contender that runs.
type child struct {
	row
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	says   bytes.Buffer // on standard error
	hello  ready
	kept   []float64
	all    []float64
	failed error
}

// race measures every contender on one model, in turns whose order rotates too;
// benchncnn, which cannot be paused, runs by itself.
func race(ctx context.Context, s *settings, model string, threads int, others ncnnTimes) ([]row, error) {
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
	rows := rowsOf(children)
	if s.ncnn != "" && ctx.Err() == nil {
		rows = append(rows, others.row(ctx, s.ncnn, s.row(model, threads)))
	}
	compareRows(rows, children)
	return rows, ctx.Err()
}

func start(ctx context.Context, s *settings, model string, threads int) ([]*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	fed, err := feedLine(model, s.size, s.inputs)
	if err != nil {
		return nil, err
	}
	base := s.row(model, threads)
	common := []string{"--model", model, "--threads", strconv.Itoa(threads), "--feed", fed}
	var children []*child
	add := func(name, command string, args ...string) error {
		c := &child{row: base}
		c.Engine = name
		children = append(children, c)
		return c.start(ctx, command, args...)
	}
	contender := func(name string, args ...string) error {
		return add(name, self, append(append([]string{"contender"}, args...), common...)...)
	}
	for _, cfg := range s.configs {
		if err := contender("vision "+cfg.String(), "--engine", "vision", "--cpu", cfg.cpu, "--precision", cfg.precision); err != nil {
			return children, err
		}
	}
	if s.ort != "" {
		if err := contender("onnxruntime", "--engine", "ort", "--library", s.ort, fmt.Sprintf("--as-avx2=%t", s.asAVX2)); err != nil {
			return children, err
		}
	}
	if s.opencv != "" {
		args := append([]string{"contender", "--engine", "opencv"}, common...)
		if err := add("opencv", s.opencv, args...); err != nil {
			return children, err
		}
	}
	if s.torch {
		n := []int{threads, s.size.batch, s.size.height, s.size.width}
		args := append([]string{"-c", torchScript, base.Model}, strings.Fields(strings.Trim(fmt.Sprint(n), "[]"))...)
		if err := add("torch", s.python, args...); err != nil {
			return children, err
		}
	}
	return children, nil
}

// row is the beginning of a contender's.
func (s *settings) row(model string, threads int) row {
	return row{Model: strings.TrimSuffix(filepath.Base(model), ".onnx"), Threads: threads,
		Batch: s.size.batch, Height: s.size.height, Width: s.size.width}
}

func (c *child) start(ctx context.Context, command string, args ...string) error {
	c.cmd = exec.CommandContext(ctx, command, args...)
	c.cmd.Stderr = &c.says
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
		c.stop()
		return fmt.Errorf("it ended: %s", lastWords(c.says.String()))
	}
	return json.Unmarshal(line, into)
}

// lastWords is what a program said on standard error of why it ended: the
// exception that nobody caught in C++, Go's panic, or the last line.
func lastWords(text string) string {
	last := "without a word"
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "what():") {
			return exception(text)
		}
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
		if line != "" {
			last = line
		}
	}
	return last
}

// opencvPlace is where in its sources OpenCV met an error.
var opencvPlace = regexp.MustCompile(`OpenCV\([^)]*\) \S+: error: (\([^)]*\) )?in function '[^']*'`)

// exception is the text of one. OpenCV's goes on in lines that begin with >,
// which tell more than the first.
func exception(text string) string {
	_, text, _ = strings.Cut(text, "what():")
	first, rest, _ := strings.Cut(text, "\n")
	var more []string
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, ">") {
			break
		}
		more = append(more, strings.Trim(line, "> \n"))
	}
	said := strings.Join(more, " ")
	if said == "" {
		said = first
	}
	return strings.Join(strings.Fields(opencvPlace.ReplaceAllString(said, "")), " ")
}

// rest is the pause after each turn: ONNX Runtime's threads spin for some 35 ms
// after a run, and would slow the next contender down.
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

func rowsOf(children []*child) []row {
	var rows []row
	for _, c := range children {
		c.summarise()
		rows = append(rows, c.row)
	}
	return rows
}

// compareRows fills in what one contender alone cannot know: the operations that
// this engine counted, and ratios against ONNX Runtime. The rows begin with the
// children's.
func compareRows(rows []row, children []*child) {
	var reference *child
	gflop := 0.0
	for _, c := range children {
		if c.Engine == "onnxruntime" && c.failed == nil {
			reference = c
		}
		gflop = max(gflop, c.hello.GFLOP)
	}
	for i := range rows {
		r := &rows[i]
		if r.Error != "" {
			continue
		}
		r.GFLOPs = gflop / r.Median * 1e3
		if reference != nil {
			r.Ratio = reference.Median / r.Median
		}
		if reference != nil && i < len(children) {
			r.Deviation = deviation(children[i].hello.Output, reference.hello.Output)
		}
	}
}

func (c *child) summarise() {
	c.LoadMS, c.FirstMS, c.Version = c.hello.LoadMS, c.hello.FirstMS, c.hello.Version
	c.Samples = len(c.all)
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
// second, over its size where it is one number again and again; nil where they do
// not match.
func deviation(a, b []float32) *float64 {
	if len(a) == 0 || len(a) != len(b) {
		return nil
	}
	var worst float64
	for i := range a {
		d := float64(a[i] - b[i])
		worst = max(worst, d, -d)
	}
	low, high := float64(slices.Min(b)), float64(slices.Max(b))
	spread := high - low
	if spread == 0 {
		spread = max(high, -low)
	}
	if spread > 0 {
		worst /= spread
	}
	return &worst
}
