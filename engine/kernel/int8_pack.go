package kernel

import (
	"encoding/binary"
	"sync"
)

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
	per, first := w.per(), 32*chunk
	n := min(32, w.cout-first)
	kept := byteRooms.Get().(*[]byte)
	defer byteRooms.Put(kept)
	rows := make([][]byte, n)
	for k := range w.parts {
		if w.source.Codes != nil && w.source.Flip == 0 && w.source.Zeros == nil {
			for i := range rows {
				rows[i] = w.source.Codes[(first+i)*per:][:per]
			}
		} else {
			w.bytesOf(kept, rows, first, k)
		}
		for i, row := range rows {
			w.bias[first+i] -= w.zero * sumCodes(row)
		}
		switch panel := w.data[chunk*w.panel:][:w.panel]; {
		case k > 0:
			w.packParts(panel, rows, k)
		case w.form == qconvRows:
			w.packRows(panel, rows)
		default:
			w.packSteps(panel, rows)
		}
	}
	for i := range n {
		w.packEnds(first + i)
	}
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
