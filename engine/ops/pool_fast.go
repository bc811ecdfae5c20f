package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast computes float32 row by row if the places of the maxima are not wanted.
func (op *maxPool) EvalFast(c *Call) (bool, error) {
	if c.wants(1) {
		return false, nil
	}
	return c.poolRows(&op.window, num.Max, float32(math.Inf(-1)), nil)
}

// EvalFast computes float32 row by row.
func (op *averagePool) EvalFast(c *Call) (bool, error) {
	return c.poolRows(&op.window, num.Add, 0, func(s *slide, axis, o int) int {
		p := s.span[axis]
		start := o*p.stride - p.before
		from, to := tapsIn(start, p, 0, s.in[axis])
		if op.includePad {
			from, to = tapsIn(start, p, -p.before, s.in[axis]+p.after)
		}
		return to - from
	})
}

// poolRows joins the elements of each window with a function of two (maximum or sum), which need
// not be done window by window: for a frame of the output, the frames of the input that its windows
// cover are joined first, then for each row the rows of the result, and then the elements of a row.
// Windows without any element are none. If count is given, it returns by how many elements a window
// is divided along one axis.
func (c *Call) poolRows(w *window, op num.Pair, none float32, count func(s *slide, axis, o int) int) (bool, error) {
	x := c.In[0]
	v := c.vec(x)
	if v == nil || x.Len() == 0 || x.Rank() < 3 || x.Rank() > 5 {
		return false, nil
	}
	if _, err := spatial(ir.TypeOf(x)); err != nil {
		return true, err
	}
	s, err := w.slide(x.Shape()[2:], nil)
	if err != nil {
		return true, err
	}
	y, err := c.output(tensor.Float32, s.shape(x.Dim(0), x.Dim(1))...)
	if err != nil || y.Len() == 0 {
		return true, err
	}
	width, frame := s.out[2], s.in[1]*s.in[2]
	if err := firstError(c.Run.reserveList(2*width+2*s.in[2]+frame, 4), c.Run.reserveList(min(s.span[2].kernel, s.in[2]), 3*24)); err != nil {
		return true, err
	}
	var counts []float32
	if count != nil {
		counts = make([]float32, width)
		for o := range counts {
			counts[o] = float32(count(s, 2, o))
		}
	}
	// A piece of work is a row of the output or, where frames are joined for it, a frame.
	rows := 1
	if s.span[0].kernel > 1 {
		rows = s.out[1]
	}
	taps := s.acrossTaps()
	src, dst := tensor.Data[float32](x), tensor.Data[float32](y)
	unit := float64(rows)*(0.1*float64(s.in[2]*s.span[1].kernel)+0.1*float64(width*s.span[2].kernel)+60) + 0.1*float64((rows-1)*s.in[2]*s.span[0].kernel)
	return true, c.share(len(dst)/width/rows, unit, func(from, to int) {
		room := poolRoom{sum: make([]float32, s.in[2]), apart: make([]float32, s.in[2]), far: make([]float32, width)}
		if s.span[0].kernel > 1 {
			room.frame = make([]float32, frame)
		}
		for i := from * rows; i < to*rows; i++ {
			out := dst[i*width:][:width]
			plane, oz, oy := i/s.out[1]/s.out[0], i/s.out[1]%s.out[0], i%s.out[1]
			if rows == 1 || oy == 0 {
				s.joinFrames(v, op, &room, src[plane*s.inSize():][:s.inSize()], oz)
			}
			if s.joinRows(v, op, &room, oy) && len(taps) > 0 {
				s.joinTaps(v, op, out, &room, taps, none)
			} else {
				repeatValue(out, none)
			}
			if count != nil {
				by := room.far
				v.Apply(vec.Affine, by, counts, float32(count(s, 0, oz)*count(s, 1, oy)), 0)
				v.Apply(vec.Clip, by, by, 1, infinity)
				v.Zip(num.Div, out, out, by)
			}
		}
	})
}

// poolRoom is scratch memory: the frames and the rows that are joined, the elements of a row apart, and
// those of a tap. joined is the frame that counts, which may be one of the input; nil: there is none.
type poolRoom struct{ frame, joined, sum, apart, far []float32 }

// joinFrames joins the frames that the windows of frame oz cover.
func (s *slide) joinFrames(v *vec.Unit, op num.Pair, room *poolRoom, plane []float32, oz int) {
	z, size := s.span[0].at(oz, 0), s.in[1]*s.in[2]
	first, end := tapsIn(z, s.span[0], 0, s.in[0])
	room.joined = nil
	for k := first; k < end; k++ {
		next := plane[(z+k*s.span[0].dilation)*size:][:size]
		if k == first {
			room.joined = next
			continue
		}
		v.Zip(op, room.frame, room.joined, next)
		room.joined = room.frame
	}
}

// joinRows joins the rows of the frame that the windows of row oy cover; it reports false if they cover
// none.
func (s *slide) joinRows(v *vec.Unit, op num.Pair, room *poolRoom, oy int) bool {
	y := s.span[1].at(oy, 0)
	first, end := tapsIn(y, s.span[1], 0, s.in[1])
	if room.joined == nil || first == end {
		return false
	}
	row := func(k int) []float32 { return room.joined[(y+k*s.span[1].dilation)*s.in[2]:][:s.in[2]] }
	if end-first == 1 {
		copy(room.sum, row(first))
		return true
	}
	v.Zip(op, room.sum, row(first), row(first+1))
	for k := first + 2; k < end; k++ {
		v.Zip(op, room.sum, room.sum, row(k))
	}
	return true
}

// poolTap is an element of a row's windows: those of windows first to last-1 are a stride apart, from
// element at of the row on.
type poolTap struct{ first, last, at int }

// acrossTaps returns the taps along a row: first those that all windows have.
func (s *slide) acrossTaps() []poolTap {
	var whole, part []poolTap
	p := s.span[2]
	// The taps of the last window that lie behind the row's begin, and of the first before its end.
	k, _ := tapsIn((s.out[2]-1)*p.stride-p.before, p, 0, s.in[2])
	_, end := tapsIn(-p.before, p, 0, s.in[2])
	for ; k < end; k++ {
		first, last := p.inside(k, s.in[2], s.out[2])
		tap := poolTap{first, last, p.at(first, k)}
		switch {
		case first >= last:
		case first == 0 && last == s.out[2]:
			whole = append(whole, tap)
		default:
			part = append(part, tap)
		}
	}
	return append(whole, part...)
}

// joinTaps joins the elements of the row that each window covers; those of a window without any are none.
func (s *slide) joinTaps(v *vec.Unit, op num.Pair, out []float32, room *poolRoom, taps []poolTap, none float32) {
	stride, row := s.span[2].stride, room.sum
	half := len(row) / 2
	if stride == 2 {
		v.Pairs(room.apart[:half], room.apart[half:2*half], row[:2*half])
	}
	for i, t := range taps {
		to := out[t.first:t.last]
		var from []float32
		switch {
		case stride == 1:
			from = row[t.at:][:len(to)]
		case stride == 2 && t.at/2+len(to) <= half:
			from = room.apart[t.at%2*half+t.at/2:][:len(to)]
		default:
			from = room.far[:len(to)]
			for i := range to {
				from[i] = row[t.at+i*stride]
			}
		}
		switch {
		case i > 0:
			v.Zip(op, to, to, from)
		case len(to) == len(out):
			copy(to, from)
		default:
			repeatValue(out, none)
			v.Zip(op, to, to, from)
		}
	}
}
