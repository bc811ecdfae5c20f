//go:build !purego

package vision

// planes writes as many pixels of RGB from column x of row y as the vector kernel
// takes, into three planes of float32, and returns their number.
func (w *writer[T]) planes(y, x int, pix []byte) int {
	n := len(pix) / 3 &^ 7
	dst, ok := any(w.dst).([]float32)
	if !ok || !vectors || w.channels != 3 || n == 0 {
		return 0
	}
	var to, tables [3]*float32 // of red, green and blue
	for c, source := range w.source {
		to[source] = &dst[(c*w.height+y)*w.width+x:][:n][0]
		tables[source] = &any(w.tables[c]).(*[256]float32)[0]
	}
	planarAVX2(&to, &tables, &pix[0], n)
	return n
}
