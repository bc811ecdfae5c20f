package onnx_test

import (
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/onnx"
)

// TestReadRefuses holds that what is no model is named, and that lengths are
// compared with what is there before they are believed.
func TestReadRefuses(t *testing.T) {
	for _, r := range []struct{ name, data, want string }{
		{"nothing", "", "empty"},
		{"a page", "<!DOCTYPE html><html></html>", "HTML"},
		{"a pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs"},
		{"a number that does not end", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ""},
		{"a length beyond the end", "\x08\x07\x3a\xff\x01", ""},
		{"field number 0", "\x08\x07\x02\x00", ""},
		{"a group", "\x08\x07\x3b\x3c", ""},
		{"a picture", "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", "PNG"},
	} {
		if _, err := onnx.Read([]byte(r.data)); err == nil || !strings.Contains(err.Error(), r.want) || strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("%s: error is %v, want one line with %q", r.name, err, r.want)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, r := range []struct{ in, want string }{
		{"conv1", `"conv1"`}, {"a\nb", `"a\nb"`}, {"\x1b[31m", `"\x1b[31m"`}, {"\xff", `"\xff"`},
	} {
		if got := onnx.Quote(r.in); got != r.want {
			t.Errorf("Quote(%q) is %s, want %s", r.in, got, r.want)
		}
	}
	if got := onnx.Quote(strings.Repeat("x", 1000)); len(got) > 100 {
		t.Errorf("a long name stays %d bytes long", len(got))
	}
}
