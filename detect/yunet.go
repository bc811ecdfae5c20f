package detect

import (
	"fmt"
	"math"
)

// decodeYuNet reads for strides 8, 16 and 32 "cls", "obj", "bbox" and "kps": the
// score is the root of class times objectness, the box as YOLOX's, and five
// points (eyes, nose, corners of the mouth) as offsets in cells.
// Wu, Peng, Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector".
func decodeYuNet(f *frame) (found, error) {
	var made found
	for _, stride := range []int{8, 16, 32} {
		var level [4]array
		rows := 0
		for i, part := range []struct {
			name  string
			width int
		}{{"cls", 1}, {"obj", 1}, {"bbox", 4}, {"kps", 10}} {
			a, ok := f.byName(fmt.Sprintf("%s_%d", part.name, stride))
			if !ok {
				return found{}, fmt.Errorf("there is no output %s_%d", part.name, stride)
			}
			a = a.squeeze(2)
			n, err := a.rows(part.width)
			if err != nil {
				return found{}, err
			}
			if i > 0 && n != rows {
				return found{}, fmt.Errorf("output %q has %d rows, others of its stride %d", a.name, n, rows)
			}
			level[i], rows = a, n
		}
		columns := (f.g.InputWidth + stride - 1) / stride
		if columns*((f.g.InputHeight+stride-1)/stride) != rows {
			return found{}, fmt.Errorf("output cls_%d has %d rows, which are not the cells of an input of %dx%d", stride, rows, f.g.InputWidth, f.g.InputHeight)
		}
		for i := range rows {
			score := math.Sqrt(unit(level[0].data[i]) * unit(level[1].data[i]))
			if !(score >= f.score) {
				continue
			}
			made.candidates = append(made.candidates, yuFace(level[2].row(i), level[3].row(i), float64(i%columns), float64(i/columns), float64(stride), score))
		}
	}
	return made, nil
}

func yuFace(b, k []float32, column, row, stride, score float64) candidate {
	c := candidate{score: score, box: centred((float64(b[0])+column)*stride, (float64(b[1])+row)*stride,
		math.Exp(float64(b[2]))*stride, math.Exp(float64(b[3]))*stride)}
	for p := 0; p < 10; p += 2 {
		c.points = append(c.points, Keypoint{X: (float64(k[p]) + column) * stride, Y: (float64(k[p+1]) + row) * stride, Score: 1})
	}
	return c
}

// unit clips to 0 … 1; NaN becomes 0.
func unit(v float32) float64 {
	if v > 0 {
		return min(float64(v), 1)
	}
	return 0
}

func matchYuNet(o outputs) bool { return o.has("cls_8", "obj_8", "bbox_8", "kps_8") }
