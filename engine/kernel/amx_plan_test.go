package kernel

import (
	"math/rand"
	"testing"
)

// TestGrid: each chunk has work, each pair is combined with each group once, the chunks of a
// block are consecutive, and no chunk delays the garbage collector by more than 200 µs.
func TestGrid(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 2000 {
		pairs, groups := 1+rng.Intn(1+rng.Intn(300)), 1+rng.Intn(1+rng.Intn(70))
		unit := float64(20 + rng.Intn(20_000))
		g := cutGrid(pairs, groups, unit, 1<<(10+rng.Intn(14)), 1<<(10+rng.Intn(16)))
		if g.block%g.pairsEach != 0 && g.block != pairs {
			t.Fatalf("%+v: a chunk spans two blocks", g)
		}
		met, block := make([]int, pairs*groups), 0
		for chunk := range g.chunks() {
			pair, n, group, m := g.at(chunk)
			if n < 1 || m < 1 {
				t.Fatalf("%+v: chunk %d is empty", g, chunk)
			}
			if pair/g.block < block {
				t.Fatalf("%+v: chunk %d goes back to block %d", g, chunk, pair/g.block)
			}
			block = pair / g.block
			for p := pair; p < pair+n; p++ {
				for q := group; q < group+m; q++ {
					met[p*groups+q]++
				}
			}
			if time := unit * float64(n*m); time > 20*chunkTime {
				t.Fatalf("%+v: chunk %d takes %v ns", g, chunk, time)
			}
		}
		for i, n := range met {
			if n != 1 {
				t.Fatalf("%+v: pair %d meets group %d %d times", g, i/groups, i%groups, n)
			}
		}
	}
}

// The map that mapTiles chooses has the number of tiles that it assumed, and each pixel
// once.
func TestMapTiles(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	for range 2000 {
		n, h, w := 1+rng.Intn(3), 1+rng.Intn(20), 1+rng.Intn(40)
		halo := Halo{rng.Intn(3), rng.Intn(20), rng.Intn(3), rng.Intn(3)}
		c := &Conv{In: NewLayout(Split32, n, 32, h, w, halo), Out: NewLayout(Split32, n, 32, h, w, Halo{}), StrideH: 1, StrideW: 1}
		flat := tilesFlat(c, 16)
		if tiles, rows := flatTiles(c, 16); tiles != len(flat.tiles) || rows != flat.rows {
			t.Fatalf("%v: %d flat tiles of %d rows, counted as %d of %d", c.In, len(flat.tiles), flat.rows, tiles, rows)
		}
		byRow, byPicture, m := tilesByRow(c, 16), tilesByPicture(c, 16), mapTiles(c, 16)
		least := min(flat.cost(), byRow.cost(), byPicture.cost())
		if n > 1 && m.cost() != least || m.cost() > flat.cost() {
			t.Fatalf("%v: a way of cost %v, there is one of %v", c.In, m.cost(), least)
		}
		met := make([]int, n*h*w)
		for _, tile := range m.tiles {
			for _, r := range tile.runs {
				for x := r.x; x < r.x+r.count; x++ {
					met[(int(r.n)*h+int(r.y))*w+int(x)]++
				}
			}
		}
		for i, k := range met {
			if k != 1 {
				t.Fatalf("%v: pixel %d is in %d tiles", c.In, i, k)
			}
		}
	}
}
