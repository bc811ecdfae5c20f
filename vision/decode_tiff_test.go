package vision_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/internal/spent"
	"github.com/visionzoo/vision/vision"
)

// tiffEntry is an entry of a directory, whose type is BYTE, SHORT or LONG.
type tiffEntry struct {
	tag, kind uint16
	values    []uint32
}

// short is an entry of SHORTs, long of LONGs.
func short(tag uint16, values ...uint32) tiffEntry { return tiffEntry{tag, 3, values} }
func long(tag uint16, values ...uint32) tiffEntry  { return tiffEntry{tag, 4, values} }

// tiffOf is a little-endian TIFF of one page: the blocks, then the values, then the
// directory, in which the entries at and size (tags) are the blocks'.
func tiffOf(at, size uint16, blocks [][]byte, entries ...tiffEntry) []byte {
	le := binary.LittleEndian
	data := []byte("II*\x00\x00\x00\x00\x00")
	var offsets, sizes []uint32
	for _, b := range blocks {
		offsets, sizes = append(offsets, uint32(len(data))), append(sizes, uint32(len(b)))
		data = append(data, b...)
	}
	entries = append(slices.Clone(entries), long(at, offsets...), long(size, sizes...))
	dir := le.AppendUint16(nil, uint16(len(entries)))
	for _, e := range entries {
		var raw []byte
		for _, v := range e.values {
			switch e.kind {
			case 1:
				raw = append(raw, byte(v))
			case 3:
				raw = le.AppendUint16(raw, uint16(v))
			default:
				raw = le.AppendUint32(raw, v)
			}
		}
		dir = le.AppendUint32(le.AppendUint16(le.AppendUint16(dir, e.tag), e.kind), uint32(len(e.values)))
		if len(raw) > 4 {
			dir, data = le.AppendUint32(dir, uint32(len(data))), append(data, raw...)
		} else {
			dir = append(dir, append(raw, 0, 0, 0, 0)[:4]...)
		}
	}
	le.PutUint32(data[4:], uint32(len(data)))
	return append(append(data, dir...), 0, 0, 0, 0)
}

// jpegTIFF is the picture as a TIFF of JPEGs: tiles of w × h, or strips of h rows
// where w is 0.
func jpegTIFF(t *testing.T, m *vision.Image, w, h int) []byte {
	t.Helper()
	entries := []tiffEntry{long(256, uint32(m.Width)), long(257, uint32(m.Height)), short(258, 8, 8, 8), short(259, 7), short(262, 6), short(277, 3)}
	offsets, sizes, strips := uint16(324), uint16(325), w == 0
	if strips {
		w, offsets, sizes = m.Width, 273, 279
		entries = append(entries, long(278, uint32(h)))
	} else {
		entries = append(entries, long(322, uint32(w)), long(323, uint32(h)))
	}
	var blocks [][]byte
	for y := 0; y < m.Height; y += h {
		for x := 0; x < m.Width; x += w {
			rows := h
			if strips {
				rows = min(h, m.Height-y)
			}
			block := vision.NewImage(w, rows)
			for i := range min(rows, m.Height-y) {
				copy(block.Row(i), m.Row(y + i)[x*3:min(x+w, m.Width)*3])
			}
			var jpg bytes.Buffer
			if err := block.EncodeJPEG(&jpg, 90); err != nil {
				t.Fatal(err)
			}
			blocks = append(blocks, jpg.Bytes())
		}
	}
	return tiffOf(offsets, sizes, blocks, entries...)
}

// taken is how many bytes f allocates, and how long it works.
func taken(f func()) (bytes uint64, work time.Duration) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := spent.Time()
	f()
	work = spent.Time() - start
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, work
}

// What a directory claims costs nothing until it is asked for, and work grows with
// neither the same entry nor the same strip being named again.
func TestHostileTIFF(t *testing.T) {
	plain := []tiffEntry{long(256, 1), long(257, 1), short(259, 1), short(262, 1), short(277, 1)}
	many := make([]uint32, 1<<20)
	every := slices.Clone(plain)
	for _, tag := range []uint16{258, 266, 278, 284, 292, 317, 320, 332, 338, 339} {
		every = append(every, tiffEntry{tag, 1, many})
	}
	again := slices.Clone(plain)
	for range 1000 {
		again = append(again, short(284, many[:1000]...))
	}
	grey := jpegOf(t, 900, 900)
	strips := func(width, rows, n int, jpg []byte) []byte {
		at, size := make([]uint32, n), make([]uint32, n)
		for i := range at {
			at[i], size[i] = 8, uint32(len(jpg)) // the first block lies at 8
		}
		return tiffOf(1, 2, [][]byte{jpg}, long(256, uint32(width)), long(257, uint32(rows*n)), short(258, 8, 8, 8),
			short(259, 7), short(262, 6), short(277, 3), long(278, uint32(rows)), long(273, at...), long(279, size...))
	}
	for _, tt := range []struct {
		why   string
		data  []byte
		error string
	}{
		{"tags of a million values each", tiffOf(273, 279, [][]byte{{0}}, every...), "1048576 bit depths for 1 samples"},
		{"one tag a thousand times", tiffOf(273, 279, [][]byte{{0}}, again...), ""},
		{"strips that are larger than the picture", strips(1, 1, 500, grey), "TIFF: strip or tile 0 is a JPEG of 900x900; it has room for 1x1"},
		{"strips that are all the same", strips(64, 8, 20000, append(jpegOf(t, 64, 8), make([]byte, 64<<10)...)), "TIFF: the strips or tiles overlap: together they have 1261 MiB"},
	} {
		var err error
		bytes, work := taken(func() { _, err = vision.DecodeBytes(tt.data) })
		if text := fmt.Sprint(err); tt.error == "" && err != nil || !strings.Contains(text, tt.error) {
			t.Errorf("%s: %v, want %q", tt.why, err, tt.error)
		}
		if bytes > 1<<20 || work > 100*time.Millisecond {
			t.Errorf("%s: took %d KiB and %v", tt.why, bytes>>10, work)
		}
	}
}

// A window that Zstandard claims for each strip is allocated once, and not beyond the
// limit of memory.
func TestZstandardWindows(t *testing.T) {
	const frame = "\x28\xb5\x2f\xfd\x00\x88\x09\x00\x00A" // a window of 128 MiB and one raw byte
	at, size := make([]uint32, 1000), make([]uint32, 1000)
	for i := range at {
		at[i], size[i] = 8, uint32(len(frame))
	}
	data := tiffOf(1, 2, [][]byte{[]byte(frame)}, long(256, 1), long(257, 1000), short(258, 8), short(259, 50000), short(262, 1),
		short(277, 1), long(278, 1), long(273, at...), long(279, size...))
	var err error
	if bytes, _ := taken(func() { _, err = vision.DecodeBytes(data) }); err != nil || bytes > 150<<20 {
		t.Errorf("took %d MiB, %v", bytes>>20, err)
	}
	if bytes, _ := taken(func() { _, err = vision.DecodeBytes(data, vision.MemoryLimit(16<<20)) }); err == nil || bytes > 4<<20 {
		t.Errorf("beyond the limit: took %d MiB, %v", bytes>>20, err)
	}
}

func jpegOf(t *testing.T, w, h int) []byte {
	t.Helper()
	var jpg bytes.Buffer
	if err := vision.NewImage(w, h).EncodeJPEG(&jpg, 90); err != nil {
		t.Fatal(err)
	}
	return jpg.Bytes()
}

// Damage that Deflate's checksum alone tells is an error, also where it lies in the part of
// a tile that is outside the picture, as with libtiff. What follows the data is not read.
func TestDeflateChecksum(t *testing.T) {
	pack := func(data []byte) []byte {
		var b bytes.Buffer
		z, _ := zlib.NewWriterLevel(&b, zlib.NoCompression)
		if _, err := z.Write(data); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	file := func(block []byte) []byte {
		return tiffOf(324, 325, [][]byte{block}, long(256, 2), long(257, 2), short(258, 8), short(259, 8), short(262, 1), short(277, 1), long(322, 16), long(323, 16))
	}
	tile := make([]byte, 256)
	inside, outside, more := pack(tile), pack(tile), pack(append(tile, tile...))
	inside[8]++ // 2 bytes are zlib's head, 5 the block's
	outside[200]++
	more[len(more)-1]++
	for name, r := range map[string]struct {
		block []byte
		fault string
	}{
		"sound": {pack(tile), ""}, "more than a tile": {more, ""}, "a checksum cut off": {pack(tile)[:2+5+256+5+2], ""},
		"damage": {inside, "zlib: invalid checksum"}, "damage outside": {outside, "zlib: invalid checksum"}, "cut off outside": {pack(tile)[:100], "strip or tile 0 ends too early"},
	} {
		if _, err := vision.DecodeBytes(file(r.block)); (err == nil) != (r.fault == "") || !strings.Contains(fmt.Sprint(err), r.fault) && r.fault != "" {
			t.Errorf("%s: %v, want %q", name, err, r.fault)
		}
	}
}
