package main

import "fmt"

// The tile kernels compute two row tiles (output pixels, or rows of a matrix) by two
// column tiles (32 output channels): T0 to T3 are accumulators (T0 T1 of the first row
// tile, T2 T3 of the second), T4 T5 rows, T6 T7 weights. A kernel loads the tile
// configuration first and releases the tiles last, so that tiles are never live across
// a goroutine switch: assembly functions have no preemption points.
//
// Registers: AX arguments, R8 pair, R9 pairs left, SI DI first row of each row tile, CX
// offset of the step, DX steps left, BX weights, R10 row stride, R11 64 (row stride of
// packed weights), R12 weights to prefetch, R13 R15 row + offset, R14 the weights of the
// other 16 channels. In the epilogue: R12 sums, R13 output, R15 residual, R14 rows left
// in the segment, R11 rows left before the next step, R10 free.

// arg is a field of the arguments.
func arg(field string) string { return "TileArgs_" + field + "(AX)" }

// advancing lists the fields that advance from group to group. The kernel advances
// copies that are integers, because the last advance leaves the operand, and the
// garbage collector must not see such a pointer.
var advancing = []struct{ from, now, step string }{
	{"Weights", "weights", "WeightsGroup"},
	{"Bias", "bias", "BiasGroup"},
	{"Out", "groupOut", "outGroup"},
	{"Residual", "groupResidual", "ResidualGroup"},
	{"Groups", "groups", ""},
	{"OutGroup", "outGroup", ""},
	{"OutGroupOdd", "outGroupOdd", ""},
}

// kernel is a tile kernel for one format.
type kernel struct {
	name, doc string
	loads     func(e *emitter)                // loads of the first step; nil: none
	step      func(e *emitter, fetch fetcher) // one step, and loads of the next
	last      func(e *emitter)                // end of a pair's last step, which jumps here; nil: steps do not
	pages     int                             // pages that prefetches take turns on; 0: none are written
	stream    bool                            // if Next is 0, all weights are prefetched
	setup     func(e *emitter)                // loads constants of the epilogue, Z24 to Z29
	bias      func(e *emitter)                // loads the bias of the 32 channels at R13
	finish    func(e *emitter)                // the epilogue of a row: sums at R12 to output at R13
	outOfLine func(e *emitter)                // rarer parts of the epilogue
	tall      bool                            // four row tiles by one column tile at a time
}

// conv writes a kernel. The epilogue of a pair of tiles (bias, residual, activation,
// conversion, store) takes about as long as two steps of products. So it is interleaved
// with the steps of the next pair, some rows after each step: then the tile unit and
// the vector units work at the same time.
//
//	tile unit      products of pair 0    store sums   products of pair 1      store sums   ...
//	vector units                                      epilogue of pair 0 ...               epilogue of pair 1
//
// The sums pass through the scratch. A group of 32 output channels goes through all pairs,
// then the next one does.
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
	e.comment("epilogue of the last pair: DX is 0")
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

// storeSums stores the accumulators to the scratch.
func (e *emitter) storeSums() {
	e.p("MOVQ %s, R12", arg("Scratch"))
	e.p("MOVQ $128, R13")
	for t := range 4 {
		e.raw(tileStore(t, "R12", "R13", int32(t/2*2048+t%2*64)))
	}
}

// notePair stores what the epilogue of the sums in the scratch needs, and sets R13 to
// the bias.
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

// nextPair continues with the next pair, or with the first pair of the next 32 output
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
	e.comment("two groups of 32 bytes share a pixel of 64: the strides alternate")
	e.p("MOVQ %s, R13", arg("outGroup"))
	e.p("MOVQ %s, R15", arg("outGroupOdd"))
	e.p("MOVQ R15, %s", arg("outGroup"))
	e.p("MOVQ R13, %s", arg("outGroupOdd"))
	e.p("DECQ %s", arg("groups"))
	e.p("JNZ group")
}

// finishLoop writes the epilogue of up to R11 rows, which continues with the next step
// of products or, if there is none, falls through.
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

// segment loads the next segment: the address of its sums in the scratch, the number
// of rows, and the addresses of output and residual.
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

// jumpTable jumps to labels[i] if the field is first+i; other values fall through.
func (e *emitter) jumpTable(field string, first int, labels ...string) {
	for i, l := range labels {
		e.p("CMPQ %s, $%d", arg(field), first+i)
		e.p("JEQ %s", l)
	}
	e.comment(fmt.Sprintf("%s is never above %d", field, first+len(labels)-1))
}
