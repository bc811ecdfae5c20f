package kernel

import (
	"fmt"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/vec"
)

// Gemm is C = act(Scale·A·B + bias + residual) on row-major float32 matrices:
// A [M][K], B [K][N] or, with TransB, [N][K], C [M][N], bias [N]. RowA, RowB, RowC
// and RowResidual are row strides, in numbers, so that a matrix may be a part of a
// larger one: the heads of an attention are not copied.
//
// The matrices of a batch lie at fixed distances from each other, in any number
// of nested loops.
type Gemm struct {
	M, N, K                       int
	RowA, RowB, RowC, RowResidual int
	TransB                        bool
	Batch                         []GemmBatch // outermost first
	Scale                         float32     // factor of A·B
	Residual                      bool        // added before the activation; may be C itself
	Act                           Activation
	Strict                        bool // float32 arithmetic only, never bf16x3
	BF16                          bool // bfloat16 operands are exact enough
	Often                         bool // computed many times in a row with one constant B: it pays to pack that for any M
}

// GemmBatch is one loop over matrices: its length, and the distances between
// successive matrices, in numbers. Residuals advance like C.
type GemmBatch struct{ Count, A, B, C int }

// count returns the number of products in the batch.
func (g *Gemm) count() int {
	n := 1
	for _, b := range g.Batch {
		n *= b.Count
	}
	return n
}

// at returns the offsets of the matrices of product i, in bytes.
func (g *Gemm) at(i int) (a, b, c int) {
	for k := len(g.Batch) - 1; k >= 0; k-- {
		l := &g.Batch[k]
		j := i % l.Count
		i /= l.Count
		a, b, c = a+4*j*l.A, b+4*j*l.B, c+4*j*l.C
	}
	return a, b, c
}

// lenB returns the length of a B with all its rows, in numbers.
func (g *Gemm) lenB() int {
	if g.TransB {
		return (g.N-1)*g.RowB + g.K
	}
	return (g.K-1)*g.RowB + g.N
}

// matrixB is the B of a product as it is given.
type matrixB struct {
	numbers
	n, k  int  // columns and rows
	row   int  // Gemm.RowB
	trans bool // Gemm.TransB
}

func (g *Gemm) matrixB(b numbers) matrixB { return matrixB{b, g.N, g.K, g.RowB, g.TransB} }

// matrixAt returns the B of float32 at b.
func (g *Gemm) matrixAt(b unsafe.Pointer) matrixB {
	return g.matrixB(numbers{wide: floats(b, g.lenB())})
}

func (g *Gemm) String() string {
	return fmt.Sprintf("matrix product %d times [%d %d]·[%d %d]", g.count(), g.M, g.K, g.K, g.N)
}

// check returns an error if a size is below 1 or rows overlap.
func (g *Gemm) check() error {
	rowB := g.N
	if g.TransB {
		rowB = g.K
	}
	switch {
	case min(g.M, g.N, g.K, g.count()) < 1:
		return fmt.Errorf("%v: every size must be at least 1", g)
	case g.RowA < g.K || g.RowB < rowB || g.RowC < g.N || g.Residual && g.RowResidual < g.N:
		return fmt.Errorf("%v: rows of %d, %d and %d numbers overlap", g, g.RowA, g.RowB, g.RowC)
	}
	return nil
}

// A constant B [K][N] is packed by columns. With panels of 32 columns, B [512][100] becomes
// four panels of [512][32], of which the last has 4 columns of B and 28 of zeros: a register
// tile of 14 rows of A by a panel reads both operands from end to end.

// GemmWeights holds a constant B and the bias in the form that one rung reads.
type GemmWeights struct {
	keeper
	form    gemmForm
	source  matrixB   // B as passed to PackGemm
	panels  []float32 // B in panels or strips of columns, each [depth][columns], the last padded with zeros
	columns int       // of a panel
	depth   int       // rows of a panel: K, or words of two bfloat16 in each column
	vec     *vec.Unit // which packs panels
	tiles   []byte    // B packed for AMX tiles
	beside  Format    // of the A beside these tiles: Split32, or BF16x32 for a Gemm.BF16
	bias    []float32 // padded to complete panels and tiles; nil: none
}

// gemmForm is the form of a constant B.
type gemmForm uint8

const (
	gemmInPlace gemmForm = iota // not packed: each product reads it once, in order
	gemmStrips                  // panels of stripColumns, which products of few rows read at the speed of the caches
	gemmPanels                  // of gemmUnit.columns, for register tiles
	gemmPairs                   // of words of two bfloat16, for register tiles
	gemmTiles                   // for AMX tiles
)

// InPlaceRows is the largest number of rows of A for which B is read in place:
// such a product is limited by the memory bandwidth of one pass over B.
const InPlaceRows = 4

// PackGemm allocates the memory for a constant B of g and its bias, [N] or nil; the
// caller packs B by calling Chunk for every number below Chunks, concurrently and in
// any order. b may lie in a mapped file at any address. It must not change as long
// as the weights are used, because a product of few rows reads it in place. The bias
// is copied.
func (r *Rung) PackGemm(g *Gemm, b Numbers, bias []float32) (*GemmWeights, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	source := b.with(&r.Vec)
	if want := g.lenB(); source.len() < want {
		return nil, fmt.Errorf("%v: B has %d numbers, want %d", g, source.len(), want)
	}
	if bias != nil && len(bias) != g.N {
		return nil, fmt.Errorf("%v: %d biases, want %d", g, len(bias), g.N)
	}
	w := &GemmWeights{source: g.matrixB(source)}
	if bias != nil {
		w.bias = alignedFloats(roundUp(g.N, 32))
		copy(w.bias, bias)
	}
	switch {
	case g.column() && bias == nil && source.of == float32s:
	case g.M > InPlaceRows || g.count() > 1:
		r.Gemms.pack(r, g, w)
	case g.Often:
		w.place(&r.Vec, gemmStrips, stripColumns)
	}
	return w, nil
}

// Bytes returns the size of the weights without the original B.
func (w *GemmWeights) Bytes() int { return 4*(len(w.panels)+len(w.bias)) + len(w.tiles) }

// Gemm plans a product. A is Memory.In; B is w or, if that is nil, Memory.More[0].
func (r *Rung) Gemm(g *Gemm, w *GemmWeights) (Work, error) {
	if err := g.check(); err != nil {
		return Work{}, err
	}
	if w != nil && (w.source.n != g.N || w.source.k != g.K || w.source.trans != g.TransB) {
		return Work{}, fmt.Errorf("%v: the weights were packed for another product", g)
	}
	if g.column() && (w == nil || w.form == gemmInPlace && w.bias == nil && w.source.of == float32s) {
		return r.column(g, w), nil
	}
	if w != nil && w.form <= gemmStrips || w == nil && g.M == 1 && g.count() == 1 {
		return r.gemv(g, w)
	}
	return r.Gemms.plan(r, g, w)
}

// column reports whether B and C are a single column of neighbouring numbers.
func (g *Gemm) column() bool {
	return g.N == 1 && g.M > InPlaceRows && g.RowC == 1 && (g.TransB || g.RowB == 1) && !g.Residual
}

// gemmKernels packs and plans products of more than InPlaceRows rows.
type gemmKernels struct {
	pack func(r *Rung, g *Gemm, w *GemmWeights)
	plan func(r *Rung, g *Gemm, w *GemmWeights) (Work, error)

	tiles func(g *Gemm) bool // reports products that are not computed on vector registers; nil: none
}

// vectorGemms computes products with vector registers.
var vectorGemms = gemmKernels{pack: placePanels, plan: planPanels}
