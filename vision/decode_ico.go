package vision

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// decodeICO decodes the largest picture of an icon: a PNG, or a BMP without its
// file header, followed by a mask of one bit per pixel that is set where the
// background shows.
func decodeICO(data []byte, o *options) (*Image, int, error) {
	if len(data) < 6 {
		return nil, 0, broken("ICO", "the data ends in the header")
	}
	icon := data[2] == 1
	var size, at uint64 // of the picture chosen so far
	most := -1
	entries := data[6:]
	for range binary.LittleEndian.Uint16(data[4:]) {
		if len(entries) < 16 {
			break
		}
		e := entries[:16]
		entries = entries[16:]
		width, height := (int(e[0])+255)%256+1, (int(e[1])+255)%256+1 // 0 means 256
		// Among pictures of the same size the one with the most bits per pixel wins,
		// and among these the last, as in Pillow. Of cursors it is the first: they have
		// a position in the place of bits.
		rank := width * height << 16
		if icon {
			rank += bitsOfIcon(e)
		}
		if rank > most || icon && rank == most {
			most = rank
			size, at = uint64(binary.LittleEndian.Uint32(e[8:])), uint64(binary.LittleEndian.Uint32(e[12:]))
		}
	}
	if size < 16 || at+size > uint64(len(data)) {
		return nil, 0, broken("ICO", "the largest picture, of %d bytes at byte %d, lies outside the file of %d", size, at, len(data))
	}
	best := data[at : at+size]
	if strings.HasPrefix(string(best[:8]), "\x89PNG") {
		m, _, err := decodePNG(best, o)
		return m, 1, err
	}
	m, err := decodeDIB(best, 0, true, o)
	return m, 1, err
}

// bitsOfIcon is the bits per pixel of an entry; where they are left out, they follow
// from the number of colours.
func bitsOfIcon(entry []byte) int {
	if n := int(binary.LittleEndian.Uint16(entry[6:])); n > 0 {
		return n
	}
	if colours := entry[2]; colours > 0 {
		return bits.Len8(colours - 1)
	}
	return 256
}

// maskIcon paints the background over the pixels that the mask at the end of an
// icon's bitmap hides.
func (m *Image) maskIcon(data []byte, background [3]byte) {
	stride := (m.Width + 31) / 32 * 4
	if len(data) < stride*m.Height {
		return
	}
	mask := data[len(data)-stride*m.Height:]
	for y := range m.Height {
		row := m.Row(m.Height - 1 - y)
		for x := range m.Width {
			if mask[y*stride+x/8]>>(7-x%8)&1 != 0 {
				copy(row[3*x:3*x+3], background[:])
			}
		}
	}
}
