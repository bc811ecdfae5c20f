package zoo

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/visionzoo/vision/internal/limit"
)

// Errors that callers may test for with errors.Is. The errors that wrap these say
// more.
var (
	ErrNotInZoo = errors.New("not in the zoo")                       // no model has that name
	ErrOffline  = errors.New("the network is switched off")          // but a file has to be fetched
	ErrDigest   = errors.New("not the file that was published")      // size or sha256 differ
	ErrNotFound = errors.New("could not be fetched from any source") // every source failed
	ErrUnsafe   = errors.New("the cache folder is not safe")         // world-writable, or someone else's
	ErrBusy     = errors.New("another process is using it")          // the model's lock is taken
	ErrLimit    = limit.Err                                          // something is larger than a limit; the same as that of vision and engine
)

// cacheError is a failure of this machine to read or write the cache.
func cacheError(err error) error { return fmt.Errorf("cache: %w", withRoom(err)) }

// withRoom adds to the error of a full disk what to do.
func withRoom(err error) error {
	if full(err) {
		return fmt.Errorf("%w; make room, or set VISION_HOME to a folder on another disk", err)
	}
	return err
}

// NotInZooError says that no model has the name, and suggests similar ones.
type NotInZooError struct {
	Name string
	Near []string // at most three
	Why  string   // what is missing, if the network is known but not this opset or variant
}

func (e *NotInZooError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "model %s is not in the zoo", quote(e.Name))
	if e.Why != "" {
		b.WriteString(": " + e.Why)
	}
	if len(e.Near) > 0 {
		b.WriteString("; did you mean " + strings.Join(e.Near, ", ") + "?")
	}
	b.WriteString(" (vision zoo list)")
	return b.String()
}

// Is makes errors.Is report true for ErrNotInZoo.
func (e *NotInZooError) Is(target error) bool { return target == ErrNotInZoo }

// Attempt is one URL or file that was tried, and what it answered.
type Attempt struct {
	Address string // as the catalogue or the user gives it, without a password
	Answer  string
}

// FetchError says that no source gave the file. Its message names the hosts that
// were asked with their answers, and says how to fetch the file by hand: from which
// address, with which digest, and where to put it. The fields have all of it.
type FetchError struct {
	Name     string // the model's
	File     string
	Bytes    int64
	SHA256   string
	Address  string    // to fetch it by hand from, "" if the catalogue has none
	Target   string    // the path for a file that was fetched by hand
	Attempts []Attempt // in order; Target is among them if another file lies there
	Kept     int64     // bytes of it that are in the cache; the next call goes on behind them
	Err      error     // ErrNotFound, ErrOffline or ErrDigest
}

func (e *FetchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "model %q: %s (%s) ", e.Name, e.File, Size(e.Bytes))
	if errors.Is(e.Err, ErrOffline) {
		b.WriteString("is not in the cache, and the network is switched off (--offline or VISION_OFFLINE)")
	} else {
		b.WriteString("could not be fetched")
		if len(e.Attempts) == 0 {
			b.WriteString(": its entry gives no address, and there is no mirror (VISION_ZOO_MIRROR)")
		}
	}
	for i, answer := range e.answers() {
		b.WriteString(map[bool]string{true: ": ", false: "; "}[i == 0])
		b.WriteString(answer)
	}
	if e.Kept > 0 {
		fmt.Fprintf(&b, "; %s of it are kept, and the next call goes on from there", Size(e.Kept))
	}
	from := e.Address
	if from == "" {
		from = "the file"
	}
	fmt.Fprintf(&b, "; to fetch it by hand, put %s (sha256 %s) at %s", from, e.SHA256, e.Target)
	return b.String()
}

// answers are the answers that differ, each after the hosts or files that gave it.
func (e *FetchError) answers() (all []string) {
	hosts := map[string][]string{}
	for _, a := range e.Attempts {
		host := a.Address
		if u, err := url.Parse(a.Address); err == nil && u.Host != "" {
			host = u.Host
		}
		if !slices.Contains(hosts[a.Answer], host) {
			hosts[a.Answer] = append(hosts[a.Answer], host)
		}
	}
	for _, a := range e.Attempts {
		if from := hosts[a.Answer]; from != nil {
			all = append(all, strings.Join(from, ", ")+": "+a.Answer)
			delete(hosts, a.Answer)
		}
	}
	return all
}

func (e *FetchError) Unwrap() error { return e.Err }

// quote quotes an untrusted name: control characters are escaped, and at most 80
// characters are shown, the last ones rather than the first, since paths end in
// what tells them apart. Where only backslashes would be escaped, as in paths of Windows,
// they stay as they are.
func quote(s string) string {
	if r := []rune(s); len(r) > 80 {
		s = string(r[:19]) + "…" + string(r[len(r)-60:])
	}
	q := fmt.Sprintf("%q", s)
	if q == `"`+strings.ReplaceAll(s, `\`, `\\`)+`"` {
		return `"` + s + `"`
	}
	return q
}
