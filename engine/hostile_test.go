package engine_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
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

// hostileTime is how long a stranger's model may keep us busy; the context
// ends it a little earlier.
const hostileTime = 20 * time.Second

// meet opens and runs a model that needs no input, and says where it failed.
func meet(ctx context.Context, path string) (opened bool, err error) {
	s, err := engine.Open(path, engine.MemoryLimit(hostileLimit))
	if err != nil {
		return false, err
	}
	defer s.Close()
	_, err = s.Run(ctx, nil)
	return true, err
}

// TestHostileModels opens and runs every malformed model: what must be refused
// is, in time, with one clean line that names what is wrong.
func TestHostileModels(t *testing.T) {
	dir, cases := badCases(t)
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), hostileTime*3/4)
			defer cancel()
			start := time.Now()
			opened, err := meet(ctx, filepath.Join(dir, c.file))
			if took := time.Since(start); took > hostileTime {
				t.Errorf("took %v", took)
			}
			c.check(t, opened, err)
		})
	}
}

func (c badCase) check(t *testing.T, opened bool, err error) {
	t.Helper()
	switch {
	case c.when == "ok" && err != nil:
		t.Errorf("is sound (%s), but: %v", c.why, err)
	case c.when == "open" && opened:
		t.Errorf("opened; it must not: %s (then: %v)", c.why, err)
	case (c.when == "run" || c.when == "either") && err == nil:
		t.Errorf("ran; it must be refused: %s", c.why)
	}
	if err == nil {
		return
	}
	message := err.Error()
	var unknown *ops.UnsupportedError
	if errors.As(err, &unknown) && !strings.HasPrefix(c.file, "graph_") {
		t.Skip("its operator is not built: " + message)
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
