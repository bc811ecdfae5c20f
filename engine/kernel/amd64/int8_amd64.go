//go:build !purego

package amd64

// TilesVNNI computes tiles of up to 14 pixels for 32 outputs, with VPDPBUSD.
//
//go:noescape
func TilesVNNI(a *ByteTileArgs)

// TilesWide512 is TilesVNNI for AVX-512 without VNNI: inputs and weights have 16 bits,
// and VPMADDWD multiplies them.
//
//go:noescape
func TilesWide512(a *ByteTileArgs)

// TilesPairs512 is TilesWide512 with VNNI: VPDPWSSD multiplies and adds.
//
//go:noescape
func TilesPairs512(a *ByteTileArgs)

// TilesWide256 is TilesWide512 with AVX2, for tiles of up to 6 pixels and 16 outputs.
//
//go:noescape
func TilesWide256(a *ByteTileArgs)

// DepthwiseVNNI computes kernels of any size, with VPDPBUSD.
//
//go:noescape
func DepthwiseVNNI(a *DepthwiseArgs)

// DepthwisePairs512 and DepthwisePairs256 are DepthwiseVNNI for AVX-512 without VNNI,
// and for AVX2: weights are pairs of taps with 16 bits, and VPMADDWD multiplies them.
//
//go:noescape
func DepthwisePairs512(a *DepthwiseArgs)

//go:noescape
func DepthwisePairs256(a *DepthwiseArgs)

// Depthwise3Stride1VNNI and Depthwise3Stride2VNNI are DepthwiseVNNI for 3x3 kernels
// that are not dilated, with horizontal strides of 1 and 2. A group is a column of the
// kernel; its fourth weight is 0.
//
//go:noescape
func Depthwise3Stride1VNNI(a *DepthwiseArgs)

//go:noescape
func Depthwise3Stride2VNNI(a *DepthwiseArgs)
