package jpeg

// An upsampler brings the rows of a component to the size of the picture.
type upsampler uint8

const (
	upNone      upsampler = iota // the component has full size
	upH2V1                       // triangle filter along rows
	upH1V2                       // triangle filter along columns
	upH2V2                       // triangle filter along both
	upReplicate                  // replication, for all other integral ratios
)

// chooseUpsampler chooses as libjpeg does (jdsample.c, jinit_upsampler).
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

// needsContext reports whether the filter needs rows above and below.
func (u upsampler) needsContext() bool { return u == upH1V2 || u == upH2V2 }

// Along each axis, the filters have weight 3 for the nearer sample and 1 for the farther.
// They alternately round up and down, to avoid a bias. src, near and far begin one sample
// left of the row and end one sample right of it; outside the picture that sample repeats
// the outermost.

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

// h2v2Go writes 2*n samples of the row between near and far that is closer to near.
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

// h1v2Go writes len(near) samples of the row between near and far that is closer to near.
// bias is 1 if far is above near, 2 if it is below.
func h1v2Go(dst, near, far []byte, bias int) {
	far = far[:len(near)]
	dst = dst[:len(near)]
	for i, v := range near {
		dst[i] = byte((3*int(v) + int(far[i]) + bias) >> 2)
	}
}

// replicate repeats each sample of src factor times, up to the length of dst.
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
