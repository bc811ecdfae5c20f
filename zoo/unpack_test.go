package zoo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func packed(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	tw := tar.NewWriter(zw)
	for _, h := range entries {
		if h.Mode == 0 {
			h.Mode = 0o777
		}
		body := []byte(h.Linkname) // of regular files: their text
		if h.Typeflag == tar.TypeReg || h.Typeflag == 0 {
			h.Typeflag, h.Linkname, h.Size = tar.TypeReg, "", int64(len(body))
		} else {
			body = nil
		}
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func file(name, text string) tar.Header { return tar.Header{Name: name, Linkname: text} }

func TestTarSlip(t *testing.T) {
	many := make([]tar.Header, maxEntries+1)
	for i := range many {
		many[i] = tar.Header{Name: fmt.Sprintf("d%d/", i%7), Typeflag: tar.TypeDir}
	}
	for _, c := range []struct {
		name    string
		entries []tar.Header
		err     string
	}{
		{"sound", []tar.Header{{Name: "net/", Typeflag: tar.TypeDir}, file("net/a", "1"), file("./net/deep/er/b", "2"), file("net/._a", "debris")}, ""},
		{"absolute", []tar.Header{file("/tmp/x", "1")}, "an absolute name"},
		{"up", []tar.Header{file("../x", "1")}, "a name that goes up"},
		{"up inside", []tar.Header{file("a/../../x", "1")}, "a name that goes up"},
		{"up and down again", []tar.Header{file("a/../b", "1")}, "a name that goes up"},
		{"backslash", []tar.Header{file(`..\x`, "1")}, "a backslash"},
		{"drive", []tar.Header{file("C:x", "1")}, "a colon"},
		{"control character", []tar.Header{file("a\x1bb", "1")}, "a control character"},
		{"symbolic link", []tar.Header{{Name: "l", Linkname: "/etc", Typeflag: tar.TypeSymlink}, file("l/x", "1")}, "neither a file nor a folder"},
		{"hard link", []tar.Header{{Name: "l", Linkname: "/etc/passwd", Typeflag: tar.TypeLink}}, "neither a file nor a folder"},
		{"device", []tar.Header{{Name: "d", Typeflag: tar.TypeChar}}, "neither a file nor a folder"},
		{"pipe", []tar.Header{{Name: "d", Typeflag: tar.TypeFifo}}, "neither a file nor a folder"},
		{"twice", []tar.Header{file("a", "1"), file("a", "2")}, "it comes twice"},
		{"twice where case does not count", []tar.Header{file("a", "1"), file("A", "2")}, "it comes twice"},
		{"too many bytes", []tar.Header{file("a", strings.Repeat("x", 600)), file("b", strings.Repeat("x", 600))}, "too many bytes"},
		{"too many entries", many, "more than 10000 entries"},
		{"a file where a folder is due", []tar.Header{file("a", "1"), file("a/b", "2")}, "entry \"a/b\": "},
		{"up by a folder", []tar.Header{{Name: "../d/", Typeflag: tar.TypeDir}}, "a name that goes up"},
		{"empty name", []tar.Header{file("", "1")}, "entry \"\": "},
	} {
		t.Run(c.name, func(t *testing.T) {
			outer := t.TempDir()
			dir := filepath.Join(outer, "in")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			err = unpack(t.Context(), bytes.NewReader(packed(t, c.entries...)), root, 1000)
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if strings.HasPrefix(c.name, "too many") != errors.Is(err, ErrLimit) {
				t.Errorf("%v is a limit: %t", err, errors.Is(err, ErrLimit))
			}
			for _, f := range files(t, outer) {
				if !strings.HasPrefix(f, "in/") {
					t.Errorf("written outside: %s", f)
				}
			}
			if c.name == "sound" {
				if got := files(t, dir); !slices.Equal(got, []string{"net/a", "net/deep/er/b"}) {
					t.Errorf("unpacked %v", got)
				}
			}
		})
	}
}

// A sparse map in PAX records makes archive/tar give a regular file.
func TestSparse(t *testing.T) {
	h := &tar.Header{Name: "a", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"GNU.sparse.major": "1"}}
	if err := checkEntry(h, 1000, map[string]bool{}); err == nil || !strings.Contains(err.Error(), "sparse") {
		t.Errorf("error %v", err)
	}
	h = &tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: -1}
	if err := checkEntry(h, 1000, map[string]bool{}); err == nil {
		t.Error("a negative size is taken")
	}
}

// A folder's size, which means nothing, may be below 0 in its header.
func TestFolderOfNegativeSize(t *testing.T) {
	whole, err := gzip.NewReader(bytes.NewReader(packed(t, tar.Header{Name: "d/", Typeflag: tar.TypeDir}, file("a", strings.Repeat("x", 2000)))))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(whole)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[124:136], "\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00") // -2^40 in base 256
	copy(data[148:156], "        ")
	sum := 0
	for _, b := range data[:512] {
		sum += int(b)
	}
	copy(data[148:], fmt.Sprintf("%06o\x00 ", sum))
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	zw.Write(data)
	zw.Close()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := unpack(t.Context(), &out, root, 1000); err == nil || !strings.Contains(err.Error(), "too many bytes") {
		t.Errorf("error %v", err)
	}
}

func TestUnpackBroken(t *testing.T) {
	whole := packed(t, file("a/b", strings.Repeat("text", 1000)))
	for n := range whole {
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := unpack(t.Context(), bytes.NewReader(whole[:n]), root, 1<<20); err == nil && n < len(whole)-30 {
			t.Errorf("the first %d of %d bytes unpack", n, len(whole))
		}
		root.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	root, _ := os.OpenRoot(t.TempDir())
	defer root.Close()
	if err := unpack(ctx, bytes.NewReader(whole), root, 1<<20); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPullCase(t *testing.T) {
	model := string(testData(5000))
	right := packed(t, file("odd_name/net.onnx", model), file("odd_name/test_data_set_0/input_0.pb", "in"), file("odd_name/test_data_set_0/output_0.pb", "out"))
	wrong := packed(t, file("n/net.onnx", model+"x"), file("n/test_data_set_0/input_0.pb", "in"))
	slip := packed(t, file("n/net.onnx", model), file("../x", "1"))
	s := newFaulty(t, func(w http.ResponseWriter, r *http.Request) {
		good(map[string][]byte{"/right": right, "/wrong": wrong, "/slip": slip}[r.URL.Path])(w, r)
	})
	for _, c := range []struct {
		path string
		data []byte
		err  string
	}{
		{"/right", right, ""},
		{"/wrong", wrong, "no model with sha256 "},
		{"/slip", slip, `testnet.tar.gz: entry "../x": a name that goes up`},
	} {
		t.Run(c.path, func(t *testing.T) {
			cfg := testConfig(t)
			card := testCard([]byte(model))
			card.Archive = &Archive{Path: "some/where/testnet.tar.gz", Bytes: int64(len(c.data)), SHA256: hexSum(c.data), URLs: []string{s.URL + c.path}}
			dir, err := cfg.pullCase(t.Context(), card)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				if left := files(t, cfg.home); len(left) != 0 {
					t.Errorf("left in the cache: %v", left)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"model.onnx", "test_data_set_0/input_0.pb", "test_data_set_0/output_0.pb"}
			if got := files(t, dir); !slices.Equal(got, want) {
				t.Errorf("the case has %v", got)
			}
			if got := files(t, cfg.home); len(got) != 3 {
				t.Errorf("the cache has %v", got)
			}
			if again, err := cfg.pullCase(t.Context(), card); err != nil || again != dir || len(s.requests(c.path)) != 1 {
				t.Errorf("a second call: %s (%v)", again, err)
			}
		})
	}
}

// Golden data that was put there by hand is taken, without a network too; so is what
// a call left that was stopped, or could not write.
func TestPullCaseByHand(t *testing.T) {
	model := string(testData(5000))
	data := packed(t, file("n/net.onnx", model), file("n/test_data_set_0/input_0.pb", "in"))
	c := testConfig(t, WithOffline(true))
	card := testCard([]byte(model))
	card.Archive = &Archive{Path: "some/where/testnet.tar.gz", Bytes: int64(len(data)), SHA256: hexSum(data), URLs: []string{"https://example.org/testnet.tar.gz"}}
	_, err := c.pullCase(t.Context(), card)
	at := filepath.Join(folder(c.home, card), "testnet.tar.gz")
	if err == nil || !strings.Contains(err.Error(), "put https://example.org/testnet.tar.gz (sha256 "+hexSum(data)+") at "+at) {
		t.Fatalf("the advice is %v", err)
	}
	plant(t, c, card, "testnet.tar.gz", data)
	ctx, cancel := context.WithCancel(t.Context())
	c.progress = func(p Progress) {
		if p.State == Unpacking {
			cancel()
		}
	}
	if _, err := c.pullCase(ctx, card); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	if _, err := os.Stat(at); err != nil {
		t.Fatalf("the archive of a call that was stopped: %v", err)
	}
	dir, err := c.pullCase(t.Context(), card)
	if err != nil || !slices.Equal(files(t, dir), []string{"model.onnx", "test_data_set_0/input_0.pb"}) {
		t.Errorf("%v, %v", files(t, dir), err)
	}
	if _, err := os.Stat(at); err == nil {
		t.Error("the archive stays once it is unpacked")
	}
}

// A name too long for a file stands for what this machine cannot write.
func TestPullCaseKeepsArchive(t *testing.T) {
	model := string(testData(5000))
	data := packed(t, file("n/net.onnx", model), file("n/"+strings.Repeat("x", 300), "in"))
	c := testConfig(t)
	card := testCard([]byte(model))
	card.Archive = &Archive{Path: "testnet.tar.gz", Bytes: int64(len(data)), SHA256: hexSum(data)}
	at := plant(t, c, card, "testnet.tar.gz", data)
	_, err := c.pullCase(t.Context(), card)
	var system syscall.Errno
	if _, statErr := os.Stat(at); !errors.As(err, &system) || statErr != nil {
		t.Errorf("%v; the archive: %v", err, statErr)
	}
}

// Who waits for another process that fetches golden data is told so.
func TestPullCaseWaits(t *testing.T) {
	c := testConfig(t)
	card := testCard(testData(5000))
	card.Archive = &Archive{Path: "testnet.tar.gz", Bytes: 100, SHA256: strings.Repeat("0", 64)}
	held, err := takeLock(t.Context(), c.home, card, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer held.release()
	plant(t, c, card, "testnet.tar.gz.part", make([]byte, 40))
	ctx, cancel := context.WithCancel(t.Context())
	var got Progress
	c.progress = func(p Progress) {
		got = p
		cancel()
	}
	_, err = c.pullCase(ctx, card)
	if want := (Progress{Name: "testnet", File: "testnet.tar.gz", State: Waiting, Done: 40, Total: 100}); err != context.Canceled || got != want {
		t.Errorf("%v; %+v, want %+v", err, got, want)
	}
}
