package onnx

import (
	"strings"
	"testing"
)

func TestStrangersAreNamed(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{"", "empty"},
		{"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG picture"},
		{"\x89PNG\r\n\x1a\n", "a PNG picture"},
		{"PK\x03\x04....", "a zip file"},
		{"  <!DOCTYPE html><html>", "an HTML page"},
		{"{\"a\": 1}", "a JSON text"},
		{"module example.com/x\n\ngo 1.26\n", "a text"},
		{"\x1c\x00\x00\x00TFL3", "a TensorFlow Lite model"},
		{"\x7fELF\x02\x01", "a program"},
	} {
		if _, err := Read([]byte(c.data)); err == nil || !strings.Contains(err.Error(), "not an ONNX model") && c.data != "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.data, err, c.want)
		}
	}
}
