package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: errors.New("the disk is full")}
}

// Results that did not arrive are no success.
func TestFullDisk(t *testing.T) {
	t.Setenv("VISION_HOME", t.TempDir())
	for _, args := range [][]string{{"zoo", "list"}, {"help"}, {"version", "--json"}, {"zoo", "show", "resnet50"}} {
		var errOut bytes.Buffer
		code := run(t.Context(), append([]string{"vision"}, args...), nil, fullDisk{}, &errOut)
		if code != exitFailed || errOut.String() != "vision: standard output: the disk is full\n" {
			t.Errorf("%v: code %d, %q", args, code, errOut.String())
		}
	}
}

// What a link leads to is replaced, not the link.
func TestWriteWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.json")
	write := func(text string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}
	}
	if err := writeWhole(t.Context(), path, write("old")); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.json")
	if err := os.Symlink(path, link); err == nil { // not everybody may on Windows
		if err := writeWhole(t.Context(), link, write("new")); err != nil {
			t.Fatal(err)
		}
		if data, _ := os.ReadFile(path); string(data) != "new" {
			t.Errorf("behind the link there is %q", data)
		}
	}
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		"":                               "",
		"-":                              "results go to a file",
		filepath.Join(dir, "new"):        "",
		dir:                              "a folder; name a file in it",
		filepath.Join(dir, "no", "file"): "nothing can be written to folder",
	} {
		if err := writable("--x", path); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("the check left %v (%v)", entries, err)
	}
}

func TestWritableFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{dir: "", filepath.Join(dir, "new", "below"): "", file: "mkdir " + file}
	if _, err := os.Stat("/proc/self"); err == nil { // where even root writes nothing
		all["/proc/self"] = "nothing can be written to folder /proc/self: "
	}
	for path, want := range all {
		if err := writableFolder("--x", path); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the check left %v (%v)", entries, err)
	}
}

func TestWritableJSON(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ before, want string }{
		"new.json":   {"", ""},
		"blank.json": {" ", "not JSON"},
		"old.json":   {"[{}]", ""},
		"trace.json": {"\n{}", ""},
		"cat.jpg":    {"\xff\xd8\xff\xe0", "not JSON; name the file to write"},
	} {
		path := filepath.Join(dir, name)
		if c.before != "" {
			if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := writableJSON("--x", path); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
