package jpeg

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"testing"
)

// sample is a small picture written by Go's encoder: 4:2:0, baseline.
func sample(t testing.TB) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 50, 30))
	for y := range 30 {
		for x := range 50 {
			img.SetRGBA(x, y, color.RGBA{R: uint8(5 * x), G: uint8(8 * y), B: 90, A: 255})
		}
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLimits(t *testing.T) {
	data := sample(t)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	var limit LimitError
	if _, err := Decode(data, Options{MaxPixels: 50*30 - 1}); !errors.As(err, &limit) {
		t.Errorf("one pixel too many: %v", err)
	}
	if _, err := Decode(data, Options{MaxBytes: 1000}); !errors.As(err, &limit) {
		t.Errorf("1000 bytes: %v", err)
	}
	if _, err := Decode(data, Options{Context: cancelled}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	img, err := Decode(data, Options{MaxPixels: 50 * 30})
	if err != nil || img.Damaged {
		t.Errorf("at the limit: %v", err)
	}
	if img, err := Decode(data[:len(data)-40], Options{}); err != nil || !img.Damaged {
		t.Errorf("half a picture: %v", err)
	}
}

// A height of 0 is found in the DNL segment after the scan.
func TestHeightFromDNL(t *testing.T) {
	data := sample(t)
	want, err := Decode(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	sof := bytes.Index(data, []byte{0xFF, mSOF0})
	dnl := bytes.Clone(data[:len(data)-2])
	dnl[sof+5], dnl[sof+6] = 0, 0
	if _, err := ReadInfo(dnl); err == nil {
		t.Error("height 0 without DNL was accepted")
	}
	dnl = append(dnl, 0xFF, mDNL, 0, 4, 0, 30, 0xFF, mEOI)
	info, err := ReadInfo(dnl)
	if err != nil || info.Height != 30 || info.Width != 50 || info.Components != 3 {
		t.Fatalf("%+v, %v", info, err)
	}
	got, err := Decode(dnl, Options{})
	if err != nil || !bytes.Equal(got.Pix, want.Pix) {
		t.Errorf("other pixels, or %v", err)
	}
}

// A Decoder that has seen a picture decodes another like it without allocating.
func TestDecoderKeepsItsMemory(t *testing.T) {
	data := sample(t)
	var d Decoder
	var img RGB
	n := testing.AllocsPerRun(100, func() {
		if err := d.Decode(&img, data, Options{}); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// For any input, all kernels give the same pixels, and nothing panics.
func FuzzDecode(f *testing.F) {
	data := sample(f)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		opt := Options{MaxPixels: 1 << 18, MaxBytes: 8 << 20}
		var want RGB
		wantErr := (&Decoder{kernels: &goKernels}).Decode(&want, data, opt)
		if wantErr != nil && bytes.HasPrefix([]byte(wantErr.Error()), []byte("BUG")) {
			t.Fatal(wantErr)
		}
		var got RGB
		err := (&Decoder{}).Decode(&got, data, opt)
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("%v, the twins: %v", err, wantErr)
		}
		if err == nil && (!bytes.Equal(got.Pix, want.Pix) || got.Damaged != want.Damaged) {
			t.Fatal("the twins show another picture")
		}
	})
}
