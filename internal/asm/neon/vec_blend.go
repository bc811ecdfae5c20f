package main

// blends writes weighted sums of rows, weighted sums of gathered numbers, and the
// transposition of squares.
func blends(e *emitter) {
	v := newVec(e)
	v.blend()
	v.pick()
	v.transpose()
}

// blend writes dst = Σ weights[t]·row t, where row t begins offsets[t] bytes after src.
// Products are summed in the order of t.
func (v *vec) blend() {
	const dst, src, offsets, weights, taps, left = 1, 2, 3, 4, 5, 6
	v.text("VecBlend", "dst, src, offsets, weights unsafe.Pointer, taps, n int", 48, "takes at least one row, of n numbers; dst must not overlap rows.",
		"R1 dst, R2 src, R3 offsets, R4 weights, R5 taps, R6 numbers left, R7 R8 addresses in offsets and weights, R9 taps left, R10 row, R16 temporary; V0 to V7 sums, V16 weight, V17 a number."+lastOnes)
	v.begin()
	v.arguments("dst", "src", "offsets", "weights", "taps", "n")
	v.along(left, []int{dst, src}, 8, func(fours, last int) {
		for i := range fours {
			v.zero(i)
		}
		v.p("MOVD R3, R7")
		v.p("MOVD R4, R8")
		v.p("MOVD R5, R9")
		tap := "tap" + v.place(fours, last)
		v.label(tap)
		v.p("MOVD.P 8(R7), R10")
		v.ld1r(16, 8)
		v.p("ADD $4, R8")
		v.p("ADD R2, R10")
		for i := range fours {
			v.loadOver0(17+i%4, 10, 16*i, last)
			v.fmla(i, 17+i%4, 16)
		}
		v.p("SUBS $1, R9")
		v.p("BNE %s", tap)
		for i := range fours {
			v.store(i, dst, 16*i, last)
		}
	})
	v.ret()
}

// place is the suffix of labels for a piece of a row.
func (v *vec) place(fours, last int) string {
	switch {
	case last != whole:
		return "Last"
	case fours == 1:
		return "One"
	}
	return "All"
}

// pick writes dst[i] = Σ weights[t·n+i]·src[index[t·n+i]]. NEON has no gather: numbers are
// loaded one by one.
func (v *vec) pick() {
	const dst, src, index, weights, taps, left = 1, 2, 3, 4, 5, 6
	v.text("VecPick", "dst, src, index, weights unsafe.Pointer, taps, n int", 48, "computes n weighted sums of numbers of src at int32 indices; taps is at least 1.",
		"R1 dst, R2 src, R3 index, R4 weights, R5 taps, R6 numbers left, R7 R8 addresses in index and weights, R9 taps left, R10 an index, R11 bytes of n numbers, R16 temporary; V0 sum, V1 numbers, V2 weights."+lastOnes)
	v.begin()
	v.arguments("dst", "src", "index", "weights", "taps", "n")
	v.p("LSL $2, R6, R11")
	v.along(left, []int{dst, index, weights}, 1, func(fours, last int) {
		v.zero(0)
		v.p("MOVD R3, R7")
		v.p("MOVD R4, R8")
		v.p("MOVD R5, R9")
		tap := "tap" + v.place(fours, last)
		v.label(tap)
		one := func(lane int) {
			v.p("MOVW %d(R7), R10", 4*lane)
			v.p("ADD R10<<2, R2, R10")
			v.loadLane(1, lane, 10)
		}
		v.zero(1)
		if last == whole {
			for lane := range 4 {
				one(lane)
			}
		} else {
			v.lanes(7, last, func(lane, _ int) { one(lane) })
		}
		v.loadOver0(2, 8, 0, last)
		v.fmla(0, 1, 2)
		v.p("ADD R11, R7")
		v.p("ADD R11, R8")
		v.p("SUBS $1, R9")
		v.p("BNE %s", tap)
		v.store(0, dst, 0, last)
	})
	v.ret()
}

// turn transposes the 4x4 numbers of four vectors; four others change.
func (e *emitter) turn(r, t [4]int) {
	for i := range 2 {
		e.trn1(t[2*i], r[2*i], r[2*i+1])
		e.trn2(t[2*i+1], r[2*i], r[2*i+1])
	}
	for i := range 2 {
		e.trn1Wide(r[i], t[i], t[2+i])
		e.trn2Wide(r[2+i], t[i], t[2+i])
	}
}

// transpose writes the transposition of 8 rows to 8 columns, in squares of 8x8.
func (v *vec) transpose() {
	v.text("VecTranspose", "dst, src unsafe.Pointer, dstRow, srcRow, squares int", 40,
		"transposes squares of 8x8 numbers, which are side by side in src and one below the other in dst. dstRow and srcRow are row strides in bytes.",
		"R1 dst, R2 src, R3 dstRow, R4 srcRow, R5 squares left, R6 row; V0 to V15 the square, V16 to V19.")
	v.begin()
	v.arguments("dst", "src", "dstRow", "srcRow", "squares")
	v.label("square")
	v.p("MOVD R2, R6")
	for i := range 8 {
		v.ldrQ(2*i, 6, 0)
		v.ldrQ(2*i+1, 6, 16)
		v.p("ADD R4, R6")
	}
	for _, corner := range []int{0, 1, 8, 9} {
		v.turn([4]int{corner, corner + 2, corner + 4, corner + 6}, [4]int{16, 17, 18, 19})
	}
	for half := range 2 {
		for i := range 4 {
			v.strQ(half+2*i, 1, 0)
			v.strQ(half+2*i+8, 1, 16)
			v.p("ADD R3, R1")
		}
	}
	v.p("ADD $32, R2")
	v.p("SUBS $1, R5")
	v.p("BNE square")
	v.ret()
}
