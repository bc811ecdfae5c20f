//go:build !amd64 || purego

package kernel

import "unsafe"

// packGroup is never reached: without a tile unit the weights are the twin's.
func (w *TileWeights) packGroup(int) { panic("BUG: no tile unit to pack weights for") }

func packGemmTiles(_ []byte, _ unsafe.Pointer, _, _, _ int, _ bool, _, _ int) {
	panic("BUG: no tile unit to pack a matrix for")
}
