package vision

import (
	"fmt"
	"testing"
)

// BenchmarkLetterbox is what detectors do to a picture: OpenCV's bilinear
// resampling into a square.
func BenchmarkLetterbox(b *testing.B) {
	for _, c := range [][3]int{{500, 375, 416}, {1280, 720, 640}, {1280, 1280, 640}, {4032, 3024, 640}} {
		img := gradient(c[0], c[1])
		r, err := ParseRecipe(fmt.Appendf(nil, `{"resize":"letterbox %dx%d bilinear","pad":"center 114","scale":"1/255"}`, c[2], c[2]))
		if err != nil {
			b.Fatal(err)
		}
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%dx%d/%d/%d", c[0], c[1], c[2], threads), func(b *testing.B) {
				e, err := NewEncoder(r, EncodeThreads(threads))
				if err != nil {
					b.Fatal(err)
				}
				t, _, err := e.Encode(img)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := e.EncodeInto(b.Context(), t, 0, img); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
