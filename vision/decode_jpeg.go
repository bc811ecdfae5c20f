package vision

import (
	"bytes"
	"encoding/binary"
	"image/jpeg"
)

// decodeJPEG checks the header and decodes.
func decodeJPEG(data []byte, o *options) (*Image, int, error) {
	width, height, orientation := jpegHeader(data)
	if err := o.admit("JPEG", int64(width), int64(height), 9); err != nil {
		return nil, 0, err
	}
	src, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, 0, err
	}
	m, err := adopt(src, o.background)
	return m, orientation, err
}

// jpegHeader walks the segments before the first scan: the frame's size, 0x0
// where there is none, and the EXIF orientation.
func jpegHeader(data []byte) (width, height, orientation int) {
	orientation = 1
	exif := false
	for p := data[2:]; len(p) >= 4; {
		if p[0] != 0xff {
			return
		}
		marker := p[1]
		if marker == 0xff { // fill
			p = p[1:]
			continue
		}
		if marker == 0xd8 || marker == 0x01 || marker >= 0xd0 && marker <= 0xd7 { // no length
			p = p[2:]
			continue
		}
		n := int(binary.BigEndian.Uint16(p[2:]))
		if marker == 0xda || marker == 0xd9 || n < 2 || n+2 > len(p) {
			return
		}
		body := p[4 : 2+n]
		switch {
		case marker == 0xe1 && !exif && bytes.HasPrefix(body, []byte("Exif\x00\x00")):
			orientation, exif = exifOrientation(body), true
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc && len(body) >= 5 && width == 0:
			height, width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
		}
		p = p[2+n:]
	}
	return
}
