package main

// One step of a tile kernel: 32 channels of Split32 or BF16x32, or 64 of U8x64.
//
// Tile registers are not renamed: a load waits for the last product that reads the
// tile. So each tile is loaded right after that product has been issued; for half of
// the tiles that is in the previous step. Weights are prefetched between products,
// where the load ports are idle.

// A fetcher writes prefetches of weights that are needed later. The weights of a
// network do not fit L2, and a tile load that waits for memory stalls the tile unit for
// as long as several products. Successive prefetches go to different pages, pages of
// them in turn: the hardware prefetcher follows one stream per page, so it runs ahead
// on all of them, with more misses in flight than a core can have on its own.
//
// R12 is the address of the line in the first page. It may pass the end of the weights.
type fetcher struct {
	e      *emitter // nil: prefetches nothing
	pages  int
	stream bool // two lines per page, at an address that depends on the current weights only
	asked  int  // prefetches written so far in this step
}

// begin sets R12 for a stream: it is one set of pages ahead of the current weights, and
// covers 2 KiB per step, as many as a step reads.
func (f *fetcher) begin() {
	if f.stream {
		f.e.p("MOVQ BX, R14")
		f.e.p("ANDQ $%#x, R14", 4096*f.pages-1)
		f.e.p("MOVQ BX, R12")
		f.e.p("SUBQ R14, R12")
		f.e.p("SHRQ $4, R14")
		f.e.p("LEAQ %d(R12)(R14*1), R12", 4096*f.pages)
	}
}

// lines prefetches n more lines, or twice as many for a stream.
func (f *fetcher) lines(n int) {
	for ; f.e != nil && n > 0 && f.asked < f.pages; n-- {
		f.e.p("PREFETCHT1 %d(R12)", 4096*f.asked)
		if f.stream {
			f.e.p("PREFETCHT1 %d(R12)", 4096*f.asked+64)
		}
		f.asked++
	}
}

// end writes the remaining prefetches and advances Next to the next line, or beyond
// the pages.
func (f *fetcher) end() {
	if f.e == nil {
		return
	}
	f.lines(f.pages)
	if f.stream {
		return
	}
	f.e.p("ADDQ $64, R12")
	f.e.p("LEAQ %d(R12), R14", 4096*(f.pages-1))
	f.e.p("TESTQ $0xfc0, R12")
	f.e.p("CMOVQEQ R14, R12")
	f.e.p("MOVQ R12, %s", arg("Next"))
}

// tileRows computes the addresses of both row tiles, R13 and R15, for the step at CX
// or the one after.
func (e *emitter) tileRows(next int) {
	e.p("MOVQ %d(CX), R15", 8*next)
	e.p("LEAQ (SI)(R15*1), R13")
	e.p("ADDQ DI, R15")
}

// otherWeights computes the address of the weights of the other 16 channels, R14.
func (e *emitter) otherWeights() {
	e.p("MOVQ %s, R14", arg("half"))
	e.p("ADDQ BX, R14")
}

// lowRows loads the low parts of the rows at R13 or R15. They are 64 bytes (lowBeside)
// or Apart bytes (lowApart) after the high parts.
type lowRows func(e *emitter, tile int, row string)

func lowBeside(e *emitter, tile int, row string) { e.raw(tileLoad(tile, row, "R10", 64)) }

func lowApart(e *emitter, tile int, row string) {
	e.p("ADDQ %s, %s", arg("Apart"), row)
	e.raw(tileLoad(tile, row, "R10", 0))
}

// splitLoads loads the tiles that splitStep expects to be loaded.
func splitLoads(e *emitter, low lowRows) {
	e.tileRows(0)
	e.otherWeights()
	e.raw(tileLoad(6, "BX", "R11", 0))
	low(e, 4, "R13")
	low(e, 5, "R15")
	e.raw(tileLoad(7, "R14", "R11", 0))
}

// splitStep multiplies one step of Split32. With rows a and b in T4 and T5, columns (output
// channels) c and d in T6 and T7, and low parts with a stroke:
//
//	T0 += a'·c   T2 += b'·c   T1 += a'·d   T3 += b'·d     lo·hi: loaded by the step before
//	T1 += a·d    T3 += b·d    T0 += a·c    T2 += b·c      hi·hi: a replaces a', b replaces b'
//	T0 += a·c'   T2 += b·c'   T1 += a·d'   T3 += b·d'     hi·lo: d' replaces d, c' replaces c,
//	                                                      then c, a', b', d of the next step
//
// Successive products of an accumulator are at least two products apart, on average four,
// which covers the latency of a tile product (52 cycles).
func splitStep(e *emitter, f fetcher, low lowRows) {
	e.tileRows(0)
	e.raw(dotBF16(0, 4, 6))
	f.lines(1)
	e.raw(dotBF16(2, 5, 6))
	f.lines(1)
	e.otherWeights()
	e.raw(dotBF16(1, 4, 7))
	e.raw(tileLoad(4, "R13", "R10", 0))
	f.lines(2)
	e.raw(dotBF16(3, 5, 7))
	e.raw(tileLoad(5, "R15", "R10", 0))
	f.lines(1)
	e.raw(dotBF16(1, 4, 7))
	f.lines(1)
	e.raw(dotBF16(3, 5, 7))
	e.raw(tileLoad(7, "R14", "R11", 1024))
	f.lines(2)
	e.raw(dotBF16(0, 4, 6))
	f.lines(1)
	e.raw(dotBF16(2, 5, 6))
	e.raw(tileLoad(6, "BX", "R11", 1024))
	f.lines(1)
	e.raw(dotBF16(0, 4, 6))
	f.end()
	e.raw(dotBF16(2, 5, 6))
	e.p("CMPQ DX, $1")
	e.p("JEQ last")
	e.raw(tileLoad(6, "BX", "R11", 2048))
	e.tileRows(1)
	e.otherWeights()
	e.raw(dotBF16(1, 4, 7))
	low(e, 4, "R13")
	e.raw(dotBF16(3, 5, 7))
	low(e, 5, "R15")
	e.raw(tileLoad(7, "R14", "R11", 2048))
}

// splitLast writes the products of the last step that splitStep delays until after
// loads of the next.
func splitLast(e *emitter) {
	e.raw(dotBF16(1, 4, 7))
	e.raw(dotBF16(3, 5, 7))
}

// plainLoads loads the tiles that plainStep expects to be loaded.
func plainLoads(e *emitter) {
	e.tileRows(0)
	e.raw(tileLoad(4, "R13", "R10", 0))
	e.raw(tileLoad(6, "BX", "R11", 0))
	e.raw(tileLoad(5, "R15", "R10", 0))
	e.raw(tileLoad(7, "BX", "R11", 1024))
}

// plainStep multiplies one step of BF16x32 or U8x64: four products.
func plainStep(e *emitter, f fetcher, dot func(c, a, b int) string) {
	f.begin()
	e.raw(dot(0, 4, 6))
	f.lines(f.pages / 2)
	e.raw(dot(1, 4, 7))
	f.end()
	e.p("CMPQ DX, $1")
	e.p("JEQ last")
	e.tileRows(1)
	e.raw(tileLoad(4, "R13", "R10", 0))
	e.raw(dot(2, 5, 6))
	e.raw(tileLoad(6, "BX", "R11", 2048))
	e.raw(dot(3, 5, 7))
	e.raw(tileLoad(5, "R15", "R10", 0))
	e.raw(tileLoad(7, "BX", "R11", 2048+1024))
}

// plainLast writes the products of the last step that plainStep delays until after
// loads of the next.
func plainLast(e *emitter, dot func(c, a, b int) string) {
	e.raw(dot(2, 5, 6))
	e.raw(dot(3, 5, 7))
}
