package zoo

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/internal/shared"
)

func TestSources(t *testing.T) {
	dir := t.TempDir()
	b := blob{"m", "a b/c/m.onnx", 1, zeros, []string{"https://huggingface.co/o/m/resolve/main/m.onnx", "https://example.org/m.onnx"}}
	hf, other := b.urls[0], b.urls[1]
	for _, c := range []struct {
		name, mirror, endpoint string
		offline                bool
		want                   []string
		err                    string
	}{
		{"the catalogue's order", "", "", false, []string{hf, other}, ""},
		{"a folder is the only place", dir, "", false, []string{filepath.Join(dir, "a b", "c", "m.onnx"), filepath.Join(dir, "m.onnx")}, ""},
		{"file://", "file://" + filepath.ToSlash(dir), "", false, []string{filepath.Join(dir, "a b", "c", "m.onnx"), filepath.Join(dir, "m.onnx")}, ""},
		{"an address comes first", "https://m.org/zoo/", "", false, []string{"https://m.org/zoo/a%20b/c/m.onnx", "https://m.org/zoo/m.onnx", hf, other}, ""},
		{"this machine", "http://127.0.0.1:8080", "", false, []string{"http://127.0.0.1:8080/a%20b/c/m.onnx", "http://127.0.0.1:8080/m.onnx", hf, other}, ""},
		{"a password is not shown", "https://u:secret@m.org", "", false, []string{"https://u:xxxxx@m.org/a%20b/c/m.onnx", "https://u:xxxxx@m.org/m.onnx", hf, other}, ""},
		{"HF_ENDPOINT", "", "https://hf.example.org/", false, []string{"https://hf.example.org/o/m/resolve/main/m.onnx", other}, ""},
		{"plain http", "http://m.org", "", false, nil, "only https"},
		{"plain HF_ENDPOINT", "", "http://hf.example.org", false, nil, "HF_ENDPOINT: http://hf.example.org: only https"},
		{"ftp", "ftp://m.org", "", false, nil, "only https"},
		{"no such folder", filepath.Join(dir, "none"), "", false, nil, "is not a folder"},
		{"offline", "", "", true, nil, ""},
		{"offline with an address", "https://m.org", "", true, nil, ""},
		{"offline with a folder", dir, "", true, []string{filepath.Join(dir, "a b", "c", "m.onnx"), filepath.Join(dir, "m.onnx")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig(t, WithMirror(c.mirror), WithOffline(c.offline))
			t.Setenv("HF_ENDPOINT", c.endpoint)
			sources, err := cfg.sources(b)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			var got []string
			for _, s := range sources {
				got = append(got, s.String())
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%q (%v)\nwant %q", got, err, c.want)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	testConfig(t) // clears it
	for value, want := range map[string]bool{"": false, "0": false, "false": false, "1": true, "true": true, "yes": true} {
		t.Setenv("VISION_OFFLINE", value)
		if c := newConfig(nil); c.offline != want {
			t.Errorf("VISION_OFFLINE=%q: %v", value, c.offline)
		}
	}
	t.Setenv("VISION_HOME", t.TempDir())
	t.Setenv("VISION_ZOO_MIRROR", "https://m.org")
	if c := newConfig(nil); c.home != os.Getenv("VISION_HOME") || c.mirror != "https://m.org" {
		t.Errorf("%+v", c)
	}
}

func TestOffline(t *testing.T) {
	data := testData(5000)
	asked := false
	s := newFaulty(t, func(http.ResponseWriter, *http.Request) { asked = true })
	c := testConfig(t, WithOffline(true))
	card := testCard(data, s.URL+"/f")
	_, err := pull(c, card)
	if !errors.Is(err, ErrOffline) || asked {
		t.Errorf("error %v; the server was asked: %v", err, asked)
	}
	for _, part := range []string{"the network is switched off (--offline or VISION_OFFLINE)", "put " + s.URL + "/f (sha256 " + hexSum(data) + ") at " + target(c.home, card)} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v does not say %q", err, part)
		}
	}
	plant(t, c, card, "testnet.onnx", data)
	path, err := pull(c, card)
	mustHave(t, c, card, path, err)
}

func TestMirrorFolder(t *testing.T) {
	data := testData(50_000)
	flipped := slices.Clone(data)
	flipped[1000] ^= 1
	for _, c := range []struct {
		name, at string
		data     []byte
		err      string
	}{
		{"by path", "some/where/testnet.onnx", data, ""},
		{"by file name", "testnet.onnx", data, ""},
		{"nothing", "other.onnx", data, "testnet.onnx: no such file; "},
		{"a flipped bit", "testnet.onnx", flipped, "sha256 is " + hexSum(flipped) + ", must be " + hexSum(data)},
		{"short", "testnet.onnx", data[:100], "has 100 bytes, must have 50000"},
		{"a git-lfs pointer", "testnet.onnx", []byte("version https://git-lfs.github.com/spec/v1\noid"), "a git-lfs pointer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			at := filepath.Join(dir, filepath.FromSlash(c.at))
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			cfg := testConfig(t, WithMirror(dir))
			card := testCard(data, "https://example.invalid/never-asked")
			path, err := pull(cfg, card)
			if c.err == "" {
				mustHave(t, cfg, card, path, err)
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "testnet.onnx") || strings.Contains(err.Error(), "example.invalid: ") {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if left := files(t, cfg.home); len(left) != 0 {
				t.Errorf("left in the cache: %v", left)
			}
		})
	}
}

// The three real files of the shared mirror arrive, from the folder and over HTTP,
// and all that the command line needs works on them.
func TestRealMirror(t *testing.T) {
	dir := shared.Path(t, "zoo", "mirror")
	served := newFaulty(t, http.FileServer(http.Dir(dir)).ServeHTTP)
	for _, mirror := range []string{dir, (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(dir), "/")}).String(), served.URL} {
		cfg := testConfig(t)
		opts := []Option{WithHome(cfg.home), WithMirror(mirror)}
		for _, name := range []string{"mnist@8", "ultraface", "super-resolution"} {
			path, err := Pull(t.Context(), name, opts...)
			if err != nil {
				t.Fatal(err)
			}
			check, err := Verify(t.Context(), name, opts...)
			if err != nil || check.Path != path || check.SHA256 != check.Card.SHA256 {
				t.Errorf("%s: %+v (%v)", name, check, err)
			}
			if p, err := Path(name, opts...); err != nil || p != path {
				t.Errorf("Path gives %s (%v)", p, err)
			}
			entries, err := List([]*Card{check.Card}, opts...)
			if err != nil || !entries[0].Cached || entries[0].Path != path {
				t.Errorf("List gives %+v (%v)", entries, err)
			}
			if freed, err := Remove(name, opts...); err != nil || freed < check.Bytes {
				t.Errorf("Remove frees %d (%v)", freed, err)
			}
			if _, err := Verify(t.Context(), name, opts...); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("after Remove: %v", err)
			}
			if _, err := Remove(name, opts...); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("Remove again: %v", err)
			}
		}
		if left := files(t, cfg.home); len(left) != 0 {
			t.Errorf("left in the cache: %v", left)
		}
	}
}

func TestVerifyFindsRot(t *testing.T) {
	dir := shared.Path(t, "zoo", "mirror")
	cfg := testConfig(t)
	opts := []Option{WithHome(cfg.home), WithMirror(dir)}
	path, err := Pull(t.Context(), "mnist@8", opts...)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	check, err := Verify(t.Context(), "mnist@8", opts...)
	if !errors.Is(err, ErrDigest) || check.SHA256 != hexSum(data) || !strings.Contains(err.Error(), check.Card.SHA256) {
		t.Errorf("%+v: %v", check, err)
	}
}

func TestBuiltinHasNoFile(t *testing.T) {
	cfg := testConfig(t)
	for _, call := range []func() error{
		func() error { _, err := Pull(t.Context(), "builtin", WithHome(cfg.home)); return err },
		func() error { _, err := Path("builtin", WithHome(cfg.home)); return err },
		func() error { _, err := Remove("builtin", WithHome(cfg.home)); return err },
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "is embedded in the binary") {
			t.Errorf("error %v", err)
		}
	}
	if _, err := Verify(t.Context(), "builtin", WithHome(cfg.home)); err != nil {
		t.Error(err)
	}
}

// TestWrongByHand: who put another file where the model belongs is told so, and it
// stays until the right one is there.
func TestWrongByHand(t *testing.T) {
	data := testData(5000)
	for _, offline := range []bool{false, true} {
		s := newFaulty(t, http.NotFound)
		c := testConfig(t, WithOffline(offline))
		card := testCard(data, s.URL+"/f")
		wrong := plant(t, c, card, "testnet.onnx", testData(4999))
		_, err := pull(c, card)
		if err == nil || !strings.Contains(err.Error(), wrong+": another file lies there, of 4999 bytes; to fetch it by hand") {
			t.Errorf("offline %v: %v", offline, err)
		}
		if _, err := os.Stat(wrong); err != nil {
			t.Error(err)
		}
	}
}
