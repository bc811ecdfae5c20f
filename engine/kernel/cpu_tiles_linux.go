//go:build amd64 && !purego

package kernel

import "syscall"

// permitTiles asks Linux for the tile registers, whose 8 KiB a thread are off
// by default, and reports whether they may be used. One request serves every
// thread of the process, present and future; Linux refuses it where the
// processor or the hypervisor has no tiles. See Documentation/arch/x86/xstate.rst.
func permitTiles() bool {
	const reqXcompPerm, tileData = 0x1023, 18
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, reqXcompPerm, tileData, 0)
	return errno == 0
}
