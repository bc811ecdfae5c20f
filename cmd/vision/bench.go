package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/clock"
	"github.com/visionzoo/vision/internal/printable"
	"github.com/visionzoo/vision/internal/sides"
	"github.com/visionzoo/vision/zoo"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure how fast a network runs",
		UsageText: "vision bench resnet50\nvision bench model.onnx --threads 1 --batch 8 --json\nvision bench yolox-s --size 416x416 --profile trace.json\nvision bench sound.onnx --input samples=1x16000 --input rate=rate.npy",
		ArgsUsage: "MODEL",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "batch", Usage: "put `N` pictures into each run, if the model leaves the batch open", Value: 1},
			&cli.StringFlag{Name: "size", Usage: "make the input `HEIGHTxWIDTH`, if the model leaves that open: 224, or 480x640 for pictures 640 pixels wide (recipes and tables give the width first)"},
			&cli.StringSliceFlag{Name: "input", Usage: "`NAME=SHAPE`, such as 1x16000, or NAME=FILE (.npy or .pb), for an input that takes no picture; NAME= may be left out if there is one input"},
			&cli.IntFlag{Name: "runs", Usage: "time `N` runs, after three that are not timed", Value: 50},
			&cli.StringFlag{Name: "profile", Usage: "write the time of each node in one more run to `FILE`, for chrome://tracing or ui.perfetto.dev"},
			offlineFlag, quietFlag, threadsFlag, precisionFlag, jsonFlag,
		},
		Action: benchAction,
	}
}

// benchReport is what --json prints.
type benchReport struct {
	Model     string    `json:"model"`
	Threads   int       `json:"threads"`
	Precision string    `json:"precision"`
	Batch     int       `json:"batch"`
	Runs      int       `json:"runs"`
	MS        benchTime `json:"ms"`
	GFLOPS    float64   `json:"gflops"` // 10⁹ floating-point operations per second, at the median
	LoadMS    float64   `json:"load_ms"`
	PackMS    float64   `json:"pack_ms"` // part of load_ms, or of the first run
	RSSMiB    float64   `json:"rss_mib"`
	CPU       string    `json:"cpu"`
}

type benchTime struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
}

func benchAction(c *cli.Context) error {
	switch {
	case c.Args().Len() != 1:
		return usage("bench needs one MODEL: a zoo name, or the path of an .onnx file")
	case c.Int("runs") < 1 || c.Int("batch") < 1:
		return usage("--runs and --batch are at least 1")
	}
	height, width, err := sides.Parse(c.String("size"))
	if err != nil {
		return usage("--size %s: %w", c.String("size"), err)
	}
	if err := writableJSON("--profile", c.String("profile")); err != nil {
		return err
	}
	opts, err := zooOptions(c)
	if err != nil {
		return err
	}
	var trace tracer
	if c.String("profile") != "" {
		opts = append(opts, zoo.WithEngine(engine.Trace(trace.add)))
	}
	m, err := zoo.LoadContext(c.Context, c.Args().First(), opts...)
	if err != nil {
		return noModel(err)
	}
	defer m.Close()
	if height == 0 && m.Encoder() != nil {
		if size := m.Encoder().Recipe().Size; len(size) == 2 {
			height, width = size[0], size[1]
		}
	}
	given, err := givenInputs(c, m.Session().Inputs())
	if err != nil {
		return err
	}
	in, err := benchInputs(m.Session().Inputs(), given, c.Int("batch"), height, width)
	if err != nil {
		return err
	}
	if err := checkFixed(c, m.Session().Inputs(), in, height, width); err != nil {
		return err
	}
	r, err := measure(c, m, in)
	if err != nil {
		return madeUp(err, m.Session().Inputs(), given, in)
	}
	if path := c.String("profile"); path != "" {
		if err := trace.write(c.Context, path, m.Session(), in); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		printJSON(c.App.Writer, r)
		return nil
	}
	fmt.Fprintf(c.App.Writer, "%s, batch %d, %s on %s (%s)\n", r.Model, r.Batch, r.Precision, counted(r.Threads, "thread"), r.CPU)
	fmt.Fprintf(c.App.Writer, "  median %.3f ms, fastest %.3f ms, 95 %% under %.3f ms of %s\n", r.MS.Median, r.MS.Min, r.MS.P95, counted(r.Runs, "run"))
	fmt.Fprintf(c.App.Writer, "  %.1f GFLOP/s; loaded in %.1f ms, weights packed in %.1f ms; %.0f MiB in memory\n", r.GFLOPS, r.LoadMS, r.PackMS, r.RSSMiB)
	return nil
}

// measure times runs that write into existing buffers.
func measure(c *cli.Context, m *zoo.Model, in engine.Values) (*benchReport, error) {
	s := m.Session()
	out, err := s.Run(c.Context, in)
	if err != nil {
		return nil, err
	}
	run := func() error { return s.RunInto(c.Context, in, out) }
	if run() != nil { // outputs whose shapes depend on data
		run = func() error { _, err := s.Run(c.Context, in); return err }
	}
	start := clock.Now()
	if err := run(); err != nil {
		return nil, err
	}
	bar := &stageBar{c: c}
	defer bar.finish()
	long := isTerminal(c.App.ErrWriter) && clock.Since(start).Seconds()*float64(c.Int("runs")) > 2
	var times []float64 // grows, as more may be asked for than will be waited for
	for i := range c.Int("runs") {
		if long {
			bar.observe("timing", i, c.Int("runs"))
		}
		start := clock.Now()
		if err := run(); err != nil {
			return nil, err
		}
		times = append(times, float64(clock.Since(start).Nanoseconds())/1e6)
	}
	slices.Sort(times)
	shapes := map[string][]int{}
	for name, t := range in {
		shapes[name] = t.Shape()
	}
	cost, err := s.CostOf(shapes)
	if err != nil {
		return nil, err
	}
	cpu, err := usedCPU()
	if err != nil {
		return nil, err
	}
	load := s.LoadCost()
	r := &benchReport{Model: m.Card().Name, Threads: threadsOf(c), Precision: c.String("precision"), Batch: batchOf(s.Inputs(), in), Runs: len(times),
		LoadMS: milliseconds(load.Total), PackMS: milliseconds(load.Pack), RSSMiB: residentMiB(), CPU: cpu}
	r.MS = benchTime{times[0], median(times), times[(len(times)*95+99)/100-1]}
	r.GFLOPS = digits(cost.FLOPs/r.MS.Median/1e6, 1)
	return r, nil
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func threadsOf(c *cli.Context) int {
	if n := c.Int("threads"); n > 0 {
		return min(n, runtime.GOMAXPROCS(0))
	}
	return runtime.GOMAXPROCS(0)
}

// batchOf is the first dimension of the first input, 1 if that has fewer than two.
func batchOf(infos []engine.Info, in engine.Values) int {
	if len(infos) == 0 || in[infos[0].Name].Rank() < 2 {
		return 1
	}
	return in[infos[0].Name].Dim(0)
}

// checkFixed refuses a --batch or --size other than that which the model's input
// fixes.
func checkFixed(c *cli.Context, infos []engine.Info, in engine.Values, height, width int) error {
	if len(infos) == 0 {
		return nil
	}
	shape := infos[0].Shape
	if c.IsSet("batch") && batchOf(infos, in) != c.Int("batch") {
		return usage("--batch %d: the model fixes its input at %v", c.Int("batch"), shape)
	}
	fits := false // a side is open, or they are those
	for i, d := range shape.Dims[min(1, len(shape.Dims)):] {
		fits = fits || !d.Known() || d.N == height && i+2 < len(shape.Dims) && shape.Dims[i+2].N == width
	}
	if c.IsSet("size") && !fits {
		return usage("--size %s: the model fixes its input at %v", c.String("size"), shape)
	}
	return nil
}

// tracer collects the events of one run.
type tracer struct {
	on     bool
	events []engine.Event
}

func (t *tracer) add(e engine.Event) {
	if t.on {
		t.events = append(t.events, e)
	}
}

// chromeEvent is a complete event of the Trace Event Format; times are in
// microseconds.
type chromeEvent struct {
	Name     string     `json:"name"`
	Category string     `json:"cat"`
	Phase    string     `json:"ph"`
	Start    float64    `json:"ts"`
	Duration float64    `json:"dur"`
	Process  int        `json:"pid"`
	Thread   int        `json:"tid"`
	Args     chromeArgs `json:"args"`
}

// chromeArgs is what a trace's viewer shows of a chosen event.
type chromeArgs struct {
	Op     string  `json:"op"`
	Kernel string  `json:"kernel"`
	FLOPs  float64 `json:"flops"`
	Bytes  int64   `json:"bytes"`
}

// write runs the network once more and writes how long each node took.
func (t *tracer) write(ctx context.Context, path string, s *engine.Session, in engine.Values) error {
	t.on = true
	begin := clock.Now()
	_, err := s.Run(ctx, in)
	t.on = false
	if err != nil {
		return err
	}
	events := make([]chromeEvent, len(t.events))
	for i, e := range t.events {
		name := printable.Name(e.Node)
		if name == "" {
			name = e.Op
		}
		events[i] = chromeEvent{name, e.Op, "X", float64(e.Start.Sub(begin).Nanoseconds()) / 1e3, float64(e.Took.Nanoseconds()) / 1e3, 1, 1,
			chromeArgs{e.Op, e.Kernel, e.FLOPs, e.Bytes}}
	}
	data, err := json.Marshal(map[string]any{"displayTimeUnit": "ms", "traceEvents": events})
	if err != nil {
		return err
	}
	return writeWhole(ctx, path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// counted is "1 run" or "2 runs".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
