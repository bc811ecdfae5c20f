//go:build !purego

package kernel

import (
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/amd64"
)

// With VDPBF16PS, a product of A [M][K] by a constant B [K][N] is one of half as many words of two
// bfloat16: words i of 32 numbers of a row of A are numbers i and 16+i, as in a pixel of BF16x32,
// and those of B have rows i and 16+i. B is packed so; A is narrowed into the scratch before.

// pairGemms computes the products of the rung "avx512bf16".
var pairGemms = gemmKernels{
	pack: func(r *Rung, g *Gemm, w *GemmWeights) {
		const least = 32 // rows and columns of B: shorter sums do not pay for narrowing A
		if !g.BF16 || g.K < least || g.N < least {
			placePanels(r, g, w)
			return
		}
		w.form, w.columns, w.depth, w.vec = gemmPairs, pairUnit.columns, roundUp(g.K, 32)/2, &r.Vec
		w.panels = w.floats(roundUp(g.N, w.columns) * w.depth)
	},
	plan: func(r *Rung, g *Gemm, w *GemmWeights) (Work, error) {
		if w == nil || w.form != gemmPairs {
			return planPanels(r, g, w)
		}
		return planPairs(r, g, w), nil
	},
}

var pairUnit = gemmUnit{rows: 14, columns: 32, partial: true, gflops: 180, // words
	tile: func(a *gemmArgs) { amd64.GemmPairs512((*amd64.GemmArgs)(a)) }}

// packPairs packs panels [from, to).
func (w *GemmWeights) packPairs(from, to int) {
	const rows = 32
	kept := numberRooms.Get().(*[]float32)
	defer numberRooms.Put(kept)
	room := roomFor(kept, rows*w.columns)
	for row := 0; row < w.source.k; row += rows {
		block := room[:min(rows, w.source.k-row)*w.columns]
		for i := from; i < to; i++ {
			clear(room[len(block):])
			w.source.packBlock(w.vec, block, w.columns, i, row)
			to := unsafe.Pointer(&w.panels[(i*w.depth+row/2)*w.columns])
			amd64.NarrowAVX512(to, unsafe.Pointer(&room[0]), unsafe.Pointer(&room[rows/2*w.columns]), rows/2*w.columns/16)
		}
	}
}

// planPairs plans a product by packed pairs.
func planPairs(r *Rung, g *Gemm, w *GemmWeights) Work {
	narrow := &narrowRows{gemm: *g, words: w.depth}
	s := &panelGemm{gemm: *g, rung: r, unit: pairUnit, weights: w, narrowed: true}
	s.gemm.K, s.gemm.RowA = w.depth, w.depth
	s.gemm.Batch = make([]GemmBatch, len(g.Batch))
	apart := g.M * w.depth
	for i := len(g.Batch) - 1; i >= 0; i-- {
		s.gemm.Batch[i] = g.Batch[i]
		s.gemm.Batch[i].A = apart
		apart *= g.Batch[i].Count
	}
	work := s.plan()
	work.Scratch = 4 * apart
	const perNumber = 0.05 // ns
	work.Steps = append([]Step{bundle(narrow, perNumber*float64(g.K))}, work.Steps...)
	return work
}

// narrowRows is the step that narrows A; a chunk is a row.
type narrowRows struct {
	gemm  Gemm
	words int // of a row
}

// Chunks is part of Step.
func (s *narrowRows) Chunks() int { return s.gemm.count() * s.gemm.M }

// Run is part of Step.
func (s *narrowRows) Run(chunk int, m *Memory) {
	g := &s.gemm
	a, _, _ := g.at(chunk / g.M)
	from := unsafe.Add(m.In, a+4*(chunk%g.M)*g.RowA)
	to := unsafe.Add(m.Scratch, 4*chunk*s.words)
	whole := g.K / 32
	if whole > 0 {
		amd64.NarrowRowAVX512(to, from, whole)
	}
	if rest := g.K % 32; rest > 0 {
		f := gemmFrames.Get().(*gemmFrame)
		n := copy(f.tile[:32], floats(unsafe.Add(from, 4*32*whole), rest))
		clear(f.tile[n:32])
		amd64.NarrowRowAVX512(unsafe.Add(to, 64*whole), unsafe.Pointer(&f.tile), 1)
		gemmFrames.Put(f)
	}
}
