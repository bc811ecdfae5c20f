//go:build !purego

package amd64

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/args"
)

// GemmArgs is one register tile of C = clip(Scale·A·B + Bias + Residual): Rows rows by
// two vectors of columns, of which those exist whose bits are set in the masks.
type GemmArgs args.Gemm

// Gemm512 computes up to 14 rows by 32 masked columns.
//
//go:noescape
func Gemm512(a *GemmArgs)

// GemmPairs512 is Gemm512 on words of two bfloat16: K is the number of words.
//
//go:noescape
func GemmPairs512(a *GemmArgs)

// Gemm256 computes up to 6 rows by 16 columns, all of which must exist.
//
//go:noescape
func Gemm256(a *GemmArgs)

// The kernels of matrices that are not packed: GemvRows sets y[r] = Σ x[i]·w[r][i] for rows
// of n numbers, GemvColumns y[j] = Σ x[k]·w[k][j] for 128 (AVX-512) or 64 columns of a
// matrix of n rows, and GemvColumn for the columns of mask, up to 16, or for 8. w has float32
// or what the name says.

//go:noescape
func GemvRows512(y, w, x unsafe.Pointer, n, rows, rowBytes int)

//go:noescape
func GemvColumns512(y, w, x unsafe.Pointer, n, rowBytes int)

//go:noescape
func GemvColumn512(y, w, x unsafe.Pointer, n, rowBytes int, mask uint32)

//go:noescape
func GemvRows256(y, w, x unsafe.Pointer, n, rows, rowBytes int)

//go:noescape
func GemvColumns256(y, w, x unsafe.Pointer, n, rowBytes int)

//go:noescape
func GemvColumn256(y, w, x unsafe.Pointer, n, rowBytes int)

//go:noescape
func GemvRows512Float16(y, w, x unsafe.Pointer, n, rows, rowBytes int)

//go:noescape
func GemvColumns512Float16(y, w, x unsafe.Pointer, n, rowBytes int)

//go:noescape
func GemvColumn512Float16(y, w, x unsafe.Pointer, n, rowBytes int, mask uint32)

//go:noescape
func GemvRows256Float16(y, w, x unsafe.Pointer, n, rows, rowBytes int)

//go:noescape
func GemvColumns256Float16(y, w, x unsafe.Pointer, n, rowBytes int)

//go:noescape
func GemvColumn256Float16(y, w, x unsafe.Pointer, n, rowBytes int)

//go:noescape
func GemvRows512BFloat16(y, w, x unsafe.Pointer, n, rows, rowBytes int)

//go:noescape
func GemvColumns512BFloat16(y, w, x unsafe.Pointer, n, rowBytes int)

//go:noescape
func GemvColumn512BFloat16(y, w, x unsafe.Pointer, n, rowBytes int, mask uint32)

//go:noescape
func GemvRows256BFloat16(y, w, x unsafe.Pointer, n, rows, rowBytes int)

//go:noescape
func GemvColumns256BFloat16(y, w, x unsafe.Pointer, n, rowBytes int)

//go:noescape
func GemvColumn256BFloat16(y, w, x unsafe.Pointer, n, rowBytes int)

// SplitArgs is one call of SplitRows or NarrowRows.
type SplitArgs struct {
	Source, Pixels        unsafe.Pointer
	RowBytes, Block, Rows int     // Block: bytes from one block of pixels to the next
	Whole                 int     // complete blocks of 32 numbers in a row
	MaskA, MaskB          uint32  // the first and the other 16 numbers of a last partial block; MaskA 0: there is none
	Scale                 float32 // factor of all numbers
}

// SplitRows converts rows of float32 to pixels of Split32, one for each row and block.
//
//go:noescape
func SplitRows(a *SplitArgs)

// NarrowRows is SplitRows for pixels of BF16x32.
//
//go:noescape
func NarrowRows(a *SplitArgs)
