//go:build !unix

package onnx

import (
	"io"
	"io/fs"
)

const nonblock = 0 // no folder of these systems holds pipes

// mapFile reads the file: this system has no mappings that Go's standard
// library reaches.
func mapFile(file fs.File, size int64) ([]byte, io.Closer, error) { return readAll(file, size) }
