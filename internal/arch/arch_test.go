// Package arch holds the tests of the tree itself: who may import whom.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/visionzoo/vision/"

// policy says which packages of this module a package may import; a package
// below one that is named follows its line. Imports run one way, from the
// command down to the bytes: no line names one above it.
var policy = map[string]string{
	"assets":              "",
	"assets/label":        "assets",
	"engine/tensor":       "internal/limit",
	"engine/onnx":         "internal/limit internal/whole",
	"engine/team":         "internal/clock",
	"engine/kernel/args":  "",
	"engine/kernel/amd64": "engine/kernel/args",
	"engine/kernel/arm64": "engine/kernel/args",
	"engine/kernel/box":   "engine/kernel/amd64",
	"engine/kernel/num":   "engine/kernel/amd64",
	"engine/kernel/vec":   "engine/kernel/num engine/kernel/amd64 engine/kernel/arm64",
	"engine/kernel":       "engine/kernel/args engine/kernel/amd64 engine/kernel/arm64 engine/kernel/box engine/kernel/vec engine/kernel/num internal/clock",
	"engine/ir":           "engine/onnx engine/tensor internal/await internal/printable internal/limit",
	"engine/suppress":     "engine/kernel engine/kernel/box",
	"engine/ops":          "engine/ir engine/onnx engine/tensor engine/kernel engine/kernel/vec engine/suppress internal/nearest internal/limit engine/kernel/num",
	"engine/pass":         "engine/ops engine/ir engine/onnx engine/tensor engine/kernel",
	"engine/plan":         "engine/pass engine/ops engine/ir engine/onnx engine/tensor engine/kernel engine/kernel/vec engine/team internal/clock",
	"engine":              "engine/plan engine/pass engine/ops engine/ir engine/onnx engine/tensor engine/kernel internal/nearest internal/clock internal/await internal/limit",
	"engine/conform":      "engine engine/ir engine/tensor internal/clock internal/limit",
	"vision/jpeg":         "",
	"vision":              "vision/jpeg engine/tensor internal/await internal/nearest internal/repeated internal/limit internal/whole",
	"internal/pictures":   "vision engine",
	"internal/pipeline":   "vision engine/tensor internal/clock",
	"internal/nearest":    "",
	"internal/printable":  "",
	"zoo":                 "internal/await internal/nearest internal/printable internal/repeated internal/pictures vision engine engine/tensor engine/ir assets assets/label internal/limit",
	"zoo/generate":        "zoo assets",
	"classify":            "internal/await internal/pipeline internal/printable vision engine engine/tensor assets/label internal/clock",
	"detect":              "internal/nearest zoo vision engine engine/tensor engine/suppress assets/label internal/limit",
	"quantize":            "internal/await internal/nearest engine engine/tensor engine/ir engine/onnx engine/ops",
	"cmd/vision":          "internal/await internal/nearest internal/printable internal/sides internal/whole internal/pipeline detect quantize classify zoo internal/pictures vision engine engine/conform engine/tensor assets/label internal/clock internal/limit",
	"internal/built":      "engine engine/ir",
	"internal/fence":      "",
	"internal/shared":     "",
	"internal/spent":      "",
	"internal/tiles":      "",
	"internal/arch":       "",
	"internal/await":      "",
	"internal/clock":      "",
	"internal/limit":      "",
	"internal/repeated":   "",
	"internal/sides":      "",
	"internal/whole":      "",
}

// foreign are the modules that code of the program may import, and the only
// folders that may.
var foreign = map[string]string{
	"golang.org/x/sys":                  "engine vision zoo cmd/vision internal/tiles",
	"golang.org/x/image":                "vision",
	"golang.org/x/term":                 "vision cmd/vision",
	"google.golang.org/protobuf":        "engine/onnx",
	"github.com/disintegration/imaging": "vision",
	"github.com/klauspost/compress":     "vision",
	"github.com/BourgeoisBear/rasterm":  "vision",
	"github.com/gofrs/flock":            "zoo",
	"github.com/urfave/cli/v2":          "cmd/vision",
	"github.com/cheggaaa/pb/v3":         "cmd/vision",
}

// forTests are the modules that tests may import besides.
var forTests = []string{"github.com/rogpeppe/go-internal"}

// TestImports: nothing is imported that the policy does not allow, and the policy
// allows nothing that is not imported.
func TestImports(t *testing.T) {
	used := map[string]bool{} // line, imported
	eachImport(t, func(file, folder, imported string, test bool) {
		inner, own := strings.CutPrefix(imported, module)
		switch {
		case own && !test:
			line, allowed := lineOf(folder)
			used[line+" "+inner] = true
			if line == "" {
				t.Errorf("%s: the policy has no line for %s; add one", file, folder)
			} else if !slices.Contains(strings.Fields(allowed), inner) {
				t.Errorf("%s: %s may import %s, not %s", file, line, quoteNone(allowed), inner)
			}
		case !own && strings.Contains(strings.Split(imported, "/")[0], "."):
			checkForeign(t, file, folder, imported, test)
		}
	})
	for line, allowed := range policy {
		for _, inner := range strings.Fields(allowed) {
			if !used[line+" "+inner] {
				t.Errorf("no file of %s imports %s; take it out of the policy", line, inner)
			}
		}
	}
}

// lineOf finds the policy of a folder: its own, else that of the nearest above.
func lineOf(folder string) (line, allowed string) {
	for line = folder; line != "."; line = path.Dir(line) {
		if allowed, ok := policy[line]; ok {
			return line, allowed
		}
	}
	return "", ""
}

func quoteNone(s string) string {
	if s == "" {
		return "nothing of this module"
	}
	return s
}

func checkForeign(t *testing.T, file, folder, imported string, test bool) {
	t.Helper()
	if test && slices.ContainsFunc(forTests, func(m string) bool { return under(imported, m) }) {
		return
	}
	for m, folders := range foreign {
		if under(imported, m) {
			if !test && !slices.ContainsFunc(strings.Fields(folders), func(f string) bool { return under(folder, f) }) {
				t.Errorf("%s: %s is for %s only", file, m, folders)
			}
			return
		}
	}
	t.Errorf("%s: %s is a new dependency; give its reason in RATIONALE.md and a line in internal/arch", file, imported)
}

func under(name, parent string) bool { return name == parent || strings.HasPrefix(name, parent+"/") }

// Every dependency's reason is written down, and none is listed that go.mod
// does not have.
func TestReasons(t *testing.T) {
	rationale, err := os.ReadFile("../../RATIONALE.md")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	eachImport(t, func(_, _, imported string, _ bool) {
		for m := range foreign {
			used[m] = used[m] || under(imported, m)
		}
		for _, m := range forTests {
			used[m] = used[m] || under(imported, m)
		}
	})
	for m, yes := range used {
		if yes && !strings.Contains(string(rationale), m) {
			t.Errorf("RATIONALE.md does not say what %s is for", m)
		}
		if yes && !strings.Contains(string(mod), m+" ") {
			t.Errorf("go.mod lacks %s", m)
		}
	}
}

// The policy itself has no circle.
func TestPolicyRunsOneWay(t *testing.T) {
	state := map[string]int{}
	var visit func(string)
	visit = func(p string) {
		switch state[p] {
		case 1:
			t.Errorf("a circle goes through %s", p)
			return
		case 2:
			return
		}
		state[p] = 1
		for _, q := range strings.Fields(policy[p]) {
			if q != p { // packages below a line may import one another
				visit(q)
			}
		}
		state[p] = 2
	}
	for p := range policy {
		visit(p)
	}
}

// eachImport calls f for every import of every Go file of the module, whatever
// its build tags.
func eachImport(t *testing.T, f func(file, folder, imported string, test bool)) {
	t.Helper()
	eachFile(t, parser.ImportsOnly, func(file string, parsed *ast.File, _ *token.FileSet) {
		for _, i := range parsed.Imports {
			imported, _ := strconv.Unquote(i.Path.Value)
			f(file, path.Dir(file), imported, strings.HasSuffix(file, "_test.go"))
		}
	})
}

// eachFile calls f for every Go file of the module.
func eachFile(t *testing.T, mode parser.Mode, f func(file string, parsed *ast.File, places *token.FileSet)) {
	t.Helper()
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, name)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || exists(filepath.Join(name, "go.mod"))) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		files++
		places := token.NewFileSet()
		parsed, err := parser.ParseFile(places, name, nil, mode)
		if err == nil {
			f(filepath.ToSlash(rel), parsed, places)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d Go files were found", files)
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
