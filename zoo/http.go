package zoo

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

const maxRedirects = 5

// transport is shared by all downloads. Compression is disabled, proxies are taken
// from the environment, and the size of headers is bounded.
var transport = sync.OnceValue(func() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    15 * time.Second,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    2,
	}
})

var errStalled = errors.New("stalled")

// download requests the rest of the part from one address.
func (f *fetcher) download(ctx context.Context, s source, p *part) error {
	quick, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(f.limits.stall, func() { cancel(errStalled) })
	defer stall.Stop()

	known := p.origin()
	request, err := http.NewRequestWithContext(quick, http.MethodGet, s.url.String(), nil)
	if err != nil {
		return moveOn{err.Error()}
	}
	request.Header.Set("User-Agent", "vision-zoo")
	request.Header.Set("Accept-Encoding", "identity")
	if p.size > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
		if known.Address == s.String() && known.ETag != "" {
			request.Header.Set("If-Range", known.ETag)
		}
	}
	client := &http.Client{Transport: transport(), CheckRedirect: f.checkRedirect}
	response, err := client.Do(request)
	if err == nil {
		defer response.Body.Close()
		stall.Reset(f.limits.stall)
		err = f.answer(ctx, s, p, response, func() { stall.Reset(f.limits.stall) })
	}
	return f.explain(ctx, quick, s.url.Hostname(), err)
}

// explain converts an error of the network, met on the way to a host, to what to do
// next.
func (f *fetcher) explain(ctx, quick context.Context, host string, err error) error {
	var next moveOn
	var again tryAgain
	var local *localError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case context.Cause(quick) == errStalled:
		return tryAgain{answer: fmt.Sprintf("nothing came for %s", f.limits.stall)}
	case errors.As(err, &next):
		return next
	case errors.As(err, &again):
		return again
	case errors.As(err, &local):
		return local
	case errors.As(err, &dns) && (dns.IsTimeout || dns.IsTemporary) && !dns.IsNotFound:
		return tryAgain{answer: "the name " + strconv.Quote(dns.Name) + " cannot be looked up now (is there a network?)", unreached: true}
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") && op.Timeout() && dns == nil:
		return tryAgain{answer: "no connection: " + oneLine(op.Err), unreached: true}
	case errors.As(err, &dns) && dns.Name == host:
		return moveOn{"no such host (is there a network?)"}
	case errors.As(err, &dns): // of a proxy or a redirect
		return moveOn{"no such host " + strconv.Quote(dns.Name) + " (is there a network?)"}
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"):
		return moveOn{"no connection: " + oneLine(op.Err)}
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return moveOn{"its certificate is not trusted: " + oneLine(cert.Err)}
	}
	return tryAgain{answer: "connection broken: " + oneLine(err)}
}

// oneLine is an error's innermost cause: the errors that net/http wraps around it
// repeat the address, which may hold a secret.
func oneLine(err error) string {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return excerpt(err.Error())
}

// checkRedirect allows at most five redirects, and only to https (to http on this
// machine only from http on this machine). The size and digest that Hugging Face
// sends with a redirect are compared with the known ones.
func (f *fetcher) checkRedirect(next *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return moveOn{fmt.Sprintf("redirects more than %d times", maxRedirects)}
	}
	if last := via[len(via)-1].URL; next.URL.Scheme != "https" && (last.Scheme == "https" || allowed(next.URL) != nil) {
		return moveOn{fmt.Sprintf("redirects to %s://%s, which is not https", excerpt(next.URL.Scheme), excerpt(next.URL.Host))}
	}
	if next.Response != nil {
		return f.checkLinked(next.Response.Header)
	}
	return nil
}

// checkLinked reads X-Linked-Size and X-Linked-ETag; the latter is the sha256 of
// files in git-lfs.
func (f *fetcher) checkLinked(h http.Header) error {
	if size, err := strconv.ParseInt(h.Get("X-Linked-Size"), 10, 64); err == nil && size != f.blob.bytes {
		return moveOn{fmt.Sprintf("has a file of %d bytes, must have %d", size, f.blob.bytes)}
	}
	sum := strings.Trim(strings.TrimPrefix(h.Get("X-Linked-ETag"), "W/"), `"`)
	if _, err := hex.DecodeString(sum); err == nil && len(sum) == 64 && !strings.EqualFold(sum, f.blob.sha256) {
		f.wrong = true
		return moveOn{fmt.Sprintf("has a file with sha256 %s, must be %s", sum, f.blob.sha256)}
	}
	return nil
}

// answer reads a server's response.
func (f *fetcher) answer(ctx context.Context, s source, p *part, r *http.Response, alive func()) error {
	encoding := r.Header.Get("Content-Encoding")
	switch {
	case (r.StatusCode == http.StatusOK || r.StatusCode == http.StatusPartialContent) && encoding != "" && !strings.EqualFold(encoding, "identity"):
		return moveOn{"sends the file compressed, which was not requested: " + excerpt(encoding)}
	case r.StatusCode == http.StatusOK:
		return f.whole(ctx, s, p, r, alive)
	case r.StatusCode == http.StatusPartialContent:
		return f.rest(ctx, s, p, r, alive)
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable && p.size > 0:
		// The part is shorter than the file should be, so the server has another
		// file or miscounts: begin again.
		if err := p.restart(); err != nil {
			return err
		}
		return tryAgain{answer: "416 Range Not Satisfiable"}
	case r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusRequestTimeout || r.StatusCode >= 500:
		return tryAgain{answer: statusLine(r), after: retryAfter(r.Header.Get("Retry-After"), time.Now())}
	case r.StatusCode == http.StatusForbidden && r.Request.Response != nil:
		// The signed address of a content network has expired: the first address
		// gives a new one.
		return tryAgain{answer: statusLine(r)}
	}
	return moveOn{statusLine(r)}
}

func statusLine(r *http.Response) string {
	line := strconv.Itoa(r.StatusCode)
	if text := http.StatusText(r.StatusCode); text != "" {
		line += " " + text
	}
	if r.StatusCode == http.StatusUnauthorized && r.Request.URL.Hostname() == "huggingface.co" {
		line += " (no such repository, or a closed one)"
	}
	return line
}

// retryAfter reads the seconds or the date in the header; 0 if there is none.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// whole receives a file from its first byte and discards the old part.
func (f *fetcher) whole(ctx context.Context, s source, p *part, r *http.Response, alive func()) error {
	if r.ContentLength >= 0 && r.ContentLength != f.blob.bytes {
		head := make([]byte, sniffLength)
		n, _ := io.ReadFull(r.Body, head)
		return moveOn{f.sizeAnswer(head[:n], r.ContentLength)}
	}
	if err := p.restart(); err != nil {
		return err
	}
	if err := p.setOrigin(origin{s.String(), strongETag(r.Header)}); err != nil {
		return err
	}
	return f.receive(ctx, s, p, r.Body, alive)
}

// rest receives what is missing, if the server sends exactly that.
func (f *fetcher) rest(ctx context.Context, s source, p *part, r *http.Response, alive func()) error {
	var first, last, total int64
	given := r.Header.Get("Content-Range")
	if n, _ := fmt.Sscanf(given, "bytes %d-%d/%d", &first, &last, &total); n < 3 {
		if n, _ = fmt.Sscanf(given, "bytes %d-%d/*", &first, &last); n < 2 {
			return moveOn{"answers a range without saying which"}
		}
		total = f.blob.bytes
	}
	if total != f.blob.bytes {
		if p.origin().Address == s.String() { // then the part belongs to that other file
			if err := p.restart(); err != nil {
				return err
			}
		}
		return moveOn{fmt.Sprintf("has %d bytes, must have %d", total, f.blob.bytes)}
	}
	if first != p.size || last >= total || last < first {
		if err := p.restart(); err != nil {
			return err
		}
		return tryAgain{answer: fmt.Sprintf("gives another range than was asked for (%s)", excerpt(given))}
	}
	if r.ContentLength > f.blob.bytes-p.size {
		return moveOn{fmt.Sprintf("gives more than the %d bytes of the file", f.blob.bytes)}
	}
	now := origin{s.String(), strongETag(r.Header)}
	if known := p.origin(); known.Address != now.Address {
		p.mixed = true
		if err := p.setOrigin(now); err != nil {
			return err
		}
	}
	return f.receive(ctx, s, p, r.Body, alive)
}

// strongETag is the response's ETag if it is strong, as If-Range requires, else "".
func strongETag(h http.Header) string {
	tag := h.Get("ETag")
	if len(tag) < 2 || len(tag) > 200 || tag[0] != '"' || strings.ContainsFunc(tag, unicode.IsControl) {
		return ""
	}
	return tag
}
