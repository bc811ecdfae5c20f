package onnx

import "golang.org/x/sys/unix"

// Forget releases the memory of the file's pages. They are read from the file again
// when needed.
func (m mapping) Forget() { _ = unix.Madvise(m, unix.MADV_DONTNEED) }
