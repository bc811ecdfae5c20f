package jpeg

import "fmt"

// scanState is the state of the entropy decoder. It is reset at each scan, except for the
// last two fields.
type scanState struct {
	bits   bitReader
	pred   [4]int32 // DC predictions of the components
	eobRun int      // blocks left in an end-of-band run, progressive only
	togo   int      // MCUs to the next restart marker
	rst    byte     // number of that marker, modulo 8
	dry    bool     // the segment has no more bits: no MCUs are decoded until a restart

	found   bool // at least one MCU was decoded from the data
	damaged bool
}

// startScan begins a scan at the current position.
func (d *Decoder) startScan() {
	d.scan = scanState{togo: d.restart, found: d.scan.found, damaged: d.scan.damaged || d.scan.bits.bad}
	d.startSegment()
}

// startSegment loads the entropy-coded bytes up to the next marker.
func (d *Decoder) startSegment() {
	d.ecs, d.pos = unstuff(d.ecs[:0], d.data, d.pos)
	d.scan.bits.reset(d.ecs)
}

// nextMCU prepares the reader for an MCU and reports whether there are data for it.
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

// finishMCU checks whether the MCU needed more bits than there were. Then it was decoded
// from zero bits, and those after it are not decoded.
func (d *Decoder) finishMCU() {
	if d.scan.bits.exhausted() {
		d.scan.dry, d.scan.damaged = true, true
		return
	}
	d.scan.found = true
}

// nextInterval reads the next restart marker, T.81 F.2.1.3.1.
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

// resync looks for restart marker want and reports whether it read one. If it finds
// another marker, it does what libjpeg documents (jdmarker.c, jpeg_resync_to_restart): a
// restart marker one or two after want, or a marker of another kind, is left for later;
// one or two before want, or an invalid marker, is skipped; any other restart marker is
// taken for want.
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

// An mcuPlan says how the MCUs of a scan lie in the picture.
type mcuPlan struct {
	cells      [10]cell // T.81 B.2.3: at most ten blocks
	n          int
	cols, rows int // of MCUs
}

// plan plans the scan s. A scan of one component has MCUs of one block, and no blocks
// that only complete an MCU, T.81 A.2.2.
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

// step returns the width and height of an MCU in blocks of cell i's component.
func (p *mcuPlan) step(i int) (h, v int) {
	if p.n == 1 {
		return 1, 1
	}
	return p.cells[i].c.h, p.cells[i].c.v
}

// spend subtracts the blocks of one row of MCUs from those that scans may visit.
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

// onePass decodes the only scan of a sequential picture to pixels, one row of MCUs at a
// time.
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
	empty := 0 // consecutive rows of MCUs without data
	for y := range d.mcusY {
		if err := d.stopped(); err != nil {
			return err
		}
		if d.scan.dry && d.restart == 0 {
			empty++
		}
		// Pixels are at most one row of MCUs behind, so from the third row without data
		// on, all rows of pixels are equal to the last of the second.
		if empty > 2 {
			d.repeat(dst, y)
			break
		}
		if y > 0 {
			clear(d.coefs)
		}
		d.sequentialRow(&p, 0)
		if d.scan.dry {
			d.area.Min.Y = 0 // the rest may repeat rows above the region
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

// sequentialRow decodes one row of MCUs into row y of MCUs of the stored coefficients.
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
