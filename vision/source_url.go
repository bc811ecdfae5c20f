package vision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/limit"
)

// Limits of a download.
const (
	connectTimeout = 15 * time.Second
	answerTimeout  = 30 * time.Second // until the headers
	stallTimeout   = 30 * time.Second // without a byte
	maxRedirects   = 5
)

// URLSource is a picture at an http or https URL. A download has at most 256 MiB and
// five redirects, never from https to http, and fails after 30 seconds without a
// byte.
func URLSource(address string) Source { return urlSource(address, nil) }

func urlSource(address string, client *http.Client) Source {
	return Source{address, func(ctx context.Context, opts ...Option) (*Image, error) {
		data, err := fetch(ctx, client, address)
		return decodeNamed(ctx, address, data, err, opts)
	}}
}

// address matches what begins as RFC 3986's addresses with a host do: a scheme of
// two letters or more, so that no drive of Windows is one.
var address = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+://`)

// fetchable refuses an address whose scheme is not fetched.
func fetchable(arg string) error {
	switch scheme, _, _ := strings.Cut(arg, "://"); strings.ToLower(scheme) {
	case "http", "https":
		return nil
	case "file":
		return errors.New("only http and https URLs are fetched; name the file by its path")
	}
	return errors.New("only http and https URLs are fetched; download the picture and name the file")
}

func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  answerTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			if via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https" {
				return errors.New("the server redirects from https to http")
			}
			return nil
		},
	}
}

// fetch gets an address; its errors do not repeat it.
func fetch(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	if err := await.Check(ctx); err != nil {
		return nil, err
	}
	if client == nil {
		client = newClient()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("not a valid URL")
	}
	if err := fetchable(address); err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "image/*")
	req.Header.Set("User-Agent", "vision")
	resp, err := client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("cannot be fetched: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	if resp.ContentLength > maxStream {
		return nil, limit.Errorf("has %d MiB; at most %d are fetched", resp.ContentLength>>20, maxStream>>20)
	}
	stalled := fmt.Errorf("no byte came for %v", stallTimeout)
	watch := time.AfterFunc(stallTimeout, func() { cancel(stalled) })
	defer watch.Stop()
	data, err := readStream(&resetting{resp.Body, watch})
	if err != nil && errors.Is(context.Cause(ctx), stalled) {
		return nil, stalled
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		all := ""
		if resp.ContentLength >= 0 { // the server had said
			all = fmt.Sprintf(" of %d", resp.ContentLength)
		}
		return nil, fmt.Errorf("the connection ended after %d%s bytes", len(data), all)
	}
	return data, err
}

// resetting restarts a timer with each read that returns data.
type resetting struct {
	r     io.Reader
	timer *time.Timer
}

func (r *resetting) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.timer.Reset(stallTimeout)
	}
	return n, err
}
