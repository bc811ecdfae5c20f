//go:build !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

func wideBytes(dst, src unsafe.Pointer, n int) { amd64.WidenBytesAVX2(dst, src, n) }
