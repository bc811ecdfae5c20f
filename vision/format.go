package vision

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// format is a kind of file, recognised by its first bytes. Those with decode are
// supported; the others are here so that an error can say what the file is instead
// of a picture.
type format struct {
	name   string
	match  func(data []byte) bool
	decode func(data []byte, o *options) (m *Image, orientation int, err error)
	other  bool   // a document or a video, as folders hold beside pictures
	error  string // for files that are not pictures at all
}

func recognise(data []byte) format {
	for _, f := range formatTable() {
		if f.match(data) {
			return f
		}
	}
	return format{error: "the content is not a known kind of picture (JPEG, PNG, GIF, BMP, TIFF, WebP, ICO, PNM)"}
}

func (f format) refuse() error {
	if f.error != "" {
		return &FormatError{Reason: f.error}
	}
	return unsupported(f.name)
}

func starts(magic ...string) func([]byte) bool {
	return func(data []byte) bool {
		return slices.ContainsFunc(magic, func(m string) bool { return bytes.HasPrefix(data, []byte(m)) })
	}
}

// at matches text at a fixed offset.
func at(offset int, magic ...string) func([]byte) bool {
	begins := starts(magic...)
	return func(data []byte) bool { return len(data) >= offset && begins(data[offset:]) }
}

func both(a, b func([]byte) bool) func([]byte) bool {
	return func(data []byte) bool { return a(data) && b(data) }
}

// formatTable lists the formats in the order in which they are tried, the least
// specific last.
func formatTable() []format {
	return []format{
		{name: "JPEG", match: starts("\xff\xd8\xff"), decode: decodeJPEG},
		{name: "PNG", match: starts("\x89PNG\r\n\x1a\n"), decode: decodePNG},
		{name: "GIF", match: starts("GIF87a", "GIF89a"), decode: decodeGIF},
		{name: "BMP", match: both(starts("BM"), func(d []byte) bool { return len(d) >= 18 }), decode: decodeBMP},
		{name: "camera raw (CR2)", match: both(starts("II*\x00"), at(8, "CR\x02"))}, // a TIFF, but for its pictures
		{name: "TIFF", match: starts("II*\x00", "MM\x00*"), decode: decodeTIFF},
		{name: "WebP", match: both(starts("RIFF"), at(8, "WEBP")), decode: decodeWebP},
		{name: "TGA", match: starts("\x00\x00\x02\x00\x00\x00", "\x00\x00\x0a\x00\x00\x00")}, // colours, whose map has no entries
		{name: "ICO", match: starts("\x00\x00\x01\x00", "\x00\x00\x02\x00"), decode: decodeICO},
		{name: "PNM", match: both(func(d []byte) bool { return len(d) > 2 && d[0] == 'P' && d[1] >= '1' && d[1] <= '6' }, at(2, "\n", " ", "\r", "\t", "#")), decode: decodePNM},

		{name: "BigTIFF", match: starts("II+\x00", "MM\x00+")},
		{name: "AVIF", match: both(at(4, "ftyp"), brand("avif", "avis"))},
		{name: "HEIC", match: both(at(4, "ftyp"), brand("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"))},
		{name: "camera raw (CR3)", match: both(at(4, "ftyp"), brand("crx "))},
		{name: "camera raw (RAF)", match: starts("FUJIFILMCCD-RAW")},
		{name: "camera raw (RW2)", match: starts("IIU\x00")},
		{name: "camera raw (ORF)", match: starts("IIRO", "IIRS", "MMOR")},
		{name: "camera raw (X3F)", match: starts("FOVb")},
		{name: "JPEG 2000", match: starts("\x00\x00\x00\x0cjP  ", "\xff\x4f\xff\x51")},
		{name: "JPEG XL", match: starts("\xff\x0a", "\x00\x00\x00\x0cJXL ")},
		{name: "JPEG XR", match: starts("II\xbc\x01")},
		{name: "PSD", match: starts("8BPS")},
		{name: "PDF", match: starts("%PDF"), other: true},
		{name: "PostScript", match: starts("%!PS", "\xc5\xd0\xd3\xc6"), other: true},
		{name: "OpenEXR", match: starts("\x76\x2f\x31\x01")},
		{name: "QOI", match: starts("qoif")},
		{name: "DDS", match: starts("DDS ")},
		{name: "PAM", match: starts("P7\n")},
		{name: "a video (MP4)", match: at(4, "ftyp"), other: true},
		{name: "a video (Matroska)", match: starts("\x1a\x45\xdf\xa3"), other: true},
		{name: "a video (AVI)", match: both(starts("RIFF"), at(8, "AVI ")), other: true},
		{name: "SVG", match: isSVG},

		{match: func(d []byte) bool { return len(d) == 0 }, error: "the file is empty (0 bytes)"},
		{match: isHTML, error: "this is an HTML page, not a picture; the URL probably gave an error or login page"},
		{match: starts("version https://git-lfs"), error: "this is a git-lfs pointer, not the picture; run git lfs pull"},
		{match: starts("\x1f\x8b"), error: "this is gzip data, not a picture; unpack it first"},
		{match: starts("PK\x03\x04", "PK\x05\x06"), error: "this is a zip file, not a picture; unpack it first"},
		{match: isZeros, error: "the file holds nothing but zero bytes"},
		{match: isText, error: "this is plain text, not a picture"},
	}
}

// brand matches the major or a compatible brand of an ISO media file.
func brand(names ...string) func([]byte) bool {
	return func(d []byte) bool {
		d = d[8:]
		for i := 0; len(d) >= 4 && i < 16; i++ {
			if i != 1 && slices.Contains(names, string(d[:4])) { // the second word is a version
				return true
			}
			d = d[4:]
		}
		return false
	}
}

// head is the beginning of a text in lower case, without byte order mark and
// leading white space.
func head(d []byte) string {
	d = bytes.TrimPrefix(d[:min(len(d), 1024)], []byte("\xef\xbb\xbf"))
	return strings.ToLower(string(bytes.TrimLeft(d, " \t\r\n")))
}

func isSVG(d []byte) bool {
	h := head(d)
	return strings.HasPrefix(h, "<svg") || (strings.HasPrefix(h, "<?xml") || strings.HasPrefix(h, "<!")) && strings.Contains(h, "<svg")
}

func isHTML(d []byte) bool {
	h := head(d)
	return strings.HasPrefix(h, "<!doctype html") || strings.HasPrefix(h, "<html") || strings.HasPrefix(h, "<head") || strings.HasPrefix(h, "<?xml") && strings.Contains(h, "<html")
}

func isZeros(d []byte) bool {
	for _, b := range d[:min(len(d), 4096)] {
		if b != 0 {
			return false
		}
	}
	return true
}

func isText(d []byte) bool {
	d = d[:min(len(d), 1024)]
	for i, r := range string(d) {
		if r == utf8.RuneError && i < len(d)-3 || r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' {
			return false
		}
	}
	return true
}
