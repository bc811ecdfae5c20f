package ops

import (
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
