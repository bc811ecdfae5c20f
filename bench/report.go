package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// report prints rows as they come: a Markdown table, or JSON lines.
type report struct {
	out  io.Writer
	json bool
	rows int
}

func newReport(out io.Writer, json bool) *report { return &report{out: out, json: json} }

func (r *report) add(rows []row) {
	for _, x := range rows {
		if r.json {
			json.NewEncoder(r.out).Encode(x)
			continue
		}
		if r.rows == 0 {
			fmt.Fprintf(r.out, "%s\n\n", machine())
			fmt.Fprintln(r.out, "| network | threads | engine | median ms | best ms | ratio | GFLOP/s | load ms | first ms | MiB | deviation | quiet |")
			fmt.Fprintln(r.out, "|---|---|---|---|---|---|---|---|---|---|---|---|")
		}
		r.rows++
		if x.Error != "" {
			fmt.Fprintf(r.out, "| %s | %d | %s | %s |\n", x.Model, x.Threads, x.Engine, x.Error)
			continue
		}
		fmt.Fprintf(r.out, "| %s | %d | %s | %.2f | %.2f | %.2f | %.0f | %.0f | %.0f | %.0f | %.1e | %.0f %% |\n",
			x.Model, x.Threads, x.Engine, x.Median, x.Best, x.Ratio, x.GFLOPs, x.LoadMS, x.FirstMS, x.RSSMiB, x.Deviation, 100*x.Quiet)
	}
}
