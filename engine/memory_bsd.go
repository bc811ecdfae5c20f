//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package engine

import (
	"encoding/binary"
	"runtime"

	"golang.org/x/sys/unix"
)

// physicalMemory is the machine's memory in bytes, 0 where unknown.
func physicalMemory() int64 {
	name := "hw.physmem"
	switch runtime.GOOS {
	case "darwin", "ios":
		name = "hw.memsize"
	case "netbsd":
		name = "hw.physmem64"
	}
	n, err := unix.SysctlRaw(name)
	switch {
	case err == nil && len(n) == 8:
		return int64(binary.NativeEndian.Uint64(n))
	case err == nil && len(n) == 4: // an unsigned long of 32 bits
		return int64(binary.NativeEndian.Uint32(n))
	}
	return 0
}
