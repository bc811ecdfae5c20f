//go:build amd64 && !purego && !linux

package kernel

// permitTiles: elsewhere than on Linux the tiles are left alone.
func permitTiles() bool { return false }
