//go:build unix

package onnx

import (
	"io"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nonblock makes opening a pipe return at once: without it, opening would wait for
// the other end, before the open file shows that it is none.
const nonblock = unix.O_NONBLOCK

type mapping []byte

func (m mapping) Close() error { return unix.Munmap(m) }

// Holds reports whether an address is in the mapping.
func (m mapping) Holds(address uintptr) bool {
	return address-uintptr(unsafe.Pointer(unsafe.SliceData(m))) < uintptr(len(m))
}

// mapFile maps a private, read-only view of an open file. Files that cannot be
// mapped, such as those of a file system in memory, are read.
func mapFile(file fs.File, size int64) ([]byte, io.Closer, error) {
	f, ok := file.(*os.File)
	if !ok || size == 0 || size != int64(int(size)) {
		return readAll(file, size)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return readAll(file, size)
	}
	return data, mapping(data), nil
}
