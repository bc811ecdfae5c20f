package vision_test

import (
	"bytes"
	"encoding/binary"
	"errors"
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

// What is larger than a limit is told apart from what is broken.
func TestErrLimit(t *testing.T) {
	large := vision.NewImage(64, 64)
	var jpg bytes.Buffer
	if err := large.EncodeJPEG(&jpg, 90); err != nil {
		t.Fatal(err)
	}
	recipe, err := vision.Named("imagenet")
	if err != nil {
		t.Fatal(err)
	}
	lean, err := vision.NewEncoder(recipe, vision.EncodeMemory(1000))
	if err != nil {
		t.Fatal(err)
	}
	decode := func(data []byte, opt vision.Option) error { _, err := vision.DecodeBytes(data, opt); return err }
	for _, tt := range []struct {
		why  string
		err  error
		over bool
	}{
		{"pixels", decode(jpg.Bytes(), vision.PixelLimit(64*64-1)), true},
		{"memory", decode(jpg.Bytes(), vision.MemoryLimit(1000)), true},
		{"memory besides a picture", decode(jpg.Bytes(), vision.MemoryLimit(3*64*64+100)), true},
		{"a PNG's pixels", decode(pngHead(vision.MaxPixels, 2, 8, 2, 0), nil), true},
		{"a stream", func() error { _, err := vision.Decode(zeros{}); return err }(), true},
		{"a tensor", func() error { _, _, err := lean.Encode(large); return err }(), true},
		{"a resized picture", func() error { _, err := vision.Resize(large, 1<<16, 1<<16, vision.Bilinear); return err }(), true},
		{"half a PNG", decode(pngHead(8, 8, 8, 2, 0), nil), false},
		{"no pixels", decode(pngHead(0, 8, 8, 2, 0), nil), false},
	} {
		var broken *vision.FormatError
		if errors.Is(tt.err, vision.ErrLimit) != tt.over || errors.As(tt.err, &broken) == tt.over {
			t.Errorf("%s: %v is a limit: %t, want %t", tt.why, tt.err, !tt.over, tt.over)
		}
	}
}

// zeros is a stream that does not end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
