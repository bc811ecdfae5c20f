package vision

import (
	"fmt"
	"testing"
)

// gradient is a picture with structure, made without a decoder.
func gradient(width, height int) *Image {
	m := NewImage(width, height)
	for i := range m.Pix {
		p := i / 3
		m.Pix[i] = byte((p%width)*7 ^ (p/width)*13 + i%3*40 + (p*40503)>>6&31)
	}
	return m
}

func BenchmarkEncode(b *testing.B) {
	for _, size := range [][2]int{{500, 375}, {4032, 3024}} {
		img := gradient(size[0], size[1])
		for _, name := range []string{"imagenet", "caffe", "lite4", "yolox", "ultralytics", "detectron"} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%dx%d/%s/%d", size[0], size[1], name, threads), func(b *testing.B) {
					r, _ := Named(name)
					e, err := NewEncoder(r, EncodeThreads(threads))
					if err != nil {
						b.Fatal(err)
					}
					t, _, err := e.Encode(img)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportAllocs()
					for b.Loop() {
						if _, err := e.EncodeInto(b.Context(), t, 0, img); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
