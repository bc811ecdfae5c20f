package jpeg

// Info is what the headers before the first scan say.
type Info struct {
	Width, Height int  // pixels as stored, before any EXIF orientation; at least 1
	Components    int  // 1, 3 or 4
	Bits          int  // bits a sample: 8
	Progressive   bool // SOF2

	JFIF           bool // an APP0 JFIF segment is present
	AdobeTransform int  // colour transform of the APP14 Adobe segment: 0, 1, 2; -1 where there is none

	// Exif is what follows "Exif\0\0" in the first APP1 segment of that kind,
	// the TIFF header first; nil where there is none. It aliases the input.
	Exif []byte
}

// ReadInfo reads the headers of data up to the first scan. It allocates nothing
// that depends on what they declare. The error is a FormatError or an
// UnsupportedError; a picture over some limit is the caller's to refuse.
func ReadInfo(data []byte) (Info, error) {
	var h header
	if _, err := h.begin(data); err != nil {
		return Info{}, err
	}
	return h.info, nil
}
