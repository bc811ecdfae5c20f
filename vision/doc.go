// Package vision prepares pictures for networks: it decodes files, resizes with
// exactly the arithmetic of Pillow and OpenCV, writes tensors by recipe, and draws
// results. It knows nothing about networks.
//
//	img, err := vision.Open("cat.jpg")          // upright, sRGB, 8 bits
//	enc, err := vision.NewEncoder(recipe)       // recipe, _ := vision.Named("imagenet")
//	x, geometry, err := enc.Encode(img)         // float32[1 3 224 224]
//	x0, y0 := geometry.Point(112, 112)          // back to the picture's pixels
package vision
