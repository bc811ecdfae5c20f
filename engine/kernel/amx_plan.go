package kernel

import "math"

// The rows of an AMX tile (or of a register tile of integers) are pixels that are equally far
// apart in memory. There are three ways to make tiles of up to 16 rows of a map of 7x7 with a
// halo of one pixel, whose pitch is 8. Each letter is an output of that tile, and a dot a pixel
// of the halo, whose result is not stored:
//
//	by row         flat             by picture, of a batch of 16
//	a a a a a a a  a a a a a a a .  a b c d e f g
//	b b b b b b b  a a a a a a b .  h i j k l m n
//	c c c c c c c  b b b b b b b .  ...
//	...            b b b b c c c .
//	               ...
//	7 tiles of 7   4 tiles of 14    49 tiles of the same pixel of 16 pictures

// A tileMap maps the pixels of an output to rows of tiles. All tiles have the same number
// of rows, at most 16, and the rows of a tile are stride bytes apart in the input.
type tileMap struct {
	rows, stride int
	tiles        []rowTile
}

// rowTile is a tile: the offset of its first row in the input, in bytes, and the runs of
// rows that are output pixels. Each pixel is in one tile only.
type rowTile struct {
	in   int
	runs []pixelRun
}

// pixelRun is count rows, from row on, that are the pixels (y, x), (y, x+1), ... of
// picture n.
type pixelRun struct{ row, count, n, y, x int32 }

func newPixelRun(row, count, n, y, x int) pixelRun {
	return pixelRun{int32(row), int32(count), int32(n), int32(y), int32(x)}
}

// mapTiles chooses the fastest of three maps: tiles within rows of pixels; tiles that
// continue through the halo from row to row, for narrow pictures; tiles across the
// pictures of a batch, for tiny ones. Tiles have at most most rows.
func mapTiles(c *Conv, most int) tileMap {
	count, rows := even(c.Out.W, most)
	best, cost := tilesByRow, tilesCost(c.Out.N*c.Out.H*count, rows)
	if c.StrideH == 1 && c.StrideW == 1 && c.Out.W <= c.In.Pitch { // otherwise rows of outputs would overlap
		if t := tilesCost(flatTiles(c, most)); t < cost {
			best, cost = tilesFlat, t
		}
	}
	if c.In.N > 1 {
		count, rows := even(c.Out.N, most)
		if tilesCost(c.Out.H*c.Out.W*count, rows) < cost {
			best = tilesByPicture
		}
	}
	return best(c, most)
}

// cost is the time of a step of one product per tile, in nanoseconds.
func (m *tileMap) cost() float64 { return tilesCost(len(m.tiles), m.rows) }

func tilesCost(tiles, rows int) float64 { return float64((tiles+1)/2) * 2 * tileTime(rows) }

// tileTime is the time of a product of tiles in nanoseconds, as measured; it is the same
// for all tiles of up to seven rows.
func tileTime(rows int) float64 { return 1.53 + 0.19*float64(max(rows, 7)) }

// even cuts n rows into as few tiles of at most most rows as possible, all of the same
// number of rows.
func even(n, most int) (tiles, rows int) {
	tiles = (n + most - 1) / most
	return tiles, (n + tiles - 1) / tiles
}

// tilesByRow cuts each row of pixels. The last tile ends with the row, so its first rows
// may belong to the tile before, and are not stored.
func tilesByRow(c *Conv, most int) tileMap {
	count, rows := even(c.Out.W, most)
	all := c.Out.N * c.Out.H * count
	m := tileMap{rows: rows, stride: c.StrideW * c.In.Format.PixelBytes(), tiles: make([]rowTile, 0, all)}
	runs := make([]pixelRun, 0, all)
	for n := range c.Out.N {
		for y := range c.Out.H {
			for i := range count {
				x := i * rows
				start := min(x, c.Out.W-rows)
				runs = append(runs, newPixelRun(x-start, min(rows, c.Out.W-x), n, y, x))
				m.tiles = append(m.tiles, rowTile{in: c.source(n, y, start), runs: runs[len(runs)-1:]})
			}
		}
	}
	return m
}

// flatTiles returns the number of tiles that tilesFlat makes, and their rows. Tiles that
// consist of halo only are left out.
func flatTiles(c *Conv, most int) (tiles, rows int) {
	pitch := c.In.Pitch
	total := (c.Out.H-1)*pitch + c.Out.W
	count, rows := even(total, most)
	for i := range count {
		if x := i * rows % pitch; x < c.Out.W || x+min(rows, total-i*rows) > pitch {
			tiles++
		}
	}
	return c.Out.N * tiles, rows
}

// tilesFlat cuts all rows of a picture as one, including the halo between them, for which
// results are not stored.
func tilesFlat(c *Conv, most int) tileMap {
	pitch := c.In.Pitch
	total := (c.Out.H-1)*pitch + c.Out.W
	count, rows := even(total, most)
	m := tileMap{rows: rows, stride: c.In.Format.PixelBytes(), tiles: make([]rowTile, 0, c.Out.N*count)}
	runs := make([]pixelRun, 0, c.Out.N*(count+c.Out.H))
	for n := range c.Out.N {
		for i := range count {
			start := min(i*rows, total-rows)
			t := rowTile{in: c.source(n, 0, 0) + start*m.stride}
			first := len(runs)
			for at, end := i*rows, min((i+1)*rows, total); at < end; {
				y, x := at/pitch, at%pitch
				run := min(end-at, c.Out.W-x)
				if run > 0 {
					runs = append(runs, newPixelRun(at-start, run, n, y, x))
				}
				at += min(end-at, pitch-x)
			}
			if t.runs = runs[first:]; len(t.runs) > 0 {
				m.tiles = append(m.tiles, t)
			}
		}
	}
	return m
}

// tilesByPicture makes tiles of the same pixel of several pictures.
func tilesByPicture(c *Conv, most int) tileMap {
	count, rows := even(c.Out.N, most)
	m := tileMap{rows: rows, stride: c.In.Image}
	for y := range c.Out.H {
		for x := range c.Out.W {
			for i := range count {
				first := i * rows
				start := min(first, c.Out.N-rows)
				t := rowTile{in: c.source(start, y, x)}
				for n := first; n < min(first+rows, c.Out.N); n++ {
					t.runs = append(t.runs, newPixelRun(n-start, 1, n, y, x))
				}
				m.tiles = append(m.tiles, t)
			}
		}
	}
	return m
}

// source returns the offset of the input of output (y, x) for the first tap, in bytes.
func (c *Conv) source(n, y, x int) int {
	return n*c.In.Image + c.In.Pixel(y*c.StrideH-c.PadTop, x*c.StrideW-c.PadLeft)
}

// grid cuts pairs of tiles by groups of output channels into chunks. The order of chunks
// is: blocks of pairs; in a block, runs of groups; for a run, the pairs of the block. With 12
// pairs in blocks of 6, 3 pairs a chunk, and 8 groups in 2 runs:
//
//	                 groups 0-3   4-7
//	pairs 0-2            0         2      first block
//	pairs 3-5            1         3
//	pairs 6-8            4         6      second block
//	pairs 9-11           5         7
type grid struct {
	pairs, groups int // total numbers
	pairsEach     int // pairs per chunk
	groupRuns     int // number of equal runs into which the groups are cut
	block         int // pairs per block: a multiple of pairsEach, or all
}

// An L2 of 2 MiB, as processors with AMX have it, holds either of these beside what is read
// only once.
const (
	// weightsInL2 is the size of weights, in bytes, up to which they stay in L2 from block
	// to block: half of it.
	weightsInL2 = 1 << 20
	// rowsInL2 is the size of activations, in bytes, that leaves room for weights in L2:
	// five eighths of it.
	rowsInL2 = 5 << 18
)

// cutGrid cuts work of pairs·groups units of unit nanoseconds each. There are three cases:
//
//   - Weights that stay in L2 are reused by all blocks: a block is the pairs of one chunk.
//   - Larger weights are read once per block, so all pairs are one block,
//   - unless activations of rowBytes bytes do not stay in L2 from group to group and take long
//     to read again compared to the computation, as with 1x1 kernels: then a block has as many
//     pairs as stay.
func cutGrid(pairs, groups int, unit float64, weightBytes, rowBytes int) grid {
	g := grid{pairs: pairs, groups: groups, pairsEach: pairs, groupRuns: 1, block: pairs}
	want := pieces(pairs*groups, unit)
	if weightBytes <= weightsInL2 && pairs > 2 && want > 1 {
		const run = 3 // pairs: the epilogue of one overlaps the products of the next
		parts := max(2, min(want, pairs/run)&^1)
		g.pairsEach = (pairs + parts - 1) / parts
		g.block = g.pairsEach
		g.groupRuns = min(groups, (want+parts-1)/parts)
		return g
	}
	// 28 bytes per nanosecond, eight per cycle, is what one core reads from L3 while nothing
	// else runs: go test ./engine/kernel -run '^$' -bench 'Gemm/avx512/fc_2048'. Reading the
	// rows again for a group takes long if it takes half as long as the group's products.
	const fromL3 = 28
	again := float64(rowBytes)/fromL3 > unit*float64(pairs)/2
	if blocks := (rowBytes + rowsInL2 - 1) / rowsInL2; blocks > 1 && want > 1 && again {
		blocks = min(roundUp(blocks, 2), pairs)
		g.block = (pairs + blocks - 1) / blocks
	}
	blocks := (pairs + g.block - 1) / g.block
	g.groupRuns = min(groups, roundUp((want+blocks-1)/blocks, min(want, 2)))
	g.pairsEach = g.block
	each := float64(g.block) * float64(groups) / float64(g.groupRuns)
	if parts := int(math.Ceil(unit * each / (1.5 * chunkTime))); parts > 1 { // of 0.75 to 1.5 times chunkTime
		g.pairsEach = (g.block + parts - 1) / parts
		if g.block < pairs {
			g.block = min(pairs, roundUp(g.block, g.pairsEach))
		}
	}
	return g
}

// pairRuns returns the number of runs of pairs.
func (g *grid) pairRuns() int { return (g.pairs + g.pairsEach - 1) / g.pairsEach }

// chunks returns the number of chunks; at returns the ranges of one.
func (g *grid) chunks() int { return g.pairRuns() * g.groupRuns }

func (g *grid) at(chunk int) (pair, pairs, group, groups int) {
	inBlock := (g.block + g.pairsEach - 1) / g.pairsEach
	first := chunk / (inBlock * g.groupRuns) * inBlock
	inBlock, chunk = min(inBlock, g.pairRuns()-first), chunk-first*g.groupRuns
	pair, chunk = (first+chunk%inBlock)*g.pairsEach, chunk/inBlock
	group = chunk * g.groups / g.groupRuns
	return pair, min(g.pairsEach, g.pairs-pair), group, (chunk+1)*g.groups/g.groupRuns - group
}
