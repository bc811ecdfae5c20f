package kernel

import (
	"math/rand"
	"testing"
)

// TestGrid: every chunk has work, every pair meets every group once, the chunks
// of a block follow one another, and no chunk holds up the collector: 200 µs.
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
