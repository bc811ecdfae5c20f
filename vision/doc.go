// Package vision turns pictures into what networks take in: it decodes files,
// resizes to the pixel as Pillow and OpenCV do, writes tensors by recipe, and
// draws what came out. It knows no network.
//
//	img, err := vision.Open("cat.jpg")          // upright, sRGB, 8 bits
//	enc, err := vision.NewEncoder(recipe)       // recipe, _ := vision.Named("imagenet")
//	x, geometry, err := enc.Encode(img)         // float32[1 3 224 224]
//	x0, y0 := geometry.Point(112, 112)          // back to the picture's pixels
package vision
