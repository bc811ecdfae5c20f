package zoo

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that callers may test for with errors.Is. The errors that wrap these say
// more.
var (
	ErrNotInZoo = errors.New("not in the zoo")                       // no model has that name
	ErrOffline  = errors.New("the network is switched off")          // but a file has to be fetched
	ErrDigest   = errors.New("not the file that was published")      // size or sha256 differ
	ErrNotFound = errors.New("could not be fetched from any source") // every address failed
	ErrUnsafe   = errors.New("the cache folder is not safe")         // world-writable, or someone else's
	ErrBusy     = errors.New("another process is using it")          // the model's lock is taken
)

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

// Attempt is one address that was tried, and what it answered.
type Attempt struct {
	Address string // as the catalogue or the user gives it, without a password
	Answer  string
}

// FetchError says that no source gave the file. It lists each address with its
// answer, the file's size and digest, and where to put a file that was fetched by
// hand.
type FetchError struct {
	Name     string // the model's
	File     string
	Bytes    int64
	SHA256   string
	Target   string    // the path for a file that was fetched by hand
	Attempts []Attempt // in order; Target is among them if another file lies there
	Err      error     // ErrNotFound, ErrOffline or ErrDigest
}

func (e *FetchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "model %q: %s ", e.Name, e.File)
	if errors.Is(e.Err, ErrOffline) {
		b.WriteString("is not in the cache, and the network is switched off (--offline or VISION_OFFLINE)")
	} else {
		b.WriteString("could not be fetched")
	}
	for i, a := range e.Attempts {
		b.WriteString(map[bool]string{true: ": ", false: "; "}[i == 0])
		b.WriteString(a.Address + ": " + a.Answer)
	}
	fmt.Fprintf(&b, "; to fetch it by hand, put the file of %d bytes with sha256 %s at %s", e.Bytes, e.SHA256, e.Target)
	return b.String()
}

func (e *FetchError) Unwrap() error { return e.Err }

// quote quotes an untrusted name: control characters are escaped, and at most 80
// characters are shown.
func quote(s string) string {
	if r := []rune(s); len(r) > 80 {
		s = string(r[:79]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
