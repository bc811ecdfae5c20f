package vision_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/visionzoo/vision/vision"
)

// pngHead is a PNG that ends after its header and the beginning of its pixels.
func pngHead(width, height uint32, depth, colour, interlaced byte) []byte {
	data := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(id string, body []byte) {
		data = binary.BigEndian.AppendUint32(data, uint32(len(body)))
		start := len(data)
		data = append(append(data, id...), body...)
		data = binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(data[start:]))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	chunk("IHDR", append(head, depth, colour, 0, 0, interlaced))
	chunk("IDAT", []byte{0x78, 0x9c, 0})
	return data
}

// Rows count where they are as large as the picture, and so does the copy that is
// turned upright.
func TestMemoryLimit(t *testing.T) {
	turned := tiffOf(273, 279, [][]byte{make([]byte, 3000)}, long(256, 100), long(257, 10), short(258, 8, 8, 8), short(259, 1),
		short(262, 2), short(277, 3), short(274, 6))
	for _, tt := range []struct {
		why   string
		data  []byte
		limit int64
		error string
	}{
		{"a PNG one pixel high", pngHead(vision.MaxPixels, 1, 16, 6, 0), 1 << 30, "2731 MiB of them besides the picture"},
		{"an interlaced one of a bit", pngHead(vision.MaxPixels, 1, 1, 0, 1), 1 << 30, "555 MiB of them besides the picture"},
		{"a TIFF one pixel high", tiffOf(273, 279, [][]byte{{0}}, long(256, vision.MaxPixels), long(257, 1), short(258, 16), short(259, 5),
			short(262, 1), short(277, 8)), 1 << 30, "4438 MiB of them besides the picture"},
		{"a picture that fits once", turned, 4000, "turning 100x10 upright takes"},
		{"one that fits twice", turned, 6000, ""},
	} {
		_, err := vision.DecodeBytes(tt.data, vision.MemoryLimit(tt.limit))
		if text := fmt.Sprint(err); tt.error == "" && err != nil || !strings.Contains(text, tt.error) {
			t.Errorf("%s: %v, want %q", tt.why, err, tt.error)
		}
	}
}
