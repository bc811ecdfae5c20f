//go:build !purego

package amd64

import "unsafe"

// TileArgs is one call of a tile kernel: some pairs of row tiles for some
// groups of 32 output channels. The kernel writes to Next and to its own fields.
//
// A tile row is one output pixel (or a row of a matrix): the sum over all steps
// of 32 input channels (64 where they are bytes) at the row's place plus the
// step's offset.
type TileArgs struct {
	Config    *[64]byte
	In        unsafe.Pointer
	Pairs     *TilePair
	Count     int  // of them
	Offsets   *int // bytes from a row's first channel to that of each step
	Steps     int
	RowStride int // bytes from a row of a tile to the next
	Apart     int // TilesApart: bytes from the high parts of a row to the low ones

	Weights, Bias           unsafe.Pointer // of the first group
	Out, Residual           unsafe.Pointer // likewise; Residual may be nil
	Groups                  int
	WeightsGroup, BiasGroup int // bytes from a group to the next
	OutGroup, ResidualGroup int
	OutGroupOdd             int // after every other group, where two share a pixel; else as OutGroup

	Segments              *TileSegment
	OutStep, ResidualStep int    // bytes from a row of a segment to the next
	OutHalf, ResidualHalf int    // float32: bytes from channels 0-15 to 16-31
	OutKind, ResidualKind int    // TileF32 ...
	MaskA, MaskB          uint32 // float32 and bytes: which of channels 0-15 and 16-31 exist

	Zero        int32   // bytes: zero point of the output
	Low, High   float32 // bounds, where Act is 0; for bytes less the zero point
	Alpha, Beta float32
	Act         int // 0: bounds alone; else the kernel package's ActivationKind

	PerStep int            // rows to finish after a step; PerStep·Steps covers a pair
	Next    uintptr        // weights to prefetch; past their end does no harm
	Limit   uintptr        // where to stop for this group; the next goes on by WeightsGroup
	Scratch unsafe.Pointer // 4 KiB

	// The kernel's own: where the group stands, and the pair that is being
	// finished.
	//lint:ignore U1000 the assembly's
	weights, bias, groupOut, groupResidual, groups int
	//lint:ignore U1000 the assembly's
	outGroup, outGroupOdd int
	//lint:ignore U1000 the assembly's
	out, residual, segment, first, second, rows, left, sums int
	//lint:ignore U1000 the assembly's
	third, fourth, column, half int // TilesTall
}

// The kinds of output and residual rows. A residual has one of the last three,
// or none: TileNone.
const (
	TileNone  = 0
	TileSplit = 1
	TileBF16  = 2
	TileF32   = 3
)

// TilePair places two row tiles: byte offsets of their first rows, and the
// segments (byte offset from the first, count, at least 1) that say which of
// the 32 rows are wanted and where they go.
type TilePair struct{ InA, InB, First, Count int }

// TileSegment is a run of rows of a pair: Sums is 128 times the row number
// (rows of the second tile count from 16), Out and Residual are byte offsets.
type TileSegment struct{ Sums, Rows, Out, Residual int }

// TileConfig describes the eight tiles for a count of rows (1 to 16): T0-T3
// sums, T4 T5 rows, T6 T7 weights. Intel SDM volume 1, 18.3.
func TileConfig(rows int) *[64]byte {
	c := new([64]byte)
	c[0] = 1 // palette
	for t := range 8 {
		c[16+2*t] = 64 // bytes in a row
		c[48+t] = byte(rows)
		if t >= 6 {
			c[48+t] = 16
		}
	}
	return c
}

// TilesSplit runs on split rows. The weights of a group are those of its first
// 16 channels, [hi][lo] of 1 KiB for each step, and then those of the others.
//
//go:noescape
func TilesSplit(a *TileArgs)

// TilesTall does the same for two pairs at a time: Pairs lists twice Count, and
// the first of two names the segments of both, with Sums from 32 on for the
// rows of the second. Scratch is 8 KiB, and PerStep·Steps covers both pairs.
//
//go:noescape
func TilesTall(a *TileArgs)

// TilesApart is TilesSplit for rows whose low parts lie Apart bytes after the
// high ones.
//
//go:noescape
func TilesApart(a *TileArgs)

// TilesBF16 runs on bf16 rows, weights packed [0-15][16-31] of 1 KiB for each
// step.
//
//go:noescape
func TilesBF16(a *TileArgs)

// TilesU8 runs on byte rows, signed weights packed [0-15][16-31] of 1 KiB for
// each step of 64 channels: 16 rows of 16 outputs of 4 channels. Bias holds for
// each group 32 int32 and 32 float32 scales.
//
//go:noescape
func TilesU8(a *TileArgs)

// PackArgs is one call that packs weight tiles of 16 output channels.
type PackArgs struct {
	Source     unsafe.Pointer
	High, Low  unsafe.Pointer // 1 KiB tiles
	Step       int            // bytes from a tile of high parts to the next
	LowStep    int            // the same for low parts; 0: Low is a scratch
	RowBytes   int            // bytes from a row of the source to the next
	Rows       int            // PackRows: outputs that exist; PackColumns: channels that exist
	Taps       int            // tiles
	Index      *[16]int32     // PackRows: byte offsets of 16 channels
	Upper      int            // PackRows: byte offset of channel 16
	Contiguous int            // PackRows: 1 where neighbouring channels lie side by side
	MaskA      uint32         // PackRows: channels 0-15 that exist; PackColumns: outputs that exist
	MaskB      uint32         // PackRows: channels 16-31 that exist
}

// PackRows packs Taps tiles of a source whose rows are outputs; successive
// tiles start 4 bytes apart (the taps of a convolution).
//
//go:noescape
func PackRows(a *PackArgs)

// PackColumns packs Taps tiles of a source whose rows are input channels, 32
// rows a tile.
//
//go:noescape
func PackColumns(a *PackArgs)

// SpreadArgs is one row of a planar picture.
type SpreadArgs struct {
	Rows  [4]unsafe.Pointer // of the channels; any where there is no such channel
	Masks [4]uint32         // 0xffff where the channel exists, else 0
	Last  uint32            // which of the last 16 pixels exist
	Runs  int               // of 16 pixels
	High  unsafe.Pointer    // pixels of four bf16, 128 bytes a run
	Apart int               // bytes from the high parts to the low ones
	Order *[32]int32        // 0 16 1 17 ... 15 31
}

// SpreadRow makes pixels of up to four channels, split in high and low parts.
//
//go:noescape
func SpreadRow(a *SpreadArgs)
