// Package vision reads pictures and prepares them for neural networks: it decodes
// files, resizes with exactly the arithmetic of Pillow or OpenCV, writes tensors as
// a recipe says, and draws results. It knows nothing about networks.
//
//	img, err := vision.Open("cat.jpg")      // upright, RGB, 8 bits per channel
//	recipe, err := vision.Named("imagenet") // how the network was fed in training
//	enc, err := vision.NewEncoder(recipe)
//	x, geometry, err := enc.Encode(img)     // float32[1 3 224 224]
//	left, top := geometry.Point(112, 112)   // from the tensor's pixels to the picture's
//
// Resize, Draw and their like return a new picture, the caller's own, and leave
// their argument as it is. An Image may be read by several goroutines at the same
// time. All functions are safe for concurrent use.
package vision
