// Package zoo finds models by name, downloads and caches them, and opens them ready
// for use: session, encoder, labels and card together.
//
//	m, err := zoo.Load("squeezenet1.1") // from the cache, else fetched and checked
//	if err != nil { … }
//	defer m.Close()
//	top, err := classify.Image(m, img)
//
// All finds cards without downloading anything; Pull, Verify and Remove manage the
// cache, which lies in Home. The network is used only if a model is not cached,
// only over https, and never with WithOffline or $VISION_OFFLINE. Files are
// accepted only with the size and sha256 that the catalogue gives.
package zoo

//go:generate go run ./generate facts ../assets/catalogue.json.gz
