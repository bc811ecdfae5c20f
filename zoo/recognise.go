package zoo

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/visionzoo/vision/internal/printable"
)

// sniffLength is how many bytes of a file are examined to recognise its kind.
const sniffLength = 2048

var pageTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// recognise says what a file is, by its first bytes, if it is not a model; "" if it
// may be one. file is the name that was asked for.
func recognise(head []byte, file string) string {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	lower := bytes.ToLower(text[:min(len(text), 32)])
	isArchive := strings.HasSuffix(file, ".gz") || strings.HasSuffix(file, ".tgz")
	switch {
	case len(head) == 0:
		return "an empty file"
	case bytes.HasPrefix(text, []byte("version https://git-lfs.github.com/spec/")):
		return "a git-lfs pointer, not the model"
	case hasAnyPrefix(lower, "<!doctype", "<html", "<head", "<?xml", "<!--"):
		return "a web page, not the model" + title(head)
	case hasAnyPrefix(lower, `{"error"`, `{"message"`, `{"detail"`, `{ "error"`):
		return "an error message, not the model: " + excerpt(string(text))
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		if !isArchive {
			return "a gzip file, not the model"
		}
	case isArchive:
		return "not a gzip file"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return "a zip file, not the model"
	}
	return ""
}

func hasAnyPrefix(b []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if bytes.HasPrefix(b, []byte(p)) {
			return true
		}
	}
	return false
}

func title(page []byte) string {
	m := pageTitle.FindSubmatch(page)
	if m == nil {
		return ""
	}
	return fmt.Sprintf(" (%s)", quote(excerpt(string(m[1]))))
}

// excerpt is the beginning of untrusted text on one line, without characters that a
// terminal would interpret.
func excerpt(text string) string {
	clean := printable.Line(text[:min(len(text), 400)])
	return printable.Name(strings.Join(strings.Fields(clean), " "))
}
