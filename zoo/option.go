package zoo

import (
	"os"
	"strings"
	"time"
)

// Option changes how a model is found, fetched or opened.
type Option func(*config)

// config is what the options say; the environment fills in the rest.
type config struct {
	home string
	// homeless is why there is no home. Only what is kept there needs one: the
	// built-in model and files of the caller's own do not.
	homeless error
	mirror   string
	offline  bool
	// withoutCatalogue leaves the catalogue's addresses out: the mirror alone counts.
	withoutCatalogue bool
	progress         func(Progress)
	notice           func(string)
	limits           limits
	open             openConfig
}

// limits are the downloader's patience.
type limits struct {
	stall   time.Duration // no byte for so long breaks the connection off
	backoff time.Duration // before the first retry; doubles
	retries int           // of one address without progress
	maxWait time.Duration // a longer Retry-After means: next address
	every   time.Duration // between two reports of progress
	write   func(*os.File, []byte) (int, error)
}

func defaultLimits() limits {
	return limits{stall: 30 * time.Second, backoff: time.Second, retries: 3, maxWait: time.Minute,
		every: 100 * time.Millisecond, write: (*os.File).Write}
}

// WithHome sets the zoo's folder, in place of $VISION_HOME and the user's cache
// folder.
func WithHome(dir string) Option { return func(c *config) { c.home = dir } }

// WithMirror sets where files are looked for first, in place of
// $VISION_ZOO_MIRROR: a folder, file://, https://, or http:// on this machine, in
// the published layout. A folder is looked in alone; the catalogue's addresses are
// not asked then.
func WithMirror(place string) Option { return func(c *config) { c.mirror = place } }

// WithOffline forbids the network (or allows it against $VISION_OFFLINE).
func WithOffline(offline bool) Option { return func(c *config) { c.offline = offline } }

// WithProgress sets who is told how far a download is. The calls come one after
// another, at most some ten a second, from the goroutine that downloads.
func WithProgress(tell func(Progress)) Option { return func(c *config) { c.progress = tell } }

// WithNotice sets who is told, in one line for people, that something else was done
// than was asked for: another opset of a model taken, because a mirror has only that.
func WithNotice(tell func(line string)) Option { return func(c *config) { c.notice = tell } }

// withLimits is for tests.
func withLimits(change func(*limits)) Option { return func(c *config) { change(&c.limits) } }

// State is what a download is doing.
type State int

const (
	Waiting     State = iota // for another process that downloads the same file
	Downloading              // or copying from a folder
	Verifying                // the digest
	Unpacking                // an archive
	Done
)

// String is one word for people.
func (s State) String() string {
	return [...]string{"waiting", "downloading", "verifying", "unpacking", "done"}[s]
}

// Progress is how far a file is on its way into the cache.
type Progress struct {
	Name, File  string
	State       State
	Source      string // the address, without a password
	Done, Total int64  // bytes
	Resumed     int64  // of Done, the bytes that an earlier call left
}

// newConfig reads the environment, then the options.
func newConfig(opts []Option) *config {
	c := &config{
		mirror:   os.Getenv("VISION_ZOO_MIRROR"),
		offline:  isOn(os.Getenv("VISION_OFFLINE")),
		progress: func(Progress) {},
		notice:   func(string) {},
		limits:   defaultLimits(),
	}
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	if c.home == "" {
		c.home, c.homeless = Home()
	}
	return c
}

// Offline reports whether $VISION_OFFLINE forbids the network.
func Offline() bool { return isOn(os.Getenv("VISION_OFFLINE")) }

// isOn reads a switch in the environment: anything but nothing, 0, no, off and
// false is on.
func isOn(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "0", "no", "off", "false":
		return false
	}
	return true
}

// reporter tells progress, not more often than limits say but for a change of
// state.
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
