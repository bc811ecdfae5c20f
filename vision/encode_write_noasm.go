//go:build purego || !amd64

package vision

// planes leaves all pixels to the twin.
func (w *writer[T]) planes(y, x int, pix []byte) int { return 0 }
