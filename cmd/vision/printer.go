package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/internal/printable"
)

// printed is the result for one picture; its JSON form is that of the value itself.
type printed interface {
	failure() string     // why there is no result, "" if there is one
	warning() string     // why the result may be doubtful, "" if nothing says so
	rows() [][]string    // of CSV
	table(out io.Writer) // for people
}

// printer prints results as JSON, CSV or tables. Failures and warnings go to standard
// error, except with --json, which prints a line with both for each picture. CSV for programs has
// names as they are, so that the files can be found.
type printer struct {
	c     *cli.Context
	csv   *csv.Writer
	head  []string // of CSV
	clean bool     // CSV for people
	begun bool
}

// newPrinter refuses --json together with --csv.
func newPrinter(c *cli.Context, head ...string) (*printer, error) {
	if c.Bool("json") && c.Bool("csv") {
		return nil, usage("--json and --csv cannot be combined")
	}
	return &printer{c: c, csv: csv.NewWriter(c.App.Writer), clean: isTerminal(c.App.Writer), head: head}, nil
}

func (p *printer) print(r printed) {
	if p.c.Bool("csv") && !p.begun { // even if no picture can be read: a program expects it
		_ = p.csv.WriteAll([][]string{p.head})
		p.begun = true
	}
	if p.c.Bool("json") {
		printJSON(p.c.App.Writer, r)
		return
	}
	remark(p.c, r.warning())
	switch {
	case r.failure() != "":
		tell(p.c, r.failure())
	case p.c.Bool("csv"):
		rows := r.rows()
		if p.clean {
			for _, row := range rows {
				for i := range row {
					row[i] = printable.Line(row[i])
				}
			}
		}
		_ = p.csv.WriteAll(rows)
	default:
		r.table(p.c.App.Writer)
	}
}

// jsonOf is the flag --json of a command that prints a line for each picture; results
// lists the fields between the model and the times.
func jsonOf(results string) cli.Flag {
	return toggle("json", "print a line of JSON for each picture: file, model, "+results+", damaged (true where a JPEG ends early), ms (of decode, encode and infer); "+
		"for one that failed, file and error")
}

// damage is the warning about a picture of which not all could be read.
func damage(file string, damaged bool) string {
	if !damaged {
		return ""
	}
	return "warning: " + file + " ends early or is broken inside: a part of it is grey or coarse"
}

// cell escapes text that a spreadsheet would take for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// printJSON prints a value as one line of JSON, without HTML escapes. What a
// terminal would not take for text is escaped too.
func printJSON(w io.Writer, v any) {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("BUG: " + err.Error())
	}
	_, _ = w.Write(escaped(line.Bytes()))
}

// escaped writes characters that are no text as \u0080: beyond ASCII's they stand in
// JSON's strings alone.
func escaped(line []byte) []byte {
	text := func(r rune) bool { return r == '\n' || r == utf8.RuneError || printable.Is(r) }
	if bytes.IndexFunc(line, func(r rune) bool { return !text(r) }) < 0 {
		return line
	}
	var out []byte
	for _, r := range string(line) {
		if text(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		out = fmt.Appendf(out, "\\u%04x", r)
	}
	return out
}
