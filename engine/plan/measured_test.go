package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

func TestFastestIsTheOneOfTheShortestRun(t *testing.T) {
	runs := []func(int) time.Duration{
		func(int) time.Duration { return 3 * time.Millisecond },
		func(turn int) time.Duration { // disturbed but in one turn
			if turn == 3 {
				return 2 * time.Millisecond
			}
			return 5 * time.Millisecond
		},
	}
	times := shortestTimes(runs)
	if want := []time.Duration{3 * time.Millisecond, 2 * time.Millisecond}; !slices.Equal(times, want) {
		t.Errorf("the shortest are %v, want %v", times, want)
	}
}

// TestCloseFormsAreTriedOnce: a second network of the same layers finds the
// choices made, for another number of pictures too.
func TestCloseFormsAreTriedOnce(t *testing.T) {
	rung := kernel.Best()
	if rung.Name == "purego" {
		t.Skip("this processor has one form only: run where there is AVX2 or NEON")
	}
	if slices.Contains(kernel.Available(), "avx2") { // the tile unit knows no Winograd
		var err error
		if rung, err = kernel.Select("avx2"); err != nil {
			t.Fatal(err)
		}
	}
	tried := func() (n int) {
		measured.Range(func(any, any) bool { n++; return true })
		return n
	}
	measured.Clear()
	var first int
	for turn := range 2 {
		n := newNetwork(t)
		pictures := 1 + 2*turn
		x := n.input(pictures, 64, 14, 14)
		for range 3 {
			x = n.op("Conv", []*ir.Value{x, n.weights(64, 64, 3, 3)}, integers("pads", 1, 1, 1, 1))
		}
		n.Outputs = append(n.Outputs, x)
		n.run(rung, []*tensor.Tensor{n.data(pictures, 64, 14, 14)})
		if turn == 0 {
			if first = tried(); first == 0 {
				t.Fatal("nothing was tried")
			}
		}
	}
	if got := tried(); got != first {
		t.Errorf("%d convolutions were tried by the first network, %d by both", first, got)
	}
}

// TestLongMapsTryWinograd: a map of four rows has enough tiles for both of Winograd's forms, one
// of three has not.
func TestLongMapsTryWinograd(t *testing.T) {
	for rows, want := range map[int]int{3: 0, 4: 3, 8: 3} {
		l := kernel.NewLayout(kernel.F32x16, 1, 64, rows, 26, kernel.Halo{Top: 1, Left: 1, Bottom: 1, Right: 1})
		c := &kernel.Conv{In: l, Out: l, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1, Group: 1}
		if got := candidates(c); len(got) != want {
			t.Errorf("%d rows: candidates %v, want %d", rows, got, want)
		}
	}
}
