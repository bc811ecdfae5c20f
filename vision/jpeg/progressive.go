package jpeg

import "math/bits"

// progressiveScan decodes one scan of a progressive picture, T.81 annex G.
func (d *Decoder) progressiveScan(s *scanHeader, p *mcuPlan) error {
	d.scans++
	for i := range s.n {
		d.components[s.comp[i]].known.note(s, d.scans)
	}
	for y := range p.rows {
		if err := d.spend(p); err != nil {
			return err
		}
		if d.scan.dry && d.restart == 0 {
			return nil
		}
		mcuY := y
		if s.n == 1 {
			mcuY = y / p.cells[0].c.v
		}
		if !d.scan.dry {
			d.lastGood = mcuY
		}
		if s.ss == 0 {
			d.dcRow(s, p, y)
		} else {
			d.acRow(s, p, y)
		}
		if !d.scan.dry {
			d.lastGood = mcuY
		}
	}
	return nil
}

// dcRow decodes a row of MCUs of a scan of DC coefficients, G.1.2.1. The first scan has
// differences without their last al bits, later scans have one bit per coefficient.
func (d *Decoder) dcRow(s *scanHeader, p *mcuPlan, y int) {
	r := &d.scan.bits
	for x := range p.cols {
		if !d.nextMCU() {
			continue
		}
		for i := range p.n {
			c := &p.cells[i]
			h, v := p.step(i)
			b := c.c.block(x*h+c.x, y*v+c.y)
			if s.ah == 0 {
				*c.pred += r.dcDifference(c.dc)
				b[0] = int16(*c.pred << s.al)
			} else if r.take(1) != 0 {
				b[0] |= 1 << s.al
			}
		}
		d.finishMCU()
	}
}

// acRow decodes a row of blocks of a scan of AC coefficients, which has one component and
// so one block per MCU.
func (d *Decoder) acRow(s *scanHeader, p *mcuPlan, y int) {
	c := p.cells[0].c
	table := p.cells[0].ac
	for x := 0; x < p.cols; x++ {
		if !d.nextMCU() {
			continue
		}
		if s.ah == 0 && d.scan.eobRun > 0 {
			x += d.skipBlocks(p.cols-x) - 1
			continue
		}
		i := y*c.pitch + x
		b := (*[64]int16)(c.coefs[64*i : 64*i+64])
		if s.ah == 0 {
			d.acFirst(b, &c.nonzero[i], table, s)
		} else {
			d.acRefine(b, &c.nonzero[i], table, s)
		}
		d.finishMCU()
	}
}

// skipBlocks skips blocks of an end-of-band run, at most n and not beyond the next restart
// marker, and returns how many. nextMCU has counted the first.
func (d *Decoder) skipBlocks(n int) int {
	n = min(n, d.scan.eobRun)
	if d.restart > 0 {
		n = min(n, d.scan.togo+1)
		d.scan.togo -= n - 1
	}
	d.scan.eobRun -= n
	return n
}

// acFirst decodes a band of coefficients without their last al bits, G.1.2.2. Bit k of
// nonzero is set if the k-th coefficient is not zero.
func (d *Decoder) acFirst(b *[64]int16, nonzero *uint64, t *huffTable, s *scanHeader) {
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
			set(b, nonzero, k-1, int16(e.value(r.acc)<<s.al))
		}
		r.drop(e.total())
	}
}

// set sets the k-th coefficient, or the last one if k is too large, to v.
func set(b *[64]int16, nonzero *uint64, k int, v int16) {
	k = min(k, 63)
	b[natural[k]&63] = v
	if v != 0 {
		*nonzero |= 1 << k
	} else {
		*nonzero &^= 1 << k
	}
}

// endOfBandRun reads the length of an EOBn run: 2^n plus a number of n bits.
func (r *bitReader) endOfBandRun(n int) int {
	return 1<<n + int(r.take(uint(n)))
}

// acRefine decodes one more bit of each coefficient of a band, G.1.2.3. Coefficients that
// are not zero have a correction bit each; runs count only the others.
func (d *Decoder) acRefine(b *[64]int16, nonzero *uint64, t *huffTable, s *scanHeader) {
	r := &d.scan.bits
	k := s.ss
	if d.scan.eobRun == 0 {
		for k <= s.se {
			run, v := r.refineSymbol(t)
			if run >= endOfBand {
				d.scan.eobRun = r.endOfBandRun(run - endOfBand)
				break
			}
			k = r.correct(b, *nonzero, k, s.se, run, s.al)
			if v != 0 {
				set(b, nonzero, k, v<<s.al)
			}
			k++
		}
	}
	if d.scan.eobRun > 0 {
		r.correct(b, *nonzero, k, s.se, 64, s.al)
		d.scan.eobRun--
	}
}

// refineSymbol decodes one code of a refinement scan: the number of zeros to skip and the
// sign of the coefficient after them, 0 for ZRL; or endOfBand+n.
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
		r.bad = true // the magnitude must be 1, so its value has one bit
	}
	if r.take(1) != 0 {
		return e.skip() - 1, 1
	}
	return e.skip() - 1, -1
}

// correct reads a correction bit for each coefficient of b from k to se that is not zero,
// until it has skipped run zeros. It returns the index of the next zero, or se+1.
func (r *bitReader) correct(b *[64]int16, nonzero uint64, k, se, run, al int) int {
	bit := int16(1) << al
	for k <= se {
		zeros := bits.TrailingZeros64(nonzero >> k)
		if zeros > run {
			return min(k+run, se+1)
		}
		run -= zeros
		k += zeros
		if k > se {
			break
		}
		at := &b[natural[k]&63]
		if r.take(1) != 0 && *at&bit == 0 {
			if *at >= 0 {
				*at += bit
			} else {
				*at -= bit
			}
		}
		k++
	}
	return se + 1
}
