package kernel

import "math"

// A tileMap says how the pixels of an output become rows of tiles: every tile
// has the same count of rows, at most 16, and the rows of one tile lie stride
// bytes apart in the input.
type tileMap struct {
	rows, stride int
	tiles        []rowTile
}

// rowTile is one tile: the offset in bytes of its first row in the input, and
// the runs of rows that are output pixels, each pixel in one tile only.
type rowTile struct {
	in   int
	runs []pixelRun
}

// pixelRun is a run of rows, from row on, that are the pixels (y, x), (y, x+1),
// ... of picture n.
type pixelRun struct{ row, count, n, y, x int32 }

func newPixelRun(row, count, n, y, x int) pixelRun {
	return pixelRun{int32(row), int32(count), int32(n), int32(y), int32(x)}
}

// mapTiles chooses the cheapest of three ways: along each row of pixels; flat
// through the halo between the rows, for narrow pictures; across the pictures of
// a batch, for tiny ones. A tile has at most most rows.
func mapTiles(c *Conv, most int) tileMap {
	count, rows := even(c.Out.W, most)
	best, cost := tilesByRow, tilesCost(c.Out.N*c.Out.H*count, rows)
	if c.StrideH == 1 && c.StrideW == 1 && c.Out.W <= c.In.Pitch { // else rows of outputs overlap
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

// cost is the time of one product for every pair of tiles, in nanoseconds.
func (m *tileMap) cost() float64 { return tilesCost(len(m.tiles), m.rows) }

func tilesCost(tiles, rows int) float64 { return float64((tiles+1)/2) * 2 * tileTime(rows) }

// tileTime is the time of a tile product in nanoseconds: measured, the same
// below seven rows.
func tileTime(rows int) float64 { return 1.53 + 0.19*float64(max(rows, 7)) }

// even cuts n rows into the fewest tiles of at most most, all alike.
func even(n, most int) (tiles, rows int) {
	tiles = (n + most - 1) / most
	return tiles, (n + tiles - 1) / tiles
}

// tilesByRow cuts each row of pixels by itself. The last tile starts early
// enough to end with the row; its first rows are then computed in vain.
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

// flatTiles is how many tiles tilesFlat makes: those that are halo all through
// are left out.
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

// tilesFlat runs on through the halo columns, whose results are dropped.
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

// tilesByPicture takes the same pixel of up to 16 pictures.
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

// source is the offset of the pixel under the first tap of output (y, x).
func (c *Conv) source(n, y, x int) int {
	return n*c.In.Image + c.In.Pixel(y*c.StrideH-c.PadTop, x*c.StrideW-c.PadLeft)
}

// grid cuts pairs of tiles times groups of output channels into chunks, in the
// order of blocks of pairs, then of groups, then of the pairs of the block.
type grid struct {
	pairs, groups int // in all
	pairsEach     int // of a chunk
	groupRuns     int // as many chunks share the groups, evenly
	block         int // pairs, a multiple of pairsEach unless it is all
}

const (
	// weightsInL2 is how many bytes of weights stay there from block to block.
	weightsInL2 = 1 << 20
	// rowsInL2 is how many bytes of activations leave room for weights in L2.
	rowsInL2 = 5 << 18
)

// cutGrid cuts work of pairs·groups units of unit nanoseconds each. Weights that
// stay in L2 are reused by every block of pixels. Larger ones are read once for
// each block, by the chunks of their groups: then all pixels are one block. But
// if their rowBytes would not stay in L2 from group to group, and reading them
// anew took long beside the work, as with kernels of one tap, a block is as many
// as do.
func cutGrid(pairs, groups int, unit float64, weightBytes, rowBytes int) grid {
	g := grid{pairs: pairs, groups: groups, pairsEach: pairs, groupRuns: 1, block: pairs}
	want := pieces(pairs*groups, unit)
	if weightBytes <= weightsInL2 && pairs > 2 && want > 1 {
		const run = 3 // pairs: the finishing of one hides behind the next
		parts := max(2, min(want, pairs/run)&^1)
		g.pairsEach = (pairs + parts - 1) / parts
		g.block = g.pairsEach
		g.groupRuns = min(groups, (want+parts-1)/parts)
		return g
	}
	const fromL3 = 28 // bytes in a nanosecond
	again := float64(rowBytes)/fromL3 > unit*float64(pairs)/2
	if blocks := (rowBytes + rowsInL2 - 1) / rowsInL2; blocks > 1 && want > 1 && again {
		blocks = min(roundUp(blocks, 2), pairs)
		g.block = (pairs + blocks - 1) / blocks
	}
	blocks := (pairs + g.block - 1) / g.block
	g.groupRuns = min(groups, roundUp((want+blocks-1)/blocks, min(want, 2)))
	g.pairsEach = g.block
	each := float64(g.block) * float64(groups) / float64(g.groupRuns)
	if parts := int(math.Ceil(unit * each / (1.5 * chunkTime))); parts > 1 {
		g.pairsEach = (g.block + parts - 1) / parts
		if g.block < pairs {
			g.block = min(pairs, roundUp(g.block, g.pairsEach))
		}
	}
	return g
}

// pairRuns is how many runs of pairs there are.
func (g *grid) pairRuns() int { return (g.pairs + g.pairsEach - 1) / g.pairsEach }

// chunks is the number of chunks; at gives the ranges of one.
func (g *grid) chunks() int { return g.pairRuns() * g.groupRuns }

func (g *grid) at(chunk int) (pair, pairs, group, groups int) {
	inBlock := (g.block + g.pairsEach - 1) / g.pairsEach
	first := chunk / (inBlock * g.groupRuns) * inBlock
	inBlock, chunk = min(inBlock, g.pairRuns()-first), chunk-first*g.groupRuns
	pair, chunk = (first+chunk%inBlock)*g.pairsEach, chunk/inBlock
	group = chunk * g.groups / g.groupRuns
	return pair, min(g.pairsEach, g.pairs-pair), group, (chunk+1)*g.groups/g.groupRuns - group
}
