package ops

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// ends lists operators that the standard removed, with the last opset that has
// them.
var ends = map[string]int{"Scatter": 0, "Upsample": 9, "Affine": 9, "Scale": 9, "ParametricSoftplus": 9, "ScaledTanh": 9, "ImageScaler": 9, "Crop": 9,
	"GivenTensorFill": 9, "ConstantFill": 9, "DynamicSlice": 9, "GRUUnit": 9}

// TestVersions checks that the definitions of an operator follow one another
// without gap or overlap and reach the newest opset, unless the operator was
// removed.
func TestVersions(t *testing.T) {
	last := map[key]*Def{}
	for _, d := range Defs() {
		k := key{d.Domain, d.Name}
		top, ok := newest[d.Domain]
		switch before := last[k]; {
		case !ok:
			t.Errorf("%s: domain %q has no newest opset", d.Name, d.Domain)
		case d.Since < 1 || d.Since > top || d.Until != 0 && (d.Until < d.Since || d.Until >= top):
			t.Errorf("%s: versions %d to %d are none of 1 to %d", d.Name, d.Since, d.Until, top)
		case before != nil && before.Until != d.Since-1:
			t.Errorf("%s: one meaning ends with %d, the next begins with %d", d.Name, before.Until, d.Since)
		}
		if d.New == nil || d.In.Max < d.In.Min || d.Out.Max < d.Out.Min {
			t.Errorf("%s-%d: no constructor, or an arity of nothing", d.Name, d.Since)
		}
		last[k] = d
	}
	for k, d := range last {
		if want, gone := ends[k.name]; k.domain == "" && gone != (d.Until != 0) && want != d.Until {
			t.Errorf("%s: the last meaning ends with opset %d, expected is %d", k.name, d.Until, want)
		}
	}
}

// TestFindEveryVersion compares Find with the ranges of the definitions.
func TestFindEveryVersion(t *testing.T) {
	for _, d := range Defs() {
		until := d.Until
		if until == 0 {
			until = newest[d.Domain]
		}
		for v := d.Since; v <= until; v++ {
			if Find(d.Domain, d.Name, v) != d {
				t.Errorf("Find(%q, %q, %d) is another meaning", d.Domain, d.Name, v)
			}
		}
	}
	if Find("", "Relu", 0) != nil || Find("nowhere", "Relu", 13) != nil || Find("", "Crop", 10) != nil {
		t.Error("Find gives meanings that do not exist")
	}
}

// TestSourcesAreNamed checks that every file that defines operators of the
// standard names the versions it implements ("ONNX Relu-6"), or the document of
// the domain they belong to.
func TestSourcesAreNamed(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if src, _ := os.ReadFile(e.Name()); !definesOperators(f) || strings.Contains(string(src), "{Domain: Internal,") {
			continue // internal operators have no specification
		}
		files++
		words := ""
		for _, c := range f.Comments {
			words += c.Text()
		}
		if !strings.Contains(words, "ONNX") {
			t.Errorf("%s defines operators and names no source", e.Name())
		}
	}
	if files < 20 {
		t.Errorf("found %d files that define operators: the test looks in the wrong place", files)
	}
}

// TestExampleIsInTheTree checks that the example in the package's documentation is the code that it
// says it is.
func TestExampleIsInTheTree(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("shape.go")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "# An example")
	example, _, _ = strings.Cut(example, "# What helps")
	lines := 0
	for line := range strings.Lines(example) {
		line, isCode := strings.CutPrefix(line, "//\t")
		if !isCode {
			continue
		}
		if lines++; !strings.Contains(string(code), line) {
			t.Errorf("shape.go has no line %q", line)
		}
	}
	if lines < 20 {
		t.Errorf("the example has %d lines: the test looks in the wrong place", lines)
	}
}

func definesOperators(f *ast.File) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok {
			if list, ok := lit.Type.(*ast.ArrayType); ok {
				found = found || fmt.Sprint(list.Elt) == "Def"
			}
		}
		return !found
	})
	return found
}
