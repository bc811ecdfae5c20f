package jpeg

// An upsampler brings one component's rows to the picture's size. libjpeg's
// choice by ratio is in jdsample.c, jinit_upsampler.
type upsampler uint8

const (
	upNone      upsampler = iota // full size already
	upH2V1                       // triangle filter along rows
	upH1V2                       // triangle filter along columns
	upH2V2                       // both
	upReplicate                  // every other whole ratio
)

func chooseUpsampler(c *component, g geometry) upsampler {
	h, v := g.maxH/c.h, g.maxV/c.v
	switch {
	case h == 1 && v == 1:
		return upNone
	case h == 2 && v == 1 && c.width > 2:
		return upH2V1
	case h == 1 && v == 2:
		return upH1V2
	case h == 2 && v == 2 && c.width > 2:
		return upH2V2
	}
	return upReplicate
}

// needsContext tells whether rows above and below take part.
func (u upsampler) needsContext() bool { return u == upH1V2 || u == upH2V2 }

// The filters below weigh the nearer sample 3 and the farther 1 along each axis
// and round alternately up and down, so that no bias builds up. src, near and
// far begin one sample left of the row and end one right of it; where the
// neighbour lies outside the picture it repeats the outermost sample.

// h2v1Go writes 2*n samples for the n samples of src[1:n+1].
func h2v1Go(dst, src []byte) {
	n := len(src) - 2
	dst = dst[:2*n]
	for i := range n {
		this := 3 * int(src[i+1])
		dst[2*i] = byte((this + int(src[i]) + 1) >> 2)
		dst[2*i+1] = byte((this + int(src[i+2]) + 2) >> 2)
	}
}

// h2v2Go writes 2*n samples of the row between near and far that is closer to
// near.
func h2v2Go(dst, near, far []byte) {
	n := len(near) - 2
	far = far[:n+2]
	dst = dst[:2*n]
	last := 3*int(near[0]) + int(far[0])
	this := 3*int(near[1]) + int(far[1])
	for i := range n {
		next := 3*int(near[i+2]) + int(far[i+2])
		dst[2*i] = byte((3*this + last + 8) >> 4)
		dst[2*i+1] = byte((3*this + next + 7) >> 4)
		last, this = this, next
	}
}

// h1v2Go writes len(near) samples of the row between near and far that is
// closer to near. bias is 1 for the row above near's middle, 2 for the one
// below.
func h1v2Go(dst, near, far []byte, bias int) {
	far = far[:len(near)]
	dst = dst[:len(near)]
	for i, v := range near {
		dst[i] = byte((3*int(v) + int(far[i]) + bias) >> 2)
	}
}

// replicate repeats each sample of src factor times, as far as dst goes.
func replicate(dst, src []byte, factor int) {
	i := 0
	for _, v := range src {
		for range factor {
			if i == len(dst) {
				return
			}
			dst[i] = v
			i++
		}
	}
}
