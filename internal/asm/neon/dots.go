package main

import "fmt"

// Dense integer convolutions with instructions that multiply bytes, as byteTiles of
// internal/asm/amx: register tiles of up to six pixels by 16 outputs, whose sums begin with the
// bias, and the epilogue in registers. args.ByteTileArgs describes a call.
//
// An iteration multiplies 16 inputs of each pixel by 16 vectors of weights, one load each. Of six
// pixels it has 22 loads, and
//
//	SDOT     96 products of 16 bytes, 6 EOR and a MOVI that make codes signed
//	USMMLA   48 products of 32 bytes, 6 ZIP that pair the codes of pixels
//
// so that the products bound it where a processor loads half as many vectors in a cycle as it
// multiplies. Each vector of weights is loaded before the products of the one ahead of it.

// dotTiles is a kernel of dense convolutions.
type dotTiles struct {
	name, doc string
	vectors   string // what they hold
	iteration func(e *emitter, rows int)
	bias      func(e *emitter, rows int)
	sums      func(e *emitter, rows int) [][4]int // for the epilogue: the vectors of each pixel, all from 5 on
}

var (
	tilesSDOT = dotTiles{name: "TilesSDOT", doc: "computes tiles of up to 6 pixels by 16 outputs with SDOT: weights have four inputs of an output side by side, and biases are those of codes minus 128.",
		vectors: "V0 to V5 codes, V6 V7 weights, V8 to V31 sums", iteration: (*emitter).dotIteration, bias: (*emitter).dotBias, sums: dotSums}
	tilesUSMMLA = dotTiles{name: "TilesUSMMLA", doc: "computes tiles of up to 6 pixels by 16 outputs with USMMLA: weights have eight inputs of an output side by side.",
		vectors: "V0 to V5 codes, then six of V0 to V6 pairs of them, the seventh and V7 weights, V8 to V31 sums of two pixels by two outputs", iteration: (*emitter).pairIteration, bias: (*emitter).pairBias, sums: (*emitter).pairSums}
)

const tileRows, firstSum = 6, 8

// General registers of the kernels on tiles.
const (
	tileAt, offsetAt, stepsLeft, weightAt, pixelStride = 1, 2, 3, 4, 5
	firstPixel                                         = 6 // to 11
	leftInStep, nextStep, tileIn, shortSteps, quads    = 12, 13, 14, 15, 17
	full, tilesLeft                                    = 19, 20
	endsAt, outAt, secondAt                            = 2, 3, 4 // in the epilogue
)

// byteTiles writes the kernels of dense convolutions.
func byteTiles(e *emitter) {
	for _, k := range []*dotTiles{&tilesSDOT, &tilesUSMMLA} {
		e.fn(k.name, "ByteTileArgs", k.doc,
			"R1 tile, R2 offsets, R3 steps left, R4 weights, R5 pixel stride, R6 to R11 pixels, R12 sixteens of inputs left, R13 next step, R14 input of the tile, R15 steps that are short, R16 temporary, R17 their sixteens, R19 those of others, R20 tiles left; in the epilogue R2 ends, R3 output, R4 its second vector, R21 temporary.\n// "+k.vectors+"; in the epilogue V0 to V3 scales, V4 zero point or lower bound, V5 upper bound, V5 to V7 temporaries.")
		e.field("Tiles", tileAt)
		e.field("Count", tilesLeft)
		e.field("RowStride", pixelStride)
		e.field("ShortSteps", shortSteps)
		e.field("Quads", quads)
		e.p("ADD $3, R%d", quads)
		e.p("LSR $2, R%d", quads)
		e.p("MOVD $4, R%d", full)
		e.field("Rows", 16)
		for rows := 1; rows < tileRows; rows++ {
			e.p("CMP $%d, R16", rows)
			e.p("BEQ rows%d", rows)
		}
		for rows := tileRows; rows > 0; rows-- {
			e.dotTile(k, rows)
		}
	}
}

// dotTile writes the code for tiles of the given number of pixels.
func (e *emitter) dotTile(k *dotTiles, rows int) {
	label := func(name string) string { return fmt.Sprintf("%s%d", name, rows) }
	e.label(label("rows"))
	e.field("In", tileIn)
	e.p("MOVD ByteTile_In(R%d), R16", tileAt)
	e.p("ADD R16, R%d", tileIn)
	e.field("Ends", 16)
	k.bias(e, rows)
	e.field("Offsets", offsetAt)
	e.field("Steps", stepsLeft)
	e.field("Weights", weightAt)
	e.label(label("step"))
	e.p("MOVD.P 8(R%d), R16", offsetAt)
	e.p("ADD R16, R%d, R%d", tileIn, firstPixel)
	for r := 1; r < rows; r++ {
		e.p("ADD R%d, R%d, R%d", pixelStride, firstPixel+r-1, firstPixel+r)
	}
	e.p("ADD $2048, R%d, R%d", weightAt, nextStep)
	e.p("CMP R%d, R%d", shortSteps, stepsLeft)
	e.p("CSEL LE, R%d, R%d, R%d", quads, full, leftInStep)
	e.label(label("sixteen"))
	k.iteration(e, rows)
	e.p("SUBS $1, R%d", leftInStep)
	e.p("BNE %s", label("sixteen"))
	e.p("MOVD R%d, R%d", nextStep, weightAt)
	e.p("SUBS $1, R%d", stepsLeft)
	e.p("BNE %s", label("step"))
	e.field("Ends", endsAt)
	e.field("Out", outAt)
	e.field("Floats", 16)
	sums := k.sums(e, rows)
	e.p("CBNZ R16, %s", label("floats"))
	e.dotCodes(sums)
	e.p("B %s", label("stored"))
	e.label(label("floats"))
	e.field("SecondOut", secondAt)
	e.p("ADD R%d, R%d", outAt, secondAt)
	e.p("CMP $1, R16")
	e.p("BNE %s", label("sums"))
	e.dotFloats(sums)
	e.p("B %s", label("stored"))
	e.label(label("sums"))
	for row, v := range sums {
		e.wordStore(fmt.Sprintf("sum%dof%d", row, rows), row, v)
	}
	e.label(label("stored"))
	e.p("ADD $ByteTile__size, R%d", tileAt)
	e.p("SUBS $1, R%d", tilesLeft)
	e.p("BNE %s", label("rows"))
	e.ret()
}

// dotBias sets the sums of each pixel to the biases at R16.
func (e *emitter) dotBias(rows int) {
	for i := range 4 * rows {
		if i < 4 {
			e.ldrQ(firstSum+i, 16, 16*i)
		} else {
			e.mov(firstSum+i, firstSum+i%4)
		}
	}
}

// dotIteration multiplies 16 inputs of each pixel with SDOT.
func (e *emitter) dotIteration(rows int) {
	const weights = 6
	for r := range rows {
		e.ldrQNext(r, firstPixel+r)
	}
	e.movi8(weights, 0x80)
	for r := range rows {
		e.eor(r, r, weights)
	}
	e.inTurn([2]int{weights, weights + 1}, func(i, w int) {
		for r := range rows {
			e.sdotLane(firstSum+4*r+i%4, w, r, i/4)
		}
	})
}

// inTurn loads 16 vectors of weights to two registers in turn, and multiplies each while the
// next one is on its way.
func (e *emitter) inTurn(registers [2]int, multiply func(i, w int)) {
	e.ldrQNext(registers[0], weightAt)
	for i := range 16 {
		if i < 15 {
			e.ldrQNext(registers[(i+1)%2], weightAt)
		}
		multiply(i, registers[i%2])
	}
}

// dotSums returns the vectors of each pixel.
func dotSums(_ *emitter, rows int) [][4]int {
	sums := make([][4]int, rows)
	for i := range 4 * rows {
		sums[i/4][i%4] = firstSum + i
	}
	return sums
}

// pairBias sets the sums of each pair of pixels to the biases at R16.
func (e *emitter) pairBias(rows int) {
	for i := range 8 * ((rows + 1) / 2) {
		if i < 8 {
			e.ld1rPairNext(firstSum+i, 16)
		} else {
			e.mov(firstSum+i, firstSum+i%8)
		}
	}
}

// pairIteration multiplies 16 inputs of each pixel with USMMLA. An odd pixel is its own pair.
func (e *emitter) pairIteration(rows int) {
	for r := range rows {
		e.ldrQNext(r, firstPixel+r)
	}
	var codes [][2]int // of each pair of pixels: the first eight inputs, and the others
	free := 6
	for r := 0; r < rows; r += 2 {
		second := min(r+1, rows-1)
		e.zip("2d", false, free, r, second)
		e.zip("2d", true, second, r, second)
		codes = append(codes, [2]int{free, second})
		free = r
		if second == r {
			free = r + 1
		}
	}
	e.inTurn([2]int{free, 7}, func(i, w int) {
		for p, c := range codes {
			e.usmmla(firstSum+8*p+i%8, c[i/8], w)
		}
	})
}

// pairSums separates the sums of pairs of pixels.
func (e *emitter) pairSums(rows int) [][4]int {
	sums := make([][4]int, rows+rows%2)
	free := 6
	for i := range 4 * len(sums) / 2 {
		a := firstSum + 2*i
		p, j := i/4, i%4
		e.zip("2d", false, free, a, a+1)
		e.zip("2d", true, a+1, a, a+1)
		sums[2*p][j], sums[2*p+1][j] = free, a+1
		free = a
	}
	return sums[:rows]
}

// dotCodes writes the epilogue: requantisation. Scaled sums fit int32 (see ByteTileArgs).
func (e *emitter) dotCodes(sums [][4]int) {
	const scales, zero = 0, 4
	e.p("MOVH ByteTileArgs_Zero(R0), R16")
	e.dup16(zero, 16)
	for i := range 4 {
		e.ldrQ(scales+i, endsAt, 128+16*i)
	}
	for row, v := range sums {
		e.requantize(v, [4]int{scales, scales + 1, scales + 2, scales + 3}, zero)
		e.storeRow(fmt.Sprintf("codes%dof%d", row, len(sums)), row, func() { e.strQ(v[0], 16, 0) }, outAt)
	}
}

// requantize makes codes of 16 sums, in the first of their vectors: each sum times its scale,
// rounded half to even, plus the zero point, saturated.
func (e *emitter) requantize(v, scales [4]int, zero int) {
	for i, r := range v {
		e.scvtf(r, r)
		e.fmul(r, r, scales[i])
		e.fcvtns(r, r)
	}
	for i, r := range v {
		e.sqxtn16(v[i&^1], r, i%2 == 1)
	}
	e.sqadd16(v[0], v[0], zero)
	e.sqadd16(v[2], v[2], zero)
	e.sqxtun(v[0], v[0], false)
	e.sqxtun(v[0], v[2], true)
}

// dotFloats writes the epilogue of outputs in float32.
func (e *emitter) dotFloats(sums [][4]int) {
	const scales, low, high, bias = 0, 4, 5, 7
	e.spread("Low", low)
	e.spread("High", high)
	for i := range 4 {
		e.ldrQ(scales+i, endsAt, 128+16*i)
	}
	for row, v := range sums {
		for i, r := range v {
			e.scvtf(r, r)
			e.fmul(r, r, scales+i)
			e.ldrQ(bias, endsAt, 256+16*i)
			e.fadd(r, r, bias)
			e.clip(r, low, high)
		}
		e.wordStore(fmt.Sprintf("floats%dof%d", row, len(sums)), row, v)
	}
}

// wordStore stores a pixel's outputs of 32 bits. The first vectors are stored last, so that they
// stay where the second ones have the same place.
func (e *emitter) wordStore(label string, row int, v [4]int) {
	e.storeRow(label, row, func() {
		e.strQ(v[2], 21, 0)
		e.strQ(v[3], 21, 16)
		e.strQ(v[0], 16, 0)
		e.strQ(v[1], 16, 16)
	}, outAt, secondAt)
}

// storeRow stores a pixel, unless its offset is negative, at R16, from the output on, and R21,
// from the second vector of outputs on.
func (e *emitter) storeRow(label string, row int, store func(), from ...int) {
	e.p("MOVD ByteTile_Out+%d(R%d), R16", 8*row, tileAt)
	e.p("TBNZ $63, R16, not%s", label)
	if len(from) > 1 {
		e.p("ADD R%d, R16, R21", from[1])
	}
	e.p("ADD R%d, R16", from[0])
	store()
	e.label("not" + label)
}
