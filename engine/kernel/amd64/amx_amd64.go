//go:build !purego

package amd64

import "unsafe"

// TileArgs is one call of a tile kernel: it computes pairs of row tiles for groups of
// 32 output channels. The kernel writes to Next, Limit and its own fields.
//
// A tile row is one output pixel, or a row of a matrix. Its sum is over all steps; a
// step covers 32 input channels (64 bytes of U8) at the address of the row plus the
// offset of the step.
type TileArgs struct {
	Config    *[64]byte
	In        unsafe.Pointer
	Pairs     *TilePair
	Count     int  // of them
	Offsets   *int // bytes from a row's first channel to that of each step
	Steps     int
	RowStride int // bytes from one row of a tile to the next
	Apart     int // TilesApart: bytes from the high parts of a row to the low parts

	Weights, Bias           unsafe.Pointer // of the first group
	Out, Residual           unsafe.Pointer // of the first group; Residual may be nil
	Groups                  int
	WeightsGroup, BiasGroup int // bytes from one group to the next
	OutGroup, ResidualGroup int
	OutGroupOdd             int // takes turns with OutGroup, for bytes, where two groups share a pixel; otherwise equal to it

	Segments              *TileSegment
	OutStep, ResidualStep int    // bytes from one row of a segment to the next
	OutHalf, ResidualHalf int    // float32: bytes from channels 0-15 to 16-31
	OutKind, ResidualKind int    // TileF32 ...
	MaskA, MaskB          uint32 // float32 and bytes: which of channels 0-15 and 16-31 are stored

	Zero        int32   // bytes: zero point of the output
	Low, High   float32 // bounds of the result, used if Act is 0; for bytes, minus the zero point
	Alpha, Beta float32
	Act         int // 0: none but the bounds; otherwise package kernel's ActivationKind

	PerStep int            // rows whose epilogue runs after a step; PerStep·Steps is at least the rows of a pair
	Next    uintptr        // weights to prefetch; may pass their end. 0: all weights, a fixed distance ahead (see fetcher in internal/asm/amx)
	Limit   uintptr        // end of the prefetching for this group; advances by WeightsGroup
	Scratch unsafe.Pointer // 4 KiB

	// Fields that only the kernel uses: the addresses of the current group, and the
	// pair whose epilogue is running.
	//lint:ignore U1000 used by the assembly
	weights, bias, groupOut, groupResidual, groups int
	//lint:ignore U1000 used by the assembly
	outGroup, outGroupOdd int
	//lint:ignore U1000 used by the assembly
	out, residual, segment, first, second, rows, left, sums int
	//lint:ignore U1000 used by the assembly
	third, fourth, column, half int // TilesTall
}

// The formats of output and residual rows. TileNone means that there is no residual.
const (
	TileNone  = 0
	TileSplit = 1
	TileBF16  = 2
	TileF32   = 3
)

// TilePair describes two row tiles: InA and InB are byte offsets of their first rows
// from In, First is the byte offset of their first segment from Segments, and Count
// the number of segments, at least 1. Rows in no segment are not stored.
type TilePair struct{ InA, InB, First, Count int }

// TileSegment is a run of rows of a pair that are stored one after the other: Sums is
// 128 times the number of the first row (rows of the second tile count from 16), Out
// and Residual are byte offsets.
type TileSegment struct{ Sums, Rows, Out, Residual int }

// TileConfig returns the operand of LDTILECFG for tiles of 1 to 16 rows: T0-T3 are
// accumulators, T4 T5 rows, T6 T7 weights (always 16 rows). Intel SDM volume 1, 18.3.
func TileConfig(rows int) *[64]byte {
	c := new([64]byte)
	c[0] = 1 // palette
	for t := range 8 {
		c[16+2*t] = 64 // bytes per row
		c[48+t] = byte(rows)
		if t >= 6 {
			c[48+t] = 16
		}
	}
	return c
}

// TilesSplit computes tiles of rows of Split32 in bf16x3. The weights of a group are
// those of its first 16 channels, tiles [hi][lo] of 1 KiB each for each step, followed
// by those of the other 16.
//
//go:noescape
func TilesSplit(a *TileArgs)

// TilesTall computes the same as TilesSplit, two pairs at a time: Pairs has 2·Count
// elements, and the first of two has the segments of both, in which rows of the second
// pair count from 32. Scratch is 8 KiB, and PerStep·Steps is at least the rows of both.
//
//go:noescape
func TilesTall(a *TileArgs)

// TilesApart is TilesSplit for rows whose low parts lie Apart bytes after their high
// parts.
//
//go:noescape
func TilesApart(a *TileArgs)

// TilesBF16 computes tiles of rows of BF16x32. Weights of a step are tiles of channels
// [0-15][16-31], 1 KiB each.
//
//go:noescape
func TilesBF16(a *TileArgs)

// TilesU8 computes tiles of rows of U8x64. Weights of a step of 64 channels are signed
// tiles of channels [0-15][16-31], 1 KiB each: 16 rows of 16 outputs by 4 channels.
// Bias holds 32 int32 biases and 32 float32 scales for each group.
//
//go:noescape
func TilesU8(a *TileArgs)

// PackArgs is one call of a kernel that packs weight tiles of 16 output channels.
type PackArgs struct {
	Source     unsafe.Pointer
	High, Low  unsafe.Pointer // 1 KiB tiles
	Step       int            // bytes from one tile of high parts to the next
	LowStep    int            // bytes from one tile of low parts to the next; 0: all are written to Low, a scratch
	RowBytes   int            // row stride of the source
	Rows       int            // PackRows: outputs that exist; PackColumns: channels that exist
	Taps       int            // number of tiles
	Index      *[16]int32     // PackRows: byte offsets of 16 channels
	Upper      int            // PackRows: byte offset of channel 16
	Contiguous int            // PackRows: 1 if channels are contiguous, so that Index is not needed
	MaskA      uint32         // PackRows: channels 0-15 that exist; PackColumns: outputs that exist
	MaskB      uint32         // PackRows: channels 16-31 that exist
}

// PackRows packs Taps tiles from a source whose rows are outputs. Successive tiles
// begin 4 bytes apart: they are the taps of a convolution.
//
//go:noescape
func PackRows(a *PackArgs)

// PackColumns packs Taps tiles from a source whose rows are input channels, 32 rows
// per tile.
//
//go:noescape
func PackColumns(a *PackArgs)

// SpreadArgs is one call of SpreadRow, for one row of a planar picture.
type SpreadArgs struct {
	Rows  [4]unsafe.Pointer // one per channel; any readable row for channels that do not exist
	Masks [4]uint32         // 0xffff if the channel exists, otherwise 0
	Last  uint32            // which of the last 16 pixels exist
	Runs  int               // number of runs of 16 pixels
	High  unsafe.Pointer    // output: pixels of four bf16, 128 bytes per run
	Apart int               // bytes from the high parts to the low parts
	Order *[32]int32        // 0 16 1 17 ... 15 31
}

// SpreadRow interleaves up to four channels to pixels, split into bf16 high and low
// parts.
//
//go:noescape
func SpreadRow(a *SpreadArgs)
