package zoo

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// blob is a file whose size and digest are known before it is fetched.
type blob struct {
	name   string // of the model
	path   string // in the published layout
	bytes  int64
	sha256 string
	urls   []string
}

func (b blob) file() string { return path.Base(b.path) }

func (c *Card) blob() blob { return blob{c.Name, c.Path, c.Bytes, c.SHA256, c.URLs} }

func (c *Card) archiveBlob() blob {
	return blob{c.Name, c.Archive.Path, c.Archive.Bytes, c.Archive.SHA256, c.Archive.URLs}
}

// source is one place to fetch a blob from: a file or an address.
type source struct {
	file string
	url  *url.URL
}

// String returns the place without a password.
func (s source) String() string {
	if s.url == nil {
		return s.file
	}
	return s.url.Redacted()
}

// huggingFace is the address that HF_ENDPOINT replaces, as in Hugging Face's own
// tools.
const huggingFace = "https://huggingface.co/"

// sources lists where to look for a blob, in order. If the mirror is a folder, it
// is the only place.
func (c *config) sources(b blob) ([]source, error) {
	var all []source
	if c.mirror != "" {
		mirrored, err := mirrorSources(c.mirror, b)
		if err != nil {
			return nil, fmt.Errorf("VISION_ZOO_MIRROR: %w", err)
		}
		if mirrored[0].url == nil {
			return mirrored, nil
		}
		all = mirrored
	}
	if c.withoutCatalogue {
		b.urls = nil
	}
	endpoint := strings.TrimSuffix(os.Getenv("HF_ENDPOINT"), "/")
	for _, address := range b.urls {
		from := "catalogue"
		if rest, ok := strings.CutPrefix(address, huggingFace); ok && endpoint != "" {
			address, from = endpoint+"/"+rest, "HF_ENDPOINT"
		}
		u, err := parseAddress(address)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", from, err)
		}
		all = append(all, source{url: u})
	}
	if c.offline {
		return nil, nil
	}
	return all, nil
}

// mirrorSources returns the two places where a mirror may have a blob: MIRROR/PATH
// and MIRROR/FILE.
func mirrorSources(mirror string, b blob) ([]source, error) {
	if dir, ok := mirrorFolder(mirror); ok {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("%s is not a folder; give a folder, file://, https://, or http:// on this machine", dir)
		}
		return []source{{file: filepath.Join(dir, filepath.FromSlash(b.path))}, {file: filepath.Join(dir, b.file())}}, nil
	}
	base, err := parseAddress(mirror)
	if err != nil {
		return nil, err
	}
	return []source{{url: base.JoinPath(b.path)}, {url: base.JoinPath(b.file())}}, nil
}

// mirrorFolder returns the folder of a mirror that is given as a path or with
// file://.
func mirrorFolder(mirror string) (string, bool) {
	rest, ok := strings.CutPrefix(mirror, "file://")
	if !ok {
		return mirror, !strings.Contains(mirror, "://")
	}
	if u, err := url.Parse(mirror); err == nil && (u.Host == "" || u.Host == "localhost") {
		rest = u.Path
	}
	if runtime.GOOS == "windows" { // file:///C:/models
		rest = strings.TrimPrefix(rest, "/")
	}
	return filepath.FromSlash(rest), true
}

// parseAddress parses an address and refuses those that are not allowed.
func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%s is not a URL; give https://host/path", quote(address))
	}
	return u, allowed(u)
}

var errPlainHTTP = errors.New("only https is supported, and http to this machine")

// allowed checks that an address is https, or http to this machine.
func allowed(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%s://%s: %w", u.Scheme, u.Host, errPlainHTTP)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
