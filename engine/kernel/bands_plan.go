package kernel

import "fmt"

// bandPlanner cuts a chain into runs of bands and plans the links on them.
type bandPlanner struct {
	links   []Link
	runs    int
	rows    int      // the most rows of the last output in a band
	rooms   []Layout // the output of each link except the last, with as many rows as any band needs
	starts  []int    // where they begin in a room
	size    int      // of all together, in bytes
	scratch int      // the most that any link needs, in bytes
	works   map[bandKey]*Work
}

// bandKey holds everything on which the work of a link depends.
type bandKey struct {
	link, padTop int
	in, out      Layout
}

const (
	// bandRoom is how many bytes of L2 a room may take, in addition to weights,
	// inputs and outputs.
	bandRoom = 1 << 20
	// runRows is the least number of rows that a run should have, because its first
	// band cannot reuse any rows.
	runRows = 14
)

// newBandPlanner chooses the number of runs, and the largest bands whose rows fit a room of the
// given number of bytes.
func newBandPlanner(chain []Link, rooms, bytes int) *bandPlanner {
	p := &bandPlanner{links: chain, runs: 1, works: map[bandKey]*Work{}}
	h := chain[len(chain)-1].Conv.Out.H
	if rooms > 1 {
		p.runs = min(h, roundUp(max(1, h/runRows), rooms))
	}
	all := (h + p.runs - 1) / p.runs
	for count := 1; ; count = max(count+1, count*p.size/bytes) { // the number of bands of a run; with fewer, rooms are too large
		p.rows = (all + count - 1) / count
		p.layRooms()
		if p.size <= bytes || p.rows == 1 {
			return p
		}
	}
}

// layRooms lays out a room: the intermediate outputs, with the rows that p.rows of the last
// output need. They have no halo above and below but what bands leave, see band.
func (p *bandPlanner) layRooms() {
	last := len(p.links) - 1
	p.rooms, p.starts, p.size = make([]Layout, last), make([]int, last), 0
	for k, rows := last-1, p.rows; k >= 0; k-- {
		out, next := &p.links[k].Conv.Out, &p.links[k+1].Conv
		rows = next.reads(RowSpan{0, rows}).rows()
		p.rooms[k] = NewLayout(out.Format, 1, out.C, rows, out.W, Halo{Left: next.PadLeft, Right: next.Halo().Right})
		p.starts[k] = p.size
		p.size += p.rooms[k].Size()
	}
}

// reads returns the rows of a convolution's padded input from which rows of its
// output are computed, counted from the input's first row.
func (c *Conv) reads(out RowSpan) RowSpan {
	return RowSpan{out.From*c.StrideH - c.PadTop, (out.To-1)*c.StrideH - c.PadTop + (c.KernelH-1)*c.DilationH + 1}
}

// held says which rows of a link's output a room holds, and where.
type held struct {
	RowSpan
	layout Layout
}

// run plans the bands of a run.
func (p *bandPlanner) run(i int) ([]band, error) {
	all := RowSpan{0, p.links[len(p.links)-1].Conv.Out.H}.part(i, p.runs)
	count := (all.rows() + p.rows - 1) / p.rows
	var list []band
	room := make([]held, len(p.rooms))
	for j := range count {
		b, err := p.band(all.part(j, count), room)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

// band plans rows of the last output, given the rows that the room holds, and
// updates these. It goes from the last link to the first: the rows that a link must write
// are those that the one behind it reads and the room does not hold.
func (p *bandPlanner) band(rows RowSpan, room []held) (b band, err error) {
	last := len(p.links) - 1
	b.links = make([]bandLink, last+1)
	c := &p.links[last].Conv
	out := rowsOf(c.Out, rows)
	if rows.From > 0 {
		b.at.out = c.Out.Pixel(rows.From, 0)
	}
	if r := c.Residual; r != nil {
		b.at.residual = rows.From * r.Pitch * r.Format.PixelBytes()
	}
	for k := last; k >= 0; k-- {
		c := p.links[k].Conv
		want := c.reads(rows)
		have := RowSpan{max(want.From, 0), min(want.To, c.In.H)}
		if have.rows() < 1 {
			return b, fmt.Errorf("%v: rows %v of it read nothing but padding", &c, rows)
		}
		c.PadTop = have.From - want.From
		c.Out = out
		if k == 0 {
			b.at.in = have.From * c.In.Pitch * c.In.Format.PixelBytes()
			c.In.N, c.In.H = 1, have.rows()
		} else {
			l := p.rooms[k-1]
			l.H, l.Top, l.Bottom = have.rows(), c.PadTop, want.To-have.To
			c.In = l
			rows, out = b.links[k-1].keep(&room[k-1], held{have, l})
			room[k-1] = held{have, l}
		}
		if b.links[k].work, err = p.work(k, c); err != nil {
			return b, err
		}
	}
	return b, nil
}

// keep makes a link move the rows that the room already holds to their new place, before it
// computes the others. It returns the rows that remain to be computed, and their layout.
func (b *bandLink) keep(old *held, now held) (left RowSpan, to Layout) {
	kept := min(old.To, now.To-1) - now.From                    // at least one row is computed, which fills the halo below
	if kept <= 0 || old.From > now.From || now.layout.Top > 0 { // with rows kept, nothing would fill the halo above
		return now.RowSpan, now.layout
	}
	l := &now.layout
	size := l.Format.PixelBytes()
	for i := range l.Blocks() {
		b.moves = append(b.moves, rowMove{
			to:    i*l.Block + l.Pixel(0, -l.Left),
			from:  i*l.Block + old.layout.Pixel(now.From-old.From, -l.Left),
			bytes: (kept*l.Pitch + l.Left) * size,
		})
	}
	b.out = l.Pixel(kept, 0)
	return RowSpan{now.From + kept, now.To}, rowsOf(*l, RowSpan{kept, l.H})
}

// rowsOf is a layout of some of its rows. The halo above and to the left of the
// first one belongs to the rows before, if there are any.
func rowsOf(l Layout, r RowSpan) Layout {
	if r.From > 0 {
		l.Top, l.Left = 0, 0
	}
	if r.To < l.H {
		l.Bottom = 0
	}
	l.N, l.H = 1, r.rows()
	return l
}

// work plans link k as c, or reuses the plan of an equal band.
func (p *bandPlanner) work(k int, c Conv) (*Work, error) {
	key := bandKey{k, c.PadTop, c.In, c.Out}
	if w := p.works[key]; w != nil {
		return w, nil
	}
	if c.Residual != nil {
		r := *c.Residual
		r.N, r.H = 1, c.Out.H
		c.Residual = &r
	}
	w, err := p.links[k].Plan(&c)
	if err != nil {
		return nil, err
	}
	p.scratch = max(p.scratch, w.Scratch)
	p.works[key] = &w
	return &w, nil
}
