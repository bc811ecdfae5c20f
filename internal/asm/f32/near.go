package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Boxes lie in cells by their centres, on levels by their areas (engine/kernel/box). Those
// that a box may overlap enough have areas and distances within some ratio, so they lie on one
// or two neighbouring levels and there in up to three rows of cells:
//
//	level     cells within reach    places of their boxes
//	lower     row 0, 1, 2           three ranges
//	upper     row 0, 1, 2           three ranges
//
// The twin, which says the same in Go for one box, is Queries.find in that package. Here a
// vector has one number of 16 boxes, or of 8 with AVX2. Where three rows or two levels do not
// suffice, the box is hard, and the caller looks at all boxes.

// Offsets of the fields of box.Queries.
const (
	queryRow            = 64 // of 16 numbers
	queryIndex          = 8
	queryPlace          = queryIndex + queryRow
	queryBox            = queryPlace + queryRow
	queryLow, queryHigh = queryBox + 4*queryRow, queryBox + 5*queryRow
	queryClass          = queryHigh + queryRow
	queryFrom           = queryClass + queryRow
	nearRows            = 3 // rows of cells per level
	ranges              = 2 * nearRows
	queryCount          = queryFrom + ranges*queryRow
	queryHard           = queryCount + ranges*queryRow
)

// Offsets of the fields of box.Grid and box.Level.
const (
	gridBoxes, gridClass, gridStart, gridLevels = 0, 8, 16, 24

	gridMask, gridLow, gridHigh = 32, 36, 40
	gridPerLevel                = 44
	gridReach, gridWidest       = 48, 52
	gridNarrowest, gridShare    = 56, 60
	gridRounding                = 64

	levelPerX, levelPerY, levelMost, levelFirst = 0, 4, 8, 12

	stepY, stepClass = 0x9E3779B1, 0x6C8E9CF5
)

// Temporaries lie in the memory of results that are written last: the number of levels
// minus one, and the number of cells of a row minus one.
const (
	nearLevels = queryFrom + (ranges-1)*queryRow
	nearWide   = queryCount + (nearRows-1)*queryRow // of the first level; that of the second is nearRows rows after it
)

// Vector registers: those that keep their values, and nearA to nearF, which are
// temporaries.
const (
	nearSlack, nearArea, nearPer, nearCell   = 0, 1, 2, 3
	nearX, nearY, nearReachX, nearReachY     = 4, 5, 6, 7
	nearLevel, nearHard                      = 8, 9
	nearA, nearB, nearC, nearD, nearE, nearF = 10, 11, 12, 13, 14, 15
)

// near writes the search for the blocks of boxes that boxes may overlap. RDX queries, RDI
// grid, RSI its boxes, R8 its starts, R9 its levels, EBX a bit for each hard query. With
// AVX2, the upper half of the queries is searched first.
func (g *gen) near(v vector) {
	name := "Near" + v.title
	g.leaf(name, []string{"queries ptr"},
		name+" finds, for each of 16 boxes, the ranges of places in a grid in which boxes lie that it may overlap.")
	g.param("queries", reg.RDX)
	g.MOVQ(at(reg.RDX, 0), reg.RDI)
	g.MOVQ(at(reg.RDI, gridBoxes), reg.RSI)
	g.MOVQ(at(reg.RDI, gridStart), reg.R8)
	g.MOVQ(at(reg.RDI, gridLevels), reg.R9)
	g.XORL(reg.EBX, reg.EBX)
	for disp := 64 - v.bytes; disp >= 0; disp -= v.bytes {
		n := nearer{g, v, v.regs, disp}
		n.shape()
		n.bounds()
		n.class()
		n.level(0)
		n.level(1)
		n.signs(nearHard, reg.EAX)
		g.SHLL(operand.U8(v.bytes/4%16), reg.EBX)
		g.ORL(reg.EAX, reg.EBX)
	}
	g.MOVL(reg.EBX, at(reg.RDX, queryHard))
	g.end()
}

// nearer writes the search for a vector of queries, disp bytes after the first.
type nearer struct {
	*gen
	v    vector
	r    []reg.VecPhysical
	disp int
}

func (n nearer) row(offset int) operand.Mem { return at(reg.RDX, offset+n.disp) }

// fill broadcasts a field of the grid.
func (n nearer) fill(offset, into int) { n.VBROADCASTSS(at(reg.RDI, offset), n.r[into]) }

// number broadcasts the given bits.
func (n nearer) number(bits uint32, into int) {
	n.MOVL(operand.U32(bits), reg.EAX)
	n.VMOVD(reg.EAX, xmms[into])
	n.VPBROADCASTD(xmms[into], n.r[into])
}

func (n nearer) float(f float32, into int) { n.number(math.Float32bits(f), into) }

// gather loads numbers from base + places·scale + disp; mask is overwritten.
func (n nearer) gather(base reg.Register, places, scale, disp, mask, into int) {
	from := operand.Mem{Base: base, Index: n.r[places], Scale: uint8(scale), Disp: disp}
	if n.v.bytes == 64 {
		n.KXNORW(reg.K1, reg.K1, reg.K1)
		n.VGATHERDPS(from, reg.K1, n.r[into])
		return
	}
	n.VPCMPEQD(n.r[mask], n.r[mask], n.r[mask])
	n.VGATHERDPS(n.r[mask], from, n.r[into])
}

// zero sets a register to 0.
func (n nearer) zero(i int) { n.VXORPS(xmms[i], xmms[i], xmms[i]) }

// above sets into to a mask of a > b, as int32.
func (n nearer) above(a, b, into int) {
	if n.v.bytes == 64 {
		n.VPCMPGTD(n.r[b], n.r[a], reg.K1)
		n.VPMOVM2D(reg.K1, n.r[into])
		return
	}
	n.VPCMPGTD(n.r[b], n.r[a], n.r[into])
}

// notBelow sets into to a mask of not a < b, as float32.
func (n nearer) notBelow(a, b, into int) {
	if n.v.bytes == 64 {
		n.VCMPPS(notLess, n.r[b], n.r[a], reg.K1)
		n.VPMOVM2D(reg.K1, n.r[into])
		return
	}
	n.VCMPPS(notLess, n.r[b], n.r[a], n.r[into])
}

// and and or have different names with AVX-512.
func (n nearer) and(a, b, into int) {
	if n.v.bytes == 64 {
		n.VPANDD(n.r[a], n.r[b], n.r[into])
		return
	}
	n.VPAND(n.r[a], n.r[b], n.r[into])
}

func (n nearer) or(a, b, into int) {
	if n.v.bytes == 64 {
		n.VPORD(n.r[a], n.r[b], n.r[into])
		return
	}
	n.VPOR(n.r[a], n.r[b], n.r[into])
}

// signs extracts the sign bits of a register.
func (n nearer) signs(of int, into reg.Register) {
	if n.v.bytes == 64 {
		n.VPMOVD2M(n.r[of], reg.K1)
		n.KMOVW(reg.K1, into)
		return
	}
	n.VMOVMSKPS(n.r[of], into)
}

// shape computes the centres of the boxes, their areas, and the reach in which boxes that
// they may overlap have their centres.
func (n nearer) shape() {
	r := n.r
	n.VMOVUPS(n.row(queryIndex), r[nearA])
	n.VPSLLD(operand.U8(4), r[nearA], r[nearA])
	for i := range 4 {
		n.gather(reg.RSI, nearA, 1, 4*i, nearB, i)
	}
	x1, y1, x2, y2 := r[0], r[1], r[2], r[3]
	n.number(0x7fffffff, nearA)
	n.and(0, nearA, nearE)
	for i := 1; i < 4; i++ {
		n.and(i, nearA, nearB)
		n.VADDPS(r[nearB], r[nearE], r[nearE])
	}
	far := r[nearE]
	n.VSUBPS(x1, x2, r[nearC]) // width
	n.VSUBPS(y1, y2, r[nearD])
	n.float(0.5, nearA)
	n.VADDPS(x1, x2, r[nearX])
	n.VADDPS(y1, y2, r[nearY])
	n.VMULPS(r[nearA], r[nearX], r[nearX])
	n.VMULPS(r[nearA], r[nearY], r[nearY])
	n.float(0x1p-22, nearA)
	n.VMULPS(far, r[nearA], r[nearA])
	n.VSUBPS(r[nearA], x1, x1)
	n.VSUBPS(r[nearA], y1, y1)
	n.VADDPS(r[nearA], x2, x2)
	n.VADDPS(r[nearA], y2, y2)
	for i := range 4 {
		n.VMOVUPS(r[i], n.row(queryBox+queryRow*i))
	}
	n.float(0x1p-20, nearA)
	n.VMULPS(far, r[nearA], r[nearSlack])
	n.VMULPS(r[nearC], r[nearD], r[nearArea])
	n.fill(gridReach, nearA)
	n.VMULPS(r[nearC], r[nearA], r[nearReachX])
	n.VMULPS(r[nearD], r[nearA], r[nearReachY])
	n.fill(gridRounding, nearA)
	n.VMULPS(far, r[nearA], r[nearA])
	n.VADDPS(r[nearC], r[nearD], r[nearC])
	n.VADDPS(r[nearA], r[nearC], r[nearC])
	n.VMULPS(r[nearA], r[nearC], r[nearC])
	n.float(0x1p-18, nearA)
	n.VMULPS(r[nearArea], r[nearA], r[nearA])
	n.VADDPS(r[nearA], r[nearC], r[nearF]) // what rounding may lose
}

// bounds computes the bounds for intersections, and the levels.
func (n nearer) bounds() {
	r := n.r
	n.fill(gridShare, nearA)
	n.VMULPS(r[nearArea], r[nearA], r[nearA])
	n.VADDPS(r[nearF], r[nearA], r[nearB])
	n.VMOVUPS(r[nearB], n.row(queryHigh))
	n.VSUBPS(r[nearF], r[nearA], r[nearA])
	n.zero(nearE)
	n.VMAXPS(r[nearE], r[nearA], r[nearA])
	n.VMOVUPS(r[nearA], n.row(queryLow))
	n.fill(gridWidest, nearB)
	n.VDIVPS(r[nearArea], r[nearB], r[nearPer])
	n.VADDPS(r[nearArea], r[nearF], r[nearA])
	n.VMULPS(r[nearB], r[nearA], r[nearA]) // the largest area
	n.VMULPS(r[nearB], r[nearF], r[nearF])
	n.fill(gridNarrowest, nearB)
	n.VMULPS(r[nearArea], r[nearB], r[nearB])
	n.VSUBPS(r[nearF], r[nearB], r[nearB])
	n.VMAXPS(r[nearE], r[nearB], r[nearB]) // and the smallest
	n.fill(gridPerLevel, nearC)
	for _, area := range []int{nearA, nearB} {
		n.VCVTDQ2PS(r[area], r[area])
		n.VMULPS(r[nearC], r[area], r[area])
		n.VCVTTPS2DQ(r[area], r[area])
	}
	n.fill(gridHigh, nearC)
	n.fill(gridLow, nearD)
	n.VPMINSD(r[nearC], r[nearA], r[nearA])
	n.VPMAXSD(r[nearD], r[nearB], r[nearB])
	n.VPMINSD(r[nearC], r[nearB], r[nearLevel])
	n.VPSUBD(r[nearLevel], r[nearA], r[nearA])
	n.VMOVUPS(r[nearA], n.row(nearLevels))
	n.number(1, nearB)
	n.above(nearA, nearB, nearHard)
}

// class computes the first cell of the class of each box.
func (n nearer) class() {
	r := n.r
	done := fmt.Sprint("class", n.disp)
	n.zero(nearCell)
	n.VMOVUPS(r[nearCell], n.row(queryClass))
	n.MOVQ(at(reg.RDI, gridClass), reg.R10)
	n.TESTQ(reg.R10, reg.R10)
	n.JZ(to(done))
	n.VMOVUPS(n.row(queryIndex), r[nearA])
	n.gather(reg.R10, nearA, 4, 0, nearB, nearCell)
	n.VMOVUPS(r[nearCell], n.row(queryClass))
	n.number(stepClass, nearA)
	n.VPMULLD(r[nearA], r[nearCell], r[nearCell])
	n.Label(done)
}

// level computes the ranges of places in the first level or in the second.
func (n nearer) level(second int) {
	r := n.r
	if second == 1 {
		n.number(1, nearA)
		n.VPADDD(r[nearA], r[nearLevel], r[nearLevel])
	}
	n.VPSLLD(operand.U8(4), r[nearLevel], r[nearF])
	n.gather(reg.R9, nearF, 1, levelMost, nearB, nearA)
	n.VMINPS(r[nearA], r[nearArea], r[nearA])
	n.VMULPS(r[nearPer], r[nearA], r[nearA])
	n.float(1, nearB)
	n.VADDPS(r[nearB], r[nearA], r[nearA])

	wide := n.row(nearWide + second*nearRows*queryRow)
	n.gather(reg.R9, nearF, 1, levelPerX, nearB, nearC)
	n.VMULPS(r[nearReachX], r[nearA], r[nearD])
	n.span(nearX, nearC, nearD, nearB, nearE)
	n.VMOVUPS(r[nearD], wide)
	n.gather(reg.R9, nearF, 1, levelPerY, nearD, nearC)
	n.VMULPS(r[nearReachY], r[nearA], r[nearD])
	n.span(nearY, nearC, nearD, nearA, nearE)
	n.number(nearRows-1, nearE)
	n.above(nearD, nearE, nearE)
	n.or(nearE, nearHard, nearHard)

	n.gather(reg.R9, nearF, 1, levelFirst, nearE, nearC)
	n.VPADDD(r[nearCell], r[nearC], r[nearC])
	n.VPADDD(r[nearB], r[nearC], r[nearC])
	n.number(stepY, nearE)
	n.VPMULLD(r[nearE], r[nearA], r[nearA])
	n.VPADDD(r[nearA], r[nearC], r[nearC])
	for below := range nearRows {
		if below > 0 {
			n.number(stepY, nearA)
			n.VPADDD(r[nearA], r[nearC], r[nearC])
		}
		n.cells(second, below, wide)
	}
}

// span computes the first cell within reach of a centre along one axis and, in register
// reach, the number of cells that follow.
func (n nearer) span(place, per, reach, first, scratch int) {
	r := n.r
	n.VADDPS(r[nearSlack], r[reach], r[reach])
	n.number(0x7fffffff, first)
	n.and(place, first, first)
	n.VADDPS(r[reach], r[first], r[first])
	n.VMULPS(r[per], r[first], r[first])
	n.float(0x1p30, scratch)
	n.notBelow(first, scratch, scratch)
	n.or(scratch, nearHard, nearHard)
	n.VSUBPS(r[reach], r[place], r[first])
	n.VMULPS(r[per], r[first], r[first])
	n.VCVTTPS2DQ(r[first], r[first])
	n.VADDPS(r[reach], r[place], r[reach])
	n.VMULPS(r[per], r[reach], r[reach])
	n.VCVTTPS2DQ(r[reach], r[reach])
	n.VPSUBD(r[first], r[reach], r[reach])
}

// cells looks up the range of places of a row of cells: nearC is the first cell before it
// is masked to the table, nearD the number of rows minus one.
func (n nearer) cells(second, below int, wide operand.Mem) {
	r := n.r
	n.fill(gridMask, nearA)
	n.and(nearC, nearA, nearB)
	n.VPADDD(wide, r[nearB], r[nearF])
	n.above(nearF, nearA, nearE)
	n.or(nearE, nearHard, nearHard)
	n.VPMINSD(r[nearA], r[nearF], r[nearF])
	n.VPMAXSD(r[nearB], r[nearF], r[nearF])
	n.gather(reg.R8, nearB, 4, 0, nearE, nearA)
	n.gather(reg.R8, nearF, 4, 4, nearE, nearB)
	n.VPSUBD(r[nearA], r[nearB], r[nearB])
	exists := func(lessOne int, before uint32, of int) {
		n.number(before, nearE)
		n.above(lessOne, nearE, nearE)
		n.and(nearE, of, of)
	}
	if below > 0 {
		exists(nearD, uint32(below-1), nearB)
	}
	if second == 1 {
		n.VMOVUPS(n.row(nearLevels), r[nearF])
		exists(nearF, 0, nearB)
	}
	n.VPADDD(r[nearA], r[nearB], r[nearF]) // their blocks
	n.number(15, nearE)
	n.VPADDD(r[nearE], r[nearF], r[nearF])
	n.VPSRLD(operand.U8(4), r[nearA], r[nearA])
	n.VPSRLD(operand.U8(4), r[nearF], r[nearF])
	n.VPSUBD(r[nearA], r[nearF], r[nearF])
	exists(nearB, 0, nearF)
	n.VMOVUPS(r[nearA], n.row(queryFrom+(nearRows*second+below)*queryRow))
	n.VMOVUPS(r[nearF], n.row(queryCount+(nearRows*second+below)*queryRow))
}

var xmms = []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7,
	reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15}
