package vision_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

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
