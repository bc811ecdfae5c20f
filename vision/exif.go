package vision

import "encoding/binary"

// orientationTag is TIFF's and EXIF's tag 274.
const orientationTag = 0x0112

// exifOrientation reads the orientation, 1 to 8, of an EXIF block: a TIFF header
// and IFD0, with or without "Exif\0\0" before it. If it is broken or out of range
// the result is 1: metadata never makes a picture unreadable. Only IFD0 is read
// (IFD1 is the thumbnail's), so there can be no loop. CIPA DC-008-2019 §4.6.4.
func exifOrientation(block []byte) int {
	if len(block) >= 6 && string(block[:6]) == "Exif\x00\x00" {
		block = block[6:]
	}
	if len(block) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(block[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	at := uint64(order.Uint32(block[4:]))
	if at+2 > uint64(len(block)) {
		return 1
	}
	entries := block[at+2:]
	for range order.Uint16(block[at:]) {
		if len(entries) < 12 {
			return 1
		}
		if order.Uint16(entries) == orientationTag {
			return orientationOf(order, entries)
		}
		entries = entries[12:]
	}
	return 1
}

// orientationOf reads the value of an IFD entry: a SHORT, or a LONG as some
// cameras write it.
func orientationOf(order binary.ByteOrder, entry []byte) int {
	var v uint32
	switch order.Uint16(entry[2:]) {
	case 3:
		v = uint32(order.Uint16(entry[8:]))
	case 4:
		v = order.Uint32(entry[8:])
	}
	if v < 1 || v > 8 {
		return 1
	}
	return int(v)
}

// upright turns a picture upright: orientation 2 is mirrored, 3 upside down, 4
// both, and 5 to 8 have the sides exchanged. The picture may be changed in place.
func (m *Image) upright(orientation int, o *options) (*Image, error) {
	switch orientation {
	case 2:
		for y := range m.Height {
			if err := o.ended(); err != nil {
				return nil, err
			}
			mirror(m.Row(y), m.Row(y))
		}
	case 3:
		return m, m.upsideDown(mirror, o)
	case 4:
		return m, m.upsideDown(func(dst, src []byte) { copy(dst, src) }, o)
	case 5:
		return m.transposed(false, false, o)
	case 6:
		return m.transposed(false, true, o)
	case 7:
		return m.transposed(true, true, o)
	case 8:
		return m.transposed(true, false, o)
	}
	return m, nil
}

// upsideDown exchanges the rows, each of which row copies.
func (m *Image) upsideDown(row func(dst, src []byte), o *options) error {
	spare := make([]byte, m.Width*3)
	for y := range (m.Height + 1) / 2 {
		if err := o.ended(); err != nil {
			return err
		}
		a, b := m.Row(y), m.Row(m.Height-1-y)
		copy(spare, a)
		row(a, b)
		row(b, spare)
	}
	return nil
}

// transposed exchanges the sides: the source's column x, read from the top or
// from the bottom (up), becomes row x, counted from the last column (right).
func (m *Image) transposed(right, up bool, o *options) (*Image, error) {
	out := NewImage(m.Height, m.Width)
	const tile = 32 // rows and columns that stay in cache together
	for y0 := 0; y0 < m.Height; y0 += tile {
		if err := o.ended(); err != nil {
			return nil, err
		}
		for x0 := 0; x0 < m.Width; x0 += tile {
			for y := y0; y < min(y0+tile, m.Height); y++ {
				tx := y
				if up {
					tx = m.Height - 1 - y
				}
				for x := x0; x < min(x0+tile, m.Width); x++ {
					ty := x
					if right {
						ty = m.Width - 1 - x
					}
					d, s := (ty*out.Width+tx)*3, (y*m.Width+x)*3
					out.Pix[d], out.Pix[d+1], out.Pix[d+2] = m.Pix[s], m.Pix[s+1], m.Pix[s+2]
				}
			}
		}
	}
	return out, nil
}
