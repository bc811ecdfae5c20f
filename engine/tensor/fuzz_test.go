package tensor

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// FuzzReadNpy: whatever the bytes, an error of one line, or a tensor that comes back the
// same from what WriteNpy makes of it.
func FuzzReadNpy(f *testing.F) {
	for _, x := range []*Tensor{Of([]float32{1, -2, 3}, 3), Of([]int64{7}), Of([]bool{true, false}, 2, 1), New(Float16, 0, 4), New(Complex64, 1)} {
		var b bytes.Buffer
		if err := WriteNpy(&b, x); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(bytes.Replace(b.Bytes(), []byte("'<"), []byte("'>"), 1))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := ReadNpy(bytes.NewReader(data))
		if err != nil {
			if strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Fatalf("not one line: %q", err)
			}
			return
		}
		var written bytes.Buffer
		if err := WriteNpy(&written, x); err != nil {
			t.Fatal(err)
		}
		again, err := ReadNpy(&written)
		if err != nil {
			t.Fatal(err)
		}
		if again.DType() != x.DType() || !slices.Equal(again.Shape(), x.Shape()) || !bytes.Equal(again.Bytes(), x.Bytes()) {
			t.Fatalf("%v %v came back as %v %v", x.DType(), x.Shape(), again.DType(), again.Shape())
		}
	})
}
