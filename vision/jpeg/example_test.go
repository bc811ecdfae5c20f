package jpeg_test

import (
	"bytes"
	"fmt"
	"image"
	standard "image/jpeg"
	"log"

	"github.com/visionzoo/vision/vision/jpeg"
)

// Pixels are three bytes each, row by row; here all are black.
func ExampleDecode() {
	var file bytes.Buffer
	if err := standard.Encode(&file, image.NewGray(image.Rect(0, 0, 3, 2)), nil); err != nil {
		log.Fatal(err)
	}
	rgb, err := jpeg.Decode(file.Bytes(), jpeg.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rgb.Width, rgb.Height, len(rgb.Pix), rgb.Pix[0], rgb.Damaged)
	// Output: 3 2 18 0 false
}
