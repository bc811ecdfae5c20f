//go:build purego || (!amd64 && !arm64)

package vision

// linearPass is the horizontal half of OpenCV's resampling in vectors, of which
// there are none.
type linearPass struct{}

func newLinearPass(*Image, []tap2) linearPass { return linearPass{} }

func (linearPass) band(*linearSampler, int, int, func(int, []byte)) bool { return false }

func halfVectors(dst, a, b []byte) int { return 0 }
