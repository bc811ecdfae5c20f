package kernel

import (
	"fmt"
	"unsafe"

	"github.com/visionzoo/vision/engine/kernel/num"
)

// Attention is softmax(Scale·Factor·Q·Kᵀ + biases)·V for each product of a batch, with a softmax over
// the keys (Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762). It is given by
// its two products: A and B of Scores are Q and K, B and C of Values are V and the result. What
// lies between them, C of Scores and A of Values, is [queries][keys] for each product, and never
// exists as a whole.
//
// Q is Memory.In. Memory.More has K, V, and the biases that are not constant.
//
// Where Columns is not 0, the keys are the pixels of rows of so many, and there are two biases: the
// first has a number for each row of keys, the second one for each column (decomposed relative
// positions: Li et al. 2022, "MViTv2", arXiv:2112.01526, section 4.1).
type Attention struct {
	Scores, Values Gemm
	Factor         *ScoreTerm // constant, a number for each product; nil: none
	Biases         []ScoreTerm
	Columns        int
}

// MostBiases is how many an attention may have.
const MostBiases = 2

// ScoreTerm is what is added to the scores, a position's bias or a mask, or what they are multiplied by.
type ScoreTerm struct {
	Const []float32  // nil: it is in Memory.More
	Row   int        // numbers from one query's to the next one's; 0: all have the same
	Loops []TermLoop // over the products of the batch, outermost first
}

// TermLoop is one loop over products: its length, and the numbers by which the term advances.
type TermLoop struct{ Count, Stride int }

// at returns the offset of the term of product i, in bytes.
func (b *ScoreTerm) at(i int) int {
	at := 0
	for k := len(b.Loops) - 1; k >= 0; k-- {
		at += i % b.Loops[k].Count * b.Loops[k].Stride
		i /= b.Loops[k].Count
	}
	return 4 * at
}

// Attends reports whether Attention should compute an attention, of whose second product only
// the sizes and Strict need be known. Its products are computed on vector registers. So where
// the tile unit has faster ones, that pays only if the scores would go to memory.
func (r *Rung) Attends(a *Attention) bool {
	const inCache = 32 << 20 // bytes
	tiles, scores := false, 4*a.Scores.count()
	for _, g := range []*Gemm{&a.Scores, &a.Values} {
		if g.M <= InPlaceRows || g.N == 1 || g.K == 0 {
			return false
		}
		tiles = tiles || r.Gemms.tiles != nil && r.Gemms.tiles(g)
	}
	return !tiles || scores*a.Scores.M > inCache/a.Scores.N
}

// Attention plans an attention for which Attends reports true. Some rows of queries at a time,
// it computes their scores, the softmax and the products with V. So the scores stay in a core's
// L2, whereas those of all queries, for example 4096 of 4096 keys in each of 8 heads, would go to
// memory and back twice.
func (r *Rung) Attention(a *Attention) (Work, error) {
	for _, g := range []*Gemm{&a.Scores, &a.Values} {
		if err := g.check(); err != nil {
			return Work{}, err
		}
	}
	grid := a.Columns == 0 || len(a.Biases) == 2 && a.Scores.N%a.Columns == 0
	if !grid || len(a.Biases) > MostBiases || a.Scores.Residual || a.Values.Residual || a.Values.M != a.Scores.M || a.Values.K != a.Scores.N || a.Values.count() != a.Scores.count() {
		return Work{}, fmt.Errorf("%v and then %v: not an attention", &a.Scores, &a.Values)
	}
	// Rows are whole vectors apart: a load that reaches into the lanes which a masked store left out
	// at the end of the row before would wait until that store has ended.
	s := &attention{rung: r, factor: a.Factor, biases: a.Biases, columns: a.Columns, line: roundUp(a.Scores.N, 16)}
	if s.line >= 256 { // rows that are a power of two apart would share the sets of the cache
		s.line += 16
	}
	const many = 64 // rows, for which it pays to pack B
	scores := &panelGemm{gemm: a.Scores, rung: r, unit: r.GemmUnit, gathered: a.Scores.M >= many}
	values := &panelGemm{gemm: a.Values, rung: r, unit: r.GemmUnit, gathered: a.Scores.M >= many}
	var w Work
	for i, p := range []*panelGemm{scores, values} {
		pack := p.plan()
		for _, step := range pack.Steps[:len(pack.Steps)-1] {
			w.Steps = append(w.Steps, packOf{step, i, w.Scratch})
		}
		s.packed[i] = w.Scratch
		w.Scratch += roundUp(pack.Scratch, cacheLine)
	}
	rowTime := s.cut(scores, values)
	w.Steps = append(w.Steps, bundle(s, rowTime*float64(s.rows)))
	return w, nil
}

// packOf is a step that packs B of the first product, or of the second, into the scratch from
// byte at on.
type packOf struct {
	Step
	product, at int
}

func (s packOf) Run(chunk int, m *Memory) {
	f := frames.Get().(*frame)
	f.memory = Memory{More: m.More[s.product:], Scratch: unsafe.Add(m.Scratch, s.at)}
	s.Step.Run(chunk, &f.memory)
	f.memory = Memory{}
	frames.Put(f)
}

// attention is the step behind the packing. A chunk is a block of rows of one product.
type attention struct {
	rung           *Rung
	factor         *ScoreTerm
	biases         []ScoreTerm
	columns        int           // Attention.Columns
	scores, values [2]*panelGemm // of a block, and of the last one, which may have fewer rows
	whole          [2]*Gemm      // the products of all rows
	packed         [2]int        // where their packed B begin in the scratch
	rows, blocks   int           // of a block, and of one product
	line           int           // numbers from one row of scores to the next
}

// cut divides the rows into blocks, plans their products, and returns the nanoseconds for a row.
func (s *attention) cut(scores, values *panelGemm) (rowTime float64) {
	const (
		room       = 512 << 10 // bytes of scores that stay in L2
		expTime    = 0.3       // of a score
		blockTimes = 3         // a block may take as many times as long as a chunk should
	)
	g, u := &scores.gemm, &scores.unit
	rowTime = float64(g.N) * (2*float64(g.K+values.gemm.N)/u.gflops + expTime)
	rows := min(room/(4*s.line), int(blockTimes*chunkTime/rowTime))
	rows = max(rows/u.rows, 2) * u.rows
	s.blocks = (g.M + rows - 1) / rows
	s.rows = (g.M + s.blocks - 1) / s.blocks
	s.blocks = (g.M + s.rows - 1) / s.rows
	s.whole = [2]*Gemm{g, &values.gemm}
	for i, rows := range [2]int{s.rows, g.M - (s.blocks-1)*s.rows} {
		s.scores[i], s.values[i] = scores.block(rows), values.block(rows)
		s.scores[i].gemm.RowC, s.scores[i].args.RowC = s.line, 4*s.line
		if s.scores[i].gemm.Residual = len(s.biases) > 0; s.scores[i].gemm.Residual {
			s.scores[i].args.RowResidual = 4 * s.biases[0].Row
		}
		if s.columns > 0 {
			s.scores[i].args.RowResidual = 4 * s.line
		}
		s.values[i].args.RowA = 4 * s.line
	}
	return rowTime
}

// block returns the product of so many rows of one product of the batch, in one chunk.
func (s *panelGemm) block(rows int) *panelGemm {
	b := *s
	b.gemm.M, b.gemm.Batch = rows, nil
	b.tiles = (rows + b.unit.rows - 1) / b.unit.rows
	b.grid = grid{pairs: b.tiles, groups: s.grid.groups, pairsEach: b.tiles, groupRuns: 1, block: b.tiles}
	b.together = 1
	return &b
}

func (s *attention) Chunks() int { return s.whole[0].count() * s.blocks }

func (s *attention) Run(chunk int, m *Memory) {
	i, block := chunk/s.blocks, chunk%s.blocks
	scores, values, first := s.scores[0], s.values[0], block*s.rows
	if block == s.blocks-1 {
		scores, values = s.scores[1], s.values[1]
	}
	rows, keys := scores.gemm.M, scores.gemm.N
	kept := numberRooms.Get().(*[]float32)
	defer numberRooms.Put(kept)
	room := roomFor(kept, (rows-1)*s.line+keys)
	f := frames.Get().(*frame)
	atQ, atK, _ := s.whole[0].at(i)
	_, atV, atOut := s.whole[1].at(i)

	f.memory = Memory{In: unsafe.Add(m.In, atQ+first*scores.args.RowA), Out: unsafe.Pointer(&room[0])}
	var biases [MostBiases]unsafe.Pointer // their rows for this block
	given := 2                            // inputs in Memory.More
	for k := range s.biases {
		b := &s.biases[k]
		from := unsafe.Pointer(unsafe.SliceData(b.Const))
		if b.Const == nil {
			from = m.More[given]
			given++
		}
		biases[k] = unsafe.Add(from, b.at(i)+4*first*b.Row)
	}
	f.memory.Residual = biases[0]
	if s.columns > 0 {
		s.setGrid(room, rows, keys, biases)
		f.memory.Residual = f.memory.Out
	}
	if s.factor != nil {
		own := *scores
		own.args.Scale *= s.factor.Const[s.factor.at(i)/4]
		scores = &own
	}
	s.product(scores, f, m, 0, i, atK)
	if biases[1] != nil && s.columns == 0 {
		for r := range rows {
			line := room[r*s.line:][:keys]
			s.rung.Vec.Zip(num.Add, line, line, floats(unsafe.Add(biases[1], 4*r*s.biases[1].Row), keys))
		}
	}
	s.rung.Vec.SoftmaxRows(room, room, keys, s.line)
	f.memory = Memory{In: unsafe.Pointer(&room[0]), Out: unsafe.Add(m.Out, atOut+first*values.args.RowC)}
	s.product(values, f, m, 1, i, atV)
	f.memory = Memory{}
	frames.Put(f)
}

// setGrid sets the rows of scores to the sums of the biases of rows and of columns of keys.
func (s *attention) setGrid(room []float32, rows, keys int, biases [MostBiases]unsafe.Pointer) {
	add := s.rung.Vec.Right[num.Add] // Zip would take as long as what it computes for 14 columns
	for r := range rows {
		line := unsafe.Pointer(&room[r*s.line])
		down, across := unsafe.Add(biases[0], 4*r*s.biases[0].Row), unsafe.Add(biases[1], 4*r*s.biases[1].Row)
		for y := range keys / s.columns {
			add(unsafe.Add(line, 4*y*s.columns), across, unsafe.Add(down, 4*y), s.columns)
		}
	}
}

// product runs a block of product i of the batch, whose B lies at a byte of its operand unless
// it was packed.
func (s *attention) product(p *panelGemm, f *frame, m *Memory, of, i, atB int) {
	f.memory.Scratch = unsafe.Add(m.Scratch, s.packed[of]+i*p.packed)
	f.more[0] = unsafe.Add(m.More[of], atB)
	f.memory.More = f.more[:]
	p.Run(0, &f.memory)
}
