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
	"sync/atomic"
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

// faulty is a server that keeps what it is asked and answers as a test says.
type faulty struct {
	*httptest.Server
	sync.Mutex
	asked map[string][]*http.Request
}

func newFaulty(t *testing.T, answer http.HandlerFunc) *faulty {
	f := &faulty{asked: map[string][]*http.Request{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Lock()
		f.asked[r.URL.Path] = append(f.asked[r.URL.Path], r)
		f.Unlock()
		answer(w, r)
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

// inTurn gives the first answer once, then the second, and the last for good.
func inTurn(answers ...http.HandlerFunc) http.HandlerFunc {
	var n atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) { answers[min(int(n.Add(1)), len(answers))-1](w, r) }
}

// good answers as a server should: ranges, If-Range and all.
func good(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+hexSum(data)[:16]+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}
}

// ignoring answers as if the request did not have a header.
func ignoring(header string, answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del(header)
		answer(w, r)
	}
}

// says answers with a status, a body and headers, which are names and values in turn.
func says(code int, body []byte, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		w.Write(body)
	}
}

// breakOff promises all of data and gives n bytes.
func breakOff(data []byte, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+hexSum(data)[:16]+`"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		w.Write(data[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// chunked gives data without saying how long it is.
func chunked(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		w.Write(data)
	}
}

// hang gives n bytes and then nothing until the caller goes away.
func hang(data []byte, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		w.Write(data[:n])
		w.(http.Flusher).Flush()
		mute(w, r)
	}
}

// mute gives nothing, not even headers.
func mute(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

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
