package engine_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/internal/shared"
)

// badCase is a line of onnx-bad/cases.tsv.
type badCase struct {
	file  string
	when  string   // ok, open, run, either, any: see the folder's README
	words []string // that an error must hold
	why   string
}

func badCases(t *testing.T) (dir string, cases []badCase) {
	t.Helper()
	dir = shared.Path(t, "onnx-bad")
	f, err := os.Open(filepath.Join(dir, "cases.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		cells := strings.Split(lines.Text(), "\t")
		if strings.HasPrefix(cells[0], "#") {
			continue
		}
		if len(cells) != 4 {
			t.Fatalf("cases.tsv: %q has %d cells", lines.Text(), len(cells))
		}
		c := badCase{file: cells[0], when: cells[1], why: cells[3]}
		if cells[2] != "-" {
			c.words = strings.Fields(cells[2])
		}
		cases = append(cases, c)
	}
	return dir, cases
}

// hostileLimit is the memory that a stranger's model gets in these tests.
const hostileLimit = 1 << 30

// hostileTime is the processor time that a stranger's model may take, without
// a deadline of the caller's; hostileWait is how long the test waits for it on
// a machine that has other things to do.
const (
	hostileTime = 20 * time.Second
	hostileWait = 2 * time.Minute
)

// hostilePeak is the memory that the whole process may ever hold meanwhile.
const hostilePeak = hostileLimit + hostileLimit*3/10

// hostileAtOnce lets no more processes at once hold that much than a machine of 4 GiB
// has room for, however many processors it has.
var hostileAtOnce = make(chan bool, 2)

// meeting is what came of a model that needs no input.
type meeting struct {
	Opened bool
	Error  string // empty: it ran
	Lacks  bool   // an operator that is not known
	Limit  bool   // it is larger than a limit
	Peak   int64  // bytes; 0 where the system does not tell
}

// meet opens and runs a model.
func meet(ctx context.Context, path string) (m meeting) {
	s, err := engine.Open(path, engine.MemoryLimit(hostileLimit))
	if err == nil {
		defer s.Close()
		m.Opened = true
		_, err = s.Run(ctx, nil)
	}
	if err != nil {
		var unknown *ops.UnsupportedError
		m.Error, m.Lacks, m.Limit = err.Error(), errors.As(err, &unknown), errors.Is(err, engine.ErrLimit)
	}
	m.Peak = peakMemory()
	return m
}

// peakMemory is the most that this process has held.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}

// meetAlone has a process of its own meet the model, so that its peak is
// known and its death is noticed.
func meetAlone(t *testing.T, path string) (m meeting) {
	t.Helper()
	hostileAtOnce <- true
	defer func() { <-hostileAtOnce }()
	ctx, cancel := context.WithTimeout(context.Background(), hostileWait)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestHostileChild$")
	child.Env = append(os.Environ(), "VISION_HOSTILE="+path)
	out, err := child.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("took longer than %v", hostileWait)
	}
	if took := child.ProcessState.UserTime() + child.ProcessState.SystemTime(); took > hostileTime {
		t.Errorf("took %v of processor time", took)
	}
	_, report, ok := strings.Cut(string(out), "\nMEETING ")
	if report, _, _ = strings.Cut(report, "\n"); err != nil || !ok || json.Unmarshal([]byte(report), &m) != nil {
		t.Fatalf("the process died: %v: %.2000s", err, out)
	}
	return m
}

// TestHostileChild is the other process of TestHostileModels.
func TestHostileChild(t *testing.T) {
	path := os.Getenv("VISION_HOSTILE")
	if path == "" {
		t.Skip("runs as a child of TestHostileModels")
	}
	report, err := json.Marshal(meet(context.Background(), path))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nMEETING %s\n", report)
}

// TestHostileIndices runs the malformed models whose indices lead out of their data in
// this process, where the race detector checks every address.
func TestHostileIndices(t *testing.T) {
	dir, cases := badCases(t)
	for _, c := range cases {
		for _, part := range []string{"range", "roialign", "gridsample", "scatter", "maxunpool", "nms", "onehot"} {
			if !strings.HasPrefix(c.file, "op_") || !strings.Contains(c.file, part) {
				continue
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Second) // what takes longer takes time only
			defer cancel()
			t.Run(c.file, func(t *testing.T) {
				if m := meet(ctx, filepath.Join(dir, c.file)); ctx.Err() == nil {
					c.check(t, m)
				}
			})
			break
		}
	}
}

// TestHostileModels opens and runs every malformed model: what must be refused
// is, in time and within the memory limit, with one clean line that names what
// is wrong.
func TestHostileModels(t *testing.T) {
	if testing.Short() {
		t.Skip("measures the time and memory of a process a file; run without -short")
	}
	dir, cases := badCases(t)
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			m := meetAlone(t, filepath.Join(dir, c.file))
			if m.Peak > hostilePeak {
				t.Errorf("held %d MiB", m.Peak>>20)
			}
			c.check(t, m)
		})
	}
}

func (c badCase) check(t *testing.T, m meeting) {
	t.Helper()
	message := m.Error
	switch {
	case c.when == "ok" && message != "":
		t.Errorf("is sound (%s), but: %s", c.why, message)
	case c.when == "open" && m.Opened:
		t.Errorf("opened; it must not: %s (then: %s)", c.why, message)
	case (c.when == "run" || c.when == "either") && message == "":
		t.Errorf("ran; it must be refused: %s", c.why)
	case m.Lacks && !strings.HasPrefix(c.file, "graph_") && !strings.HasPrefix(c.file, "func_"):
		t.Errorf("an operator is not known: %s", message)
	case strings.HasPrefix(c.file, "bomb_") && message != "" && !m.Limit:
		t.Errorf("is not said to be over a limit: %s", message)
	}
	if message == "" {
		return
	}
	for _, w := range c.words {
		if !strings.Contains(message, w) {
			t.Errorf("message lacks %q (%s): %s", w, c.why, message)
		}
	}
	checkMessage(t, message)
}

// checkMessage holds a message to what a terminal and a log need: one short
// line of printable text, and no bug of ours in it.
func checkMessage(t *testing.T, message string) {
	t.Helper()
	if len(message) > 4000 {
		t.Errorf("message of %d bytes: %.200s…", len(message), message)
	}
	for _, r := range message {
		if !unicode.IsPrint(r) {
			t.Errorf("message holds %U: %q", r, message)
			break
		}
	}
	for _, bad := range []string{"BUG", "panic", "runtime error", "goroutine"} {
		if strings.Contains(message, bad) {
			t.Errorf("message holds %q: %s", bad, message)
		}
	}
}

// TestLargeModel opens and runs a sound model of so many nodes that anything
// but linear time is noticed, and refuses a file of 5 GB that holds nothing:
// both are made here, for they are not stored.
func TestLargeModel(t *testing.T) {
	if testing.Short() {
		t.Skip("measures the time and memory of a process a file; run without -short")
	}
	t.Run("many nodes", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "many.onnx")
		if err := os.WriteFile(path, chain(1_000_000), 0o600); err != nil {
			t.Fatal(err)
		}
		if m := meetAlone(t, path); m.Error != "" {
			t.Error(m.Error)
		}
	})
	t.Run("5 GB of holes", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "holes.onnx")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(64 << 20); err != nil || !hasHoles(t, path) {
			t.Skipf("files have no holes here (%v); set TMPDIR to a folder on a file system that has them", err)
		}
		if err := f.Truncate(5 << 30); err != nil {
			t.Skipf("no file of 5 GB here (%v); set TMPDIR to a folder on a file system that has them", err)
		}
		m := meetAlone(t, path)
		if m.Opened || m.Error == "" || m.Peak > 100<<20 {
			t.Errorf("opened: %v, held %d MiB: %s", m.Opened, m.Peak>>20, m.Error)
		}
		checkMessage(t, m.Error)
	})
}

// chain is a model of n Relu nodes in a row behind a constant.
func chain(n int) []byte {
	field := func(number int, data []byte) []byte {
		head := binary.AppendUvarint(nil, uint64(number)<<3|2)
		return append(binary.AppendUvarint(head, uint64(len(data))), data...)
	}
	text := func(number int, s string) []byte { return field(number, []byte(s)) }
	name := func(i int) string { return "v" + strconv.Itoa(i) }
	var graph []byte
	for i := range n {
		graph = append(graph, field(1, slices.Concat(text(1, name(i)), text(2, name(i+1)), text(4, "Relu")))...)
	}
	scalar := slices.Concat([]byte{2 << 3, 1}, field(4, []byte{0, 0, 128, 63}), text(8, name(0))) // data_type float32, float_data, name
	graph = slices.Concat(graph, text(2, "chain"), field(5, scalar), field(12, text(1, name(n))))
	return slices.Concat([]byte{1 << 3, 8}, field(7, graph), field(8, []byte{2 << 3, 17})) // ir_version, graph, opset
}
