package conform_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine/conform"
	"github.com/visionzoo/vision/internal/pictures"
	"github.com/visionzoo/vision/internal/shared"
)

// folders are the suite's, as docs/conformance.md lists them.
var folders = []string{"node", "simple", "pytorch-converted", "pytorch-operator", "light"}

// TestSuite runs ONNX's own backend tests. Cases that are known to fail stand
// in testdata/known-failures.txt with their reason; a listed case that passes
// fails the test, so the list only shrinks. VISION_CASES narrows the run to
// the cases whose name contains it; -update rewrites the list, -document the
// page of docs.
func TestSuite(t *testing.T) {
	pictures.Register()
	known := knownFailures(t)
	failing := map[string]string{}
	all := map[string][]conform.Result{}
	for _, folder := range folders {
		t.Run(folder, func(t *testing.T) {
			cases, err := conform.Find(shared.Path(t, "onnx-suite", folder))
			if err != nil {
				t.Fatal(err)
			}
			only := os.Getenv("VISION_CASES")
			cases = slices.DeleteFunc(cases, func(c conform.Case) bool { return !strings.Contains(c.Name, only) })
			passed := 0
			all[folder] = runAll(cases)
			for i := range all[folder] {
				r := &all[folder][i]
				reason, listed := known[folder+"/"+r.Name]
				if r.Err == nil && strings.HasPrefix(reason, "random: ") {
					r.Err = errors.New("equal by chance") // a few random bits are, now and then
				}
				if r.Err != nil {
					if failing[folder+"/"+r.Name] = reason; reason == "" || strings.HasPrefix(reason, "not built: ") {
						failing[folder+"/"+r.Name] = "not built: " + r.Err.Error()
					}
				}
				switch {
				case *update:
				case r.Err == nil && listed:
					t.Errorf("%s passes now: strike it from known-failures.txt (%s)", r.Name, reason)
				case r.Err != nil && !listed:
					t.Errorf("FAIL %s: %v", r.Name, r.Err)
				}
				if r.Err == nil {
					passed++
				}
			}
			t.Logf("%s: %d of %d passed", folder, passed, len(cases))
		})
	}
	if os.Getenv("VISION_CASES") == "" && !t.Failed() && len(all) == len(folders) {
		checkDocument(t, all, failing)
	}
	if *update && !t.Failed() && os.Getenv("VISION_CASES") == "" {
		rewrite(t, failing)
	}
}

var update = flag.Bool("update", false, "rewrite testdata/known-failures.txt")

func rewrite(t *testing.T, failing map[string]string) {
	var b strings.Builder
	b.WriteString("# Cases that fail, each with its reason: folder/case<TAB>reason\n")
	for _, name := range slices.Sorted(maps.Keys(failing)) {
		reason := failing[name]
		fmt.Fprintf(&b, "%s\t%s\n", name, reason[:min(len(reason), 160)])
	}
	if err := os.WriteFile("testdata/known-failures.txt", []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func runAll(cases []conform.Case) []conform.Result {
	out := make([]conform.Result, len(cases))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				out[i] = cases[i].Run(context.Background(), conform.Options{Timeout: time.Minute})
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	wg.Wait()
	return out
}

// knownFailures reads "folder/case<TAB>reason" lines.
func knownFailures(t *testing.T) map[string]string {
	f, err := os.Open("testdata/known-failures.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		name, reason, ok := strings.Cut(line, "\t")
		if !ok || strings.TrimSpace(reason) == "" {
			t.Fatal(fmt.Errorf("known-failures.txt: %q has no reason", line))
		}
		out[name] = reason
	}
	return out
}
