package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// report prints rows as they come, a Markdown table or JSON lines, and keeps
// them for a page.
type report struct {
	out   io.Writer
	json  bool
	peaks peaks
	rows  []row
}

func newReport(out io.Writer, json, asAVX2 bool) *report {
	return &report{out: out, json: json, peaks: peaks{asAVX2: asAVX2}}
}

const tableHead = "| network | threads | engine | median ms | best ms | ratio | GFLOP/s | of f32 peak | load ms | first ms | MiB | deviation | quiet |\n" +
	"|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"

func (r *report) add(rows []row) {
	if len(r.rows) == 0 && !r.json {
		fmt.Fprintf(r.out, "%s\n\n%s", r.machine(), tableHead)
	}
	for _, x := range rows {
		x.F32Peak, x.Share = r.peaks.F32, x.shareOf(r.peaks.F32)
		r.rows = append(r.rows, x)
		if r.json {
			json.NewEncoder(r.out).Encode(x)
			continue
		}
		io.WriteString(r.out, x.line())
	}
}

// take adds rows of earlier runs, in front.
func (r *report) take(before []row) {
	r.rows = merge(before, r.rows)
	for _, x := range r.rows {
		r.peaks.F32 = max(r.peaks.F32, x.F32Peak)
	}
}

// files are the models that the rows are of.
func (r *report) files() []string {
	var names []string
	for _, x := range r.rows {
		if name := x.Model + ".onnx"; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// end prints what is to be said below the table.
func (r *report) end() {
	if !r.json {
		fmt.Fprintf(r.out, "\n%s", r.notes())
	}
}

func (r *report) machine() string {
	if p := r.peaks.String(); p != "" {
		return machine() + "; " + p
	}
	return machine()
}

// shareOf is how much of its cores' peak a contender reached.
func (x row) shareOf(peak float64) float64 {
	if peak == 0 {
		return 0
	}
	return x.GFLOPs / (peak * float64(x.Threads))
}

// line is a row of the table; what is not known is a dash.
func (x row) line() string {
	name := x.Model
	if x.Height > 0 {
		name += fmt.Sprintf(" %dx%d", x.Height, x.Width)
	}
	if x.Batch > 1 {
		name += fmt.Sprintf(" x %d", x.Batch)
	}
	if x.Error != "" {
		reason := strings.NewReplacer("|", "/", "\n", " ").Replace(x.Error)
		return fmt.Sprintf("| %s | %d | %s | cannot: %s | | | | | | | | | |\n", name, x.Threads, x.Engine, reason)
	}
	quiet, off := dash, dash
	if x.Samples > 0 {
		quiet = fmt.Sprintf("%.0f %%", 100*x.Quiet)
	}
	if x.Deviation != nil {
		off = fmt.Sprintf("%.1e", *x.Deviation)
	}
	cells := []string{name, fmt.Sprint(x.Threads), x.Engine, known("%.2f", x.Median), known("%.2f", x.Best), known("%.2f", x.Ratio),
		known("%.0f", x.GFLOPs), known("%.0f %%", 100*x.Share), known("%.0f", x.LoadMS), known("%.0f", x.FirstMS), known("%.0f", x.RSSMiB), off, quiet}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

const dash = "–"

// known prints a number that is above 0 where it is known.
func known(format string, x float64) string {
	if x <= 0 {
		return dash
	}
	return fmt.Sprintf(format, x)
}

// notes say how to read these rows.
func (r *report) notes() string {
	s := &strings.Builder{}
	note := func(when bool, text string) {
		if when {
			fmt.Fprintf(s, "- %s\n", text)
		}
	}
	has := func(engine string) bool {
		return slices.ContainsFunc(r.rows, func(x row) bool { return strings.HasPrefix(x.Engine, engine) && x.Error == "" })
	}
	note(has("onnxruntime"), "*ratio* is ONNX Runtime's median over the row's; *deviation* the largest difference from its first output over that output's spread.")
	note(r.peaks.asAVX2, "All engines run as on a processor with AVX2 and no later vectors: CPUID, by which ONNX Runtime chooses its kernels, is answered without them. Clocks and caches are this processor's.")
	note(r.peaks.F32 > 0, fmt.Sprintf("*of f32 peak* is GFLOP/s over what as many cores did at most in bursts of f32 multiply-adds, tried again before each network: %.0f GFLOP/s a core in the end.", r.peaks.F32))
	note(r.peaks.F32 > 0 && r.peaks.TileBF16 > 0, "The tile unit, which `vision` uses for f32 (each number as two bf16, three products) and for bf16, is another unit: it goes above 100 %.")
	note(has("torch"), "PyTorch runs torchvision's network of that name with random weights, so no deviation is given.")
	note(has("ncnn"), "ncnn runs networks of its own without weights, before or after the others and not in turns with them; its median is an average.")
	loud := 0
	for _, x := range r.rows {
		if x.Samples > 0 && x.Quiet < 0.5 {
			loud++
		}
	}
	note(loud > 0, fmt.Sprintf("*quiet* is the share of samples that no neighbour on the host disturbed. In %d of %d rows it is below half: their milliseconds are too high, and their ratios come from turns that follow one another.", loud, len(r.rows)))
	note(loud == 0, "*quiet* is the share of samples that no neighbour on the host disturbed.")
	return s.String()
}

// markdown is the whole report, a table for each number of threads.
func (r *report) markdown(day time.Time, command string) string {
	s := &strings.Builder{}
	fmt.Fprintf(s, "%s: %s%s.\n\n    %s\n\n", day.UTC().Format("2 January 2006"), r.machine(), r.versions(), command)
	var threads []int
	for _, x := range r.rows {
		if !slices.Contains(threads, x.Threads) {
			threads = append(threads, x.Threads)
		}
	}
	slices.Sort(threads)
	for _, n := range threads {
		s.WriteString(tableHead)
		for _, x := range r.rows {
			if x.Threads == n {
				x.Share = x.shareOf(r.peaks.F32)
				s.WriteString(x.line())
			}
		}
		s.WriteString("\n")
	}
	return s.String() + r.notes()
}

// versions names the engines as they gave them, each after a semicolon.
func (r *report) versions() string {
	var all []string
	if v := revision(); v != "" {
		all = append(all, "; vision "+v)
	}
	for _, x := range r.rows {
		if v := "; " + x.Version; x.Version != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return strings.Join(all, "")
}
