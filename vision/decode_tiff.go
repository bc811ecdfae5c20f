package vision

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"
)

// tiffFile describes the first page of a TIFF, from its directory. TIFF 6.0.
type tiffFile struct {
	data  []byte
	order binary.ByteOrder

	width, height   int
	bits, samples   int // of a sample, of a pixel
	kind            int // of the samples
	compression     int
	photometric     int
	planar          bool // samples stored in separate planes
	predictor       int
	lowBitFirst     bool
	alpha           int // number of the alpha sample; 0 for none
	premultiplied   bool
	tiled           bool
	blockW, blockH  int // of a strip or tile
	offsets, counts tiffValues
	palette         [256][3]byte
	jpegTables      []byte
	zstandard       []*zstd.Decoder // of the planes
	block           Image           // memory for one strip or tile after the other that is a JPEG
	t4              uint32
	orientation     int
}

// TIFF tags.
const (
	tiffWidth        = 256
	tiffHeight       = 257
	tiffBits         = 258
	tiffCompression  = 259
	tiffPhotometric  = 262
	tiffFillOrder    = 266
	tiffStripOffsets = 273
	tiffSamples      = 277
	tiffRowsPerStrip = 278
	tiffStripCounts  = 279
	tiffPlanar       = 284
	tiffT4Options    = 292
	tiffPredictor    = 317
	tiffColorMap     = 320
	tiffTileWidth    = 322
	tiffTileHeight   = 323
	tiffTileOffsets  = 324
	tiffTileCounts   = 325
	tiffInkSet       = 332
	tiffExtra        = 338
	tiffSampleFormat = 339
	tiffJPEGTables   = 347
	tiffCoefficients = 529
	tiffSubsampling  = 530
	tiffReference    = 532
)

// Photometric interpretations.
const (
	tiffWhiteIsZero = 0
	tiffBlackIsZero = 1
	tiffRGB         = 2
	tiffPalette     = 3
	tiffCMYK        = 5
	tiffYCbCr       = 6
	tiffLab         = 8
)

// Kinds of samples.
const (
	tiffUnsigned  = 1
	tiffSigned    = 2
	tiffFloat     = 3
	tiffUndefined = 4 // taken for unsigned
)

func decodeTIFF(data []byte, o *options) (*Image, int, error) {
	f := &tiffFile{data: data, order: binary.LittleEndian}
	if data[0] == 'M' {
		f.order = binary.BigEndian
	}
	dir, err := f.directory()
	if err != nil {
		return nil, 0, err
	}
	if err := f.describe(dir); err != nil {
		return nil, 0, err
	}
	if err := o.admit("TIFF", int64(f.width), int64(f.height), 0); err != nil {
		return nil, 0, err
	}
	if err := f.blocks(dir, o); err != nil {
		return nil, 0, err
	}
	// A row of a block as stored, once more to sort its bytes, as samples of a byte, and
	// two as the fax decoder keeps them.
	if err := o.admit("TIFF", int64(f.width), int64(f.height), f.rowBytes()+f.spareBytes()+int64(f.blockW)*int64(f.samples+2)); err != nil {
		return nil, 0, err
	}
	m, err := f.decode(o)
	return m, f.orientation, err
}

// tiffDirectory holds the values of the entries that decoding depends on.
type tiffDirectory map[uint16]tiffValues

// tiffValues are an entry's integers, as they stand in the file: a directory may
// claim any number of them, and most of its tags are asked for the first only.
type tiffValues struct {
	raw   []byte
	size  int // bytes of each
	order binary.ByteOrder
}

func (v tiffValues) len() int {
	if v.size == 0 {
		return 0
	}
	return len(v.raw) / v.size
}

func (v tiffValues) at(i int) uint32 {
	switch raw := v.raw[i*v.size:]; v.size {
	case 1:
		return uint32(raw[0])
	case 2:
		return uint32(v.order.Uint16(raw))
	default:
		return v.order.Uint32(raw)
	}
}

// directory reads IFD0, without tags that are not used here. Of entries with the
// same tag the first counts, as with libtiff. Further IFDs are ignored.
func (f *tiffFile) directory() (tiffDirectory, error) {
	if len(f.data) < 8 {
		return nil, broken("TIFF", "the data ends in the header")
	}
	at := uint64(f.order.Uint32(f.data[4:]))
	if at < 8 || at+2 > uint64(len(f.data)) {
		return nil, broken("TIFF", "the directory is said to be at byte %d of %d", at, len(f.data))
	}
	dir := tiffDirectory{}
	entries := f.data[at+2:]
	for range f.order.Uint16(f.data[at:]) {
		if len(entries) < 12 {
			break
		}
		e := entries[:12]
		entries = entries[12:]
		tag := f.order.Uint16(e)
		switch tag {
		case tiffJPEGTables:
			f.jpegTables = f.bytes(e, 1)
		case orientationTag:
			f.orientation = orientationOf(f.order, e)
		}
		if _, twice := dir[tag]; twice || !tiffUsed[tag] {
			continue
		}
		size, times := 0, uint64(1)
		switch f.order.Uint16(e[2:]) {
		case 1:
			size = 1
		case 3:
			size = 2
		case 4:
			size = 4
		case 5: // a fraction counts as two values
			size, times = 4, 2
		}
		raw := f.bytes(e, uint64(size)*times)
		if len(raw) == 0 {
			return nil, broken("TIFF", "tag %d has no values, or they lie outside the file", tag)
		}
		dir[tag] = tiffValues{raw, size, f.order}
	}
	return dir, nil
}

// bytes returns the values that an entry holds or points at, each of size bytes;
// nil if they lie outside the file.
func (f *tiffFile) bytes(e []byte, size uint64) []byte {
	n := uint64(f.order.Uint32(e[4:])) * size
	if n <= 4 {
		return e[8 : 8+n]
	}
	at := uint64(f.order.Uint32(e[8:]))
	if at+n > uint64(len(f.data)) {
		return nil
	}
	return f.data[at : at+n]
}

// tiffUsed are the tags that decoding depends on.
var tiffUsed = map[uint16]bool{
	tiffWidth: true, tiffHeight: true, tiffBits: true, tiffCompression: true, tiffPhotometric: true,
	tiffFillOrder: true, tiffStripOffsets: true, tiffSamples: true, tiffRowsPerStrip: true, tiffStripCounts: true,
	tiffPlanar: true, tiffT4Options: true, tiffPredictor: true, tiffColorMap: true, tiffTileWidth: true,
	tiffTileHeight: true, tiffTileOffsets: true, tiffTileCounts: true, tiffInkSet: true, tiffExtra: true, tiffSampleFormat: true,
	tiffCoefficients: true, tiffSubsampling: true, tiffReference: true,
}

// first is a tag's first value, or otherwise if there is none.
func (d tiffDirectory) first(tag uint16, otherwise uint32) uint32 {
	if v := d[tag]; v.len() > 0 {
		return v.at(0)
	}
	return otherwise
}

// describe reads the format of the pixels and refuses formats that are not
// supported.
func (f *tiffFile) describe(dir tiffDirectory) error {
	if f.orientation == 0 {
		f.orientation = 1
	}
	width, height := dir.first(tiffWidth, 0), dir.first(tiffHeight, 0)
	if width == 0 || height == 0 || width > 1<<30 || height > 1<<30 {
		return broken("TIFF", "the directory says %dx%d", width, height)
	}
	f.width, f.height = int(width), int(height)
	// Some writers leave out what the samples mean; Pillow then takes 0.
	f.compression, f.photometric = int(dir.first(tiffCompression, 1)), int(dir.first(tiffPhotometric, tiffWhiteIsZero))
	f.predictor = tiffNoPredictor
	if f.predicts() {
		f.predictor = int(dir.first(tiffPredictor, tiffNoPredictor))
	}
	f.lowBitFirst, f.t4 = dir.first(tiffFillOrder, 1) == 2, dir.first(tiffT4Options, 0)
	samples := dir.first(tiffSamples, 1)
	if samples < 1 || samples > 8 {
		return broken("TIFF", "%d samples a pixel", samples)
	}
	f.samples = int(samples)
	f.planar = samples > 1 && dir.first(tiffPlanar, 1) == 2
	bits := dir[tiffBits]
	f.bits = int(dir.first(tiffBits, 1))
	if n := bits.len(); n > f.samples || n > 1 && n < f.samples {
		return broken("TIFF", "%d bit depths for %d samples", n, f.samples)
	}
	for i := range bits.len() {
		if int(bits.at(i)) != f.bits {
			return unsupported("TIFF with samples of different depths")
		}
	}
	kinds := dir[tiffSampleFormat]
	f.kind = int(dir.first(tiffSampleFormat, tiffUnsigned))
	for i := range kinds.len() {
		if int(kinds.at(i)) != f.kind {
			return unsupported("TIFF with samples of different kinds")
		}
	}
	if err := f.checkSamples(); err != nil {
		return err
	}
	return f.describeColours(dir)
}

// checkSamples refuses sizes and kinds of samples that Pillow refuses too.
func (f *tiffFile) checkSamples() error {
	switch f.bits {
	case 1, 2, 4, 8, 16, 32:
	case 64:
		return unsupported("TIFF with 64 bits a sample")
	default:
		return broken("TIFF", "%d bits a sample", f.bits)
	}
	switch {
	case !f.clipped():
		if f.kind == tiffUnsigned || f.kind == tiffUndefined {
			return nil
		}
		return unsupported(fmt.Sprintf("TIFF with signed or floating-point samples of %d bits", f.bits))
	case f.samples > 1 || f.photometric != tiffBlackIsZero:
		return unsupported("TIFF with signed samples or 32 bits a sample that is not plain grey")
	case f.kind > tiffUndefined:
		return broken("TIFF", "samples of kind %d", f.kind)
	}
	return nil
}

// clipped reports whether samples are numbers of which Pillow keeps what lies within
// 0 to 255, not shares of a largest value.
func (f *tiffFile) clipped() bool { return f.bits == 32 || f.bits == 16 && f.kind == tiffSigned }

func (f *tiffFile) describeColours(dir tiffDirectory) error {
	colours := 1
	switch f.photometric {
	case tiffWhiteIsZero, tiffBlackIsZero:
	case tiffRGB:
		colours = 3
	case tiffPalette:
		if f.bits > 8 {
			return broken("TIFF", "a palette with %d bits a sample", f.bits)
		}
		n := 1 << f.bits
		colourMap := dir[tiffColorMap]
		if colourMap.len() < 3*n {
			return broken("TIFF", "a palette picture without a colour map")
		}
		for i := range n {
			f.palette[i] = [3]byte{byte(colourMap.at(i) >> 8), byte(colourMap.at(n+i) >> 8), byte(colourMap.at(2*n+i) >> 8)}
		}
	case tiffCMYK:
		colours = 4
		if dir.first(tiffInkSet, 1) != 1 {
			return unsupported("TIFF with inks other than CMYK")
		}
	case tiffYCbCr:
		colours = 3
		if f.compression != tiffJPEG && !plainYCbCr(dir) {
			return unsupported("TIFF of YCbCr with fewer samples of colour, or of unusual ranges, that is not JPEG")
		}
	case tiffLab:
		colours = 3
		if f.bits != 8 {
			return unsupported("TIFF of Lab with other than 8 bits a sample")
		}
	default:
		return unsupported("TIFF of this colour space")
	}
	if f.samples < colours {
		return broken("TIFF", "%d samples a pixel where %d are needed", f.samples, colours)
	}
	extra := dir.first(tiffExtra, 0)
	if unnamed := dir[tiffExtra].len() == 0; unnamed && f.photometric == tiffRGB && f.samples == 4 {
		extra = 2 // as Pillow reads it
	}
	if f.samples > colours && (extra == 1 || extra == 2) {
		f.alpha, f.premultiplied = colours, extra == 1
	}
	if f.bits < 8 && f.samples > 1 {
		return unsupported("TIFF with several samples of less than 8 bits")
	}
	switch {
	case f.predictor < 1 || f.predictor > tiffFloatDifference:
		return broken("TIFF", "predictor %d is not known", f.predictor)
	case f.predictor == tiffDifference && f.bits < 8:
		return unsupported("TIFF with a predictor below 8 bits")
	case f.predictor == tiffFloatDifference && f.kind != tiffFloat:
		return broken("TIFF", "a floating-point predictor of other samples")
	}
	return f.checkCompression()
}

// plainYCbCr reports whether each pixel has its own colour, in the ranges and with
// the coefficients of JPEG. Where no tag says so, TIFF 6.0 section 21 means a
// quarter of the colours, and ranges that nobody uses.
func plainYCbCr(dir tiffDirectory) bool {
	if s := dir[tiffSubsampling]; s.len() != 2 || s.at(0) != 1 || s.at(1) != 1 {
		return false
	}
	is := func(tag uint16, want ...float64) bool {
		v := dir[tag]
		for i, w := range want {
			if v.len() < 2*len(want) || !(math.Abs(float64(v.at(2*i))/float64(v.at(2*i+1))-w) < 1e-6) {
				return v.len() == 0
			}
		}
		return true
	}
	return is(tiffReference, 0, 255, 128, 255, 128, 255) && is(tiffCoefficients, 0.299, 0.587, 0.114)
}

// blocks finds the strips or tiles and checks that all lie inside the file.
func (f *tiffFile) blocks(dir tiffDirectory, o *options) error {
	f.blockW, f.blockH = f.width, f.height
	f.offsets, f.counts = dir[tiffStripOffsets], dir[tiffStripCounts]
	if _, f.tiled = dir[tiffTileWidth]; f.tiled {
		w, h := dir.first(tiffTileWidth, 0), dir.first(tiffTileHeight, 0)
		if err := o.admit("TIFF tile", int64(w), int64(h), 0); err != nil {
			return err
		}
		// A tile that is much larger than the picture would only cost memory.
		if uint64(w) > uint64(f.width)+1<<14 || uint64(h) > uint64(f.height)+1<<14 {
			return broken("TIFF", "tiles of %dx%d in a picture of %dx%d", w, h, f.width, f.height)
		}
		f.blockW, f.blockH = int(w), int(h)
		// Nobody writes tiles that lie mostly outside the picture; refusing them
		// bounds the work by the picture's size.
		inside, all := int64(f.width)*int64(f.height), int64(f.across())*int64(w)*int64(f.down())*int64(h)
		if all > 4*inside+1<<26 {
			return broken("TIFF", "tiles of %dx%d in a picture of %dx%d", w, h, f.width, f.height)
		}
		f.offsets, f.counts = dir[tiffTileOffsets], dir[tiffTileCounts]
	} else if rows := dir.first(tiffRowsPerStrip, math.MaxUint32); rows == 0 {
		return broken("TIFF", "strips of 0 rows")
	} else if uint64(rows) < uint64(f.height) {
		f.blockH = int(rows)
	}
	need := int64(f.across()) * int64(f.down())
	if f.planar {
		need *= int64(f.samples)
	}
	if int64(f.offsets.len()) < need {
		return broken("TIFF", "%d strips or tiles where %d are needed", f.offsets.len(), need)
	}
	if missing := f.counts.len() == 0 && f.compression == tiffNone; !missing && int64(f.counts.len()) < need {
		return broken("TIFF", "%d strip or tile sizes where %d are needed", f.counts.len(), need)
	}
	all := need * int64(len(f.jpegTables))
	for i := range int(need) {
		at, n := f.extent(i)
		if at >= int64(len(f.data)) || at+n > int64(len(f.data)) {
			return broken("TIFF", "strip or tile %d lies outside the file", i)
		}
		all += n
	}
	// These are copied and read whole, so what they share is read as many times.
	whole := f.compression == tiffJPEG || f.compression == tiffWebP || f.lowBitFirst
	if most := 8*int64(len(f.data)) + 1<<26; all > most && whole {
		return broken("TIFF", "the strips or tiles overlap: together they have %d MiB", all>>20)
	}
	return nil
}

// extent is where block i lies in the file, and its size.
func (f *tiffFile) extent(i int) (at, size int64) {
	if f.counts.len() == 0 { // some old writers leave out the sizes of uncompressed blocks
		return int64(f.offsets.at(i)), f.blockBytes(i)
	}
	return int64(f.offsets.at(i)), int64(f.counts.at(i))
}

// source is the data of block i.
func (f *tiffFile) source(i int) []byte {
	at, size := f.extent(i)
	return f.data[at : at+size]
}

func (f *tiffFile) across() int { return (f.width + f.blockW - 1) / f.blockW }
func (f *tiffFile) down() int   { return (f.height + f.blockH - 1) / f.blockH }

// samplesTogether is the number of samples that a pixel has in one block.
func (f *tiffFile) samplesTogether() int {
	if f.planar {
		return 1
	}
	return f.samples
}

// rowBytes is the number of bytes of a block's row.
func (f *tiffFile) rowBytes() int64 {
	return (int64(f.blockW)*int64(f.samplesTogether())*int64(f.bits) + 7) / 8
}

// blockRows is the number of rows of block i; the last strip may have fewer than
// others.
func (f *tiffFile) blockRows(i int) int {
	y := i / f.across() % f.down() * f.blockH
	if f.tiled {
		return f.blockH
	}
	return min(f.blockH, f.height-y)
}

func (f *tiffFile) blockBytes(i int) int64 { return f.rowBytes() * int64(f.blockRows(i)) }
