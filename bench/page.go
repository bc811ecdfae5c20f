package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/visionzoo/vision/internal/whole"
)

// page is a Markdown file with a section that is made anew, between two lines
// that no reader sees; the rest is left as it is.
type page struct {
	path          string
	before, after string // with the two lines
}

// openPage finds the section in a file, or makes a page where there is none.
func openPage(path, section string) (*page, error) {
	begin, end := "<!-- bench:"+section+" -->\n", "<!-- /bench:"+section+" -->\n"
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &page{path, "# How fast\n\n" + begin, end}, nil
	}
	if err != nil {
		return nil, err
	}
	before, rest, found := strings.Cut(string(data), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return nil, fmt.Errorf("%s has no lines %s and %s around what is to be written; add them", path, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return &page{path, before + begin, end + after}, nil
}

// write puts text into the section.
func (p *page) write(text string) error {
	return whole.WriteFile(p.path, func(w io.Writer) error {
		_, err := io.WriteString(w, p.before+strings.TrimSpace(text)+"\n"+p.after)
		return err
	})
}

// commandLine returns the command that repeats this call, with files by their base
// names: their folders are others elsewhere.
func commandLine(args []string) string {
	words := []string{"go run ."}
	for _, a := range args {
		flag, value, given := strings.Cut(a, "=")
		switch {
		case given && strings.HasPrefix(a, "-") && isFile(value):
			a = flag + "=" + filepath.Base(value)
		case isFile(a):
			a = filepath.Base(a)
		}
		if strings.ContainsAny(a, " \t'\"$\\*?") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// isFile reports whether a word names a file that is there, or one to be made in
// a folder that is.
func isFile(word string) bool {
	dir := filepath.Dir(word)
	return exists(word) || dir != "." && dir != filepath.Dir(dir) && exists(dir)
}
