//go:build amd64 && !purego && !emulatedtiles

package kernel

// tilesEmulated says that the program runs under internal/tiles.
const tilesEmulated = false
