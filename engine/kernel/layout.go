package kernel

import "fmt"

// Format says how the numbers of an activation lie in memory.
//
// In the blocked formats, channels are cut into blocks. A block is a plane of pixels, and
// a pixel has the block's channels side by side. Channels after the last one have finite
// but undefined values; their weights are 0.
//
// In Split32 and BF16x32, the 32-bit word i of 64 bytes has channel i in its lower and
// channel 16+i in its upper 16 bits, so that splitting and joining need only shifts and
// masks.
type Format uint8

// The formats.
const (
	Planar  Format = iota // float32, row-major N C H W, no halo
	F32x8                 // 8 float32 per pixel: 32 bytes (AVX2, NEON, plain Go)
	F32x16                // 16 float32 per pixel: 64 bytes (AVX-512)
	Split32               // 32 channels: 64 bytes of bf16 high parts, then 64 of low parts; x ≈ high + low, to 17 bits
	BF16x32               // 32 channels: 64 bytes of bf16
	U8x64                 // 64 channels: 64 bytes
	U8x4                  // at most 4 channels: 4 bytes
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

// Channels returns the number of channels in a block.
func (f Format) Channels() int { return formats[f].channels }

// PixelBytes returns the size of a pixel of one block.
func (f Format) PixelBytes() int { return formats[f].bytes }

// Layout describes the memory of an activation of N pictures, C channels, H rows and W
// columns. Pictures are Image bytes apart, channel blocks Block bytes, rows Pitch pixels.
// Around each plane is a halo of zeros (of Fill in U8x64 and U8x4), so that convolutions
// with padding need no tests at the edges. A step that writes to a Layout also fills the
// halo. Other memory between planes is undefined.
type Layout struct {
	Format     Format
	N, C, H, W int
	Halo
	Pitch        int  // in pixels
	Block, Image int  // in bytes
	Fill         byte // of the halo, in U8x64 and U8x4
}

// Halo is the padding around a plane, in pixels.
type Halo struct{ Top, Left, Bottom, Right int }

// Union is the halo that is as wide as the wider of two on each side.
func (h Halo) Union(o Halo) Halo {
	return Halo{max(h.Top, o.Top), max(h.Left, o.Left), max(h.Bottom, o.Bottom), max(h.Right, o.Right)}
}

// slackPixels is the number of pixels after a plane that the last tile of a kernel may
// read or write.
const slackPixels = 32

// NewLayout returns a layout in which the right halo of a row is the left halo of the
// next. Planar and U8 have no halo.
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

// Blocks returns the number of channel blocks.
func (l *Layout) Blocks() int { return (l.C + l.Format.Channels() - 1) / l.Format.Channels() }

// Size returns the size of the memory in bytes.
func (l *Layout) Size() int { return l.N * l.Image }

// Pixel returns the offset of pixel (y, x) in its plane, in bytes; y and x may be in the
// halo.
func (l *Layout) Pixel(y, x int) int {
	return ((y+l.Top)*l.Pitch + x + l.Left) * l.Format.PixelBytes()
}

// At returns the offset of the block with channel c of picture n, in bytes.
func (l *Layout) At(n, c int) int { return n*l.Image + c/l.Format.Channels()*l.Block }

func (l Layout) String() string {
	return fmt.Sprintf("%s[%d %d %d %d] halo %v", l.Format, l.N, l.C, l.H, l.W, l.Halo)
}

// roundUp returns the smallest multiple of m that is at least n.
func roundUp(n, m int) int { return (n + m - 1) / m * m }
