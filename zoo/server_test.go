package zoo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// testData is a file of some size that looks like a model.
func testData(size int) []byte {
	data := make([]byte, size)
	r := rand.NewChaCha8([32]byte{7})
	r.Read(data)
	data[0] = 0x08
	return data
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func testCard(data []byte, urls ...string) *Card {
	return &Card{Name: "testnet", Variant: "f32", Path: "some/where/testnet.onnx", Bytes: int64(len(data)), SHA256: hexSum(data), URLs: urls}
}

// faulty is a server that counts what it is asked and answers as a test says; n is
// the number of the request to that path, from 0.
type faulty struct {
	*httptest.Server
	sync.Mutex
	asked map[string][]*http.Request
}

func newFaulty(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) *faulty {
	f := &faulty{asked: map[string][]*http.Request{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Lock()
		n := len(f.asked[r.URL.Path])
		f.asked[r.URL.Path] = append(f.asked[r.URL.Path], r)
		f.Unlock()
		answer(w, r, n)
	}))
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

func (f *faulty) requests(path string) []*http.Request {
	f.Lock()
	defer f.Unlock()
	return f.asked[path]
}

// good answers as a server should: ranges, If-Range and all.
func good(w http.ResponseWriter, r *http.Request, data []byte) {
	w.Header().Set("ETag", `"`+hexSum(data)[:16]+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// breakOff promises all of data and gives n bytes.
func breakOff(w http.ResponseWriter, data []byte, n int) {
	w.Header().Set("ETag", `"`+hexSum(data)[:16]+`"`)
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.Write(data[:n])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// chunked gives data without saying how long it is.
func chunked(w http.ResponseWriter, data []byte) {
	w.(http.Flusher).Flush()
	w.Write(data)
}

// hang gives n bytes and then nothing until the caller goes away.
func hang(w http.ResponseWriter, r *http.Request, data []byte, n int) {
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.Write(data[:n])
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// testConfig is a configuration with a folder of its own, and with little patience
// except for connections, which may stall on a busy machine.
func testConfig(t testing.TB, opts ...Option) *config {
	t.Helper()
	for _, v := range []string{"VISION_HOME", "VISION_ZOO_MIRROR", "VISION_OFFLINE", "HF_ENDPOINT"} {
		t.Setenv(v, "")
	}
	impatient := withLimits(func(l *limits) {
		l.stall, l.backoff, l.maxWait, l.every = time.Minute, time.Millisecond, 3*time.Second, 0
	})
	return newConfig(append([]Option{WithHome(filepath.Join(t.TempDir(), "home")), impatient}, opts...))
}

// files lists what lies below a folder.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			names = append(names, filepath.ToSlash(rel))
		}
		return nil
	})
	return names
}

// mustHave checks that the model is whole under its final name.
func mustHave(t testing.TB, c *config, card *Card, path string, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || path != target(c.home, card) || hexSum(data) != card.SHA256 {
		t.Fatalf("%s: %d bytes, sha256 %s (%v)", path, len(data), hexSum(data), err)
	}
	got := files(t, c.home)
	want := "models/testnet/card.json models/testnet/testnet.onnx"
	if fmt.Sprint(got) != "["+want+"]" {
		t.Errorf("the cache has %v, want %s", got, want)
	}
}

func pull(c *config, card *Card) (string, error) { return c.pull(context.Background(), card) }

// plant puts a file into the model's folder before a test.
func plant(t *testing.T, c *config, card *Card, name string, data []byte) string {
	t.Helper()
	dir := folder(c.home, card)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
