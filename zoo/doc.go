// Package zoo finds models by name, downloads and caches them, and opens them ready
// for use: the network, an encoder that feeds it pictures, and the labels of its
// classes together.
//
//	m, err := zoo.Load("squeezenet1.1") // from the cache, else fetched and checked
//	if err != nil { … }
//	defer m.Close()
//	img, err := vision.Open("cat.jpg")
//	top, err := classify.Image(m, img) // or detect.Image, detect.Segment
//
// A model of your own opens by its path: zoo.Load("net.onnx", zoo.WithRecipe(r)).
// The empty name is the small model inside the binary, which needs no network.
//
// What the zoo knows of a model, its Card, is found without downloading anything:
// see All, Catalogue.Find and Catalogue.Search. Pull, Verify and Remove manage the
// cache, which lies in Home. The network is used only if a model is not cached, only
// over https, and never with WithOffline or $VISION_OFFLINE. Files are accepted only
// with the size and sha256 that the catalogue gives. All functions may be called
// concurrently, and several processes may share a cache.
package zoo

//go:generate go run ./generate facts ../assets/catalogue.json.gz
