package conform_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/conform"
)

var document = flag.Bool("document", false, "rewrite docs/conformance.md")

var documentPath = filepath.Join("..", "..", "docs", "conformance.md")

// checkDocument holds docs/conformance.md to the counts and the failing cases
// of a run. The errors of its second half differ a little from one processor
// to another and are not held.
func checkDocument(t *testing.T, all map[string][]conform.Result, failing map[string]string) {
	t.Helper()
	want := conformance(all, failing)
	if *document {
		if err := os.WriteFile(documentPath, append(want, families(all)...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(got, want) && !*update {
		t.Errorf("%s is out of date: go test ./engine/conform -run TestSuite -document", documentPath)
	}
}

// conformance is the part of the document that is checked.
func conformance(all map[string][]conform.Result, failing map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString("# Conformance\n\nThe ONNX project's backend tests, as `vision verify` runs them: count, dtype, shape and values of every output, " +
		"at rtol 1e-3 and\natol 1e-5, 1e-2 both for floats of 16 bits and fewer. Generated: `go test ./engine/conform -run TestSuite -document`.\n\n" +
		"| folder | passed | of |\n|---|---:|---:|\n")
	for _, folder := range folders {
		passed := 0
		for _, r := range all[folder] {
			if r.Err == nil {
				passed++
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d |\n", folder, passed, len(all[folder]))
	}
	b.WriteString("\n## What does not pass\n\n| case | why |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(failing)) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, failing[name])
	}
	return b.Bytes()
}

// family is the cases of one operator.
type family struct {
	cases, passed int
	worst         float64
}

// families is the table of the largest errors.
func families(all map[string][]conform.Result) []byte {
	var names []string // of operators, the longest first
	for _, o := range engine.Operators() {
		names = append(names, o.Name)
	}
	slices.SortStableFunc(names, func(a, b string) int { return len(b) - len(a) })
	list := map[string]*family{}
	for _, r := range all["node"] {
		plain := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(r.Name, "test_"), "ai_onnx_ml_"), "_", "")
		name := "other"
		for _, n := range names {
			if strings.HasPrefix(plain, strings.ToLower(n)) {
				name = n
				break
			}
		}
		f := list[name]
		if f == nil {
			f = &family{}
			list[name] = f
		}
		if f.cases++; r.Err == nil {
			f.passed++
			f.worst = math.Max(f.worst, r.MaxError)
		}
	}
	var b bytes.Buffer
	b.WriteString("\n## Largest errors\n\nOf the node cases that pass, by the operator that their name begins with: the largest difference from the " +
		"expected number, relative to\nit where it is larger than 1, rounded up to a power of ten; it includes the rounding of 16- and 8-bit outputs.\n\n" +
		"| cases | passed | of | largest error |\n|---|---:|---:|---:|\n")
	for _, name := range slices.Sorted(maps.Keys(list)) {
		f := list[name]
		worst := "0"
		if f.worst > 0 {
			worst = fmt.Sprintf("1e%d", int(math.Ceil(math.Log10(f.worst))))
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %s |\n", name, f.passed, f.cases, worst)
	}
	return b.Bytes()
}
