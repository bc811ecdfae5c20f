package ops

import (
	"math"
	"slices"
	"sync"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast resizes the last two axes of float32 tensors row by row (in mode nearest those of any
// numbers), also if a few channels are behind them, and other float32 tensors one axis after the other;
// bytes by way of float32.
func (op *resize) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	if c.Run.Kernel != nil && op.mode != "nearest" && op.transform != "tf_crop_and_resize" {
		switch x.DType() {
		case tensor.Uint8:
			return true, resizeBytes[uint8](c, op)
		case tensor.Int8:
			return true, resizeBytes[int8](c, op)
		}
	}
	if op.mode == "nearest" && (x.DType().Size() == 0 || x.DType().Size() > 8) || op.mode != "nearest" && x.DType() != tensor.Float32 {
		return false, nil
	}
	shape, plan, err := op.planCall(c)
	if err != nil {
		return false, err
	}
	across, inner := columnsOf(x.Shape(), plan)
	planar := c.Run.Kernel != nil && len(plan) > 0 && x.Len() > 0 && across >= 1
	for _, p := range plan {
		planar = planar && p.axis >= across-1 && p.in < math.MaxInt32/inner
	}
	if planar {
		if done, err := op.pictures(c, shape, plan, across, inner); done || err != nil {
			return done, err
		}
	}
	if op.mode == "nearest" {
		return false, nil
	}
	c.Out[0], err = interpolate[float32](c, op, x, plan)
	return true, err
}

// pictureSize holds the resizing of the last two axes: the taps of each row and
// column of the output.
type pictureSize struct {
	inH, inW, outH, outW int
	rows                 tapList   // without taps: rows stay
	columns              *vec.Taps // nil: columns stay
	nearestRow, nearest  []int32   // in mode nearest: the row, the column of each of the output; nil: they stay
	columnsFirst         bool      // rows become more: columns are interpolated first
	vec                  *vec.Unit
}

// columnsOf returns the axis of columns: the last one or, where pixels have a few channels side by
// side, which is inner, the one before.
func columnsOf(x []int, plan []resizeAxis) (axis, inner int) {
	last, most := 0, 16
	for _, p := range plan {
		last = max(last, p.axis)
	}
	if inner = tensor.MustCount(x[last+1:]); inner > most || inner == 0 {
		return len(x) - 1, 1
	}
	return last, inner
}

// pictures resizes the axis of columns, which have so many numbers each, and that of rows before it; it
// returns false if coordinates are outside the input.
func (op *resize) pictures(c *Call, shape []int, plan []resizeAxis, last, inner int) (bool, error) {
	x := c.In[0]
	s := &pictureSize{inH: x.Dim(last - 1), inW: x.Dim(last) * inner, outH: shape[last-1], outW: shape[last] * inner, vec: &c.Run.Kernel.Vec}
	for _, p := range plan {
		if err := c.Run.reserveList(p.out*inner, 24*int64(max(1, op.tapCount(p)))); err != nil {
			return true, err
		}
		if op.mode == "nearest" {
			at, ok := op.nearestPlaces(p)
			if !ok {
				return false, nil
			}
			if p.axis == last {
				s.nearest = sideBySide(at, inner)
			} else {
				s.nearestRow = at
			}
			continue
		}
		taps := op.taps(p)
		if taps.beyond != nil {
			return false, nil
		}
		if p.axis == last {
			s.columns = columnTaps(taps, p.out)
			s.columns.Index, s.columns.Weight = sideBySide(s.columns.Index, inner), repeatEach(s.columns.Weight, inner)
		} else {
			s.rows = taps
		}
	}
	s.columnsFirst = s.outH > s.inH
	y, err := c.output(x.DType(), shape...)
	if err != nil || y.Len() == 0 {
		return true, err
	}
	const band = 16 // rows of the output that share interpolated rows of the input
	planes := y.Len() / s.outH / s.outW
	bands := (s.outH + band - 1) / band
	unit := 1.0 + 0.4*float64(max(s.rows.per, 1))
	return true, c.share(planes*bands, unit*float64(band*s.outW)+100, func(from, to int) {
		if op.mode == "nearest" {
			switch x.DType().Size() {
			case 1:
				pickBands(s, y.Bytes(), x.Bytes(), from, to, band)
			case 2:
				pickBands(s, words[uint16](y), words[uint16](x), from, to, band)
			case 4:
				pickBands(s, words[uint32](y), words[uint32](x), from, to, band)
			default:
				pickBands(s, words[uint64](y), words[uint64](x), from, to, band)
			}
			return
		}
		work := resizeWorks.Get().(*resizeWork)
		defer resizeWorks.Put(work)
		src, dst := tensor.Data[float32](x), tensor.Data[float32](y)
		for i := from; i < to; i++ {
			p, b := i/bands, i%bands*band
			s.blendRows(work, dst[p*s.outH*s.outW:][:s.outH*s.outW], src[p*s.inH*s.inW:][:s.inH*s.inW], b, min(b+band, s.outH))
		}
	})
}

// sideBySide returns the numbers of columns as those of their elements, n each.
func sideBySide(columns []int32, n int) []int32 {
	out := repeatEach(columns, n)
	if n > 1 {
		for i, at := range out {
			out[i] = at*int32(n) + int32(i%n)
		}
	}
	return out
}

// repeatEach repeats each element n times.
func repeatEach[T any](x []T, n int) []T {
	if n == 1 {
		return x
	}
	out := make([]T, 0, len(x)*n)
	for _, v := range x {
		for range n {
			out = append(out, v)
		}
	}
	return out
}

// nearestPlaces returns the indices of the input along an axis; false if one is
// outside.
func (op *resize) nearestPlaces(p resizeAxis) (at []int32, ok bool) {
	at = make([]int32, p.out)
	for i := range at {
		place, inside := op.coordinate(p, i)
		if !inside {
			return nil, false
		}
		at[i] = int32(op.round(place, p))
	}
	return at, true
}

// ResizeTaps returns the taps of the rows and columns of the output of n, a
// Resize or Upsample; nil for an axis that stays. x is the input's shape, and
// constant returns the inputs that are known. It returns false if any but the
// last two axes changes, if coordinates are outside the input, or if there are
// too many taps.
func ResizeTaps(n *ir.Node, x []int, constant func(*ir.Value) *tensor.Tensor) (rows, columns *vec.Taps, ok bool) {
	const many, long = 8, 1 << 20
	op, ok := n.Operator.(*resize)
	if !ok {
		return nil, nil, false
	}
	at := func(i int) *tensor.Tensor {
		if i <= 0 || i >= len(n.Inputs) || n.Inputs[i] == nil {
			return nil
		}
		t := constant(n.Inputs[i])
		ok = ok && t != nil
		return t
	}
	roi, scales, sizes := at(op.roiAt), at(op.scalesAt), at(op.sizesAt)
	if !ok {
		return nil, nil, false
	}
	r, err := op.request(roi, scales, sizes)
	if err != nil {
		return nil, nil, false
	}
	_, plan, err := op.plan(x, r)
	if err != nil {
		return nil, nil, false
	}
	for _, p := range plan {
		if p.out > long { // larger than any image: Eval checks the memory limit first
			return nil, nil, false
		}
		taps, ok := op.axisTaps(p, many)
		switch {
		case !ok || p.axis < len(x)-2:
			return nil, nil, false
		case p.axis == len(x)-1:
			columns = taps
		default:
			rows = taps
		}
	}
	return rows, columns, true
}

// axisTaps returns the taps of an axis; false if an element has more than most.
func (op *resize) axisTaps(p resizeAxis, most int) (*vec.Taps, bool) {
	if op.mode == "nearest" {
		at, ok := op.nearestPlaces(p)
		return &vec.Taps{Index: at, Per: 1}, ok
	}
	if op.tapCount(p) > most {
		return nil, false
	}
	taps := op.taps(p)
	return columnTaps(taps, p.out), taps.beyond == nil
}

// columnTaps converts the taps of n elements to the layout of the kernels: tap by tap, not element by
// element.
func columnTaps(l tapList, n int) *vec.Taps {
	t := &vec.Taps{Index: make([]int32, l.per*n), Weight: make([]float32, l.per*n), Per: l.per}
	for i := range n {
		for k := range l.per {
			t.Index[k*n+i], t.Weight[k*n+i] = int32(l.index[i*l.per+k]), float32(l.weight[i*l.per+k])
		}
	}
	return t
}

// pickBands writes bands from..to-1 of all planes, of so many rows each, in mode nearest.
func pickBands[T any](s *pictureSize, dst, src []T, from, to, band int) {
	bands := (s.outH + band - 1) / band
	for i := from; i < to; i++ {
		p, b := i/bands, i%bands*band
		pickRows(s, dst[p*s.outH*s.outW:][:s.outH*s.outW], src[p*s.inH*s.inW:][:s.inH*s.inW], b, min(b+band, s.outH))
	}
}

// pickRows writes rows from..to-1 of a plane.
func pickRows[T any](s *pictureSize, dst, src []T, from, to int) {
	before := -1
	for y := from; y < to; y++ {
		at := y
		if s.nearestRow != nil {
			at = int(s.nearestRow[y])
		}
		out, in := dst[y*s.outW:(y+1)*s.outW], src[at*s.inW:(at+1)*s.inW]
		switch {
		case at == before:
			copy(out, dst[(y-1)*s.outW:y*s.outW])
		case s.nearest == nil:
			copy(out, in)
		default:
			for i, j := range s.nearest {
				out[i] = in[j]
			}
		}
		before = at
	}
}

// resizeWork is the scratch memory of one thread.
type resizeWork struct {
	row     []float32 // one row with the input's width
	kept    []float32 // rows with the output's width, interpolated from rows of the input
	has     []int     // which input row each kept row comes from
	offsets []int64
	weights []float32
}

var resizeWorks = sync.Pool{New: func() any { return new(resizeWork) }}

// blendRows writes rows from..to-1 of a plane. If the output has more rows than
// the input, columns are interpolated first, and the result for an input row is
// kept for the following rows.
func (s *pictureSize) blendRows(w *resizeWork, dst, src []float32, from, to int) {
	per := s.rows.per
	if s.columns != nil && s.columnsFirst && per > 0 {
		w.kept = slices.Grow(w.kept[:0], per*s.outW)[:per*s.outW]
		w.has = slices.Grow(w.has[:0], per)[:per]
		for i := range w.has {
			w.has[i] = -1
		}
		for y := from; y < to; y++ {
			s.blendKept(w, dst[y*s.outW:(y+1)*s.outW], src, y)
		}
		return
	}
	w.row = slices.Grow(w.row[:0], s.inW)[:s.inW]
	for y := from; y < to; y++ {
		out, row := dst[y*s.outW:(y+1)*s.outW], src[min(y, s.inH-1)*s.inW:][:s.inW]
		if per > 0 {
			row = w.row
			if s.columns == nil {
				row = out
			}
			w.offsets, w.weights = w.offsets[:0], w.weights[:0]
			for k := y * per; k < (y+1)*per; k++ {
				if s.rows.weight[k] != 0 {
					w.offsets, w.weights = append(w.offsets, 4*int64(s.rows.index[k]*s.inW)), append(w.weights, float32(s.rows.weight[k]))
				}
			}
			s.vec.BlendRows(row, src, w.offsets, w.weights)
		}
		if s.columns != nil {
			s.vec.PickSums(out, row, s.columns)
		}
	}
}

// blendKept computes row y from kept rows. The kept row for an input row is its
// number modulo the number of taps.
func (s *pictureSize) blendKept(w *resizeWork, out, src []float32, y int) {
	per := s.rows.per
	w.offsets, w.weights = w.offsets[:0], w.weights[:0]
	for k := y * per; k < (y+1)*per; k++ {
		if s.rows.weight[k] == 0 {
			continue
		}
		at := s.rows.index[k]
		place := at % per
		if w.has[place] != at {
			w.has[place] = at
			s.vec.PickSums(w.kept[place*s.outW:(place+1)*s.outW], src[at*s.inW:(at+1)*s.inW], s.columns)
		}
		w.offsets, w.weights = append(w.offsets, 4*int64(place*s.outW)), append(w.weights, float32(s.rows.weight[k]))
	}
	s.vec.BlendRows(out, w.kept, w.offsets, w.weights)
}
