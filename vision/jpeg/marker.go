package jpeg

import (
	"encoding/binary"
	"fmt"
)

// Marker codes, T.81 table B.1: the second byte, after FF.
const (
	mSOF0 = 0xC0 // baseline
	mSOF1 = 0xC1 // extended sequential
	mSOF2 = 0xC2 // progressive
	mDHT  = 0xC4
	mDAC  = 0xCC
	mRST0 = 0xD0
	mRST7 = 0xD7
	mSOI  = 0xD8
	mEOI  = 0xD9
	mSOS  = 0xDA
	mDQT  = 0xDB
	mDNL  = 0xDC
	mDRI  = 0xDD
	mAPP0 = 0xE0
	mAPPF = 0xEF
	mCOM  = 0xFE
	mTEM  = 0x01
)

// unsupportedFrames names the frame types that are valid but not supported.
var unsupportedFrames = map[byte]string{
	0xC3: "lossless coding (SOF3)",
	0xC5: "hierarchical coding (SOF5)",
	0xC6: "hierarchical coding (SOF6)",
	0xC7: "hierarchical lossless coding (SOF7)",
	0xC8: "the reserved JPG frame (SOF8)",
	0xC9: "arithmetic coding (SOF9)",
	0xCA: "arithmetic coding (SOF10)",
	0xCB: "arithmetic lossless coding (SOF11)",
	0xCD: "arithmetic hierarchical coding (SOF13)",
	0xCE: "arithmetic hierarchical coding (SOF14)",
	0xCF: "arithmetic hierarchical lossless coding (SOF15)",
	0xDE: "hierarchical coding (DHP)",
	0xDF: "hierarchical coding (EXP)",
}

// A scanHeader is one SOS segment, T.81 B.2.3.
type scanHeader struct {
	n      int    // components in the scan, 1 to 4
	comp   [4]int // their indices in the frame
	td, ta [4]byte
	ss, se int // band of coefficients, in zigzag order, inclusive
	ah, al int // lowest bit known before this scan (0: none is), and after it: T.81 G.1.1.1
}

// A frameComponent is the specification of a component in an SOF segment, T.81 B.2.2.
type frameComponent struct {
	id   byte
	h, v int  // sampling factors, 1 to 4
	tq   byte // quantisation table, 0 to 3
}

// A header is the state that marker segments set. It owns no other memory: tables alias
// the input.
type header struct {
	data []byte
	pos  int

	info     Info
	frame    [4]frameComponent
	hasFrame bool
	quant    [4][64]uint16 // in zigzag order
	hasQuant [4]bool
	huff     [2][4][]byte // by class and index: 16 counts, then the symbols; nil: undefined
	restart  int          // MCUs between restart markers; 0: there are none
	foundEnd bool         // EOI, or the end of data, was found instead of another marker
	endless  bool         // data ended without EOI, or within a segment
}

// begin reads data up to the header of the first scan, inclusive.
func (h *header) begin(data []byte) (scanHeader, error) {
	*h = header{data: data, info: Info{AdobeTransform: -1}}
	if len(data) < 3 || data[0] != 0xFF || data[1] != mSOI || data[2] != 0xFF {
		return scanHeader{}, FormatError("no SOI marker: not a JPEG file")
	}
	h.pos = 2
	s, err := h.nextScan()
	if err != nil {
		return s, err
	}
	if h.foundEnd {
		if h.endless {
			return s, FormatError("ends before the first scan")
		}
		return s, FormatError("EOI before the first scan")
	}
	if h.info.Height == 0 {
		return s, h.heightFromDNL()
	}
	return s, nil
}

// nextScan reads segments up to the next SOS, inclusive. At EOI, or if data ends between
// segments, it sets foundEnd instead.
func (h *header) nextScan() (scanHeader, error) {
	for {
		marker, ok := h.nextMarker()
		if !ok || marker == mEOI {
			h.foundEnd, h.endless = true, !ok
			return scanHeader{}, nil
		}
		if marker == mTEM || marker >= mRST0 && marker <= mRST7 {
			continue
		}
		if marker == mSOI {
			return scanHeader{}, FormatError("a second SOI")
		}
		seg, err := h.segment(marker)
		if err != nil {
			return scanHeader{}, err
		}
		if marker == mSOS {
			return h.readSOS(seg)
		}
		if err := h.apply(marker, seg); err != nil {
			return scanHeader{}, err
		}
	}
}

// nextMarker reads the next marker. It skips other bytes, fill bytes and stuffed zeros.
func (h *header) nextMarker() (byte, bool) {
	for i := h.pos; i+1 < len(h.data); i++ {
		if c := h.data[i+1]; h.data[i] == 0xFF && c != 0 && c != 0xFF {
			h.pos = i + 2
			return c, true
		}
	}
	h.pos = len(h.data)
	return 0, false
}

// segment returns the bytes of the segment at pos, without its length.
func (h *header) segment(marker byte) ([]byte, error) {
	rest := h.data[h.pos:]
	if len(rest) < 2 {
		h.endless = true
		return nil, FormatError(fmt.Sprintf("ends inside segment FF%02X", marker))
	}
	n := int(binary.BigEndian.Uint16(rest))
	if n < 2 {
		return nil, FormatError(fmt.Sprintf("segment FF%02X has length %d, less than 2", marker, n))
	}
	if n > len(rest) {
		h.endless = true
		return nil, FormatError(fmt.Sprintf("segment FF%02X has length %d, the file has %d more bytes", marker, n, len(rest)))
	}
	h.pos += n
	return rest[2:n], nil
}

// apply applies one segment other than SOS to the state.
func (h *header) apply(marker byte, seg []byte) error {
	switch {
	case marker == mSOF0 || marker == mSOF1 || marker == mSOF2:
		return h.readSOF(marker, seg)
	case marker == mDHT:
		return h.readDHT(seg)
	case marker == mDQT:
		return h.readDQT(seg)
	case marker == mDRI:
		if len(seg) != 2 {
			return FormatError(fmt.Sprintf("DRI has %d bytes, not 2", len(seg)))
		}
		h.restart = int(binary.BigEndian.Uint16(seg))
	case marker >= mAPP0 && marker <= mAPPF:
		h.readAPP(marker, seg)
	case marker == mCOM || marker == mDAC || marker == mDNL:
		// A comment; arithmetic conditioning, which Huffman scans do not use; a
		// height that is known already.
	default:
		if name, ok := unsupportedFrames[marker]; ok {
			return UnsupportedError(name)
		}
		return FormatError(fmt.Sprintf("unknown marker FF%02X", marker))
	}
	return nil
}

// readSOF reads a frame header.
func (h *header) readSOF(marker byte, seg []byte) error {
	if h.hasFrame {
		return FormatError("a second SOF")
	}
	if len(seg) < 6 || len(seg) != 6+3*int(seg[5]) {
		return FormatError("SOF's length and its number of components disagree")
	}
	h.info.Bits = int(seg[0])
	h.info.Height = int(binary.BigEndian.Uint16(seg[1:]))
	h.info.Width = int(binary.BigEndian.Uint16(seg[3:]))
	h.info.Components = int(seg[5])
	h.info.Progressive = marker == mSOF2
	switch {
	case h.info.Bits == 12:
		return UnsupportedError("12 bits a sample")
	case h.info.Bits != 8:
		return FormatError(fmt.Sprintf("%d bits a sample", h.info.Bits))
	case h.info.Width == 0:
		return FormatError("width 0")
	case h.info.Components == 0 || h.info.Components > 4:
		return FormatError(fmt.Sprintf("%d components", h.info.Components))
	case h.info.Components == 2:
		return UnsupportedError("two components")
	}
	for i := range h.info.Components {
		s := seg[6+3*i:]
		c := frameComponent{id: s[0], h: int(s[1] >> 4), v: int(s[1] & 15), tq: s[2]}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return FormatError(fmt.Sprintf("component %d has sampling factors %dx%d, not 1 to 4", c.id, c.h, c.v))
		}
		if c.tq > 3 {
			return FormatError(fmt.Sprintf("component %d asks for quantisation table %d, not 0 to 3", c.id, c.tq))
		}
		h.frame[i] = c
	}
	h.hasFrame = true
	return nil
}

// readDQT reads quantisation tables, T.81 B.2.4.1.
func (h *header) readDQT(seg []byte) error {
	for len(seg) > 0 {
		precision, index := seg[0]>>4, seg[0]&15
		if index > 3 || precision > 1 {
			return FormatError(fmt.Sprintf("quantisation table %d of precision %d", index, precision))
		}
		size := 64 << precision
		if len(seg) < 1+size {
			return FormatError("quantisation table cut short")
		}
		for i := range 64 {
			if precision == 0 {
				h.quant[index][i] = uint16(seg[1+i])
			} else {
				h.quant[index][i] = binary.BigEndian.Uint16(seg[1+2*i:])
			}
		}
		h.hasQuant[index] = true
		seg = seg[1+size:]
	}
	return nil
}

// readDHT stores Huffman tables, T.81 B.2.4.2. They are checked when they are used.
func (h *header) readDHT(seg []byte) error {
	for len(seg) > 0 {
		class, index := seg[0]>>4, seg[0]&15
		if class > 1 || index > 3 {
			return FormatError(fmt.Sprintf("Huffman table of class %d, index %d", class, index))
		}
		if len(seg) < 17 {
			return FormatError("Huffman table cut short")
		}
		n := 0
		for _, c := range seg[1:17] {
			n += int(c)
		}
		if n > 256 || len(seg) < 17+n {
			return FormatError(fmt.Sprintf("Huffman table promises %d symbols, %d bytes follow", n, len(seg)-17))
		}
		h.huff[class][index] = seg[1 : 17+n]
		seg = seg[17+n:]
	}
	return nil
}

// readAPP reads the APPn segments of JFIF, Exif and Adobe, and ignores others.
func (h *header) readAPP(marker byte, seg []byte) {
	has := func(prefix string) bool {
		return len(seg) >= len(prefix) && string(seg[:len(prefix)]) == prefix
	}
	switch {
	case marker == mAPP0 && len(seg) >= 14 && has("JFIF\x00"):
		h.info.JFIF = true
	case marker == mAPP0+1 && h.info.Exif == nil && has("Exif\x00\x00"):
		h.info.Exif = seg[6:len(seg):len(seg)]
	case marker == mAPP0+14 && len(seg) >= 12 && has("Adobe"):
		h.info.AdobeTransform = int(seg[11])
	}
}

// readSOS reads a scan header.
func (h *header) readSOS(seg []byte) (scanHeader, error) {
	var s scanHeader
	if !h.hasFrame {
		return s, FormatError("SOS before SOF")
	}
	if len(seg) < 1 || seg[0] < 1 || seg[0] > 4 || len(seg) != 4+2*int(seg[0]) {
		return s, FormatError("SOS's length and its number of components disagree")
	}
	s.n = int(seg[0])
	var taken [4]bool
	for i := range s.n {
		id, tables := seg[1+2*i], seg[2+2*i]
		ci := -1
		for j := range h.info.Components {
			if h.frame[j].id == id && !taken[j] {
				ci = j
				break
			}
		}
		if ci < 0 {
			return s, FormatError(fmt.Sprintf("SOS names component %d, which SOF lacks or which it named already", id))
		}
		taken[ci] = true
		s.comp[i], s.td[i], s.ta[i] = ci, tables>>4, tables&15
		if s.td[i] > 3 || s.ta[i] > 3 {
			return s, FormatError(fmt.Sprintf("SOS asks for Huffman tables %d and %d, not 0 to 3", s.td[i], s.ta[i]))
		}
	}
	tail := seg[1+2*s.n:]
	s.ss, s.se = int(tail[0]), int(tail[1])
	s.ah, s.al = int(tail[2]>>4), int(tail[2]&15)
	if !h.info.Progressive {
		s.ss, s.se, s.ah, s.al = 0, 63, 0, 0
	}
	return s, s.check(h.info.Progressive)
}

// check returns an error if a progressive scan violates T.81 G.1.1.1.
func (s *scanHeader) check(progressive bool) error {
	if !progressive {
		return nil
	}
	dc := s.ss == 0
	if dc && s.se != 0 || !dc && (s.ss > s.se || s.se > 63 || s.n != 1) || s.ah != 0 && s.al != s.ah-1 || s.al > 13 {
		return FormatError(fmt.Sprintf("progressive scan of coefficients %d to %d, bits %d to %d, %d components", s.ss, s.se, s.ah, s.al, s.n))
	}
	return nil
}

// heightFromDNL sets the height if it is 0 in SOF. A DNL segment must then follow the
// first scan, T.81 B.2.5.
func (h *header) heightFromDNL() error {
	after := header{data: h.data, pos: h.pos}
	for {
		marker, ok := after.nextMarker()
		if ok && marker >= mRST0 && marker <= mRST7 {
			continue
		}
		if !ok || marker != mDNL {
			return FormatError("height 0, and no DNL after the first scan")
		}
		seg, err := after.segment(marker)
		if err != nil {
			return err
		}
		if len(seg) != 2 || binary.BigEndian.Uint16(seg) == 0 {
			return FormatError("DNL gives no height")
		}
		h.info.Height = int(binary.BigEndian.Uint16(seg))
		return nil
	}
}
