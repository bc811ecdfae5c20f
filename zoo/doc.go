// Package zoo finds models by name, fetches and keeps them, and opens them ready
// to see: session, encoder, labels and card together.
package zoo

//go:generate go run ./generate facts ../assets/catalogue.json.gz
