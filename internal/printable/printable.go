// Package printable makes text of strangers (names in a file, a server's answer)
// fit for a terminal.
package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameLength is how many characters of a name are shown.
const nameLength = 80

// Is reports whether a character is text: no control character (with which
// terminal escapes begin, those of one byte too), line separator, change of the
// direction of writing, which reorders what stands around it, or broken UTF-8.
func Is(r rune) bool {
	return !unicode.IsControl(r) && !unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) && r != utf8.RuneError
}

// Line is s with spaces in the place of what is no text.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if !Is(r) {
			return ' '
		}
		return r
	}, s)
}

// Name is Line for a name in a table or a graph, which is shortened.
func Name(s string) string {
	s = Line(s)
	if utf8.RuneCountInString(s) > nameLength {
		s = string([]rune(s)[:nameLength-1]) + "…"
	}
	return s
}
