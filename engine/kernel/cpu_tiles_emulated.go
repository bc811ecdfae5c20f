//go:build amd64 && !purego && emulatedtiles

package kernel

// tilesEmulated says that internal/tiles runs the program, which carries out tile
// instructions where the processor has none.
const tilesEmulated = true
