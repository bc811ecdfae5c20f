package zoo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServers has one address whose server misbehaves and then, in the rows that
// end well, gives the file after all.
func TestServers(t *testing.T) {
	data := testData(300_000)
	flipped := slices.Clone(data)
	flipped[200_000] ^= 0x10
	pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", hexSum(data), len(data))
	longer := append(slices.Clone(data), 'x')
	status := func(code int, headers ...string) http.HandlerFunc { return says(code, []byte("no"), headers...) }
	text := func(s string) http.HandlerFunc { return says(200, []byte(s)) }
	right, broken := good(data), breakOff(data, 100_000)
	// A download that stalls once must not seem to stall again because the machine is busy.
	stalls := map[string]time.Duration{"stalls, resumed": 3 * time.Second, "stalls before the headers": 3 * time.Second, "stalls for ever": 150 * time.Millisecond}
	for _, c := range []struct {
		name     string
		answer   http.HandlerFunc
		requests int
		err      string // "" where the file is had in the end
	}{
		{"plain", right, 1, ""},
		{"breaks off, resumed", inTurn(broken, right), 2, ""},
		{"breaks off in the first bytes", inTurn(breakOff(data, 100), right), 2, ""},
		{"breaks off before the first byte", inTurn(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, right), 2, ""},
		{"stalls, resumed", inTurn(hang(data, 100_000), right), 2, ""},
		{"stalls before the headers", inTurn(mute, right), 2, ""},
		{"stalls for ever", hang(data, 0), 4, "nothing came for 150ms"},
		{"answers 200 to a range", inTurn(broken, ignoring("Range", right)), 2, ""},
		{"another file since, so If-Range gives all", inTurn(breakOff(flipped, 250_000), right), 2, ""},
		{"416 to a range", inTurn(broken, status(416, "Content-Range", "bytes */300000"), right), 3, ""},
		{"another range than asked for", inTurn(broken, says(206, data[50_000:], "Content-Range", "bytes 50000-299999/300000"), right), 3, ""},
		{"a range without saying which", inTurn(broken, says(206, data[100_000:])), 2, "answers a range without saying which"},
		{"a range of another file", inTurn(broken, says(206, longer[100_000:], "Content-Range", "bytes 100000-300000/300001")), 2,
			"has 300001 bytes, must have 300000"},
		{"one byte more, said so", good(longer), 1, "has 300001 bytes, must have 300000"},
		{"one byte more, unsaid", chunked(longer), 1, "gives more than the 300000 bytes"},
		{"without end", func(w http.ResponseWriter, r *http.Request) {
			for w.(http.Flusher).Flush(); r.Context().Err() == nil; w.Write(data) {
			}
		}, 1, "gives more than the 300000 bytes"},
		{"one byte less, said so", good(data[:299_999]), 1, "has 299999 bytes, must have 300000"},
		{"one byte less, unsaid", chunked(data[:299_999]), 0, "ended after 299999 of 300000 bytes"},
		{"a flipped bit", good(flipped), 1, "sha256 is " + hexSum(flipped) + ", must be " + hexSum(data)},
		{"a flipped bit in a part, then right", inTurn(breakOff(flipped, 250_000), ignoring("If-Range", right)), 2, "sha256 is "},
		{"503 twice", inTurn(status(503), status(503), right), 3, ""},
		{"500 for ever", status(500), 4, "500 Internal Server Error"},
		{"429 with Retry-After", inTurn(status(429, "Retry-After", "1"), right), 2, ""},
		{"429 with a long Retry-After", status(429, "Retry-After", "86400"), 1, "429 Too Many Requests, and asks to wait 24h0m0s"},
		{"401", status(401), 1, "401 Unauthorized"},
		{"403", status(403), 1, "403 Forbidden"},
		{"404", status(404), 1, "404 Not Found"},
		{"410", status(410), 1, "410 Gone"},
		{"204", status(204), 1, "204 No Content"},
		{"a git-lfs pointer", text(pointer), 1, "a git-lfs pointer, not the model"},
		{"a page", text("<!DOCTYPE html>\n<html><head><title>Sign in\x1b[2J to the network</title>"), 1, `a web page, not the model ("Sign in [2J to the network")`},
		{"a page as long as the file", text("<html><title>x</title>" + strings.Repeat(" ", 300_000-22)), 1, `a web page, not the model ("x")`},
		{"a JSON error", text(`{"error":"Repository not found"}`), 1, "an error message, not the model: {"},
		{"a gzip file", text("\x1f\x8b\x08" + strings.Repeat("x", 299_997)), 1, "a gzip file, not the model"},
		{"nothing", text(""), 1, "an empty file"},
		{"packed unasked", says(200, data, "Content-Encoding", "br"), 1, "sends the file compressed, which was not requested: br"},
		{"a range packed unasked", inTurn(broken, says(206, data[:200_000], "Content-Encoding", "gzip", "Content-Range", "bytes 100000-299999/300000")), 2,
			"sends the file compressed, which was not requested: gzip"},
		{"headers without end", says(200, data, "X-Long", strings.Repeat("x", 1<<20)), 0, "connection broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newFaulty(t, c.answer)
			cfg := quietConfig(t)
			if stall, ok := stalls[c.name]; ok {
				cfg.limits.stall = stall
			}
			card := testCard(data, s.URL+"/f/testnet.onnx")
			path, err := pull(cfg, card)
			if n := len(s.requests("/f/testnet.onnx")); c.requests > 0 && n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			if c.err == "" {
				mustHave(t, cfg, card, path, err)
				return
			}
			var failed *FetchError
			if !errors.As(err, &failed) || !strings.Contains(err.Error(), c.err) {
				t.Fatalf("error %v\nwant one with %q", err, c.err)
			}
			if failed.Attempts[0].Address != card.URLs[0] || failed.SHA256 != card.SHA256 || failed.Bytes != card.Bytes {
				t.Errorf("%+v", failed)
			}
			for _, part := range []string{"testnet.onnx (293.0 KiB)", strings.TrimPrefix(s.URL, "http://") + ": ", "put " + card.URLs[0] + " (sha256 " + hexSum(data) + ") at " + target(cfg.home, card)} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("error %q is more than a line", err)
			}
			if want := errors.Is(err, ErrDigest); want != strings.Contains(c.err, "sha256 is") {
				t.Errorf("ErrDigest: %v", want)
			}
			left := files(t, cfg.home)
			if says := strings.Contains(err.Error(), "the next call goes on from there"); says != (len(left) > 0) || says != (failed.Kept > 0) {
				t.Errorf("%d bytes are kept, in %v: %v", failed.Kept, left, err)
			}
			if len(left) > 0 && !strings.Contains(c.err, "ended after") && !strings.HasPrefix(c.name, "a range ") {
				t.Errorf("left in the cache: %v", left)
			}
		})
	}
}

// quietConfig is testConfig for parallel tests, which may not change the
// environment.
func quietConfig(t testing.TB) *config {
	return &config{home: filepath.Join(t.TempDir(), "home"), progress: func(Progress) {}, limits: limits{
		stall: time.Minute, backoff: time.Millisecond, retries: 3, maxWait: 3 * time.Second, write: (*os.File).Write}}
}

func TestResumeAsks(t *testing.T) {
	data := testData(300_000)
	s := newFaulty(t, inTurn(breakOff(data, 100_000), good(data)))
	c := testConfig(t)
	var told []Progress
	c.progress = func(p Progress) { told = append(told, p) }
	card := testCard(data, s.URL+"/f")
	path, err := pull(c, card)
	mustHave(t, c, card, path, err)
	again := s.requests("/f")[1]
	if got := again.Header.Get("Range"); !strings.HasPrefix(got, "bytes=") || got == "bytes=0-" {
		t.Errorf("the second request asks for range %q", got)
	}
	if again.Header.Get("If-Range") != `"`+hexSum(data)[:16]+`"` || again.Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("the second request has %v", again.Header)
	}
	last := told[len(told)-1]
	if last.State != Done || last.Done != 300_000 || last.Total != 300_000 || last.Name != "testnet" || last.File != "testnet.onnx" {
		t.Errorf("the last report is %+v", last)
	}
	done := int64(0)
	for _, p := range told {
		if p.State == Downloading {
			if p.Done < done {
				t.Errorf("progress went back from %d to %d", done, p.Done)
			}
			done = p.Done
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != fileMode && links(info) == 1 && noFollow != 0 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	if info, _ := os.Stat(filepath.Dir(path)); noFollow != 0 && info.Mode().Perm() != dirMode {
		t.Errorf("the folder has mode %v", info.Mode())
	}
	if _, err := pull(c, card); err != nil || len(s.requests("/f")) != 2 {
		t.Errorf("a second call asks the server again (%v)", err)
	}
}

func TestNextAddress(t *testing.T) {
	data := testData(100_000)
	flipped := slices.Clone(data)
	flipped[80_000]++
	mux := http.NewServeMux()
	mux.HandleFunc("/half", inTurn(breakOff(data, 60_000), says(503, nil)))
	mux.HandleFunc("/flipped", good(flipped))
	mux.HandleFunc("/good", good(data))
	s := newFaulty(t, mux.ServeHTTP)
	t.Run("continues another's part", func(t *testing.T) {
		c := testConfig(t)
		card := testCard(data, s.URL+"/none", s.URL+"/half", s.URL+"/good")
		path, err := pull(c, card)
		mustHave(t, c, card, path, err)
		r := s.requests("/good")[0]
		if r.Header.Get("Range") != "bytes=60000-" || r.Header.Get("If-Range") != "" {
			t.Errorf("asked for range %q, If-Range %q", r.Header.Get("Range"), r.Header.Get("If-Range"))
		}
	})
	t.Run("never continues a wrong file", func(t *testing.T) {
		c := testConfig(t)
		card := testCard(data, s.URL+"/flipped", s.URL+"/good")
		path, err := pull(c, card)
		mustHave(t, c, card, path, err)
		if r := s.requests("/good")[1]; r.Header.Get("Range") != "" {
			t.Errorf("asked for range %q", r.Header.Get("Range"))
		}
	})
	t.Run("names them all", func(t *testing.T) {
		c := testConfig(t)
		_, err := pull(c, testCard(data, s.URL+"/none", s.URL+"/flipped", "http://127.0.0.1:1/closed", s.URL+"/none-either"))
		host := strings.TrimPrefix(s.URL, "http://")
		for _, part := range []string{": " + host + ": 404 Not Found; " + host + ": sha256 is ", "; 127.0.0.1:1: no connection: "} {
			if err == nil || !strings.Contains(err.Error(), part) || strings.Count(err.Error(), "404 Not Found") > 1 {
				t.Errorf("error %v does not say %q once", err, part)
			}
		}
	})
}

func TestParts(t *testing.T) {
	data := testData(100_000)
	for _, c := range []struct {
		name     string
		part     []byte
		requests int
	}{
		{"of an earlier call", data[:70_000], 1},
		{"whole", data, 0},
		{"empty", nil, 1},
		{"too long", append(slices.Clone(data), 1, 2, 3), 1},
		{"of another file", make([]byte, 70_000), 2},
		{"whole, and wrong", make([]byte, 100_000), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFaulty(t, good(data))
			cfg := testConfig(t)
			card := testCard(data, s.URL+"/f")
			plant(t, cfg, card, "testnet.onnx.part", c.part)
			path, err := pull(cfg, card)
			mustHave(t, cfg, card, path, err)
			if n := len(s.requests("/f")); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

func TestByHand(t *testing.T) {
	data := testData(100_000)
	s := newFaulty(t, good(data))
	c := testConfig(t)
	card := testCard(data, s.URL+"/f")
	file := plant(t, c, card, "testnet.onnx", data)
	path, err := pull(c, card)
	mustHave(t, c, card, path, err)
	if len(s.requests("/f")) != 0 {
		t.Error("the server was asked for a file that was there")
	}
	bad := slices.Clone(data)
	bad[5]++
	if err := os.WriteFile(file, bad, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, time.Time{}, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	path, err = pull(c, card)
	mustHave(t, c, card, path, err)
	if len(s.requests("/f")) != 1 {
		t.Error("a file that went bad was not fetched again")
	}
}

func TestRedirects(t *testing.T) {
	data := testData(50_000)
	elsewhere := newFaulty(t, good(data))
	mux := http.NewServeMux()
	mux.HandleFunc("/n/{steps}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("steps"))
		http.Redirect(w, r, fmt.Sprintf("/n/%d", n-1), http.StatusFound)
	})
	mux.HandleFunc("/n/0", good(data))
	to := func(address string, headers ...string) http.HandlerFunc {
		return says(http.StatusFound, nil, append(headers, "Location", address)...)
	}
	mux.HandleFunc("/http", to("http://models.example.org/x.onnx"))
	mux.HandleFunc("/ftp", to("ftp://models.example.org/x.onnx"))
	mux.HandleFunc("/other", to(strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)+"/got"))
	mux.HandleFunc("/linked-size", to("/n/0", "X-Linked-Size", "134"))
	mux.HandleFunc("/linked-digest", to("/n/0", "X-Linked-ETag", `"`+strings.Repeat("ab", 32)+`"`))
	mux.HandleFunc("/linked-right", to("/n/0", "X-Linked-Size", "50000", "X-Linked-ETag", `"`+hexSum(data)+`"`))
	mux.HandleFunc("/signed", inTurn(to("/run-out"), to("/n/0"))) // its first signature has run out
	mux.HandleFunc("/run-out", says(403, nil))
	s := newFaulty(t, mux.ServeHTTP)
	for _, c := range []struct{ path, err string }{
		{"/n/5", ""},
		{"/n/6", "redirects more than 5 times"},
		{"/n/1000000", "redirects more than 5 times"},
		{"/http", "redirects to http://models.example.org, which is not https"},
		{"/ftp", "redirects to ftp://models.example.org, which is not https"},
		{"/other", ""},
		{"/linked-size", "has a file of 134 bytes, must have 50000"},
		{"/linked-digest", "has a file with sha256 abab"},
		{"/linked-right", ""},
		{"/signed", ""},
	} {
		t.Run(c.path, func(t *testing.T) {
			cfg := testConfig(t)
			address := strings.Replace(s.URL, "http://", "http://user:secret@", 1) + c.path
			card := testCard(data, address)
			path, err := pull(cfg, card)
			if c.err == "" {
				mustHave(t, cfg, card, path, err)
			} else if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
	if a := s.requests("/other")[0].Header.Get("Authorization"); a == "" {
		t.Error("the address's own password was not sent")
	}
	for _, r := range elsewhere.requests("/got") {
		if r.Header.Get("Authorization") != "" || strings.Contains(r.Header.Get("Referer"), "secret") {
			t.Errorf("a password followed to another host: %v", r.Header)
		}
	}
}

func TestRedirectRule(t *testing.T) {
	f := &fetcher{blob: blob{bytes: 1}}
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{"https://a.org/x", "https://b.org/x", true},
		{"https://a.org/x", "http://a.org/x", false},
		{"https://a.org/x", "http://127.0.0.1/x", false},
		{"http://127.0.0.1/x", "http://[::1]/x", true},
		{"http://127.0.0.1/x", "https://a.org/x", true},
		{"http://127.0.0.1/x", "http://10.0.0.1/x", false},
		{"http://localhost/x", "http://localhost.evil.org/x", false},
		{"https://a.org/x", "file:///etc/passwd", false},
	} {
		from, _ := url.Parse(c.from)
		to, _ := url.Parse(c.to)
		err := f.checkRedirect(&http.Request{URL: to}, []*http.Request{{URL: from}})
		if (err == nil) != c.allowed {
			t.Errorf("%s to %s: %v", c.from, c.to, err)
		}
	}
}

// TestCancel cancels a download once it waits for something that takes a minute or
// for ever.
func TestCancel(t *testing.T) {
	data := testData(300_000)
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"while it stalls", hang(data, 100_000)},
		{"before an answer", mute},
		{"before a retry", says(503, nil, "Retry-After", "60")},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked, kept := make(chan bool, 1), make(chan bool, 1)
			s := newFaulty(t, func(w http.ResponseWriter, r *http.Request) {
				asked <- true
				c.answer(w, r)
			})
			cfg := testConfig(t, withLimits(func(l *limits) { l.maxWait = time.Hour }))
			cfg.progress = func(p Progress) {
				if p.Done == 100_000 {
					kept <- true
				}
			}
			ctx, cancel := context.WithCancel(context.Background())
			var begun time.Time
			go func() {
				<-asked
				if c.name == "while it stalls" {
					<-kept
				}
				time.Sleep(50 * time.Millisecond) // on a quiet machine it waits by then
				begun = time.Now()
				cancel()
			}()
			_, err := cfg.pull(ctx, testCard(data, s.URL+"/f"))
			<-ctx.Done()
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("returned %s after it was cancelled", took)
			} else {
				t.Logf("returned %s after it was cancelled", took)
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			left := files(t, cfg.home)
			if want := c.name == "while it stalls"; want != slices.Contains(left, "models/testnet/testnet.onnx.part") {
				t.Errorf("left in the cache: %v", left)
			}
		})
	}
}

func TestDiskFull(t *testing.T) {
	data := testData(1_000_000)
	s := newFaulty(t, good(data))
	room := 600_000
	c := testConfig(t, withLimits(func(l *limits) {
		l.write = func(f *os.File, p []byte) (int, error) {
			if len(p) > room {
				n, _ := f.Write(p[:room])
				room = 0
				return n, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
			}
			room -= len(p)
			return f.Write(p)
		}
	}))
	card := testCard(data, s.URL+"/f", s.URL+"/g")
	_, err := pull(c, card)
	if err == nil || !strings.Contains(err.Error(), "the disk is full; what has been downloaded stays in ") {
		t.Fatalf("error %v", err)
	}
	if len(s.requests("/g")) != 0 {
		t.Error("another address was tried")
	}
	c.limits.write = func(f *os.File, p []byte) (int, error) {
		return 0, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.EDQUOT} // the user's share of the disk
	}
	if _, err := pull(c, card); err == nil || !strings.Contains(err.Error(), "make room, and the next call continues") {
		t.Fatalf("error %v", err)
	}
	c.limits.write = (*os.File).Write
	path, err := pull(c, card)
	mustHave(t, c, card, path, err)
	if r := s.requests("/f")[2]; r.Header.Get("Range") != "bytes=600000-" {
		t.Errorf("the third call asks for range %q", r.Header.Get("Range"))
	}
}

// A disk without room for a file of the cache's own.
func TestNoRoom(t *testing.T) {
	err := cacheError(&os.PathError{Op: "open", Path: "x.part.json.new", Err: syscall.ENOSPC})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room, or set VISION_HOME to a folder on another disk") {
		t.Errorf("error %v", err)
	}
}

// A server without ranges that breaks off sooner and later in turn makes no progress
// beyond the furthest that it came.
func TestBreaksOffInTurn(t *testing.T) {
	data := testData(300_000)
	answers := slices.Repeat([]http.HandlerFunc{breakOff(data, 15_000), breakOff(data, 150_000)}, 25)
	s := newFaulty(t, inTurn(append(answers, http.NotFound)...))
	_, err := pull(testConfig(t), testCard(data, s.URL+"/f"))
	if n := len(s.requests("/f")); err == nil || n > 10 {
		t.Errorf("after %d requests: %v", n, err)
	}
}

// A host that is not reached in time, or whose name cannot be looked up now, is asked
// once more; one that does not exist is not.
func TestUnreached(t *testing.T) {
	f := &fetcher{config: testConfig(t)}
	dial := func(err error) error {
		return &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Net: "tcp", Err: err}}
	}
	for _, c := range []struct {
		name  string
		err   error
		again bool
	}{
		{"a timeout", dial(os.ErrDeadlineExceeded), true},
		{"a name server that does not answer", dial(&net.DNSError{Err: "i/o timeout", Name: "h.org", IsTimeout: true}), true},
		{"a name server with a failure", dial(&net.DNSError{Err: "server misbehaving", Name: "h.org", IsTemporary: true}), true},
		{"no such name", dial(&net.DNSError{Err: "no such host", Name: "h.org", IsNotFound: true}), false},
		{"refused", dial(syscall.ECONNREFUSED), false},
	} {
		err := f.explain(t.Context(), t.Context(), "h.org", c.err)
		var again tryAgain
		if errors.As(err, &again) != c.again || again.unreached != c.again {
			t.Errorf("%s: %T %v", c.name, err, err)
		}
	}
}
