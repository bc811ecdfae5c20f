package ops

import (
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

func TestRegexFullMatch(t *testing.T) {
	out, err := evaluate("RegexFullMatch", 20, 1, attrs{"pattern": `www\.[\w.-]+\.\bcom\b`}, tensor.OfStrings([]string{"www.google.com", "x"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := tensor.Data[bool](out[0]); !got[0] || got[1] {
		t.Errorf("matched %v", got)
	}
}

// White space is the same with and without a limit: Python's, like that of the
// specification's reference.
func TestStringSplitSpace(t *testing.T) {
	want := []string{"a", "b", "c", "d", "e", "f", "g"}
	for _, a := range []attrs{nil, {"maxsplit": 100}} {
		out, err := evaluate("StringSplit", 20, 2, a, tensor.OfStrings([]string{"a\u00a0b\u0085c\x1cd\x1fe\u2003f \tg"}))
		if err != nil {
			t.Fatal(err)
		}
		if got := out[0].Strings(); !slices.Equal(got, want) {
			t.Errorf("%v gave %q, want %q", a, got, want)
		}
	}
}
