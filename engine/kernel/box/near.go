package box

import (
	"math"
	"unsafe"
)

// nearRows is the number of rows of a level that Near searches, and ranges the
// number of ranges in both levels.
const (
	nearRows = 3
	ranges   = 2 * nearRows
)

// Queries holds 16 boxes with the blocks of boxes that each may overlap: see Sweep.
type Queries struct {
	grid  *Grid
	Index [16]int32 // the boxes' indices
	Place [16]int32 // their places among the blocks, if they are candidates

	// The results of Near: a slightly larger box, so that rounding does not miss an
	// overlap; bounds for its intersection with a box that overlaps it by t, minus
	// the share of that box's area; its class; and the blocks in which such boxes
	// may lie: the first block and the number of blocks of each range.
	Box         [4][16]float32
	Low, High   [16]float32
	Class       [16]int32
	From, Count [ranges][16]int32
	Hard        uint32 // one bit each: such boxes may lie in other blocks too
}

// Near finds the blocks of boxes that the queries' boxes may overlap. All indices
// must be those of boxes in the grid; an index may occur several times.
func (u *Unit) Near(q *Queries, g *Grid) {
	for _, i := range q.Index {
		if uint32(i) >= uint32(g.count) {
			panic("BUG: a box is not of the grid")
		}
	}
	q.grid = g
	u.near(unsafe.Pointer(q))
}

func findNear(arg unsafe.Pointer) {
	q := (*Queries)(arg)
	q.Hard = 0
	for k := range q.Index {
		if q.find(k) {
			q.Hard |= 1 << k
		}
	}
}

func (q *Queries) find(k int) (hard bool) {
	g, i := q.grid, q.Index[k]
	b := *place(g.boxes, i)
	far := size(b[0]) + size(b[1]) + size(b[2]) + size(b[3])
	w, h, x, y := b[2]-b[0], b[3]-b[1], (b[0]+b[2])*0.5, (b[1]+b[3])*0.5
	out, slack := float32(far*0x1p-22), float32(far*0x1p-20)
	q.Box[0][k], q.Box[1][k], q.Box[2][k], q.Box[3][k] = b[0]-out, b[1]-out, b[2]+out, b[3]+out
	area, off := float32(w*h), float32(far*g.Rounding)
	lost := float32((w+h+off)*off) + float32(area*0x1p-18)
	share := float32(g.Share * area)
	q.Low[k], q.High[k] = max(share-lost, 0), share+lost
	low := g.Level(max(float32(area*g.Narrowest)-float32(lost*g.Widest), 0))
	high := min(g.Level((area+lost)*g.Widest), g.High)
	low = min(max(low, g.Low), g.High)
	high = max(high, low)
	hard = high-low > 1
	cell := int32(0)
	if q.Class[k] = 0; g.class != nil {
		q.Class[k] = *place(g.class, i)
		cell = q.Class[k] * StepClass
	}
	per, reachX, reachY := g.Widest/area, g.Apart*w, g.Apart*h
	for p := range int32(2) {
		l := place(g.levels, low+p)
		more := float32(min(area, l.Most)*per) + 1
		rx, ry := float32(reachX*more)+slack, float32(reachY*more)+slack
		const whole = 0x1p30 // cells beyond cannot be distinguished in 32 bits
		if !((size(x)+rx)*l.PerX < whole && (size(y)+ry)*l.PerY < whole) {
			hard = true
		}
		x0, y0 := cellOf((x-rx)*l.PerX), cellOf((y-ry)*l.PerY)
		wide, rows := cellOf((x+rx)*l.PerX)-x0, cellOf((y+ry)*l.PerY)-y0 // less one
		if rows > nearRows-1 {
			hard = true
		}
		row := l.First + cell + x0 + y0*StepY
		for below := range int32(nearRows) {
			from := row & g.Mask
			to := from + wide
			if to > g.Mask {
				hard = true
			}
			to = max(min(to, g.Mask), from)
			first, end := *place(g.start, from), *place(g.start, to+1)
			if below > 0 && rows < below || low+p > high { // no such cell
				end = first
			}
			q.SetRange(int(nearRows*p+below), k, first, end)
			row += StepY
		}
	}
	return hard
}

// SetRange sets a range of box k to the blocks that contain the given places.
func (q *Queries) SetRange(r, k int, first, end int32) {
	q.From[r][k], q.Count[r][k] = first>>4, 0
	if first < end {
		q.Count[r][k] = (end+15)>>4 - first>>4
	}
}

// cellOf is the cell of a coordinate, converted to an integer as vector
// instructions do.
func cellOf(v float32) int32 {
	if !(v > -0x1p31 && v < 0x1p31) {
		return math.MinInt32
	}
	return int32(v)
}
