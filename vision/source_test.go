package vision_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/vision"
)

func pngBytes(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, vision.NewImage(w, h)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// list opens what args stand for: "name WxH" or "name! error".
func list(args []string, opts ...vision.SourceOption) []string {
	var out []string
	for s, err := range vision.Sources(args, opts...) {
		m, openErr := s.Open(context.Background())
		if err != nil && openErr != err {
			openErr = fmt.Errorf("%v, but Open: %v", err, openErr)
		}
		err = openErr
		if err != nil {
			out = append(out, s.Name+"! "+err.Error())
			continue
		}
		out = append(out, fmt.Sprintf("%s %dx%d", s.Name, m.Width, m.Height))
	}
	return out
}

func TestSources(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, data := range map[string][]byte{
		"a.png": pngBytes(t, 2, 1), "b": pngBytes(t, 3, 1), "c.jpg": []byte("text"), "d.txt": []byte("text"),
		".hidden.png": pngBytes(t, 1, 1), "sub/e.PNG": pngBytes(t, 4, 1), "odd[1].png": pngBytes(t, 5, 1), "empty/.keep": nil,
		".kinds/a.HEIC": []byte("\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic"), ".kinds/a.raf": []byte("FUJIFILMCCD-RAW 0201"), ".kinds/a.cr3": []byte("\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom"), ".kinds/b.mov": []byte("\x00\x00\x00\x14ftypqt  "), ".kinds/c.pdf": []byte("%PDF-1.7"),
		".kinds/d": []byte(`<?xml version="1.0"?><!-- by a program that says a lot about itself --><svg/>`),
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	broken := "c.jpg: this is plain text, not a picture"
	tests := []struct {
		why  string
		args []string
		opts []vision.SourceOption
		want []string
	}{
		{"a file, one that is missing, and the rest goes on", []string{"a.png", "x.png", "b"}, nil, []string{"a.png 2x1", "x.png! x.png: ", "b 3x1"}},
		{"a folder: by content or extension, in order", []string{"."}, nil, []string{"a.png 2x1", "b 3x1", "c.jpg! " + broken, "odd[1].png 5x1"}},
		{"with what lies below", []string{"."}, []vision.SourceOption{vision.Recursive()},
			[]string{"a.png 2x1", "b 3x1", "c.jpg! " + broken, "odd[1].png 5x1", filepath.Join("sub", "e.PNG") + " 4x1"}},
		{"kinds that are not read, but neither documents nor videos", []string{".kinds"}, nil, []string{
			filepath.Join(".kinds", "a.HEIC") + "! " + filepath.Join(".kinds", "a.HEIC") + ": HEIC is not supported; convert it to JPEG, PNG or WebP",
			filepath.Join(".kinds", "a.cr3") + "! " + filepath.Join(".kinds", "a.cr3") + ": camera raw (CR3) is not supported; convert it to JPEG, PNG or WebP",
			filepath.Join(".kinds", "a.raf") + "! " + filepath.Join(".kinds", "a.raf") + ": camera raw (RAF) is not supported; convert it to JPEG, PNG or WebP",
			filepath.Join(".kinds", "d") + "! " + filepath.Join(".kinds", "d") + ": SVG is not supported; convert it to JPEG, PNG or WebP"}},
		{"a pattern", []string{"*.png"}, nil, []string{"a.png 2x1", "odd[1].png 5x1"}},
		{"a name that looks like a pattern", []string{"odd[1].png"}, nil, []string{"odd[1].png 5x1"}},
		{"a pattern that matches nothing", []string{"*.gif"}, nil, []string{"*.gif! *.gif: nothing matches the pattern"}},
		{"an empty folder", []string{"empty"}, nil, []string{"empty! empty: no pictures in the folder; folders below it are searched with -r (vision.Recursive)"}},
		{"addresses of other kinds", []string{"ftp://h/a.png", "File:///a.png", "s3://b/?*"}, nil, []string{
			"ftp://h/a.png! ftp://h/a.png: only http and https URLs are fetched; download the picture and name the file",
			"File:///a.png! File:///a.png: only http and https URLs are fetched; name the file by its path",
			"s3://b/?*! s3://b/?*: only http and https URLs are fetched; download the picture and name the file"}},
		{"standard input", []string{"-"}, []vision.SourceOption{vision.Stdin(bytes.NewReader(pngBytes(t, 7, 7)))}, []string{"- 7x7"}},
		{"standard input, twice", []string{"-", "a.png", "-"}, []vision.SourceOption{vision.Stdin(bytes.NewReader(pngBytes(t, 7, 7)))},
			[]string{"- 7x7", "a.png 2x1", "-! -: standard input is one picture, which was named already"}},
	}
	for _, tt := range tests {
		got := list(tt.args, tt.opts...)
		ok := len(got) == len(tt.want)
		for i := range min(len(got), len(tt.want)) {
			// The system's own words for a missing file differ.
			ok = ok && (got[i] == tt.want[i] || strings.HasSuffix(tt.want[i], ": ") && strings.HasPrefix(got[i], tt.want[i]))
		}
		if !ok {
			t.Errorf("%s:\n got %q\nwant %q", tt.why, got, tt.want)
		}
	}
}

// A folder may be named by a link; links to folders inside it are not followed, and
// one to a picture that is gone is an error, not passed over.
func TestLinkedFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"real", "elsewhere"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "a.png"), pngBytes(t, 2, 1), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("real", "link"), os.Symlink(filepath.Join("..", "elsewhere"), filepath.Join("real", "other"))); err != nil {
		t.Skipf("%v; run where symbolic links can be made (on Windows with developer mode)", err)
	}
	if err := errors.Join(os.Mkdir("kept", 0o755), os.Symlink("gone.png", filepath.Join("kept", "b.png")), os.Symlink("gone", filepath.Join("kept", "c"))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("kept", "d.ppm"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := list([]string{"kept"}); len(got) != 2 || !strings.HasPrefix(got[0], filepath.Join("kept", "b.png")+"! ") || !strings.Contains(got[1], "empty") {
		t.Errorf("%q", got)
	}
	for _, args := range [][]string{{"link"}, {"lin*"}, {"link" + string(filepath.Separator)}} {
		if got := list(args, vision.Recursive()); len(got) != 1 || got[0] != filepath.Join("link", "a.png")+" 2x1" {
			t.Errorf("%q: %q", args, got)
		}
	}
}

// TestEndless: a done context ends the wait for a stream that nobody writes to.
func TestEndless(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	for s := range vision.Sources([]string{"-"}, vision.Stdin(r)) {
		if _, err := s.Open(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

func TestURLSource(t *testing.T) {
	picture := pngBytes(t, 9, 5)
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { w.Write(picture) })
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(picture)+9))
		w.Write(picture)
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) { // of unknown length
		w.Write(picture)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "9999999999") })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<!DOCTYPE html><p>please log in")) })
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, want := range map[string]string{
		"/ok": "9x5", "/moved": "9x5", "/none": "the server answers 404 Not Found", "/short": fmt.Sprintf("the connection ended after %d of %d bytes", len(picture), len(picture)+9),
		"/cut": fmt.Sprintf("the connection ended after %d bytes", len(picture)),
		"/big": "at most 256 are fetched", "/loop": "more than 5 redirects", "/page": "this is an HTML page",
	} {
		got := list([]string{server.URL + path})
		if len(got) != 1 || !strings.Contains(got[0], want) || !strings.HasPrefix(got[0], server.URL+path) {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if got := list([]string{"HTTP" + strings.TrimPrefix(server.URL, "http") + "/ok"}); len(got) != 1 || !strings.HasSuffix(got[0], " 9x5") {
		t.Errorf("in capitals: %q", got)
	}
	if _, err := vision.URLSource("ftp://h/a.png").Open(context.Background()); err == nil || err.Error() != "ftp://h/a.png: only http and https URLs are fetched; download the picture and name the file" {
		t.Errorf("ftp: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := vision.URLSource(server.URL + "/ok").Open(ctx); err == nil {
		t.Error("a cancelled download went through")
	}
}

// TestNilOptions: an option that is nil changes nothing.
func TestNilOptions(t *testing.T) {
	var opt vision.SourceOption
	for s, err := range vision.Sources([]string{"-"}, opt, vision.Stdin(bytes.NewReader(pngBytes(t, 2, 2)))) {
		if m, openErr := s.Open(context.Background(), nil); err != nil || openErr != nil || m.Width != 2 {
			t.Errorf("%v, %v, %v", m, err, openErr)
		}
	}
}
