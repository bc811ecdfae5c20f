package kernel

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"unsafe"
)

// outputRooms holds buffers for the weights of one output.
var outputRooms = sync.Pool{New: func() any { return new([]int16) }}

// Chunk packs one chunk.
func (w *QConvWeights) Chunk(i int) {
	switch w.form {
	case qconvDense, qconvRows, qconvWinograd:
		w.packDense(i)
		return
	}
	per, first := w.per(), i*w.chunk()
	n := min(w.chunk(), w.cout-first)
	kept := outputRooms.Get().(*[]int16)
	defer outputRooms.Put(kept)
	*kept = slices.Grow((*kept)[:0], per)
	source := (*kept)[:per]
	for co := first; co < first+n; co++ {
		w.source.Fill(co, 1, source)
		var sum int32
		for _, v := range source {
			sum += int32(v)
		}
		w.bias[co] -= w.zero * sum
		switch w.form {
		case qconvPlain:
			copy(w.plain[co*per:], source)
		case qconvDepthwise, qconvPairDepth:
			w.packDepthwise(co, source)
		case qconvWide:
			w.packWide(co, source)
		default: // qconvWideDepth
			for t, v := range source {
				put32(w.data[co/64*w.panel+256*t+co%64*4:], uint32(int32(v)))
			}
		}
	}
}

// packEnds packs the bias and scale of one output.
func (w *QConvWeights) packEnds(co int) {
	if len(w.scales) == 0 {
		return // they are known at run time
	}
	put32(w.ends[co/32*256+4*(co%32):], uint32(w.bias[co]))
	put32(w.ends[co/32*256+128+4*(co%32):], math.Float32bits(w.scales[co]))
}

// packWide packs one output: two channels per 32-bit lane, 16 outputs side by side,
// as VPMADDWD reads them.
func (w *QConvWeights) packWide(co int, source []int16) {
	w.packEnds(co)
	panel := w.data[co/16*w.panel+co%16*4:]
	taps := w.kernelH * w.kernelW
	for c := range len(source) / taps {
		for t, v := range source[c*taps:][:taps] {
			step, place := w.step(c, t)
			at := step*2048 + place/2*64 + place%2*2
			panel[at], panel[at+1] = byte(v), byte(v>>8)
		}
	}
}

// packDepthwise packs one channel: four or two taps per 32-bit lane, 64 channels
// side by side in the order of depthwisePlace.
func (w *QConvWeights) packDepthwise(co int, source []int16) {
	place := depthwisePlace(co % 64)
	put32(w.ends[co/64*512+4*place:], uint32(w.bias[co]))
	put32(w.ends[co/64*512+256+4*place:], math.Float32bits(w.scales[co]))
	data := w.data[co/64*w.panel+4*place:]
	for i, v := range source {
		if w.form == qconvPairDepth {
			at := i/2*256 + i%2*2
			data[at], data[at+1] = byte(v), byte(v>>8)
			continue
		}
		for k := range w.parts {
			t := w.depthTap(i, k)
			data[t/4*256+t%4] = part(v, k)
		}
	}
}

// depthTaps returns the number of taps of a depthwise convolution including those
// with weight 0 that complete pairs or quads. A quad is a column of a 3x3 kernel and
// one such tap, or any four taps of other kernels.
func (w *QConvWeights) depthTaps() int {
	switch {
	case w.form == qconvPairDepth:
		return roundUp(w.kernelH*w.kernelW, 2)
	case w.kernelH == 3 && w.kernelW == 3:
		return 12 * w.parts
	}
	return roundUp(w.kernelH*w.kernelW*w.parts, 4)
}

// depthTap returns the place of the k-th part of tap t among them.
func (w *QConvWeights) depthTap(t, k int) int {
	if w.form == qconvDepthwise && w.kernelH == 3 && w.kernelW == 3 {
		return 4*(3*k+t%3) + t/3
	}
	return t + k*w.kernelH*w.kernelW
}

// depthwisePlace returns the 32-bit lane of channel c of 64: register c%16/4, 128-bit
// lane c/16. That is where unpacking bytes within 128-bit lanes moves it.
func depthwisePlace(c int) int { return c%16/4*16 + c/16*4 + c%4 }

func put32(b []byte, v uint32) { *(*uint32)(unsafe.Pointer(&b[0])) = v }

// byteRooms holds buffers for the bytes of 32 outputs.
var byteRooms = sync.Pool{New: func() any { return new([]byte) }}

// A step of the K loop has 64 inputs by 32 outputs, 2048 bytes: for each four inputs, which
// one instruction multiplies, 16 outputs side by side; first outputs 0 to 15, then 16 to 31.
// For input i and output o of the step,
//
//	byte = o/16*1024 + i/4*64 + o%16*4 + i%4
//
// or, for an instruction that multiplies eight,
//
//	byte = o/16*1024 + i/8*128 + o%16*8 + i%8
//
// Steps are channel block by channel block, and tap by tap in each; behind them come those
// that come again.

// quad returns where in a step the weights of four inputs, 4·q and on, and an output begin.
func (w *QConvWeights) quad(q, o int) int {
	if w.products.eights {
		return o/16*1024 + q/2*128 + o%16*8 + q%2*4
	}
	return o/16*1024 + q*64 + o%16*4
}

// packDense packs a chunk of a dense form and subtracts from the bias what belongs to
// the input's zero point.
func (w *QConvWeights) packDense(chunk int) {
	first := 32 * chunk
	kept := byteRooms.Get().(*[]byte)
	defer byteRooms.Put(kept)
	for k := range w.parts {
		rows := w.partsOf(kept, first, k)
		for i, row := range rows {
			w.bias[first+i] -= w.zero * sumCodes(row)
		}
		switch panel := w.data[chunk*w.panel:]; {
		case k > 0:
			w.packParts(panel, rows, k)
		case w.form == qconvRows:
			w.packRows(panel, rows)
		case w.form == qconvWinograd:
			w.packTaps(w.data[2*chunk*w.panel:], rows)
		default:
			w.packSteps(panel, rows)
		}
	}
	for co := first; co < min(first+32, w.cout); co++ {
		w.packEnds(co)
	}
}

// partsOf returns the k-th parts of the weights of up to 32 outputs from first on. They may be in
// the room.
func (w *QConvWeights) partsOf(kept *[]byte, first, k int) [][]byte {
	per := w.per()
	rows := make([][]byte, min(32, w.cout-first))
	if w.source.Codes == nil || w.source.Flip != 0 || w.source.Zeros != nil {
		w.bytesOf(kept, rows, first, k)
		return rows
	}
	for i := range rows {
		rows[i] = w.source.Codes[(first+i)*per:][:per]
	}
	return rows
}

// bytesOf writes the k-th parts of the weights of outputs from first on to the room,
// and points rows to them.
func (w *QConvWeights) bytesOf(kept *[]byte, rows [][]byte, first, k int) {
	per := w.per()
	if cap(*kept) < len(rows)*per {
		*kept = make([]byte, len(rows)*per)
	}
	var table [256]byte
	var source []int16
	if w.source.Codes == nil {
		numbers := outputRooms.Get().(*[]int16)
		defer outputRooms.Put(numbers)
		if cap(*numbers) < per {
			*numbers = make([]int16, per)
		}
		source = (*numbers)[:per]
	}
	for i := range rows {
		row := (*kept)[i*per:][:per:per]
		rows[i] = row
		if source == nil {
			if i == 0 || w.source.Zeros != nil {
				w.source.table(&table, first+i, k)
			}
			for j, b := range w.source.Codes[(first+i)*per:][:per] {
				row[j] = table[b]
			}
			continue
		}
		w.source.Fill(first+i, 1, source)
		for j, v := range source {
			row[j] = part(v, k)
		}
	}
}

// packParts packs the k-th parts (k > 0) of the weights, of which most are 0, into the steps
// that come again.
func (w *QConvWeights) packParts(panel []byte, rows [][]byte, k int) {
	taps := w.kernelH * w.kernelW
	for o, row := range rows {
		for i, b := range row {
			if b == 0 {
				continue
			}
			step, place := w.step(i/taps, i%taps)
			panel[w.repeatOf[(k-1)*w.distinctSteps()+step]*2048+w.quad(place/4, o)+place%4] = b
		}
	}
}

// findRepeated finds the steps that come again. Of codes around their zero point few
// leave the range of a signed byte: those between the zero point and the farther end.
func (w *QConvWeights) findRepeated() {
	once := w.distinctSteps()
	w.repeatOf = make([]int, once*(w.parts-1))
	const each = 32
	kept := byteRooms.Get().(*[]byte)
	defer byteRooms.Put(kept)
	rows := make([][]byte, each)
	for k := 1; k < w.parts; k++ {
		for first := 0; first < w.cout; first += each {
			n := min(each, w.cout-first)
			w.bytesOf(kept, rows[:n], first, k)
			for _, row := range rows[:n] {
				w.markRepeated(row, k)
			}
		}
	}
	for i, used := range w.repeatOf {
		if used != 0 {
			w.repeatOf[i] = once + len(w.repeated)
			w.repeated = append(w.repeated, i%once)
		}
	}
}

// markRepeated marks the steps for which the k-th parts of an output are not all 0.
func (w *QConvWeights) markRepeated(row []byte, k int) {
	taps := w.kernelH * w.kernelW
	for at := 0; at < len(row); at += 8 {
		eight := row[at:min(at+8, len(row))]
		if len(eight) == 8 && binary.LittleEndian.Uint64(eight) == 0 {
			continue
		}
		for i, b := range eight {
			if b != 0 {
				step, _ := w.step((at+i)/taps, (at+i)%taps)
				w.repeatOf[(k-1)*w.distinctSteps()+step] = 1
			}
		}
	}
}

// packSteps packs the weights of up to 32 outputs.
func (w *QConvWeights) packSteps(panel []byte, rows [][]byte) {
	taps := w.kernelH * w.kernelW
	cin := w.cin / w.group
	for c := 0; c < cin; c += 64 {
		channels := min(64, cin-c)
		step := panel[c/64*taps*2048:][:taps*2048]
		for o, row := range rows {
			from := row[c*taps:][:channels*taps]
			for t := range taps {
				to := step[t*2048:][:2048]
				if taps == 1 {
					for q := range channels / 4 {
						put32(to[w.quad(q, o):], binary.LittleEndian.Uint32(from[4*q:]))
					}
				} else {
					for q := range channels / 4 {
						f := from[4*q*taps+t:][:3*taps+1]
						put32(to[w.quad(q, o):], uint32(f[0])|uint32(f[taps])<<8|uint32(f[2*taps])<<16|uint32(f[3*taps])<<24)
					}
				}
				for i := channels &^ 3; i < channels; i++ {
					to[w.quad(i/4, o)+i%4] = from[i*taps+t]
				}
			}
		}
	}
}

// packRows is packSteps where a step is a kernel row, and a quad one of its taps.
func (w *QConvWeights) packRows(panel []byte, rows [][]byte) {
	taps := w.kernelH * w.kernelW
	for o, row := range rows {
		for i, b := range row {
			c, t := i/taps, i%taps
			panel[t/w.kernelW*2048+w.quad(t%w.kernelW, o)+c] = b
		}
	}
}

// packTaps is packSteps for Winograd's form: panels of 16 outputs side by side, in each one tap of
// all channels after the other, two channels of an output together.
func (w *QConvWeights) packTaps(panels []byte, rows [][]byte) {
	tap := w.pairs() * 32
	for o, row := range rows {
		panel := panels[o/16*w.panel+o%16*2:]
		for c := range w.cin {
			for t, b := range row[9*c:][:9] {
				panel[t*tap+c/2*32+c%2] = b
			}
		}
	}
}

// sumCodes adds signed bytes, eight at a time.
func sumCodes(row []byte) int32 {
	const flip, even = 0x8080808080808080, 0x00ff00ff00ff00ff
	n := int32(len(row))
	var sum int32
	for len(row) >= 8 {
		var lanes uint64 // four sums of 16 bits, of bytes to which 128 was added
		for i := 0; i < 128 && len(row) >= 8; i++ {
			v := binary.LittleEndian.Uint64(row) ^ flip
			lanes += v&even + v>>8&even
			row = row[8:]
		}
		for ; lanes != 0; lanes >>= 16 {
			sum += int32(lanes & 0xffff)
		}
	}
	for _, b := range row {
		sum += int32(b ^ 0x80)
	}
	return sum - 128*n
}

// sumMagnitudes adds the magnitudes of signed bytes, eight at a time.
func sumMagnitudes(row []byte) (sum int32) {
	const ones, even = 0x0101010101010101, 0x00ff00ff00ff00ff
	for len(row) >= 8 {
		var lanes uint64 // four sums of 16 bits
		for i := 0; i < 128 && len(row) >= 8; i++ {
			v := binary.LittleEndian.Uint64(row)
			negative := v >> 7 & ones
			v = (v ^ (negative<<8 - negative)) + negative // at most 128 each: nothing is carried
			lanes += v&even + v>>8&even
			row = row[8:]
		}
		for ; lanes != 0; lanes >>= 16 {
			sum += int32(lanes & 0xffff)
		}
	}
	for _, b := range row {
		v := int32(int8(b))
		sum += max(v, -v)
	}
	return sum
}
