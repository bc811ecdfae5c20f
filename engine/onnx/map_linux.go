package onnx

import "golang.org/x/sys/unix"

// Forget lets go of the memory behind what was read of the file. Pages come
// back from the file when they are read again.
func (m mapping) Forget() { _ = unix.Madvise(m, unix.MADV_DONTNEED) }
