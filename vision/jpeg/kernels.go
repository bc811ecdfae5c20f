package jpeg

// kernels holds the inner loops of one class of processors. The functions in Go document
// them; assembly gives the same bytes for every input.
type kernels struct {
	name string

	block func(r *bitReader, b *[64]int16, dc, ac *huffTable, pred *int32)

	idct func(dst []byte, stride int, coefs []int16, quant *[64]int16, n int)
	h2v1 func(dst, src []byte)
	h2v2 func(dst, near, far []byte)
	h1v2 func(dst, near, far []byte, bias int)
	ycc  func(dst, y, cb, cr []byte)
	rgb  func(dst, r, g, b []byte)
}

var goKernels = kernels{
	name:  "purego",
	block: (*bitReader).block,
	idct:  idctGo, h2v1: h2v1Go, h2v2: h2v2Go, h1v2: h1v2Go, ycc: yccGo, rgb: rgbGo,
}
