package main

import "fmt"

// The tile kernels compute two row tiles (rows: output pixels, or rows of a
// matrix) by two column tiles (32 output channels): T0 T1 / T2 T3 accumulate,
// T4 T5 hold pixels, T6 T7 weights. A kernel loads the tile configuration first
// and releases the tiles last, so that no goroutine switch can ever meet live
// tiles: assembly functions have no preemption points.
//
// Registers: AX arguments, R8 list of pairs, R9 pairs left, SI DI first row of
// each row tile, CX offset list, DX steps left, BX weights, R10 bytes from a
// row to the next, R11 64 (row stride of packed weights), R12 weights to
// prefetch, R13 R15 row + offset, R14 the weights of the other 16 channels.
// While finishing: R12 sums, R13 output, R15 residual, R14 rows left in the
// segment, R11 rows to finish now, R10 free.

// arg is a field of the argument record.
func arg(field string) string { return "TileArgs_" + field + "(AX)" }

// advancing are the addresses that move from group to group. The copies that
// move are integers: the last move leaves the operand, and the collector must
// not see a pointer there.
var advancing = []struct{ from, now, step string }{
	{"Weights", "weights", "WeightsGroup"},
	{"Bias", "bias", "BiasGroup"},
	{"Out", "groupOut", "outGroup"},
	{"Residual", "groupResidual", "ResidualGroup"},
	{"Groups", "groups", ""},
	{"OutGroup", "outGroup", ""},
	{"OutGroupOdd", "outGroupOdd", ""},
}

// kernel is one number format of the tile kernel.
type kernel struct {
	name, doc string
	loads     func(e *emitter)                // what the first step finds loaded; nil: nothing
	step      func(e *emitter, fetch fetcher) // one step, and the loads of the next
	last      func(e *emitter)                // the rest of a pair's last step; nil: it is as the others
	pages     int                             // prefetched at a time; 0: none
	stream    bool                            // where Next is 0, all weights
	setup     func(e *emitter)                // constants for finishing: Z24 to Z29
	bias      func(e *emitter)                // of the 32 channels at R13
	finish    func(e *emitter)                // one row: sums at R12 to output at R13
	outOfLine func(e *emitter)                // the rarer parts of finish
	tall      bool                            // four row tiles by one column tile at a time
}

// conv writes a kernel. Finishing a pair of tiles (bias, residual, activation,
// conversion, store) takes about as long as two steps of products if it stands
// alone, so the rows of one pair are finished a few at a time between the steps
// of the next: the tile unit and the vector units work side by side.
func (e *emitter) conv(k kernel) {
	e.text(k.name, "a *TileArgs", 8, k.doc)
	e.p("MOVQ a+0(FP), AX")
	e.p("MOVQ %s, R13", arg("Config"))
	e.raw(tileConfig("R13"))
	e.p("MOVQ %s, R10", arg("RowStride"))
	e.p("MOVQ $64, R11")
	k.setup(e)
	for _, f := range advancing {
		e.p("MOVQ %s, R13", arg(f.from))
		e.p("MOVQ R13, %s", arg(f.now))
	}
	e.p("MOVQ %s, R13", arg("WeightsGroup"))
	e.p("SHRQ $1, R13")
	e.p("MOVQ R13, %s", arg("half"))
	e.p("MOVQ $0, %s", arg("left"))
	e.label("group")
	e.p("MOVQ %s, R8", arg("Pairs"))
	e.p("MOVQ %s, R9", arg("Count"))
	e.label("pair")
	if k.tall {
		e.tallRows()
	}
	e.p("MOVQ %s, DI", arg("In"))
	e.p("MOVQ TilePair_InA(R8), SI")
	e.p("ADDQ DI, SI")
	e.p("ADDQ TilePair_InB(R8), DI")
	e.p("MOVQ %s, CX", arg("Offsets"))
	e.p("MOVQ %s, DX", arg("Steps"))
	e.p("MOVQ %s, BX", arg("weights"))
	if k.tall {
		e.p("ADDQ %s, BX", arg("column"))
	}
	for t := range 4 {
		e.raw(tileZero(t))
	}
	if k.loads != nil {
		k.loads(e)
	}
	e.label("step")
	if k.pages > 0 {
		e.p("MOVQ %s, R12", arg("Next"))
		e.p("CMPQ R12, %s", arg("Limit"))
		e.p("JCS fetching")
	}
	k.step(e, fetcher{})
	e.label("stepped")
	e.p("ADDQ $2048, BX")
	e.p("CMPQ %s, $0", arg("left"))
	e.p("JEQ finished")
	e.p("MOVQ %s, R11", arg("PerStep"))
	e.p("JMP some")
	e.label("finished")
	e.p("MOVQ %s, R10", arg("RowStride"))
	e.p("MOVQ $64, R11")
	e.p("ADDQ $8, CX")
	e.p("DECQ DX")
	e.p("JNZ step")
	if k.tall {
		e.storeTall()
	} else {
		e.storeSums()
	}
	e.notePair()
	k.bias(e)
	if k.tall {
		e.p("ADDQ $TilePair__size, R8")
	}
	e.nextPair()
	e.comment("the rows of the last pair: DX is 0")
	e.p("MOVQ $1<<30, R11")
	e.finishLoop(k)
	e.raw(tileRelease())
	e.p("VZEROUPPER")
	e.p("RET")
	e.segment()
	k.outOfLine(e)
	if k.pages > 0 {
		e.label("fetching")
		if k.stream {
			e.p("TESTQ R12, R12")
			e.p("JEQ streaming")
		}
		k.step(e, fetcher{e: e, pages: k.pages})
		e.p("JMP stepped")
	}
	if k.stream {
		e.label("streaming")
		k.step(e, fetcher{e: e, pages: k.pages, stream: true})
		e.p("JMP stepped")
	}
	if k.last != nil {
		e.label("last")
		k.last(e)
		e.p("JMP stepped")
	}
}

// storeSums moves the sums to the scratch.
func (e *emitter) storeSums() {
	e.p("MOVQ %s, R12", arg("Scratch"))
	e.p("MOVQ $128, R13")
	for t := range 4 {
		e.raw(tileStore(t, "R12", "R13", int32(t/2*2048+t%2*64)))
	}
}

// notePair notes what to do with the sums in the scratch: R13 is left at the
// bias.
func (e *emitter) notePair() {
	e.p("MOVQ %s, R13", arg("groupOut"))
	e.p("MOVQ R13, %s", arg("out"))
	e.p("MOVQ %s, R13", arg("groupResidual"))
	e.p("MOVQ R13, %s", arg("residual"))
	e.p("MOVQ TilePair_Count(R8), R13")
	e.p("MOVQ R13, %s", arg("left"))
	e.p("MOVQ %s, R13", arg("Segments"))
	e.p("ADDQ TilePair_First(R8), R13")
	e.p("MOVQ R13, %s", arg("segment"))
	e.p("MOVQ $0, %s", arg("rows"))
	e.p("MOVQ %s, R13", arg("bias"))
}

// nextPair goes to the next pair, or to the first pair of the next 32 output
// channels.
func (e *emitter) nextPair() {
	e.p("ADDQ $TilePair__size, R8")
	e.p("DECQ R9")
	e.p("JNZ pair")
	for _, f := range advancing[:4] {
		e.p("MOVQ %s, R13", arg(f.step))
		e.p("ADDQ R13, %s", arg(f.now))
	}
	e.p("MOVQ %s, R13", arg("WeightsGroup"))
	e.p("ADDQ R13, %s", arg("Limit"))
	e.comment("two groups of 32 share a pixel of 64: the strides take turns")
	e.p("MOVQ %s, R13", arg("outGroup"))
	e.p("MOVQ %s, R15", arg("outGroupOdd"))
	e.p("MOVQ R15, %s", arg("outGroup"))
	e.p("MOVQ R13, %s", arg("outGroupOdd"))
	e.p("DECQ %s", arg("groups"))
	e.p("JNZ group")
}

// finishLoop finishes up to R11 rows. It goes on to the next step of products,
// or falls through where there is none.
func (e *emitter) finishLoop(k kernel) {
	e.label("some")
	e.p("MOVQ %s, R12", arg("sums"))
	e.p("MOVQ %s, R13", arg("first"))
	e.p("MOVQ %s, R15", arg("second"))
	e.p("MOVQ %s, R14", arg("rows"))
	e.p("TESTQ R14, R14")
	e.p("JEQ segment")
	e.label("row")
	k.finish(e)
	e.label("next")
	e.p("ADDQ %s, R13", arg("OutStep"))
	e.p("ADDQ %s, R15", arg("ResidualStep"))
	e.p("ADDQ $128, R12")
	e.p("DECQ R14")
	e.p("JEQ ended")
	e.label("more")
	e.p("DECQ R11")
	e.p("JNZ row")
	e.label("pause")
	e.p("MOVQ R12, %s", arg("sums"))
	e.p("MOVQ R13, %s", arg("first"))
	e.p("MOVQ R15, %s", arg("second"))
	e.p("MOVQ R14, %s", arg("rows"))
	e.p("TESTQ DX, DX")
	e.p("JNZ finished")
}

// segment takes the next run of rows: where their sums lie in the scratch, how
// many there are, and where they go.
func (e *emitter) segment() {
	e.label("ended")
	e.p("DECQ %s", arg("left"))
	e.p("JEQ pause")
	e.p("DECQ R11")
	e.p("JEQ pause")
	e.label("segment")
	e.p("MOVQ %s, R10", arg("segment"))
	e.p("MOVQ TileSegment_Sums(R10), R12")
	e.p("ADDQ %s, R12", arg("Scratch"))
	e.p("MOVQ TileSegment_Rows(R10), R14")
	e.p("MOVQ TileSegment_Out(R10), R13")
	e.p("ADDQ %s, R13", arg("out"))
	e.p("MOVQ TileSegment_Residual(R10), R15")
	e.p("ADDQ %s, R15", arg("residual"))
	e.p("ADDQ $TileSegment__size, R10")
	e.p("MOVQ R10, %s", arg("segment"))
	e.p("JMP row")
}

// jumpTable jumps to labels[i] where the field holds first+i; a field below
// first falls through.
func (e *emitter) jumpTable(field string, first int, labels ...string) {
	for i, l := range labels {
		e.p("CMPQ %s, $%d", arg(field), first+i)
		e.p("JEQ %s", l)
	}
	e.comment(fmt.Sprintf("%s past %d does not occur", field, first+len(labels)-1))
}
