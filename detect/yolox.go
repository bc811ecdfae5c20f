package detect

import (
	"fmt"
	"math"
)

// cell is one square of the grid on which a detector makes its predictions.
type cell struct{ column, row, stride float64 }

// gridCells lists the cells of an input's grids, row by row, for strides 8, 16 and
// 32, and 64 where count asks for it. It is an error if their number is not count.
func gridCells(width, height, count int) ([]cell, error) {
	var cells []cell
	for _, stride := range []int{8, 16, 32, 64} {
		if len(cells) == count {
			break
		}
		columns, rows := (width+stride-1)/stride, (height+stride-1)/stride
		if columns*rows > count-len(cells) {
			return nil, fmt.Errorf("%d rows, which are not the cells of an input of %dx%d", count, width, height)
		}
		for y := range rows {
			for x := range columns {
				cells = append(cells, cell{float64(x), float64(y), float64(stride)})
			}
		}
	}
	if len(cells) != count {
		return nil, fmt.Errorf("%d rows, an input of %dx%d has %d cells", count, width, height, len(cells))
	}
	return cells, nil
}

// decodeYOLOX reads one output [1, cells, 5+classes]: for each cell of strides 8,
// 16 and 32 the centre as an offset in cells, the logarithm of the size in cells,
// the objectness and the classes, both as probabilities. An export that includes
// this decoding gives pixels, which is recognised by sizes too large for an
// exponent. Ge et al. 2021, "YOLOX: Exceeding YOLO Series in 2021".
func decodeYOLOX(f *frame) (found, error) {
	a := f.out[0].squeeze(2)
	n, err := a.rows(0)
	if err != nil {
		return found{}, err
	}
	if a.shape[1] < 6 {
		return found{}, fmt.Errorf("output %q is %v; a row needs box, objectness and classes", a.name, a.shape)
	}
	cells, err := gridCells(f.g.InputWidth, f.g.InputHeight, n)
	if err != nil {
		return found{}, fmt.Errorf("output %q has %w", a.name, err)
	}
	pixels := false
	for i := range n {
		r := a.row(i)
		pixels = pixels || r[2] > 20 || r[3] > 20 // e^20 cells: no picture
	}
	made := found{classes: a.shape[1] - 5}
	for i, c := range cells {
		r := a.row(i)
		k, ok := best(r[5:])
		if !ok {
			continue
		}
		score := float64(r[4]) * float64(r[5+k])
		if !(score >= f.score) {
			continue
		}
		b := centred(float64(r[0]), float64(r[1]), float64(r[2]), float64(r[3]))
		if !pixels {
			b = centred((float64(r[0])+c.column)*c.stride, (float64(r[1])+c.row)*c.stride, math.Exp(float64(r[2]))*c.stride, math.Exp(float64(r[3]))*c.stride)
		}
		made.candidates = append(made.candidates, candidate{box: b, score: score, class: k, row: i})
	}
	return made, nil
}

// matchYOLOX: a row a cell; 416 x 416 has 3,549 of them, 640 x 640 8,400.
func matchYOLOX(o outputs) bool {
	if len(o.all) != 1 {
		return false
	}
	d := dims(o.all[0])
	if n := o.cells(); n > 0 && len(d) == 3 && d[1] > 0 {
		// With a stride of 64 there are cells of a fourth grid.
		return d[2] >= 6 && (d[1] == n || d[1] == n+(o.width/64)*(o.height/64))
	}
	return len(d) == 3 && d[2] >= 6 && d[1] > d[2] && isGrid(d[1])
}

// isGrid reports whether a number is that of the cells of strides 8, 16 and 32 of
// an input whose sides are multiples of 32: 21 for each 32 x 32, or 21.25 with a
// stride of 64.
func isGrid(n int) bool { return n > 0 && (n%21 == 0 || n%85 == 0) }
