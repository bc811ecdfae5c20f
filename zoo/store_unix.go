//go:build unix

package zoo

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// noFollow keeps an open from following a link at the end of the path.
const noFollow = syscall.O_NOFOLLOW

// checkOwner refuses a folder that someone else owns or anyone may write into:
// whoever can swap files there can swap a model after its digest was checked.
func checkOwner(info fs.FileInfo, path string) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s: %w: it belongs to user %d, you are %d; set VISION_HOME to a folder of your own", path, ErrUnsafe, st.Uid, os.Geteuid())
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("%s: %w: anyone may write into it; chmod o-w it, or set VISION_HOME to another folder", path, ErrUnsafe)
	}
	return nil
}

// links is the number of names a file has.
func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

// syncDir makes a rename in the folder last.
func syncDir(root *os.Root) {
	if d, err := root.Open("."); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
