//go:build !purego

package amd64

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// GemmArgs is one register tile of C = clip(Scale·A·B + Bias + Residual): Rows
// rows by two vectors of columns, of which those exist that the masks have.
type GemmArgs args.Gemm

// Gemm512 computes up to 14 rows by 32 masked columns.
//
//go:noescape
func Gemm512(a *GemmArgs)

// Gemm256 computes up to 6 rows by 16 columns, all of which must exist.
//
//go:noescape
func Gemm256(a *GemmArgs)

// GemvRows512 and GemvRows256 store the products of x with rows of n numbers.
//
//go:noescape
func GemvRows512(y, w, x unsafe.Pointer, n, rows, rowBytes int)

//go:noescape
func GemvRows256(y, w, x unsafe.Pointer, n, rows, rowBytes int)

// GemvColumns512 stores x·w for 128 columns of n rows, GemvColumns256 for 64.
//
//go:noescape
func GemvColumns512(y, w, x unsafe.Pointer, n, rowBytes int)

//go:noescape
func GemvColumns256(y, w, x unsafe.Pointer, n, rowBytes int)

// GemvColumn512 does so for up to 16 columns, GemvColumn256 for 8.
//
//go:noescape
func GemvColumn512(y, w, x unsafe.Pointer, n, rowBytes int, mask uint32)

//go:noescape
func GemvColumn256(y, w, x unsafe.Pointer, n, rowBytes int)

// SplitArgs is one call of SplitRows: Rows rows of float32 become pixels of
// Whole blocks of 32 and, where MaskA is not 0, one of what the masks let pass.
type SplitArgs struct {
	Source, Pixels        unsafe.Pointer
	RowBytes, Block, Rows int // Block: bytes from a block of pixels to the next
	Whole                 int
	MaskA, MaskB          uint32
	Scale                 float32 // multiplies every number
}

//go:noescape
func SplitRows(a *SplitArgs)
