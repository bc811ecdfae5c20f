package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cheggaaa/pb/v3"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/visionzoo/vision/zoo"
)

// isTerminal reports whether a writer is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

const (
	downloadBar = `{{string . "name"}} {{counters . }} {{bar . "[" "=" ">" " " "]"}} {{percent . }} {{speed . "%s/s" " "}} {{rtime . "%s left" "%s" " "}}`
	pictureLine = `{{counters . }} pictures {{bar . "[" "=" ">" " " "]"}} {{percent . }} {{rtime . "%s left" "%s" " "}}`
)

// columns is the width of a terminal, 0 of other writers and where it is not known.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// fitWidth makes a bar 80 columns wide on a terminal that does not report its
// width.
func fitWidth(bar *pb.ProgressBar, w io.Writer) *pb.ProgressBar {
	if columns(w) == 0 {
		bar.SetWidth(80)
	}
	return bar
}

// download shows the progress of a download: a bar on a terminal, else a line for
// every ten per cent, and nothing with --quiet. That of a digest is shown on
// terminals only.
type download struct {
	out       io.Writer
	quiet     bool
	watched   bool
	bar       *pb.ProgressBar
	lastTenth int64
	lines     zoo.State // of the process that the last line was about: Waiting or Downloading
	verifying bool      // the bar is about the digest of what is in the cache
}

func newDownload(c *cli.Context) *download {
	out := c.App.ErrWriter
	d := &download{out: out, quiet: c.Bool("quiet"), watched: isTerminal(out), lines: zoo.Downloading, lastTenth: -1}
	c.App.Metadata["download"] = d
	return d
}

// endDownload runs after every command, so that an error is printed on a line of
// its own.
func endDownload(c *cli.Context) error {
	if d, ok := c.App.Metadata["download"].(*download); ok {
		d.end()
	}
	return nil
}

// report is the function for zoo.WithProgress.
func (d *download) report(p zoo.Progress) {
	if d.quiet {
		return
	}
	switch {
	case p.State == zoo.Done:
		d.finish(p)
	case d.watched:
		d.show(p)
	default:
		d.line(p)
	}
}

func (d *download) show(p zoo.Progress) {
	verified := p.State == zoo.Verifying && p.Done == p.Total
	switch {
	case d.bar == nil && verified: // of a small file: there was nothing to wait for
		return
	case d.verifying && verified:
		d.end()
		return
	case d.bar == nil:
		d.verifying = p.State == zoo.Verifying
		d.bar = pb.New64(p.Total).SetTemplateString(downloadBar).SetWriter(d.out).Set(pb.Bytes, true)
		d.bar.Set("name", p.File)
		d.bar.SetRefreshRate(100 * time.Millisecond)
		fitWidth(d.bar, d.out).Start()
	}
	if p.State == zoo.Downloading || p.State == zoo.Waiting || d.verifying {
		d.bar.SetCurrent(p.Done)
	}
}

func (d *download) line(p zoo.Progress) {
	if p.State != zoo.Downloading && p.State != zoo.Waiting || p.Total <= 0 {
		return
	}
	from := "from " + oneLine(p.Source)
	if p.State == zoo.Waiting {
		from = "by another process; waiting"
	}
	if d.lines != p.State {
		d.lines, d.lastTenth = p.State, -1
	}
	if tenth := 10 * p.Done / p.Total; tenth > d.lastTenth {
		d.lastTenth = tenth
		fmt.Fprintf(d.out, "%s: %d %% of %s %s\n", p.File, 10*tenth, zoo.Size(p.Total), from)
	}
}

func (d *download) finish(p zoo.Progress) {
	if d.bar != nil {
		d.bar.SetCurrent(p.Total)
	}
	d.end()
	d.lines, d.lastTenth = zoo.Downloading, -1
}

// end leaves the bar on the screen and begins a new line.
func (d *download) end() {
	if d.bar != nil {
		d.bar.Finish()
	}
	d.bar, d.verifying = nil, false
}

// pictureBar is a bar that counts pictures. It is shown only if the results do not
// go to the same terminal; otherwise its methods do nothing.
type pictureBar struct{ bar *pb.ProgressBar }

// hasPictureBar reports whether several pictures have a bar.
func hasPictureBar(c *cli.Context) bool {
	return !c.Bool("quiet") && isTerminal(c.App.ErrWriter) && !isTerminal(c.App.Writer)
}

func newPictureBar(c *cli.Context, total int) pictureBar {
	if total < 2 || !hasPictureBar(c) {
		return pictureBar{}
	}
	bar := pb.New(total).SetTemplateString(pictureLine).SetWriter(c.App.ErrWriter)
	return pictureBar{fitWidth(bar, c.App.ErrWriter).Start()}
}

func (p pictureBar) step() {
	if p.bar != nil {
		p.bar.Increment()
	}
}

func (p pictureBar) finish() {
	if p.bar != nil {
		p.bar.Finish()
	}
}
