package engine_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
)

var update = flag.Bool("update", false, "rewrite docs/operators.md")

// TestOperatorsDocument holds docs/operators.md to the operators there are:
//
//	go test ./engine -run TestOperatorsDocument -update
func TestOperatorsDocument(t *testing.T) {
	path := filepath.Join("..", "docs", "operators.md")
	want := operatorsDocument()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: go test ./engine -run TestOperatorsDocument -update", path)
	}
}

// operatorsDocument is one table a domain, one row an operator.
func operatorsDocument() []byte {
	var b bytes.Buffer
	b.WriteString("# Operators\n\nWhat the engine runs; `vision inspect --operators` lists the same. Generated: `go test ./engine -run TestOperatorsDocument -update`.\n\n" +
		"Versions are opsets of the domain; `7–12, 13–` means that version 13 gave the operator another meaning and that it has it to this day.\n" +
		"Types are those of the first input (without inputs: of the output) in the newest version: *floats* of 16 bits and\nmore, *numbers* " +
		"floats and integers of 8 bits and more, *any element* also strings, bools, complex and smaller numbers, *any value* also sequences,\noptionals and maps.\n")
	domain, name := "none", ""
	var versions []string
	var types tensor.TypeSet
	count := map[string]int{}
	flush := func() {
		if name != "" {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, strings.Join(versions, ", "), typesText(types))
		}
		versions = nil
	}
	list := engine.Operators()
	for i, o := range list {
		if i == 0 || list[i-1].Domain != o.Domain || list[i-1].Name != o.Name {
			count[o.Domain]++
		}
	}
	for _, o := range list {
		if o.Domain != domain || o.Name != name {
			flush()
		}
		if o.Domain != domain {
			title := o.Domain
			if title == "" {
				title = "ai.onnx"
			}
			fmt.Fprintf(&b, "\n## %s: %d operators\n\n| operator | versions | types |\n|---|---|---|\n", title, count[o.Domain])
		}
		domain, name, types = o.Domain, o.Name, o.Types
		versions = append(versions, versionsText(o.Since, o.Until))
	}
	flush()
	return b.Bytes()
}

func versionsText(since, until int) string {
	switch until {
	case 0:
		return fmt.Sprintf("%d–", since)
	case since:
		return fmt.Sprint(since)
	}
	return fmt.Sprintf("%d–%d", since, until)
}

// typesText names sets of types that have a name.
func typesText(s tensor.TypeSet) string {
	if s == 0 {
		return "any value"
	}
	var parts []string
	for _, set := range []struct {
		name  string
		types tensor.TypeSet
	}{
		{"any element", tensor.AllTypes}, {"numbers", tensor.NumericTypes}, {"floats", tensor.FloatTypes}, {"float8 and float4", tensor.Float8Types}, {"2 and 4 bits", tensor.NibbleTypes},
	} {
		if s&set.types == set.types {
			parts = append(parts, set.name)
			s &^= set.types
		}
	}
	if s != 0 {
		parts = append(parts, s.String())
	}
	return strings.Join(parts, ", ")
}
