package ops

import (
	"context"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

func testRun() *Run { return NewRun(context.Background(), 1<<30, 1000) }

func TestWalkOrders(t *testing.T) {
	for name, c := range map[string]struct {
		shape, strides []int
		want           []int
	}{
		"scalar":                {nil, nil, []int{0}},
		"contiguous is one row": {[]int{2, 3}, []int{3, 1}, []int{0, 1, 2, 3, 4, 5}},
		"transposed":            {[]int{3, 2}, []int{1, 3}, []int{0, 3, 1, 4, 2, 5}},
		"repeated rows":         {[]int{2, 2}, []int{0, 1}, []int{0, 1, 0, 1}},
		"repeated elements":     {[]int{2, 1, 2}, []int{1, 9, 0}, []int{0, 0, 1, 1}},
		"backwards":             {[]int{3}, []int{-1}, []int{0, -1, -2}},
		"empty":                 {[]int{2, 0, 3}, []int{0, 3, 1}, nil},
	} {
		var got []int
		err := newWalk(c.shape, c.strides).rows(testRun(), func(n int, at, step []int) {
			for i := range n {
				got = append(got, at[0]+i*step[0])
			}
		})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: visited %v, want %v (%v)", name, got, c.want, err)
		}
	}
}

func TestWalkCutsLongRows(t *testing.T) {
	const n = 3*rowLength + 7
	src, dst := make([]int16, n), make([]int16, n)
	for i := range src {
		src[i] = int16(i)
	}
	w := newWalk([]int{n}, []int{1}, []int{-1})
	w.start[1] = n - 1
	if err := w.move(testRun(), tensor.Of(dst), tensor.Of(src)); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(src)
	if !slices.Equal(src, dst) {
		t.Errorf("moved backwards: %v", dst)
	}
}
