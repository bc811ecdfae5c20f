package main

import (
	"fmt"

	"github.com/visionzoo/vision/internal/asm/generate"
)

// vectors is one class of vector registers.
type vectors struct {
	reg    string // Z or Y
	width  int    // bytes
	rows   int    // of the largest register tile, which is two vectors wide
	masked bool   // has mask registers
	pairs  bool   // A and B are words of two bfloat16
}

var (
	avx512 = vectors{"Z", 64, 14, true, false}
	avx2   = vectors{"Y", 32, 6, false, false}
	pairs  = vectors{"Z", 64, 14, true, true}
)

func (v vectors) r(i int) string { return fmt.Sprintf("%s%d", v.reg, i) }

// multiplyAdd writes acc += a·b on the registers with these numbers.
func (e *emitter) multiplyAdd(v vectors, a, b, acc int) {
	if v.pairs {
		e.raw(bytesLine(fmt.Sprintf("VDPBF16PS %s, %s, %s", v.r(a), v.r(b), v.r(acc)), generate.DotBF16(a, b, acc)...))
		return
	}
	e.p("VFMADD231PS %s, %s, %s", v.r(a), v.r(b), v.r(acc))
}

// gemm writes C = clip(scale·A·B + bias + residual) for one register tile of up to
// v.rows rows and two vectors of columns, with code for each number of rows. The sums
// stay in registers over the K loop.
//
// Registers: AX arguments, R8 to R12 rows 0, 3, 6, 9, 12 of A, R13 row stride of A, BX
// row of B, CX row stride of B, DX steps of K left, DI row of C, SI row of the residual,
// R14 weights to prefetch, R15 bytes by which R14 advances. K1 and K2 mask the columns
// (AVX-512 only; the AVX2 kernel writes complete vectors).
func (e *emitter) gemm(name string, v vectors) {
	e.text(name, "a *GemmArgs", 8)
	e.p("MOVQ a+0(FP), AX")
	e.p("MOVQ GemmArgs_A(AX), R8")
	e.p("MOVQ GemmArgs_RowA(AX), R13")
	e.p("LEAQ (R13)(R13*2), CX")
	for i := range 4 {
		e.p("LEAQ (R%d)(CX*1), R%d", 8+i, 9+i)
	}
	e.p("MOVQ GemmArgs_B(AX), BX")
	e.p("MOVQ GemmArgs_RowB(AX), CX")
	e.p("MOVQ GemmArgs_K(AX), DX")
	e.p("MOVQ GemmArgs_C(AX), DI")
	e.p("MOVQ GemmArgs_Residual(AX), SI")
	if v.masked {
		e.p("KMOVW GemmArgs_MaskA(AX), K1")
		e.p("KMOVW GemmArgs_MaskB(AX), K2")
	}
	e.p("MOVQ GemmArgs_Rows(AX), R14")
	e.p("MOVQ GemmArgs_AheadEach(AX), R15")
	for rows := v.rows; rows > 1; rows-- {
		e.p("CMPQ R14, $%d", rows)
		e.p("JEQ rows%d", rows)
	}
	for rows := 1; rows <= v.rows; rows++ {
		e.gemmRows(v, rows)
	}
}

// gemmRows writes the code for a number of rows.
func (e *emitter) gemmRows(v vectors, rows int) {
	b0, b1, in := v.r(2*v.rows), v.r(2*v.rows+1), [2]string{v.r(2*v.rows + 2), v.r(2*v.rows + 3)}
	e.label(fmt.Sprintf("rows%d", rows))
	for i := range 2 * rows {
		e.p("VXORPS %s, %s, %s", v.r(i), v.r(i), v.r(i))
	}
	product := func(k, halves int, masked bool) {
		for half, b := range []string{b0, b1}[:halves] {
			if masked {
				e.p("VMOVUPS.Z %d(BX), K%d, %s", half*v.width, 1+half, b)
			} else {
				e.p("VMOVUPS %d(BX), %s", half*v.width, b)
			}
		}
		e.p("ADDQ CX, BX")
		for row := range rows {
			place := fmt.Sprintf("%d(R%d)", 4*k, 8+row/3)
			if row%3 > 0 {
				place += fmt.Sprintf("(R13*%d)", row%3)
			}
			e.p("VBROADCASTSS %s, %s", place, in[row%2])
			for half := range halves {
				e.multiplyAdd(v, 2*v.rows+half, 2*v.rows+2+row%2, 2*row+half)
			}
		}
	}
	bases := (rows + 2) / 3
	four := func(label string, halves int, masked bool) {
		e.label(fmt.Sprintf("%s%d", label, rows))
		for k := range 4 {
			if k%2 == 0 {
				e.p("PREFETCHT1 (R14)")
				e.p("ADDQ R15, R14")
			}
			product(k, halves, masked)
		}
		for i := range bases {
			e.p("ADDQ $16, R%d", 8+i)
		}
		e.p("SUBQ $4, DX")
		e.p("JGE %s%d", label, rows)
	}
	e.p("MOVQ GemmArgs_Ahead(AX), R14")
	e.p("SUBQ $4, DX")
	e.p("JLT few%d", rows)
	if v.masked { // a masked load takes a turn from a multiply-add
		e.p("KORTESTW K2, K2") // carry: all ones; zero: none
		e.p("JCS four%d", rows)
		e.p("JEQ half%d", rows)
		four("part", 2, true)
		e.p("JMP few%d", rows)
		four("half", 1, true)
		e.p("JMP few%d", rows)
	}
	four("four", 2, false)
	e.label(fmt.Sprintf("few%d", rows))
	e.p("ADDQ $4, DX")
	e.p("JEQ end%d", rows)
	e.label(fmt.Sprintf("one%d", rows))
	product(0, 2, v.masked)
	for i := range bases {
		e.p("ADDQ $4, R%d", 8+i)
	}
	e.p("DECQ DX")
	e.p("JNZ one%d", rows)
	e.label(fmt.Sprintf("end%d", rows))
	e.gemmEnd(v, rows, b0, b1, in)
}

// gemmEnd writes the epilogue: it scales the sums, adds bias and residual, clips and
// stores. The sum is the second source of VMAXPS and VMINPS, which return it if it is
// NaN.
func (e *emitter) gemmEnd(v vectors, rows int, b0, b1 string, in [2]string) {
	load := func(place string, half int, dst string) {
		if v.masked {
			e.p("VMOVUPS.Z %s, K%d, %s", place, 1+half, dst)
		} else {
			e.p("VMOVUPS %s, %s", place, dst)
		}
	}
	e.p("VBROADCASTSS GemmArgs_Scale(AX), %s", in[0])
	e.p("VXORPS %s, %s, %s", b0, b0, b0)
	e.p("VXORPS %s, %s, %s", b1, b1, b1)
	e.p("MOVQ GemmArgs_Bias(AX), BX")
	e.p("TESTQ BX, BX")
	e.p("JEQ nobias%d", rows)
	load("(BX)", 0, b0)
	load(fmt.Sprintf("%d(BX)", v.width), 1, b1)
	e.label(fmt.Sprintf("nobias%d", rows))
	for i := range 2 * rows {
		e.p("VFMADD213PS %s, %s, %s", []string{b0, b1}[i%2], in[0], v.r(i))
	}
	e.p("TESTQ SI, SI")
	e.p("JEQ clip%d", rows)
	for row := range rows {
		load("(SI)", 0, b0)
		load(fmt.Sprintf("%d(SI)", v.width), 1, b1)
		e.p("VADDPS %s, %s, %s", b0, v.r(2*row), v.r(2*row))
		e.p("VADDPS %s, %s, %s", b1, v.r(2*row+1), v.r(2*row+1))
		e.p("ADDQ GemmArgs_RowResidual(AX), SI")
	}
	e.label(fmt.Sprintf("clip%d", rows))
	e.p("VBROADCASTSS GemmArgs_Low(AX), %s", in[0])
	e.p("VBROADCASTSS GemmArgs_High(AX), %s", in[1])
	e.p("MOVQ GemmArgs_RowC(AX), CX")
	for i := range 2 * rows {
		r := v.r(i)
		e.p("VMAXPS %s, %s, %s", r, in[0], r)
		e.p("VMINPS %s, %s, %s", r, in[1], r)
		place := fmt.Sprintf("%d(DI)", v.width*(i%2))
		if v.masked {
			e.p("VMOVUPS %s, K%d, %s", r, 1+i%2, place)
		} else {
			e.p("VMOVUPS %s, %s", r, place)
		}
		if i%2 == 1 {
			e.p("ADDQ CX, DI")
		}
	}
	e.p("VZEROUPPER")
	e.p("RET")
}
