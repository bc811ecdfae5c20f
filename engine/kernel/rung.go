package kernel

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/box"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
)

// Rung is the table of kernels for one class of processors. Fields that a rung leaves
// nil are those of the rung below; the lowest, "purego", has the twins in Go. Kernels
// have no state and are safe for concurrent use. They are selected when planning, not at
// each call.
type Rung struct {
	Name  string // as in VISION_CPU
	Block Format // the float32 format of its convolutions

	TileConv
	GemmUnit gemmUnit
	Gemms    gemmKernels
	QConvs   qconvKernels
	Bytes    byteKernels

	// Lanes8 and Lanes16 are the kernels on pixels of 8 and of 16 numbers.
	Lanes8, Lanes16 laneKernels

	// Tile64 multiplies matrices of float64.
	Tile64 tile64

	// Activate applies act in place to n numbers, a multiple of 8.
	Activate func(p unsafe.Pointer, n int, act Activation)

	// Split converts pixels of two F32x16 blocks to pixels of Split32; Unsplit converts
	// back.
	Split   func(dst, a, b unsafe.Pointer, pixels int)
	Unsplit func(a, b, src unsafe.Pointer, pixels int)

	// Narrow converts pixels of two F32x16 blocks to pixels of BF16x32; Widen converts
	// back.
	Narrow func(dst, a, b unsafe.Pointer, pixels int)
	Widen  func(a, b, src unsafe.Pointer, pixels int)

	// DepthLines16 computes several rows as DepthRow of 16 lanes does, if the kernel is
	// square and depthLinesFit reports true.
	DepthLines16 depthRow

	// DepthSplit computes both strips of such a row, as pixels of Split32.
	DepthSplit depthRow

	// Vec has the kernels on rows of any length.
	Vec vec.Unit

	// Num has the kernels on rows of numbers of any type.
	Num *num.Unit

	// Boxes has the kernels on boxes.
	Boxes box.Unit

	// ClipRow, AddRow, SubRow and MulRow set dst[i] to a[i], or a[i] op b[i], clipped to
	// [low, high], for n numbers, a multiple of 8. dst may be a or b.
	ClipRow                func(dst, a unsafe.Pointer, n int, low, high float32)
	AddRow, SubRow, MulRow func(dst, a, b unsafe.Pointer, n int, low, high float32)
}

// purego is the lowest rung, which has the twins.
func purego() Rung {
	return Rung{Name: "purego", Block: F32x8,
		TileConv: plainTileConv,
		GemmUnit: plainGemm, Gemms: vectorGemms, QConvs: plainQConvs, Bytes: plainBytes,
		Lanes8: plainLanes(8), Lanes16: plainLanes(16), Activate: activate, Tile64: plainTile64,
		Split: split, Unsplit: unsplit, Narrow: narrow, Widen: widen,
		DepthLines16: depthLines16, DepthSplit: depthSplit,
		Vec: vec.Plain, Num: &num.Plain, Boxes: box.Plain,
		ClipRow: clipRow, AddRow: addRow, SubRow: subRow, MulRow: mulRow,
	}
}

// Rungs returns the rungs of this machine, lowest first, with all fields set.
func Rungs() []*Rung { return rungs() }

// rungs adds to purego those that native returns, which is in a file for each
// architecture.
var rungs = sync.OnceValue(func() []*Rung {
	ground := purego()
	all := []*Rung{&ground}
	for _, r := range native() {
		inherit(&r, all[len(all)-1])
		all = append(all, &r)
	}
	return all
})

// inherit sets the zero fields of r to those of below.
func inherit(r, below *Rung) {
	to, from := reflect.ValueOf(r).Elem(), reflect.ValueOf(below).Elem()
	for i := range to.NumField() {
		if to.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// wanted is the value of VISION_CPU, read once.
var wanted = sync.OnceValue(func() string { return os.Getenv("VISION_CPU") })

// Best returns the rung that VISION_CPU names or, if it is not set or this machine does
// not have that rung, the highest one. Select("") returns an error in the latter case.
func Best() *Rung {
	if r, err := Select(""); err == nil {
		return r
	}
	all := rungs()
	return all[len(all)-1]
}

// Select returns a rung by name: purego, avx2, avx512, vnni, avx512bf16, amx, neon, dotprod or i8mm.
// The empty name means that of VISION_CPU or, if it is not set, the highest rung. The error
// names the rungs of this machine.
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

// Available returns the names of the rungs of this machine, lowest first.
func Available() []string {
	var names []string
	for _, r := range rungs() {
		names = append(names, r.Name)
	}
	return names
}
