package kernel

import "unsafe"

// PointOp is an element-wise operation.
type PointOp uint8

// The operations.
const (
	Copy PointOp = iota
	Add
	Sub
	Mul
	pointOps
)

// Pointwise describes Out = Act(A op B), element by element, between layouts that are all
// F32x8, or each any of F32x16, Split32 and BF16x32. B has A's shape, or H and W of 1: one
// number per channel. Of a product it may also be planar with C of 1: one number per pixel.
// Copy has no B: it converts formats or applies an activation. Out may
// be in the memory of A or B if their layouts are equal.
//
// A is Memory.In, B is Memory.More[0].
type Pointwise struct {
	Op        PointOp
	A, B, Out Layout
	Act       Activation
}

type pointwise struct {
	rows
	Pointwise
	rung      *Rung
	together  int // rows that are computed as one run of pixels
	broadcast bool
	perPixel  bool
	low, high float32
	rest      Activation
}

// Pointwise plans an element-wise operation.
func (r *Rung) Pointwise(p Pointwise) (Work, error) {
	s := &pointwise{Pointwise: p, rung: r}
	if err := sameFamily(&p.A, &p.Out); err != nil {
		return Work{}, err
	}
	if err := sameShape(&p.A, &p.Out); err != nil {
		return Work{}, err
	}
	if s.perPixel = p.Op == Mul && p.B.Format == Planar && p.B.C == 1; s.perPixel {
		full := p.B
		full.C = p.A.C
		if err := sameShape(&p.A, &full); err != nil {
			return Work{}, err
		}
	} else if p.Op != Copy {
		if err := sameFamily(&p.B, &p.Out); err != nil {
			return Work{}, err
		}
		s.broadcast = p.B.H == 1 && p.B.W == 1 && (p.Out.H > 1 || p.Out.W > 1)
		full := p.B
		if s.broadcast {
			full.H, full.W = p.Out.H, p.Out.W
		}
		if err := sameShape(&p.A, &full); err != nil {
			return Work{}, err
		}
	}
	s.low, s.high, s.rest = p.Act.limits()
	s.rows = newRows(p.Out, 10)
	s.together = together(&s.A, &s.Out)
	if p.Op != Copy && !s.broadcast && !s.perPixel {
		s.together = together(&s.A, &s.B, &s.Out)
	}
	return Work{Steps: []Step{s}}, nil
}

// Run is part of Step.
func (s *pointwise) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	s.groups(chunk, s.together, func(n, plane, y, count int) { s.visit(f, m, n, plane, y, count) })
	frames.Put(f)
}

// visit computes count rows of a plane, which are contiguous if there are several.
func (s *pointwise) visit(f *frame, m *Memory, n, plane, y, count int) {
	out := s.Out.strips(m.Out, n, plane)
	a := s.A.strips(m.In, n, plane)
	var b strips
	switch {
	case s.perPixel:
		b = strips{unsafe.Add(m.More[0], n*s.B.Image+4*y*s.B.W), nil}
	case s.Op != Copy:
		b = s.B.strips(m.More[0], n, plane)
	}
	for x := 0; x < s.Out.W*count; x += maxUnit {
		w := min(maxUnit, s.Out.W*count-x)
		room := f.strips(0)
		from := s.rung.load(&s.A, a, y, x, w, room)
		to := s.Out.target(out, y, x, room)
		var second strips
		switch {
		case s.Op == Copy:
		case s.perPixel:
			second[0] = unsafe.Add(b[0], 4*x)
			second[1] = second[0]
		case s.broadcast:
			second = s.rung.load(&s.B, b, 0, 0, 1, f.strips(1))
		default:
			second = s.rung.load(&s.B, b, y, x, w, f.strips(1))
		}
		for i := range to {
			if to[i] == nil {
				continue
			}
			if from[i] == nil || s.Op != Copy && second[i] == nil { // the formats have different numbers of channels beyond C
				clear(unsafe.Slice((*float32)(to[i]), w*s.Out.width()))
				continue
			}
			s.strip(to[i], from[i], second[i], w)
		}
		s.rung.store(&s.Out, out, y, x, w, to)
	}
	s.Out.clearRows(out, y, count)
}

// strip computes w pixels.
func (s *pointwise) strip(to, a, b unsafe.Pointer, w int) {
	k, n := s.rung, w*s.Out.width()
	switch {
	case s.Op == Copy:
		k.ClipRow(to, a, n, s.low, s.high)
	case s.perPixel:
		k.lanes(s.Out.width()).ScaleRows(to, a, b, w, 1)
		k.ClipRow(to, to, n, s.low, s.high)
	case s.broadcast:
		k.lanes(s.Out.width()).Broadcast[s.Op](to, a, b, w, s.low, s.high)
	case s.Op == Add:
		k.AddRow(to, a, b, n, s.low, s.high)
	case s.Op == Sub:
		k.SubRow(to, a, b, n, s.low, s.high)
	case s.Op == Mul:
		k.MulRow(to, a, b, n, s.low, s.high)
	}
	if s.rest.Kind != Identity {
		k.Activate(to, n, s.rest)
	}
}

// floats returns the n numbers at p.
func floats(p unsafe.Pointer, n int) []float32 { return unsafe.Slice((*float32)(p), n) }

// The twins of the row kernels.

func clipRow(dst, a unsafe.Pointer, n int, low, high float32) {
	to := floats(dst, n)
	for i, x := range floats(a, n) {
		to[i] = clip(x, low, high)
	}
}

func addRow(dst, a, b unsafe.Pointer, n int, low, high float32) {
	to, y := floats(dst, n), floats(b, n)
	for i, x := range floats(a, n) {
		to[i] = clip(x+y[i], low, high)
	}
}

func subRow(dst, a, b unsafe.Pointer, n int, low, high float32) {
	to, y := floats(dst, n), floats(b, n)
	for i, x := range floats(a, n) {
		to[i] = clip(x-y[i], low, high)
	}
}

func mulRow(dst, a, b unsafe.Pointer, n int, low, high float32) {
	to, y := floats(dst, n), floats(b, n)
	for i, x := range floats(a, n) {
		to[i] = clip(x*y[i], low, high)
	}
}

// broadcasts has kernels by operation; Copy has none.
type broadcasts [pointOps]func(dst, a, b unsafe.Pointer, pixels int, low, high float32)

// plainBroadcasts returns the twins for pixels of the given number of numbers.
func plainBroadcasts(lanes int) (all broadcasts) {
	rows := [pointOps]func(dst, a, b unsafe.Pointer, n int, low, high float32){Add: addRow, Sub: subRow, Mul: mulRow}
	for op := Add; op < pointOps; op++ {
		row := rows[op]
		all[op] = func(dst, a, b unsafe.Pointer, pixels int, low, high float32) {
			for i := range pixels {
				row(unsafe.Add(dst, 4*lanes*i), unsafe.Add(a, 4*lanes*i), b, lanes, low, high)
			}
		}
	}
	return all
}

func (op PointOp) String() string { return [...]string{"copy", "add", "sub", "mul"}[op] }
