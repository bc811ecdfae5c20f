package team

import (
	"math/rand"
	"slices"
	"sync/atomic"
)

// With the build tag anyorder, what several threads would run is run by the caller, in an order
// that differs from call to call. So tests soon meet orders that threads rarely do, and the step
// that did not wait for another fails again at the same place:
//
//	go test -tags anyorder ./engine -run TestRandomGraphs -random.for 60s

// orders counts the calls so far; the order of each is drawn from the count.
var orders atomic.Int64

func nextOrder() *rand.Rand { return rand.New(rand.NewSource(orders.Add(1))) }

// shuffled is inline in a random order.
func shuffled(n int, task Task) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = caught(v)
		}
	}()
	for _, chunk := range nextOrder().Perm(n) {
		task.Chunk(chunk)
	}
	return nil
}

// shuffled runs all chunks on the caller's goroutine, in a random order that their needs allow.
func (s *Series) shuffled(task LoopTask) (loop int, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = caught(v)
		}
	}()
	InAnyOrder(s.loops, nextOrder(), func(at, chunk int) {
		loop = at
		task.LoopChunk(at, chunk)
	})
	return loop, nil
}

// InAnyOrder calls chunk for all chunks of a series, in a random order that their needs allow. It
// returns how many came before the end of the loop before theirs.
func InAnyOrder(loops []Loop, rng *rand.Rand, chunk func(loop, chunk int)) (early int) {
	left := make([][]int, len(loops))
	for at := range loops {
		left[at] = rng.Perm(loops[at].Chunks)
	}
	eager := rng.Intn(8) // of 8 chunks, so many are of the first loop that has some left
	for first := range loops {
		for len(left[first]) > 0 {
			if next := first + 1; next < len(loops) && rng.Intn(8) >= eager {
				may := func(c int) bool {
					return !slices.ContainsFunc(left[first], func(earlier int) bool {
						return loops[next].Needs == nil || loops[next].Needs[c]>>earlier&1 > 0
					})
				}
				if k := slices.IndexFunc(left[next], may); k >= 0 {
					chunk(next, left[next][k])
					left[next] = slices.Delete(left[next], k, k+1)
					early++
					continue
				}
			}
			chunk(first, left[first][0])
			left[first] = left[first][1:]
		}
	}
	return early
}
