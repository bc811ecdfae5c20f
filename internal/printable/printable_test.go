package printable

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	for s, want := range map[string]string{
		"conv1/naïve 猫":         "conv1/naïve 猫",
		"a\x1b[2Jb\nc\x7f":      "a [2Jb c ",
		"a\u009b31mb":           "a 31mb", // the escape of one character
		"a\x9b31mb":             "a 31mb", // and of one byte
		"a\u202egpj.b\u2066c":   "a gpj.b c",
		"a\u2028b\u2029c":       "a b c",
		"می\u200cخواهم":         "می\u200cخواهم", // joiners are letters' own
		strings.Repeat("é", 80): strings.Repeat("é", 80),
		strings.Repeat("é", 81): strings.Repeat("é", 79) + "…",
	} {
		if got := Name(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
