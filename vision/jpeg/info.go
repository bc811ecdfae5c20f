package jpeg

// Info is the content of the headers before the first scan.
type Info struct {
	Width, Height int  // pixels as stored, before any EXIF orientation; at least 1
	Components    int  // 1, 3 or 4
	Bits          int  // bits per sample: 8
	Progressive   bool // SOF2

	JFIF           bool // an APP0 JFIF segment is present
	AdobeTransform int  // colour transform of the APP14 Adobe segment, 0 to 2; -1: there is none

	// Exif is the content of the first APP1 Exif segment after "Exif\0\0", beginning with
	// the TIFF header; nil if there is none. It aliases the input.
	Exif []byte
}

// ReadInfo reads the headers of data up to the first scan. What it allocates does not
// depend on the size that they declare. The error is a FormatError or an
// UnsupportedError; limits are up to the caller.
func ReadInfo(data []byte) (Info, error) {
	var h header
	if _, err := h.begin(data); err != nil {
		return Info{}, err
	}
	return h.info, nil
}
