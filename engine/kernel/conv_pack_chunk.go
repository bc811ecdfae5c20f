package kernel

import "unsafe"

// Chunk packs one piece.
func (w *ConvWeights) Chunk(i int) {
	switch {
	case w.depthwise:
		w.packDepthwise()
	case w.group == 1 && w.kh*w.kw <= packPixels:
		w.packVectors(&w.columns[i])
	default:
		w.packNumbers(&w.columns[i])
	}
}

// packPixels is how many vectors are transposed at a time: half a frame.
const packPixels = 2 * maxUnit

// turn transposes n weights, beginning with number from, of each of the output
// channels [co, co+lanes) into vectors. The vectors lie in the frame.
func (w *ConvWeights) turn(f *frame, co, from, n int) unsafe.Pointer {
	room, each, channels := f.strips(0)[0], w.cin*w.kh*w.kw, min(w.block.Channels(), w.cout-co)
	wide := floats(f.strips(1)[0], 2*16*maxUnit)
	planes, apart := w.source.block(co*each+from, each, channels, n, &wide)
	w.interleave(room, planes, 4*apart, channels, n)
	if w.scale != nil {
		scaleVectors(room, n, w.scale[co:][:w.block.Channels()])
	}
	return room
}

// scaleVectors multiplies n vectors by the vector scale.
func scaleVectors(p unsafe.Pointer, n int, scale []float32) {
	for ; n > 0; n-- {
		v := floats(p, len(scale))
		for i, s := range scale {
			v[i] *= s
		}
		p = unsafe.Add(p, 4*len(scale))
	}
}

// packVectors packs a column that reads all input channels, one vector of output
// channels at a time.
func (w *ConvWeights) packVectors(g *column) {
	f := frames.Get().(*frame)
	lanes, taps := w.block.Channels(), w.kh*w.kw
	width := g.vecs * lanes
	panel := w.data[g.at:][:w.cin*taps*width]
	for v := range g.vecs {
		co := g.first + v*lanes
		if co >= w.cout {
			break // zeros
		}
		for c := 0; c < w.cin; {
			block := c / lanes * lanes // its channels are contiguous for each tap
			run := min(block+lanes, w.cin) - block
			n := min(block+run-c, packPixels/taps)
			step, tapStep := taps, 1 // planar: channel, tap
			if !w.planar {
				step, tapStep = 1, run
			}
			room := w.turn(f, co, c*taps, n*taps)
			for i := range n {
				at := (block*taps+(c-block+i)*step)*width + v*lanes
				for t := range taps {
					copyVector(&panel[at+t*tapStep*width], unsafe.Add(room, 4*(i*taps+t)*lanes), lanes)
				}
			}
			c += n
		}
	}
	frames.Put(f)
}

// copyVector copies 8 or 16 numbers.
func copyVector(dst *float32, src unsafe.Pointer, lanes int) {
	if lanes == 16 {
		*(*[16]float32)(unsafe.Pointer(dst)) = *(*[16]float32)(src)
	} else {
		*(*[8]float32)(unsafe.Pointer(dst)) = *(*[8]float32)(src)
	}
}

// packNumbers packs a column of a grouped convolution number by number.
func (w *ConvWeights) packNumbers(g *column) {
	width := g.vecs * w.block.Channels()
	panel := w.data[g.at:][:(g.to-g.from)*w.kh*w.kw*width]
	perGroup, inGroup := w.cout/w.group, w.cin/w.group
	taps := w.kh * w.kw
	kept := numberRooms.Get().(*[]float32)
	defer numberRooms.Put(kept)
	for j := range min(width, w.cout-g.first) {
		co := g.first + j
		from := co / perGroup * inGroup // the first input channel of its group
		source := w.source.row(co*inGroup*taps, inGroup*taps, kept)
		w.packColumn(panel[j:], width, source, factor(w.scale, co), g, from)
	}
}

// packColumn writes the weights of one output channel, multiplied by scale, into a
// panel of the given width, in the order of the steps. Its inputs begin at channel
// from.
func (w *ConvWeights) packColumn(panel []float32, width int, source []float32, scale float32, g *column, from int) {
	taps := w.kh * w.kw
	if w.planar { // steps: channel, tap
		for i, x := range source {
			panel[((from-g.from)*taps+i)*width] = x * scale
		}
		return
	}
	lanes := w.block.Channels()
	for i := 0; i < len(source)/taps; {
		// The inputs of a block, from the column's first channel on, are contiguous
		// for each tap.
		c := from + i
		begin := max(c/lanes*lanes, g.from)
		run := min(c/lanes*lanes+lanes, g.to) - begin
		base := (begin-g.from)*taps + c - begin
		for n := min(c/lanes*lanes+lanes, from+len(source)/taps) - c; n > 0; n-- {
			for t, x := range source[i*taps:][:taps] {
				panel[(base+t*run)*width] = x * scale
			}
			base++
			i++
		}
	}
}
