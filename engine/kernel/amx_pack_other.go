//go:build !amd64 || purego

package kernel

// packGroup is never called: without AMX, weights are those of the twin.
func (w *TileWeights) packGroup(int) { panic("BUG: no tile unit to pack weights for") }

func (w *GemmWeights) packPairs(int, int) { panic("BUG: no VDPBF16PS to pack a matrix for") }

func (b *matrixB) packTiles(Format, []byte, int, int) {
	panic("BUG: no tile unit to pack a matrix for")
}
