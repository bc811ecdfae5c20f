//go:build !amd64 || purego

package kernel

// packGroup is never reached: without a tile unit the weights are the twin's.
func (w *TileWeights) packGroup(int) { panic("BUG: no tile unit to pack weights for") }
