package pipeline

import (
	"bytes"
	"context"
	"runtime"
	"testing"

	"github.com/visionzoo/vision/vision"
)

// A desk keeps the memory of a picture for the next one, unless that is large.
func TestDeskKeepsItsMemory(t *testing.T) {
	var file bytes.Buffer
	if err := vision.NewImage(16, 16).EncodeJPEG(&file, 90); err != nil {
		t.Fatal(err)
	}
	source := vision.Source{Name: "jpg", Open: func(_ context.Context, opts ...vision.Option) (*vision.Image, error) {
		return vision.DecodeBytes(file.Bytes(), opts...)
	}}
	var d Desk
	open := func() *byte {
		t.Helper()
		m, _, err := d.Open(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		return &m.Pix[0]
	}
	if first := open(); open() != first {
		t.Error("the second picture has other memory than the first")
	}
	d.picture.Pix = make([]byte, 3*keptPixels+1)
	if large := &d.picture.Pix[0]; open() == large {
		t.Error("a large picture's memory is kept")
	}
}

// A desk more than runs, where that leaves a processor over.
func TestDesks(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	for runs, want := range map[int]int{1: 2, 2: 3, 3: 3, 4: 4} {
		if got := Desks(runs); got != want {
			t.Errorf("%d runs on 3 processors: %d desks, want %d", runs, got, want)
		}
	}
}
