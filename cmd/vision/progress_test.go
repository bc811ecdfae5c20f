package main

import (
	"bytes"
	"flag"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// Where there is no terminal, a line for every ten per cent, whoever downloads.
func TestProgressLines(t *testing.T) {
	var out bytes.Buffer
	d := &download{out: &out, lines: zoo.Downloading, lastTenth: -1}
	for _, p := range []zoo.Progress{
		{State: zoo.Waiting, Done: 0}, {State: zoo.Waiting, Done: 15}, {State: zoo.Waiting, Done: 19}, {State: zoo.Waiting, Done: 52},
		{State: zoo.Downloading, Done: 50}, {State: zoo.Downloading, Done: 58}, {State: zoo.Downloading, Done: 100}, {State: zoo.Verifying, Done: 100}, {State: zoo.Done, Done: 100},
	} {
		p.File, p.Source, p.Total = "m.onnx", "https://host/m.onnx", 100
		d.report(p)
	}
	want := `m.onnx: 0 % of 100 B by another process; waiting
m.onnx: 10 % of 100 B by another process; waiting
m.onnx: 50 % of 100 B by another process; waiting
m.onnx: 50 % of 100 B from https://host/m.onnx
m.onnx: 100 % of 100 B from https://host/m.onnx
`
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}

// A digest of gigabytes shows its progress on a terminal, unless --quiet; that of a
// small file has none.
func TestProgressOfDigest(t *testing.T) {
	for name, tt := range map[string]struct {
		d     download
		total int64
		want  bool
	}{"terminal": {download{watched: true}, 100, true}, "quiet": {download{watched: true, quiet: true}, 100, false}, "no terminal": {download{}, 100, false}, "small": {download{watched: true}, 60, false}} {
		var out bytes.Buffer
		d := tt.d
		d.out = &out
		for _, done := range []int64{60, 100, 100} {
			if done <= tt.total {
				d.report(zoo.Progress{File: "m.onnx", State: zoo.Verifying, Done: done, Total: tt.total})
			}
		}
		if got := strings.Contains(out.String(), "m.onnx"); got != tt.want || d.bar != nil {
			t.Errorf("%s: %q, bar %v", name, out.String(), d.bar)
		}
	}
}

func TestGreys(t *testing.T) {
	img := vision.NewImage(2, 1)
	copy(img.Pix, []byte{255, 0, 0, 10, 20, 30})
	if got := greys(img).Pix; !bytes.Equal(got, []byte{76, 76, 76, 18, 18, 18}) { // 0.299, 0.587, 0.114
		t.Errorf("%v", got)
	}
}

// Where no bar shows how many pictures are left, they are not all looked for before the
// first result.
func TestCountSources(t *testing.T) {
	var out bytes.Buffer
	set := flag.NewFlagSet("", flag.ContinueOnError)
	if err := set.Parse([]string{"a", "b", "c"}); err != nil {
		t.Fatal(err)
	}
	c := cli.NewContext(newApp(nil, &out, &out), set, nil)
	c.Context = t.Context()
	if n, err := countSources(c); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
