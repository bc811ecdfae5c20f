//go:build !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

func wideBytes(dst, src unsafe.Pointer, n int) { amd64.WidenBytesAVX2(dst, src, n) }

func wideTile6(a *wideTile) { amd64.WideTile6AVX2((*amd64.WideTile)(a)) }

func wideTile1(a *wideTile) { amd64.WideTile1AVX2((*amd64.WideTile)(a)) }

func wideDepth(a *wideTile) { amd64.WideDepthAVX2((*amd64.WideTile)(a)) }
