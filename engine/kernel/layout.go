package kernel

import "fmt"

// Format says how the numbers of an activation lie in memory.
//
// In the blocked formats the channels are cut into blocks; a block is a plane
// of pixels, and a pixel holds the block's channels side by side. Channels
// past the last one hold finite numbers of no meaning (weights there are 0).
//
// In Split32 and BF16x32 the 32-bit word i of a half holds channel i in its
// lower and channel 16+i in its upper 16 bits, so that splitting and joining
// need shifts and masks only.
type Format uint8

// The formats.
const (
	Planar  Format = iota // float32, row-major N C H W, no halo
	F32x8                 // 8 float32 a pixel: 32 bytes (AVX2, NEON, plain Go)
	F32x16                // 16 float32 a pixel: 64 bytes (AVX-512)
	Split32               // 32 channels: 64 bytes of bf16 high parts, then 64 of low parts; x = hi + lo to 17 bits
	BF16x32               // 32 channels: 64 bytes of bf16
	U8x64                 // 64 channels: 64 bytes
	U8x4                  // up to 4 channels in all: 4 bytes
	U8                    // bytes, row-major N C H W, no halo
)

var formats = [...]struct {
	name            string
	channels, bytes int
}{
	Planar: {"planar", 1, 4}, F32x8: {"f32x8", 8, 32}, F32x16: {"f32x16", 16, 64},
	Split32: {"split32", 32, 128}, BF16x32: {"bf16x32", 32, 64}, U8x64: {"u8x64", 64, 64}, U8x4: {"u8x4", 4, 4}, U8: {"u8", 1, 1},
}

func (f Format) String() string { return formats[f].name }

// Channels is the number of channels in a block.
func (f Format) Channels() int { return formats[f].channels }

// PixelBytes is the size of a pixel of one block.
func (f Format) PixelBytes() int { return formats[f].bytes }

// Layout places an activation of N pictures, C channels, H rows and W columns
// in memory. Every picture starts Image bytes after the one before, every
// channel block Block bytes, every row Pitch pixels. Around each plane lies a
// halo of zeros (of Fill in U8x64 and U8x4), so that a kernel with padding needs no
// test at the edges. A step that writes a Layout leaves the halo of what it
// wrote so; memory between planes that belongs to no pixel has no meaning.
type Layout struct {
	Format     Format
	N, C, H, W int
	Halo
	Pitch        int // pixels
	Block, Image int // bytes
	Fill         byte
}

// Halo is the padding around a plane, in pixels.
type Halo struct{ Top, Left, Bottom, Right int }

// slackPixels is how many pixels the last tile of a kernel may read or write
// past a plane.
const slackPixels = 32

// NewLayout returns the tightest layout: the right halo of a row is the left
// halo of the next.
func NewLayout(f Format, n, c, h, w int, halo Halo) Layout {
	l := Layout{Format: f, N: n, C: c, H: h, W: w, Pitch: w}
	if f == Planar || f == U8 {
		l.Block = f.PixelBytes() * h * w
		l.Image = c * l.Block
		return l
	}
	side := max(halo.Left, halo.Right)
	l.Halo = Halo{halo.Top, side, halo.Bottom, side}
	l.Pitch = w + side
	pixels := (l.Top+h+l.Bottom)*l.Pitch + side + slackPixels
	l.Block = (pixels*f.PixelBytes() + 63) &^ 63
	l.Image = l.Blocks() * l.Block
	return l
}

// Blocks is the number of channel blocks.
func (l *Layout) Blocks() int { return (l.C + l.Format.Channels() - 1) / l.Format.Channels() }

// Size is the memory that the layout spans, in bytes.
func (l *Layout) Size() int { return l.N * l.Image }

// Pixel is the offset in bytes of pixel (y, x) inside its plane; y and x may
// reach into the halo.
func (l *Layout) Pixel(y, x int) int {
	return ((y+l.Top)*l.Pitch + x + l.Left) * l.Format.PixelBytes()
}

// At is the offset in bytes of the block that holds channel c of picture n.
func (l *Layout) At(n, c int) int { return n*l.Image + c/l.Format.Channels()*l.Block }

func (l Layout) String() string {
	return fmt.Sprintf("%s[%d %d %d %d] halo %v", l.Format, l.N, l.C, l.H, l.W, l.Halo)
}

// roundUp is the least multiple of m that is not below n.
func roundUp(n, m int) int { return (n + m - 1) / m * m }
