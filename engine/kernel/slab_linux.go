package kernel

import "golang.org/x/sys/unix"

// adviseHuge asks for huge pages under whole ones of b. It is a hint.
func adviseHuge(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
