package main

// A tall kernel accumulates four row tiles by one column tile at a time, in T0 to T3.
// The row tiles are those of two elements of Pairs; the first element has the segments
// of all. So weights are read once for twice as many rows, and as one stream that the
// hardware prefetcher follows. Small pictures with many channels need this, because
// their weights come from L3.

// tallRows stores the addresses of the third and the fourth row tile, and begins with
// the first 16 channels.
func (e *emitter) tallRows() {
	for i, in := range []string{"InA", "InB"} {
		e.p("MOVQ TilePair__size+TilePair_%s(R8), R13", in)
		e.p("ADDQ %s, R13", arg("In"))
		e.p("MOVQ R13, %s", arg([]string{"third", "fourth"}[i]))
	}
	e.p("MOVQ $0, %s", arg("column"))
	e.label("half")
}

// storeTall stores the accumulators to the scratch and, after the first 16 channels,
// continues with the other 16. The epilogue of the previous rows has read the scratch
// by then.
func (e *emitter) storeTall() {
	e.p("MOVQ %s, R12", arg("Scratch"))
	e.p("MOVQ $128, R13")
	e.p("CMPQ %s, $0", arg("column"))
	e.p("JNE second")
	for t := range 4 {
		e.raw(tileStore(t, "R12", "R13", int32(t*2048)))
	}
	e.p("MOVQ %s, R13", arg("half"))
	e.p("MOVQ R13, %s", arg("column"))
	e.p("JMP half")
	e.label("second")
	for t := range 4 {
		e.raw(tileStore(t, "R12", "R13", int32(t*2048+64)))
	}
}

// tallStep multiplies one step of Split32. The order of products in each accumulator
// is that of splitStep, lo·hi, hi·hi, hi·lo, so both kernels give the same results. Two
// of the row tiles are loaded twice. Successive products of an accumulator are at least
// two products apart, on average four.
//
// All weights are prefetched, since each comes once from beyond L2.
func tallStep(e *emitter, _ fetcher) {
	f := fetcher{e: e, pages: 16, stream: true}
	e.p("MOVQ (CX), R15")
	f.begin()
	base := [4]string{"SI", "DI", arg("third"), arg("fourth")}
	rows := func(row int, low int32) {
		e.p("MOVQ %s, R13", base[row])
		e.p("ADDQ R15, R13")
		e.raw(tileLoad(4+row%2, "R13", "R10", 64*low))
	}
	dot := func(row, weights int) {
		e.raw(dotBF16(row, 4+row%2, weights))
		f.lines(2)
	}
	e.raw(tileLoad(6, "BX", "R11", 0))
	for row := range 4 {
		rows(row, 1)
		dot(row, 6)
	}
	e.raw(tileLoad(7, "BX", "R11", 1024))
	for row := range 4 {
		rows(row, 0)
		dot(row, 6)
	}
	dot(2, 7)
	dot(3, 7)
	for row := range 2 {
		rows(row, 0)
		dot(row, 7)
	}
}
