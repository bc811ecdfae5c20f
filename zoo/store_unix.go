//go:build unix

package zoo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

const (
	// noFollow makes opening fail if the last part of the path is a symbolic link.
	noFollow = syscall.O_NOFOLLOW
	// nonblock makes opening a pipe return at once.
	nonblock = syscall.O_NONBLOCK
)

// checkOwner refuses a folder that someone else owns or that anyone may write to:
// whoever can replace files there can replace a model after its digest was checked.
func checkOwner(info fs.FileInfo, path string) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s: %w: it belongs to user %d, you are %d; set VISION_HOME to a folder of your own", path, ErrUnsafe, st.Uid, os.Geteuid())
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("%s: %w: anyone may write to it; chmod o-w it, or set VISION_HOME to another folder", path, ErrUnsafe)
	}
	return nil
}

// links is the number of hard links to a file.
func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

// full reports whether a disk, or the user's share of it, has no room left.
func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// syncDir flushes a rename in the folder to the disk.
func syncDir(root *os.Root) {
	if d, err := root.Open("."); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
