package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

// printed is the result for one picture; its JSON form is that of the value itself.
type printed interface {
	failure() string     // why there is no result, "" if there is one
	rows() [][]string    // of CSV
	table(out io.Writer) // for people
}

// printer prints results as JSON, CSV or tables. Failures go to standard error,
// except with --json, which prints a line for each picture.
type printer struct {
	c     *cli.Context
	csv   *csv.Writer
	head  []string // of CSV
	begun bool
}

// newPrinter refuses --json together with --csv.
func newPrinter(c *cli.Context, head ...string) (*printer, error) {
	if c.Bool("json") && c.Bool("csv") {
		return nil, usage("--json and --csv cannot be combined")
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

// cell escapes text that a spreadsheet would take for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// printJSON prints a value as one line of JSON, without HTML escapes.
func printJSON(w io.Writer, v any) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	var wrong *json.UnsupportedValueError
	if err := e.Encode(v); errors.As(err, &wrong) {
		panic("BUG: " + err.Error())
	}
}
