package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// printed is what became of one picture: the value itself is its JSON.
type printed interface {
	failure() string     // why nothing did, "" where all went well
	rows() [][]string    // of CSV
	table(out io.Writer) // for eyes
}

// printer writes results as --json and --csv say, else as tables. Failures go to
// standard error, but in JSON, where each picture has its line.
type printer struct {
	c     *cli.Context
	csv   *csv.Writer
	head  []string // of CSV
	begun bool
}

// newPrinter refuses --json and --csv at a time.
func newPrinter(c *cli.Context, head ...string) (*printer, error) {
	if c.Bool("json") && c.Bool("csv") {
		return nil, usage("--json and --csv exclude each other")
	}
	return &printer{c: c, csv: csv.NewWriter(c.App.Writer), head: head}, nil
}

func (p *printer) print(r printed) {
	switch {
	case p.c.Bool("json"):
		printJSON(p.c.App.Writer, r)
	case r.failure() != "":
		tell(p.c, r.failure())
	case p.c.Bool("csv"):
		if !p.begun {
			_ = p.csv.Write(p.head)
		}
		p.begun = true
		_ = p.csv.WriteAll(r.rows())
	default:
		r.table(p.c.App.Writer)
	}
}

// cell keeps what a spreadsheet would take for a formula from being one.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// printJSON writes a value on one line, without escapes for browsers.
func printJSON(w io.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	var wrong *json.UnsupportedValueError
	if err := e.Encode(v); errors.As(err, &wrong) {
		panic("BUG: " + err.Error())
	}
}
