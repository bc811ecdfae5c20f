//go:build unix

package zoo

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPlanted has something wait under the names that the downloader is going to
// write: it is never written through.
func TestPlanted(t *testing.T) {
	data := testData(50_000)
	precious := []byte("precious")
	for _, name := range []string{"testnet.onnx.part", "testnet.onnx", "card.json", "card.json.new", "testnet.onnx.part.json", "testnet.onnx.part.json.new"} {
		for kind, plant := range map[string]func(victim, at string) error{
			"symbolic link": os.Symlink,
			"hard link":     os.Link,
			"pipe":          func(_, at string) error { return syscall.Mkfifo(at, 0o600) },
			"dangling link": func(_, at string) error { return os.Symlink(at+".nowhere", at) },
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				s := newFaulty(t, inTurn(breakOff(data, 20_000), good(data)))
				c := testConfig(t)
				card := testCard(data, s.URL+"/f")
				victim := filepath.Join(t.TempDir(), "victim")
				if err := os.WriteFile(victim, precious, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll(folder(c.home, card), 0o700); err != nil {
					t.Fatal(err)
				}
				at := filepath.Join(folder(c.home, card), name)
				if err := plant(victim, at); err != nil {
					t.Fatal(err)
				}
				path, err := pull(c, card)
				if err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(path)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("the model has %d bytes (%v)", len(got), err)
				}
				if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
					t.Errorf("the model is %v", info.Mode())
				}
				if left, err := os.ReadFile(victim); err != nil || !bytes.Equal(left, precious) {
					t.Errorf("the victim was written: %q (%v)", left, err)
				}
				if _, err := os.Lstat(at + ".nowhere"); err == nil {
					t.Error("a file was made through the dangling link")
				}
			})
		}
	}
}

func TestUnsafeFolders(t *testing.T) {
	data := testData(5_000)
	s := newFaulty(t, good(data))
	for _, part := range []string{".", "models", "models/testnet", "locks"} {
		t.Run(part, func(t *testing.T) {
			c := testConfig(t)
			card := testCard(data, s.URL+"/f")
			dir := filepath.Join(c.home, part)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			_, err := pull(c, card)
			if !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "anyone may write to it") {
				t.Errorf("error %v", err)
			}
			if got := files(t, c.home); len(got) != 0 {
				t.Errorf("the cache has %v", got)
			}
		})
	}
	t.Run("someone else's", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("only root can give a folder away")
		}
		c := testConfig(t)
		if err := os.MkdirAll(c.home, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(c.home, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		_, err := pull(c, testCard(data, s.URL+"/f"))
		if !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), "it belongs to user 12345") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a folder of models that is a link out of the cache", func(t *testing.T) {
		c := testConfig(t)
		outside := t.TempDir()
		if err := errors.Join(os.Mkdir(c.home, 0o700), os.Symlink(outside, filepath.Join(c.home, "models"))); err != nil {
			t.Fatal(err)
		}
		_, err := pull(c, testCard(data, s.URL+"/f"))
		if err == nil || !strings.Contains(err.Error(), "models is a link out of the cache; set VISION_HOME to ") || len(files(t, outside)) != 0 {
			t.Errorf("error %v, written %v", err, files(t, outside))
		}
	})
	t.Run("a model's folder that is a link out of the cache", func(t *testing.T) {
		c := testConfig(t)
		card := testCard(data, s.URL+"/f")
		outside := t.TempDir()
		if err := os.MkdirAll(filepath.Join(c.home, "models"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, folder(c.home, card)); err != nil {
			t.Fatal(err)
		}
		if _, err := pull(c, card); err == nil || len(files(t, outside)) != 0 {
			t.Errorf("written outside the cache: %v (%v)", files(t, outside), err)
		}
	})
}

// TestPipes has a pipe lie where a file should be, and take its place at any moment:
// nothing waits for who would write to it.
func TestPipes(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	c := testConfig(t)
	card := testCard(testData(300))
	name, pipe, file := filepath.Join(dir, card.File()), filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	put := func(from, to string) {
		os.Remove(to + ".new") // renaming does nothing between two links of one file
		if err := errors.Join(os.Link(from, to+".new"), os.Rename(to+".new", to)); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(file, testData(300), 0o600)); err != nil {
		t.Fatal(err)
	}
	for what, read := range map[string]func(){
		"the model": func() {
			(&store{home: dir, card: card, root: root}).present(t.Context(), func(Progress) {})
		},
		"a small file":  func() { readSmall(root, card.File()) },
		"a user's file": func() { readUserFile(name) },
		"a mirror's file": func() {
			f := &fetcher{config: c, blob: card.blob(), root: root, report: func(Progress) {}}
			if p, err := openPart(root, "other"); err == nil {
				f.copyFile(t.Context(), source{file: name}, p)
				p.Close()
			}
		},
	} {
		put(pipe, name)
		done := make(chan bool)
		go func() {
			for range 500 {
				read()
			}
			close(done)
		}()
		for waiting := time.After(20 * time.Second); done != nil; {
			select {
			case <-done:
				done = nil
			case <-waiting:
				t.Fatalf("%s: opening a pipe blocks", what)
			default:
				put(file, name)
				put(pipe, name)
			}
		}
	}
}

// TestVerifyPipe: what is no file is not what was published.
func TestVerifyPipe(t *testing.T) {
	home := t.TempDir()
	path, err := Path("mnist-8", WithHome(home))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), syscall.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := Verify(t.Context(), "mnist-8", WithHome(home))
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, ErrDigest) || !strings.Contains(err.Error(), "not a regular file; remove it (vision zoo rm mnist-8)") {
			t.Errorf("error %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("opening a pipe blocks")
	}
}
