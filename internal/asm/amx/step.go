package main

// One step of a tile kernel: 32 channels of split or bf16 numbers, 64 of bytes.
//
// The processor has no spare tiles to rename to: a load waits for the last
// product that reads the tile. So every tile is loaded as soon as that product
// is issued, which for half of them means in the step before; and the weights
// to come are asked for between the products, where the load ports idle.

// A fetcher asks for weights needed later. A network's weights exceed L2, and a
// tile load that waits for memory stalls the tile unit for as long as several
// products. Lines are asked for in turn from as many neighbouring pages: every
// page has a stream of the processor's own prefetcher, which then runs ahead on
// all of them, with more misses under way than a core may have itself.
//
// R12 is the line of the first page. Past the weights' end it does no harm.
type fetcher struct {
	e      *emitter // nil: asks for nothing
	pages  int
	stream bool // two lines a page, whose place follows from the weights at hand
	asked  int
}

// begin finds R12 for a stream, which is a whole set of pages ahead of the
// weights at hand, 2 KiB a step.
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

// lines asks for n more lines, twice as many for a stream.
func (f *fetcher) lines(n int) {
	for ; f.e != nil && n > 0 && f.asked < f.pages; n-- {
		f.e.p("PREFETCHT1 %d(R12)", 4096*f.asked)
		if f.stream {
			f.e.p("PREFETCHT1 %d(R12)", 4096*f.asked+64)
		}
		f.asked++
	}
}

// end goes to the next line, or behind the pages.
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

// tileRows finds the rows of the step at CX, or of the next.
func (e *emitter) tileRows(next int) {
	e.p("MOVQ %d(CX), R15", 8*next)
	e.p("LEAQ (SI)(R15*1), R13")
	e.p("ADDQ DI, R15")
}

// otherWeights finds the weights of the other 16 channels.
func (e *emitter) otherWeights() {
	e.p("MOVQ %s, R14", arg("half"))
	e.p("ADDQ BX, R14")
}

// lowRows loads the low parts of the rows at R13 or R15, which lie behind the
// high ones: 64 bytes, or as many as Apart says.
type lowRows func(e *emitter, tile int, row string)

func lowBeside(e *emitter, tile int, row string) { e.raw(tileLoad(tile, row, "R10", 64)) }

func lowApart(e *emitter, tile int, row string) {
	e.p("ADDQ %s, %s", arg("Apart"), row)
	e.raw(tileLoad(tile, row, "R10", 0))
}

// splitLoads loads what the first step of split numbers begins with.
func splitLoads(e *emitter, low lowRows) {
	e.tileRows(0)
	e.otherWeights()
	e.raw(tileLoad(6, "BX", "R11", 0))
	low(e, 4, "R13")
	low(e, 5, "R15")
	e.raw(tileLoad(7, "R14", "R11", 0))
}

// splitStep multiplies one 32-channel step of split numbers: lo·hi, hi·hi,
// hi·lo. Every accumulator is touched at a distance of two and more, and of four
// on the average, which covers the latency of a tile product (52 cycles).
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

func splitLast(e *emitter) {
	e.raw(dotBF16(1, 4, 7))
	e.raw(dotBF16(3, 5, 7))
}

// plainLoads loads what the first step of single numbers begins with.
func plainLoads(e *emitter) {
	e.tileRows(0)
	e.raw(tileLoad(4, "R13", "R10", 0))
	e.raw(tileLoad(6, "BX", "R11", 0))
	e.raw(tileLoad(5, "R15", "R10", 0))
	e.raw(tileLoad(7, "BX", "R11", 1024))
}

// plainStep multiplies one step of single numbers.
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

func plainLast(e *emitter, dot func(c, a, b int) string) {
	e.raw(dot(2, 5, 6))
	e.raw(dot(3, 5, 7))
}
