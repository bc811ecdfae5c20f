// Package zoo finds models by name, fetches and keeps them, and opens them ready
// to see: session, encoder, labels and card together.
//
//	m, err := zoo.Load("squeezenet1.1") // from the cache, else fetched and checked
//	if err != nil { … }
//	defer m.Close()
//	top, err := classify.Image(m, img)
//
// All finds cards without fetching anything; Pull, Verify and Remove keep the cache,
// which lies in Home. The network is asked where a model is not cached, over https
// alone, and never with WithOffline or $VISION_OFFLINE; files count only with the
// size and sha256 that the catalogue gives.
package zoo

//go:generate go run ./generate facts ../assets/catalogue.json.gz
