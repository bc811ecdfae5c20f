package whole_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/internal/whole"
)

func write(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// expect fails the test unless a file has the text, and the folder this many entries.
func expect(t *testing.T, path, text string, entries int) {
	t.Helper()
	if data, err := os.ReadFile(path); err != nil || string(data) != text {
		t.Errorf("there is %q, not %q; %v", data, text, err)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != entries {
		t.Errorf("%v is there, not %d files; %v", all, entries, err)
	}
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	for _, text := range []string{"old", "new"} {
		if err := whole.WriteFile(path, write(text)); err != nil {
			t.Fatal(err)
		}
		expect(t, path, text, 1)
	}
	long := filepath.Join(t.TempDir(), strings.Repeat("n", 250)+".json") // of the 255 that most systems allow
	if err := whole.WriteFile(long, write("text")); err != nil {
		t.Fatal(err)
	}
	expect(t, long, "text", 1)
}

// After a failure there is what was there before, nothing else, and the error names the file
// that was asked for.
func TestWriteFileFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.json")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	interrupted := errors.New("interrupted")
	if err := whole.WriteFile(path, func(w io.Writer) error { return errors.Join(write("half")(w), interrupted) }); !errors.Is(err, interrupted) {
		t.Error(err)
	}
	expect(t, path, "old", 1)
	closed := func(w io.Writer) error { return errors.Join(w.(io.Closer).Close(), write("x")(w)) }
	if err := whole.WriteFile(path, closed); err == nil || err.Error() != "write "+path+": "+fs.ErrClosed.Error() {
		t.Error(err)
	}
	expect(t, path, "old", 1)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not pass")
			}
		}()
		_ = whole.WriteFile(path, func(io.Writer) error { panic("memory that is gone") })
	}()
	expect(t, path, "old", 1)
	missing := filepath.Join(dir, "none", "out.json")
	if err := whole.WriteFile(missing, write("x")); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "open "+missing+": ") {
		t.Error(err)
	}
	folder := filepath.Join(dir, "folder")
	if err := whole.WriteFile(folder, func(io.Writer) error { return os.Mkdir(folder, 0o755) }); err == nil || !strings.HasPrefix(err.Error(), "replace "+folder+": ") {
		t.Error(err)
	}
	expect(t, path, "old", 2)
}

// A link is replaced, and what it leads to stays.
func TestWriteFileLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "old"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Skipf("%v; on Windows, run as administrator", err)
	}
	if err := whole.WriteFile(link, write("new")); err != nil {
		t.Fatal(err)
	}
	expect(t, link, "new", 2)
	expect(t, path, "old", 2)
}
