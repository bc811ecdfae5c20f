package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/zoo"
)

var update = flag.Bool("update", false, "write the generated pages of docs anew")

// The commands that README.md shows with what they print print that: those on files that
// every checkout has.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("VISION_HOME", t.TempDir())
	t.Chdir("../..")
	seen := 0
	for _, block := range strings.Split(string(data), "\n\n    $ ")[1:] {
		block, _, _ = strings.Cut(block, "\n\n")
		command, want, _ := strings.Cut(strings.ReplaceAll(block, "\n    ", "\n"), "\n")
		_, args, _ := strings.Cut(command, "vision ")
		words := strings.Fields(args)
		if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "assets/") }) {
			continue
		}
		seen++
		code, out, errOut := vis(words...)
		if got := errOut + strings.TrimRight(out, "\n"); code != 0 || got != want {
			t.Errorf("%s: code %d\n%s\nthe README shows\n%s", command, code, got, want)
		}
	}
	if seen < 2 {
		t.Errorf("%d commands on files of assets found: README.md has more", seen)
	}
}

var links = regexp.MustCompile(`\]\(([^)#:]+)[^):]*\)`)

// What the pages point to is there.
func TestLinks(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "bench/*.md"} {
		pages, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(pages) == 0 {
			t.Fatalf("%s: no pages (%v)", pattern, err)
		}
		for _, page := range pages {
			data, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range links.FindAllSubmatch(data, -1) {
				seen++
				if _, err := os.Stat(filepath.Join(filepath.Dir(page), string(m[1]))); err != nil {
					t.Errorf("%s points to %s, which is not there", page, m[1])
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d links found: the pages have more", seen)
	}
}

// Pages that are made from the program itself are as it is now.
func TestGeneratedPages(t *testing.T) {
	for name, want := range map[string]string{"commands.md": commandsPage(), "models.md": modelsPage()} {
		path := filepath.Join("..", "..", "docs", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("docs/%s is not what the program says (%v); run: go test ./cmd/vision -run TestGeneratedPages -update", name, err)
		}
	}
}

func commandsPage() string {
	var b strings.Builder
	b.WriteString("# Commands\n\nGenerated from the program: `go test ./cmd/vision -run TestGeneratedPages -update`. Flags may stand anywhere after the command.\n" +
		"Exit codes: 0 success, 1 some input failed and the rest was done, 2 wrong usage, 3 the model could not be fetched or opened,\n" +
		"130 interrupted, 141 the reader of the results is gone (as in | head).\n")
	var page func(prefix string, all []*cli.Command)
	page = func(prefix string, all []*cli.Command) {
		for _, c := range all {
			if c.Hidden {
				continue
			}
			fmt.Fprintf(&b, "\n## %s%s\n\n%s.\n\n", prefix, c.Name, capital(c.Usage))
			for _, line := range strings.Split(c.UsageText, "\n") {
				fmt.Fprintf(&b, "    %s\n", line)
			}
			if len(c.Flags) > 0 {
				b.WriteString("\n| flag | |\n|---|---|\n")
			}
			for _, f := range c.Flags {
				fmt.Fprintf(&b, "| %s | %s |\n", flagText(f), f.(interface{ GetUsage() string }).GetUsage())
			}
			page(prefix+c.Name+" ", c.Subcommands)
		}
	}
	page("", commands())
	b.WriteString("\n## Environment\n\n| variable | |\n|---|---|\n")
	for _, v := range variables {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v.name, v.does)
	}
	return b.String()
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func flagText(f cli.Flag) string {
	var names []string
	for _, n := range f.Names() {
		dashes := "--"
		if len(n) == 1 {
			dashes = "-"
		}
		names = append(names, "`"+dashes+n+"`")
	}
	text := strings.Join(names, ", ")
	if d, ok := f.(cli.DocGenerationFlag); ok && d.TakesValue() && d.GetDefaultText() != "" && d.GetDefaultText() != `""` {
		text += " (" + strings.Trim(d.GetDefaultText(), `"`) + ")"
	}
	return text
}

func modelsPage() string {
	var b strings.Builder
	b.WriteString("# Models\n\nGenerated from the catalogue: `go test ./cmd/vision -run TestGeneratedPages -update`. `vision zoo show NAME` prints more:\n" +
		"input, output, recipe, where accuracy and licence are published, how to cite. A recipe with a question mark is not\ndocumented by the model's publisher.\n\n" +
		"| name | aliases | task | variant | opset | size | recipe | accuracy | licence |\n|---|---|---|---|---|---|---|---|---|\n")
	cell := func(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
	for _, c := range zoo.Published().Cards() {
		recipe, opset := c.Recipe, fmt.Sprint(c.Opset)
		if len(c.RecipeData) > 0 {
			recipe = "its own"
		}
		if c.RecipeUncertain {
			recipe += "?"
		}
		if c.Opset == 0 {
			opset = ""
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", c.Name, strings.Join(c.Aliases, ", "), c.Task, c.Variant, opset,
			zoo.Size(c.Bytes), recipe, cell(c.Accuracy), cell(c.Licence))
	}
	fmt.Fprintf(&b, ownModels, ownModel)
	return b.String()
}

// ownModels is how users add models, and ownModel the example.
const (
	ownModels = `
## Models of your own

Each file *.json in the folder that ` + "`vision doctor`" + ` calls "own entries" (on Linux ~/.config/vision/zoo.d) adds a model, or
several as a list in [ ]:

%s

Name, variant (f32, fp16, int8 or qdq), path, bytes and sha256 are required: a file is accepted only with this size and digest. It is
looked for in the mirror by its path or the path's last part, then at the urls, which must be https. The keys are those that
` + "`vision zoo show NAME --json`" + ` prints, without "cached" and "file". A recipe is either named (recipe) or written out (recipe_data),
and so are labels (labels, classes). Names, aliases and lines (names without opset and variant) that already mean a model are refused;
an entry with a line of the catalogue is found by an opset or variant that this line lacks. A model that is never downloaded needs no
entry: give its path.
`
	ownModel = `    {
      "name": "mynet", "aliases": ["mine"], "task": "classify", "variant": "f32",
      "path": "nets/mynet.onnx", "bytes": 1356412,
      "sha256": "93bd6cbc0a3c0b8d94a1a4ff35f0d8c2e1c8eaa5d6b7f0c1ce7d4e5f60718293",
      "urls": ["https://example.org/nets/mynet.onnx"],
      "recipe": "imagenet", "classes": ["cat", "dog"]
    }`
)

// The example of an entry is one.
func TestOwnModel(t *testing.T) {
	if _, err := zoo.ParseCards([]byte(ownModel)); err != nil {
		t.Error(err)
	}
}
