package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A section is made anew and what stands around it stays; a page without the
// section is refused and left alone.
func TestPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "speed.md")
	for _, text := range []string{"first\n", "second\n"} {
		p, err := openPage(path, "networks")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.write(text); err != nil {
			t.Fatal(err)
		}
		want := "# How fast\n\n<!-- bench:networks -->\n" + text + "<!-- /bench:networks -->\n"
		if got, err := os.ReadFile(path); string(got) != want || err != nil {
			t.Fatalf("got %q, %v\nwant %q", got, err, want)
		}
		if text == "first\n" {
			continue
		}
		around := "# Mine\n\nprose\n" + want[len("# How fast\n\n"):] + "\nmore prose\n"
		if err := os.WriteFile(path, []byte(around), 0o644); err != nil {
			t.Fatal(err)
		}
		p, err = openPage(path, "networks")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.write("third"); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(path)
		if want := strings.Replace(around, "second", "third", 1); string(got) != want {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
	before, _ := os.ReadFile(path)
	if _, err := openPage(path, "other"); err == nil || !strings.Contains(err.Error(), "<!-- bench:other -->") {
		t.Errorf("a page without the section: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the page was changed")
	}
}

// The page that is kept with the project has its sections.
func TestProjectPage(t *testing.T) {
	for _, section := range []string{"networks", "vectors", "zen5", "zen5-detectors", "avx2", "batches", "others", "detectors"} {
		if _, err := openPage("../docs/performance.md", section); err != nil {
			t.Error(err)
		}
	}
}

func TestReport(t *testing.T) {
	off := 0.0
	r := &report{peaks: peaks{F32: 100, TileBF16: 1000}}
	r.rows = []row{
		{Model: "a", Threads: 2, Batch: 1, Engine: "vision f32", Median: 2, Best: 1, Samples: 10, Quiet: 1, GFLOPs: 150, LoadMS: 5, FirstMS: 6, RSSMiB: 7},
		{Model: "a", Threads: 1, Batch: 8, Height: 480, Width: 640, Engine: "onnxruntime", Version: "ONNX Runtime 1", Median: 4, Best: 3, Samples: 10,
			GFLOPs: 75, LoadMS: 5, FirstMS: 6, RSSMiB: 7, Ratio: 1, Deviation: &off},
		{Model: "a", Threads: 1, Batch: 1, Engine: "opencv", Error: "a | b\nc"},
	}
	got := r.markdown(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "go run . a.onnx")
	for _, want := range []string{
		"2 January 2026: ", "one core's peak 100 GFLOP/s of f32, 1000 of bf16 on tiles", "; ONNX Runtime 1.\n\n    go run . a.onnx\n",
		"| a | 2 | vision f32 | 2.00 | 1.00 | – | 150 | 75 % | 5 | 6 | 7 | – | 100 % |\n",
		"| a 480x640 x 8 | 1 | onnxruntime | 4.00 | 3.00 | 1.00 | 75 | 75 % | 5 | 6 | 7 | 0.0e+00 | 0 % |\n",
		"| a | 1 | opencv | cannot: a / b c |", "above 100 %", "In 1 of 3 rows",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// A run in parts: what is measured anew replaces the whole race, the rest stays
// in its order.
func TestRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows")
	if rows, err := readRows(path); rows != nil || err != nil {
		t.Fatalf("no file: %v, %v", rows, err)
	}
	first := []row{{Model: "a", Threads: 1, Engine: "vision", F32Peak: 9}, {Model: "a", Threads: 1, Engine: "torch"}, {Model: "a", Threads: 2, Engine: "vision"}, {Model: "b", Threads: 1, Engine: "vision"}}
	if err := writeRows(path, first); err != nil {
		t.Fatal(err)
	}
	before, err := readRows(path)
	if err != nil || !slices.Equal(before, first) {
		t.Fatalf("%v, %v", before, err)
	}
	r := &report{rows: []row{{Model: "a", Threads: 1, Engine: "vision", F32Peak: 3}, {Model: "c"}}}
	r.take(before)
	if want := []row{{Model: "a", Threads: 1, Engine: "vision", F32Peak: 3}, first[2], first[3], {Model: "c"}}; !slices.Equal(r.rows, want) || r.peaks.F32 != 3 {
		t.Errorf("got %v, peak %v\nwant %v", r.rows, r.peaks.F32, want)
	}
	if got := r.files(); !slices.Equal(got, []string{"a.onnx", "b.onnx", "c.onnx"}) {
		t.Errorf("files %v", got)
	}
	if err := os.WriteFile(path, []byte("{}\nnonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readRows(path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("nonsense: %v", err)
	}
}

func TestLastWords(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"[ERROR:0] while reading\nterminate called after throwing an instance of 'cv::Exception'\n  what():  (-2) no such layer\nSIGABRT: abort\n\ngoroutine 1\n", "(-2) no such layer"},
		{"what():  OpenCV(4.6.0) ./a.cpp:1040: error: (-2:Unspecified error) in function 'handleNode'\n" +
			"> Node [Clip] parse error: OpenCV(4.6.0) ./a.cpp:1: error: (-2:Unspecified error) in function 'void f(A&, const B&)'\n> >  (expected: 'n == 1'), where\n> >     'n' is 3\n> \nSIGABRT: abort\n",
			"Node [Clip] parse error: (expected: 'n == 1'), where 'n' is 3"},
		{"panic: BUG: x\n\ngoroutine 1 [running]:\n", "panic: BUG: x"},
		{"Traceback\nModuleNotFoundError: No module named 'torch'\n", "ModuleNotFoundError: No module named 'torch'"},
		{"", "without a word"},
	} {
		if got := lastWords(test.text); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "my net.onnx")
	if err := os.WriteFile(model, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got := commandLine([]string{"--configs", "/f32,avx512/f32", "--ort=" + dir, "--write", filepath.Join(dir, "new.md"), model})
	if want := "go run . --configs /f32,avx512/f32 --ort=" + filepath.Base(dir) + " --write new.md 'my net.onnx'"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The probes give numbers a core can have, where they give any.
func TestPeaks(t *testing.T) {
	var p peaks
	p.look(20 * time.Millisecond)
	t.Log(p)
	if p.F32 != 0 && (p.F32 < 1 || p.F32 > 2000) || p.TileBF16 != 0 && p.TileBF16 < p.F32 {
		t.Errorf("peaks of %+v GFLOP/s", p)
	}
}
