package vision

import (
	"bytes"
	"strings"
	"testing"
)

func TestPNM(t *testing.T) {
	rows := []struct {
		name, data string
		pix        []byte
		fails      string
	}{
		{"bits as text, without spaces", "P1\n# a comment\n3 1\n010", []byte{255, 255, 255, 0, 0, 0, 255, 255, 255}, ""},
		{"grey as text, scaled", "P2 2 1 # most\n15\n0 15", []byte{0, 0, 0, 255, 255, 255}, ""},
		{"colours as text", "P3\n1 1\n255\n1 2 3\n", []byte{1, 2, 3}, ""},
		{"bits, the row padded", "P4 2 1\n\x40", []byte{255, 255, 255, 0, 0, 0}, ""},
		{"grey of 16 bits", "P5 2 1 65535\n\x00\x00\x80\x00", []byte{0, 0, 0, 128, 128, 128}, ""},
		{"colours", "P6 1 1 255\n\x0a\x14\x1e", []byte{10, 20, 30}, ""},
		{"a sample above the largest", "P5 1 1 10\n\xff", []byte{255, 255, 255}, ""},
		{"too few bytes", "P6 2 2 255\nabc", nil, "need at least 12 bytes, 3 are there"},
		{"no largest sample", "P5 1 1 0\n\x00", nil, "it is 1 to 65535"},
		{"no numbers", "P5 a b\n", nil, "no three numbers"},
		{"no side", "P5 0 4 255\n", nil, "at least one pixel"},
		{"a huge side", "P5 99999999 99999999 255\n", nil, "pixels"},
		{"text that ends", "P3 1 1 255\n1 2 x  ", nil, "no sample"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			m, err := DecodeBytes([]byte(r.data))
			if r.fails != "" {
				if err == nil || !strings.Contains(err.Error(), r.fails) {
					t.Fatalf("error %v, want one about %q", err, r.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(m.Pix, r.pix) {
				t.Errorf("pixels %v, want %v", m.Pix, r.pix)
			}
		})
	}
}
