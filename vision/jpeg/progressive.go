package jpeg

// progressiveScan decodes one scan of a progressive picture, T.81 annex G.
func (d *Decoder) progressiveScan(s *scanHeader, p *mcuPlan) error {
	for y := range p.rows {
		if err := d.spend(p); err != nil {
			return err
		}
		for x := range p.cols {
			if !d.nextMCU() {
				if d.restart == 0 {
					return nil
				}
				continue
			}
			d.progressiveMCU(s, p, x, y)
			d.finishMCU()
		}
	}
	return nil
}

// progressiveMCU decodes the part of one MCU that the scan carries.
func (d *Decoder) progressiveMCU(s *scanHeader, p *mcuPlan, x, y int) {
	for i := range p.n {
		c := &p.cells[i]
		h, v := p.step(i)
		b := c.c.block(x*h+c.x, y*v+c.y)
		switch {
		case s.ss == 0 && s.ah == 0:
			d.dcFirst(b, c, s.al)
		case s.ss == 0:
			if d.scan.bits.take(1) != 0 {
				b[0] |= 1 << s.al
			}
		case s.ah == 0:
			d.acFirst(b, c.ac, s)
		default:
			d.acRefine(b, c.ac, s)
		}
	}
}

// dcFirst is G.1.2.1: the DC difference without its last al bits.
func (d *Decoder) dcFirst(b *[64]int16, c *cell, al int) {
	*c.pred += d.scan.bits.dcDifference(c.dc)
	b[0] = int16(*c.pred << al)
}

// acFirst is G.1.2.2: a band of coefficients without their last al bits.
func (d *Decoder) acFirst(b *[64]int16, t *huffTable, s *scanHeader) {
	if d.scan.eobRun > 0 {
		d.scan.eobRun--
		return
	}
	r := &d.scan.bits
	for k := s.ss; k <= s.se; {
		e := r.code(t, false)
		if e.skip() >= endOfBand {
			r.drop(e.total())
			d.scan.eobRun = r.endOfBandRun(e.skip()-endOfBand) - 1
			return
		}
		k += e.skip()
		if e.hasValue() {
			b[natural[(k-1)&127]&63] = int16(e.value(r.acc) << s.al)
		}
		r.drop(e.total())
	}
}

// endOfBandRun reads the length of an EOBn run: 2^n and n bits more.
func (r *bitReader) endOfBandRun(n int) int {
	return 1<<n + int(r.take(uint(n)))
}

// acRefine is G.1.2.3: one more bit of each coefficient of the band. A
// correction bit follows for each coefficient already known to be other than
// zero; runs count only the others.
func (d *Decoder) acRefine(b *[64]int16, t *huffTable, s *scanHeader) {
	r := &d.scan.bits
	k := s.ss
	if d.scan.eobRun == 0 {
		for k <= s.se {
			run, v := r.refineSymbol(t)
			if run >= endOfBand {
				d.scan.eobRun = r.endOfBandRun(run - endOfBand)
				break
			}
			k = r.correct(b, k, s.se, run, s.al)
			if v != 0 {
				b[natural[k&127]&63] = v << s.al
			}
			k++
		}
	}
	if d.scan.eobRun > 0 {
		r.correct(b, k, s.se, 64, s.al)
		d.scan.eobRun--
	}
}

// refineSymbol decodes one code of a refinement scan: how many zeros are passed
// and the sign of the coefficient after them, 0 for ZRL; or endOfBand+n.
func (r *bitReader) refineSymbol(t *huffTable) (run int, v int16) {
	e := r.code(t, false)
	length := e.total()
	if e.hasValue() {
		length = uint(e >> 8 & 0xFF)
	}
	r.drop(length)
	switch {
	case e.skip() >= endOfBand:
		return e.skip(), 0
	case !e.hasValue():
		return 15, 0
	}
	if e.total() != length+1 {
		r.bad = true // only the sign of a 1 may follow
	}
	if r.take(1) != 0 {
		return e.skip() - 1, 1
	}
	return e.skip() - 1, -1
}

// correct reads a correction bit for each coefficient of b from k to se that is
// not zero, passes run zeros, and returns the index of the next zero or se+1.
func (r *bitReader) correct(b *[64]int16, k, se, run, al int) int {
	bit := int16(1) << al
	for ; k <= se; k++ {
		at := &b[natural[k&127]&63]
		if *at == 0 {
			if run == 0 {
				break
			}
			run--
			continue
		}
		if r.take(1) != 0 && *at&bit == 0 {
			if *at >= 0 {
				*at += bit
			} else {
				*at -= bit
			}
		}
	}
	return k
}
