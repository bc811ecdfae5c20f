package kernel

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/box"
	"github.com/visionzoo/vision/engine/kernel/vec"
)

// Rung is what one class of processors can do: a table of kernels. A nil field
// of a rung is filled from the rung below; the lowest, "purego", has none.
// Kernels keep no state and are safe for concurrent use; fetch them when
// planning, not at every call.
type Rung struct {
	Name  string // as VISION_CPU spells it
	Block Format // the float32 format its convolutions work on

	TileConv
	GemmUnit gemmUnit
	Gemms    gemmKernels
	QConvs   qconvKernels
	Bytes    byteKernels

	// ConvTile8 and ConvTile16 compute register tiles of a convolution, of
	// vectors of 8 and 16 channels.
	ConvTile8, ConvTile16 convTile

	// Winograd8 and Winograd16 are the transforms of Winograd's form on vectors
	// of 8 and 16 channels, the others those of tiles of 2x2 outputs.
	Winograd8, Winograd16           winogradUnit
	SmallWinograd8, SmallWinograd16 winogradUnit

	// Activate applies act in place to n numbers, a multiple of 8.
	Activate func(p unsafe.Pointer, n int, act Activation)

	// Split stores pixels of two F32x16 blocks as pixels of Split32; Unsplit is
	// the way back.
	Split   func(dst, a, b unsafe.Pointer, pixels int)
	Unsplit func(a, b, src unsafe.Pointer, pixels int)

	// Narrow and Widen are the same between two F32x16 blocks and BF16x32.
	Narrow func(dst, a, b unsafe.Pointer, pixels int)
	Widen  func(a, b, src unsafe.Pointer, pixels int)

	// WindowRow8 and WindowRow16 compute a row of pixels of 8 or 16 float32
	// from windows of others.
	WindowRow8, WindowRow16 windowRow

	// DepthRow8 and DepthRow16 compute a row of a depthwise convolution whose
	// kernel and stride depthRowFits.
	DepthRow8, DepthRow16 depthRow

	// DepthSplit computes both strips of such a row and writes pixels of Split32.
	DepthSplit depthRow

	// Vec are the kernels along rows of any length.
	Vec vec.Unit

	// Boxes are the kernels over boxes.
	Boxes box.Unit

	// ClipRow, AddRow, SubRow and MulRow set dst[i] to a[i], or a[i] op b[i],
	// clipped to [low, high], for n numbers, a multiple of 8. dst may be a or b.
	ClipRow                func(dst, a unsafe.Pointer, n int, low, high float32)
	AddRow, SubRow, MulRow func(dst, a, b unsafe.Pointer, n int, low, high float32)

	// Broadcast8 and Broadcast16 are the same for pixels of 8 or 16 numbers and
	// one pixel at b.
	Broadcast8, Broadcast16 broadcasts

	// SumRow8 and SumRow16 add pixels of 8 or 16 numbers to the one at sum.
	SumRow8, SumRow16 func(sum, src unsafe.Pointer, pixels int)

	// ScaleRows8 and ScaleRows16 set rows of one to three vectors of 8 or 16 numbers
	// to those at src, each row multiplied with its number at scale; rows is at
	// least 1. dst may be src.
	ScaleRows8, ScaleRows16 func(dst, src, scale unsafe.Pointer, rows, vecs int)

	// Interleave8 and Interleave16 make pixels of 8 or 16 float32 from runs of
	// numbers that begin plane bytes after each other, one for each of so many
	// channels; the channels after these become 0. Deinterleave8 and
	// Deinterleave16 are the way back, to so many channels.
	Interleave8, Interleave16     func(dst, src unsafe.Pointer, plane, channels, pixels int)
	Deinterleave8, Deinterleave16 func(dst, src unsafe.Pointer, plane, channels, pixels int)
}

// purego is the ground the other rungs stand on: the twins.
func purego() Rung {
	return Rung{Name: "purego", Block: F32x8,
		TileConv: plainTileConv,
		GemmUnit: plainGemm, Gemms: vectorGemms, QConvs: plainQConvs, Bytes: plainBytes,
		ConvTile8: convTile8, ConvTile16: convTile16,
		Winograd8: plainWinograd8, Winograd16: plainWinograd16,
		SmallWinograd8: plainSmallWinograd(8), SmallWinograd16: plainSmallWinograd(16), Activate: activate,
		Split: split, Unsplit: unsplit, Narrow: narrow, Widen: widen,
		WindowRow8: windowRow8, WindowRow16: windowRow16, DepthRow8: depthRow8, DepthRow16: depthRow16, DepthSplit: depthSplit,
		Vec: vec.Plain, Boxes: box.Plain,
		ClipRow: clipRow, AddRow: addRow, SubRow: subRow, MulRow: mulRow,
		Broadcast8: plainBroadcasts(8), Broadcast16: plainBroadcasts(16), SumRow8: sumRow8, SumRow16: sumRow16,
		ScaleRows8: scaleRows8, ScaleRows16: scaleRows16,
		Interleave8: interleave8, Interleave16: interleave16, Deinterleave8: deinterleave8, Deinterleave16: deinterleave16,
	}
}

// Rungs are what this machine can climb, lowest first, every field filled.
func Rungs() []*Rung { return rungs() }

// native (one file a processor) names what stands above purego.
var rungs = sync.OnceValue(func() []*Rung {
	ground := purego()
	all := []*Rung{&ground}
	for _, r := range native() {
		inherit(&r, all[len(all)-1])
		all = append(all, &r)
	}
	return all
})

// inherit fills the zero fields of r from below.
func inherit(r, below *Rung) {
	to, from := reflect.ValueOf(r).Elem(), reflect.ValueOf(below).Elem()
	for i := range to.NumField() {
		if to.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// wanted is the rung that the environment asks for, read once.
var wanted = sync.OnceValue(func() string { return os.Getenv("VISION_CPU") })

// Best returns the rung that VISION_CPU names or, where it is not set or this
// machine has no such rung, the highest there is. Select("") tells the two apart.
func Best() *Rung {
	if r, err := Select(""); err == nil {
		return r
	}
	all := rungs()
	return all[len(all)-1]
}

// Select returns a rung by name: purego, avx2, avx512, vnni, amx or neon. The
// empty name means the one VISION_CPU asks for, and the highest where it asks
// for none.
func Select(name string) (*Rung, error) {
	all, from := rungs(), ""
	if name == "" {
		if name = wanted(); name == "" {
			return all[len(all)-1], nil
		}
		from = "VISION_CPU: "
	}
	for _, r := range all {
		if r.Name == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%sthis machine has no CPU rung %q; it has %s", from, name, strings.Join(Available(), ", "))
}

// Available names the rungs of this machine, lowest first.
func Available() []string {
	var names []string
	for _, r := range rungs() {
		names = append(names, r.Name)
	}
	return names
}
