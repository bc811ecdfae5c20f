//go:build !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/arm64"
)

func wideBytes(dst, src unsafe.Pointer, n int) { arm64.WidenBytes(dst, src, n) }

func wideTile6(a *wideTile) { arm64.WideTile6((*arm64.WideTile)(a)) }

func wideTile1(a *wideTile) { arm64.WideTile1((*arm64.WideTile)(a)) }

func wideDepth(a *wideTile) { arm64.WideDepth((*arm64.WideTile)(a)) }
