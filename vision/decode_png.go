package vision

import (
	"bytes"
	"encoding/binary"
	"image/png"
)

// decodePNG checks the header, then lets the standard library decode the
// default image: text, ICC profiles and animation frames are skipped unread,
// and inflating stops at the picture's size.
func decodePNG(data []byte, o *options) (*Image, int, error) {
	const signature, header = 8, 8 + 8 + 13
	if len(data) < header {
		return nil, 0, broken("PNG", "the data ends in the header")
	}
	h := data[signature:]
	if binary.BigEndian.Uint32(h) != 13 || string(h[4:8]) != "IHDR" {
		return nil, 0, broken("PNG", "the first chunk is no IHDR of 13 bytes")
	}
	width, height := binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:])
	if width > 1<<31-1 || height > 1<<31-1 {
		return nil, 0, broken("PNG", "the header says %dx%d; sides are below 2^31", width, height)
	}
	if err := o.admit("PNG", int64(width), int64(height), pngBytes(h[16], h[17], h[20])); err != nil {
		return nil, 0, err
	}
	src, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, 0, err
	}
	m, err := adopt(src, o.background)
	return m, pngOrientation(data[signature:]), err
}

// pngBytes is how many bytes a pixel decoding takes at its peak, by bit depth,
// colour type and interlace method.
func pngBytes(depth, colour, interlace byte) float64 {
	n := 4.0 // RGBA, in which the result finds room; grey or indices beside the result
	switch {
	case depth == 16 && colour == 0:
		n = 2 + 3
	case depth == 16:
		n = 8
	}
	if interlace != 0 { // the last pass is half a picture of its own
		n *= 1.5
	}
	return n
}

// pngOrientation finds the eXIf chunk, before or after the pixels.
func pngOrientation(chunks []byte) int {
	for len(chunks) >= 12 {
		n := uint64(binary.BigEndian.Uint32(chunks))
		if n+12 > uint64(len(chunks)) {
			break
		}
		switch string(chunks[4:8]) {
		case "eXIf":
			return exifOrientation(chunks[8 : 8+n])
		case "IEND":
			return 1
		}
		chunks = chunks[12+n:]
	}
	return 1
}
