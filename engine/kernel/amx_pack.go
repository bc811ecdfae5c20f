//go:build amd64 && !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
	"github.com/visionzoo/vision/engine/kernel/vec"
)

// packSplit allocates the weights of newSplitConv, packBF16 those of newBF16Conv.
func packSplit(c *Conv, weights Numbers, bias []float32) (*TileWeights, error) {
	return packTiles(splitSource(c), c, weights, bias)
}

func packBF16(c *Conv, weights Numbers, bias []float32) (*TileWeights, error) {
	return packTiles(BF16x32, c, weights, bias)
}

func packTiles(f Format, c *Conv, weights Numbers, bias []float32) (*TileWeights, error) {
	w, err := newTileWeights(f, c, weights.with(&vec.AVX512), bias)
	if err != nil {
		return nil, err
	}
	steps := w.kernelH
	if f != Planar {
		steps *= roundUp(w.cin/w.group, 32) / 32 * w.kernelW
	}
	w.panel = steps * tileStepBytes(f)
	w.data = w.bytes(w.Chunks() * w.panel)
	return w, nil
}

// tileStepBytes returns the size of the weights of one step for 32 outputs.
func tileStepBytes(f Format) int {
	if f == BF16x32 {
		return 2048
	}
	return 4096
}

// packGroup packs the weights of 32 outputs. Split weights are those of the first 16
// outputs, with high and low parts of each step, followed by those of the other 16,
// so that a kernel can read each half as one stream. BF16 weights are two tiles of 16
// outputs for each step.
func (w *TileWeights) packGroup(g int) {
	if w.format == Planar {
		w.packTaps(g)
		return
	}
	each := w.kernelH * w.kernelW * w.cin / w.group
	w.packRows(unsafe.Pointer(&w.data[g*w.panel]), &w.source, 32*g*each, each, min(32, w.cout-32*g), w.scaleOf(g))
}

// scaleOf returns the scales of group g; nil: all are 1.
func (w *TileWeights) scaleOf(g int) []float32 {
	if w.scale == nil {
		return nil
	}
	return w.scale[32*g:][:32]
}

// packRows packs the weights of at most 32 outputs. Those of one output are contiguous, and
// outputs are pitch numbers apart, from number at on. If scale is not nil, the weights of each
// output are multiplied by its scale.
func (w *TileWeights) packRows(dst unsafe.Pointer, source *numbers, at, pitch, outputs int, scale []float32) {
	taps, cin := w.kernelH*w.kernelW, w.cin/w.group
	var scratch [1024]byte
	var index [16]int32
	for i := range index {
		index[i] = int32(4 * taps * i)
	}
	from, low := 1024, 0 // bytes from one half of the outputs to the other, and from high to low parts
	if w.format == Split32 {
		from, low = w.panel/2, 1024
	}
	kept := numberRooms.Get().(*[]float32)
	defer numberRooms.Put(kept)
	for half := range 2 {
		a := amd64.PackArgs{
			Step: 2048, Rows: max(0, min(16, outputs-16*half)),
			Taps: taps, Index: &index, Upper: 64 * taps,
		}
		if taps == 1 {
			a.Contiguous = 1
		}
		for c := 0; c < cin; c += 32 {
			n := min(32, cin-c) * taps
			numbers, apart := source.block(at+min(16*half, outputs-1)*pitch+c*taps, pitch, a.Rows, n, kept)
			a.Source, a.RowBytes = numbers, 4*apart
			if scale != nil {
				room := roomFor(kept, max(1, a.Rows)*n) // where narrow numbers are already
				a.Source, a.RowBytes = unsafe.Pointer(unsafe.SliceData(room)), 4*n
				for r := range a.Rows {
					amd64.VecMulRightAVX512(unsafe.Pointer(&room[n*r]), unsafe.Add(numbers, 4*apart*r), unsafe.Pointer(&scale[16*half+r]), n)
				}
			}
			a.High = unsafe.Add(dst, half*from+c/32*taps*2048)
			a.Low = unsafe.Pointer(&scratch)
			if low > 0 {
				a.Low, a.LowStep = unsafe.Add(a.High, low), 2048
			}
			a.MaskA, a.MaskB = channelMask(cin-c), channelMask(cin-c-16)
			amd64.PackRows(&a)
		}
	}
}

// channelMask returns a mask of the first n of 16 channels; n may be out of range.
func channelMask(n int) uint32 { return 1<<max(0, min(n, 16)) - 1 }
