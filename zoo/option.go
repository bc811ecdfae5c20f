package zoo

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Option changes how a model is found, fetched or opened.
type Option func(*config)

// config holds the options, completed from the environment.
type config struct {
	home string
	// homeless is the reason why there is no home. The built-in model and files of
	// the caller's own do not need one.
	homeless error
	mirror   string
	offline  bool
	// withoutCatalogue leaves out the catalogue's addresses: only the mirror is
	// used.
	withoutCatalogue bool
	progress         func(Progress)
	notice           func(string)
	limits           limits
	open             openConfig
}

// limits are the downloader's patience.
type limits struct {
	stall   time.Duration // without data for so long, the connection is closed
	backoff time.Duration // before the first retry; doubles
	retries int           // at one address without progress
	maxWait time.Duration // a longer Retry-After moves on to the next address
	every   time.Duration // between two reports of progress
	write   func(*os.File, []byte) (int, error)
}

func defaultLimits() limits {
	return limits{stall: 30 * time.Second, backoff: time.Second, retries: 3, maxWait: time.Minute,
		every: 100 * time.Millisecond, write: (*os.File).Write}
}

// WithHome sets the zoo's folder. The default is $VISION_HOME, else vision in the
// user's cache folder.
func WithHome(dir string) Option { return func(c *config) { c.home = dir } }

// WithMirror sets where to look for files first: a folder, a file:// or https:// URL,
// or an http:// URL of this machine, with each file at its Card.Path or directly
// in it. The default is $VISION_ZOO_MIRROR. If the mirror is a folder, the catalogue's URLs are not
// tried.
func WithMirror(place string) Option { return func(c *config) { c.mirror = place } }

// WithOffline forbids the network, or, with false, allows it despite
// $VISION_OFFLINE.
func WithOffline(offline bool) Option { return func(c *config) { c.offline = offline } }

// WithProgress sets a function that is called with the progress of a download:
// about ten times per second, from the goroutine that downloads, never
// concurrently.
func WithProgress(tell func(Progress)) Option { return func(c *config) { c.progress = tell } }

// WithNotice sets a function that is called with one line for people if something
// else is used than was asked for: another opset of a model, because the mirror or
// the cache has only that.
func WithNotice(tell func(line string)) Option { return func(c *config) { c.notice = tell } }

// withLimits is for tests.
func withLimits(change func(*limits)) Option { return func(c *config) { change(&c.limits) } }

// State is the current stage of a download.
type State int

const (
	Waiting     State = iota // for another process that is downloading the same file
	Downloading              // or copying from a folder
	Verifying                // the digest
	Unpacking                // an archive
	Done
)

// String returns the state as a word.
func (s State) String() string {
	words := [...]string{"waiting", "downloading", "verifying", "unpacking", "done"}
	if s < 0 || int(s) >= len(words) {
		return fmt.Sprintf("state %d", int(s))
	}
	return words[s]
}

// Progress is the progress of a file on its way into the cache.
type Progress struct {
	Name, File  string
	State       State
	Source      string // the address, without a password
	Done, Total int64  // bytes
	Resumed     int64  // the bytes of Done that an earlier call had downloaded
}

// newConfig reads the environment, then the options.
func newConfig(opts []Option) *config {
	c := &config{
		mirror:  os.Getenv("VISION_ZOO_MIRROR"),
		offline: isOn(os.Getenv("VISION_OFFLINE")),
		limits:  defaultLimits(),
	}
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	if c.progress == nil {
		c.progress = func(Progress) {}
	}
	if c.notice == nil {
		c.notice = func(string) {}
	}
	if c.home == "" {
		c.home, c.homeless = Home()
	}
	return c
}

// Offline reports whether $VISION_OFFLINE forbids the network.
func Offline() bool { return isOn(os.Getenv("VISION_OFFLINE")) }

// isOn reads a switch in the environment: it is on unless it is empty, 0, no, off
// or false.
func isOn(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "0", "no", "off", "false":
		return false
	}
	return true
}

// reporter returns a function that reports progress, at most as often as the limits
// say unless the state changes.
func (c *config) reporter(name, file string) func(Progress) {
	var last time.Time
	state := State(-1)
	return func(p Progress) {
		if p.State == state && p.Done != p.Total && time.Since(last) < c.limits.every {
			return
		}
		last, state = time.Now(), p.State
		p.Name, p.File = name, file
		c.progress(p)
	}
}
