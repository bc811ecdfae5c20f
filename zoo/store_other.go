//go:build !unix

package zoo

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

const noFollow, nonblock = 0, 0 // no folder of these systems holds pipes

// checkOwner checks nothing on systems without Unix owners and modes: there access
// lists protect the user's cache folder.
func checkOwner(fs.FileInfo, string) error { return nil }

func links(fs.FileInfo) uint64 { return 1 }

// full reports whether a disk has no room left; Windows has a number of its own for that,
// ERROR_DISK_FULL.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || runtime.GOOS == "windows" && errors.Is(err, syscall.Errno(112))
}

func syncDir(*os.Root) {}
