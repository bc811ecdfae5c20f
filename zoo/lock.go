package zoo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a waiting process tries again: well under the 50 ms within
// which a cancelled call returns.
const lockPoll = 20 * time.Millisecond

// lock is the right to write to one model's folder. Its file lies in home/locks and
// exists only while it is held.
type lock struct{ file *flock.Flock }

// takeLock waits for the lock and calls waiting from time to time. On a system
// without locks it does nothing.
func takeLock(ctx context.Context, home string, c *Card, waiting func()) (*lock, error) {
	dir := filepath.Join(home, "locks")
	for _, d := range []string{home, dir} {
		if err := safeFolder(d); err != nil {
			return nil, err
		}
	}
	file := flock.New(filepath.Join(dir, c.Name+".lock"), flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow), flock.SetPermissions(fileMode))
	for {
		if err := ctx.Err(); err != nil {
			file.Close()
			return nil, context.Cause(ctx)
		}
		switch got, err := file.TryLock(); {
		case errors.Is(err, errors.ErrUnsupported):
			return &lock{}, nil
		case err != nil:
			return nil, fmt.Errorf("cache: lock: %w; set VISION_HOME to a folder that can be written", err)
		case got && current(file):
			return &lock{file}, nil
		case got: // its last holder has removed the file: open the new one
			file.Close()
			continue
		}
		if waiting != nil {
			waiting()
		}
		select {
		case <-ctx.Done():
		case <-time.After(lockPoll):
		}
	}
}

// current reports whether the locked file is still the one that others would open.
func current(file *flock.Flock) bool {
	held, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(file.Path())
	return err == nil && os.SameFile(held, named)
}

// release removes the file before it unlocks it, so that a process that waited for
// it sees that it is no longer current. Windows cannot remove an open file: there
// removal comes afterwards, and fails while another process has the file open.
func (l *lock) release() {
	if l.file == nil {
		return
	}
	if runtime.GOOS == "windows" {
		l.file.Close()
		os.Remove(l.file.Path())
		return
	}
	os.Remove(l.file.Path()) // if it stays, the next holder takes it
	l.file.Close()
}
