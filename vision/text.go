package vision

import (
	"strconv"
	"strings"
)

// shorten makes untrusted text fit for a message: at most 80 bytes, without control
// characters (quote it with %q).
func shorten(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:77], "") + "..."
	}
	return s
}

// oneLine is an error's text without line breaks and control characters.
func oneLine(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
