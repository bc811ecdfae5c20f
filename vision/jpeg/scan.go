package jpeg

import "fmt"

// scanState is the entropy decoder's state. It starts over with every scan, but
// for the last two fields.
type scanState struct {
	bits   bitReader
	pred   [4]int32 // DC predictions, one a component
	eobRun int      // blocks still in an end-of-band run, progressive
	togo   int      // MCUs to the next restart marker
	rst    byte     // number of that marker, modulo 8
	dry    bool     // the segment ran out: MCUs stay as they are until a restart

	found   bool // at least one MCU was decoded from the data
	damaged bool
}

// begin a scan at the current position.
func (d *Decoder) startScan() {
	d.scan = scanState{togo: d.restart, found: d.scan.found, damaged: d.scan.damaged || d.scan.bits.bad}
	d.startSegment()
}

// startSegment loads the entropy-coded bytes up to the next marker.
func (d *Decoder) startSegment() {
	d.ecs, d.pos = unstuff(d.ecs[:0], d.data, d.pos)
	d.scan.bits.reset(d.ecs)
}

// nextMCU makes the reader ready for an MCU and tells whether there are data
// for it.
func (d *Decoder) nextMCU() bool {
	s := &d.scan
	if d.restart > 0 {
		if s.togo == 0 {
			d.nextInterval()
		}
		s.togo--
	}
	return !s.dry
}

// finishMCU notes an MCU that needed more bits than there were. That MCU was
// decoded out of zero bits; those after it are not decoded.
func (d *Decoder) finishMCU() {
	if d.scan.bits.exhausted() {
		d.scan.dry, d.scan.damaged = true, true
		return
	}
	d.scan.found = true
}

// nextInterval passes the restart marker that is due, T.81 F.2.1.3.1.
func (d *Decoder) nextInterval() {
	s := &d.scan
	if d.resync(s.rst) {
		s.dry = false
	}
	s.rst = (s.rst + 1) & 7
	s.pred = [4]int32{}
	s.eobRun = 0
	s.damaged = s.damaged || s.bits.bad
	s.togo = d.restart
	d.startSegment()
}

// resync looks for restart marker want and tells whether it passed one. Where
// another marker is found it does what libjpeg documents (jdmarker.c,
// jpeg_resync_to_restart): a marker a little ahead of the wanted one, or of
// another kind, is left for later; one a little behind, or a byte pair that is
// no marker, is skipped; any other restart marker is taken for the wanted one.
func (d *Decoder) resync(want byte) bool {
	for {
		marker, ok := d.nextMarker()
		if !ok {
			return false
		}
		if marker == mRST0+want {
			return true
		}
		d.scan.damaged = true
		switch ahead := (marker - mRST0 - want) & 7; {
		case marker < mSOF0:
			continue
		case marker < mRST0 || marker > mRST7, ahead == 1, ahead == 2:
			d.pos -= 2
			return false
		case ahead == 6, ahead == 7:
			continue
		default:
			return true
		}
	}
}

// tables builds the Huffman tables that s needs.
func (d *Decoder) tables(s *scanHeader) error {
	needDC := s.ss == 0 && s.ah == 0
	needAC := s.se > 0
	for i := range s.n {
		if needDC {
			if err := d.table(&d.dc[s.td[i]], 0, s.td[i]); err != nil {
				return err
			}
		}
		if needAC {
			if err := d.table(&d.ac[s.ta[i]], 1, s.ta[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Decoder) table(t *huffTable, class int, index byte) error {
	spec := d.huff[class][index]
	if spec == nil && !d.info.Progressive && index < 2 {
		spec = standardHuffman[class][index]
	}
	if spec == nil {
		return FormatError(fmt.Sprintf("Huffman table of class %d, index %d is not defined", class, index))
	}
	return t.build(spec, class == 0)
}

// A cell is one block of an MCU.
type cell struct {
	c    *component
	dc   *huffTable
	ac   *huffTable
	pred *int32
	x, y int // within the MCU, in blocks
}

// An mcuPlan is how the MCUs of one scan lie in the picture.
type mcuPlan struct {
	cells      [10]cell // T.81 B.2.3: at most ten blocks
	n          int
	cols, rows int // of MCUs
}

// plan lays out the scan s. A scan of one component has MCUs of one block and
// leaves out blocks that only fill an MCU, T.81 A.2.2.
func (d *Decoder) plan(s *scanHeader) (mcuPlan, error) {
	p := mcuPlan{cols: d.mcusX, rows: d.mcusY}
	single := s.n == 1
	for i := range s.n {
		c := &d.components[s.comp[i]]
		if err := c.latch(&d.header); err != nil {
			return p, err
		}
		h, v := c.h, c.v
		if single {
			h, v = 1, 1
			p.cols, p.rows = c.blocksX, c.blocksY
		}
		if p.n+h*v > len(p.cells) {
			return p, FormatError(fmt.Sprintf("an MCU of more than %d blocks", len(p.cells)))
		}
		for j := range h * v {
			p.cells[p.n] = cell{
				c: c, dc: &d.dc[s.td[i]], ac: &d.ac[s.ta[i]], pred: &d.scan.pred[s.comp[i]],
				x: j % h, y: j / h,
			}
			p.n++
		}
	}
	return p, nil
}

// step returns how many blocks of cell i's component an MCU spans.
func (p *mcuPlan) step(i int) (h, v int) {
	if p.n == 1 {
		return 1, 1
	}
	return p.cells[i].c.h, p.cells[i].c.v
}

// spend takes the blocks of one row of MCUs off what scans may walk.
func (d *Decoder) spend(p *mcuPlan) error {
	if d.visits -= int64(p.cols * p.n); d.visits < 0 {
		return LimitError("the scans walk the picture too often")
	}
	return d.stopped()
}

// storedScan decodes one scan into the stored coefficients.
func (d *Decoder) storedScan(s *scanHeader) error {
	if err := d.tables(s); err != nil {
		return err
	}
	p, err := d.plan(s)
	if err != nil {
		return err
	}
	d.startScan()
	if d.info.Progressive {
		return d.progressiveScan(s, &p)
	}
	for y := range p.rows {
		if err := d.spend(&p); err != nil {
			return err
		}
		d.sequentialRow(&p, y)
	}
	return nil
}

// onePass decodes the only scan of a sequential picture, one row of MCUs at a
// time, to pixels.
func (d *Decoder) onePass(dst *RGB, s scanHeader) error {
	if err := d.tables(&s); err != nil {
		return err
	}
	p, err := d.plan(&s)
	if err != nil {
		return err
	}
	d.startScan()
	d.size(dst)
	d.mustGuess = false
	empty := 0 // rows of MCUs on end without data
	for y := range d.mcusY {
		if err := d.stopped(); err != nil {
			return err
		}
		if d.scan.dry && d.restart == 0 {
			empty++
		}
		// Pixels trail their row by less than one, so from the third row
		// without data on all are like the second's.
		if empty > 2 {
			d.repeat(dst, y)
			break
		}
		if y > 0 {
			clear(d.coefs)
		}
		d.sequentialRow(&p, 0)
		if d.scan.dry {
			d.area.Min.Y = 0 // what follows may repeat rows that nobody wanted
		} else if y < d.firstMCURow() {
			continue
		}
		if d.render(dst, y) >= d.area.Max.Y {
			break
		}
	}
	if !d.scan.found {
		return FormatError("no picture data")
	}
	return nil
}

// sequentialRow decodes one row of MCUs whose blocks begin at row y of MCUs of
// the stored coefficients.
func (d *Decoder) sequentialRow(p *mcuPlan, y int) {
	var at, step [10]int
	for i := range p.n {
		c := &p.cells[i]
		h, v := p.step(i)
		at[i] = ((y*v+c.y)*c.c.pitch + c.x) * 64
		step[i] = h * 64
	}
	for range p.cols {
		if !d.nextMCU() {
			if d.restart == 0 {
				return
			}
		} else {
			for i := range p.n {
				c := &p.cells[i]
				d.kernels.block(&d.scan.bits, (*[64]int16)(c.c.coefs[at[i]:at[i]+64]), c.dc, c.ac, c.pred)
			}
			d.finishMCU()
		}
		for i := range p.n {
			at[i] += step[i]
		}
	}
}
