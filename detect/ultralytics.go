package detect

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The tasks, as Ultralytics' metadata calls them, whose outputs hold more than boxes.
const (
	taskPose   = "pose" // keypoints
	taskAngled = "obb"  // oriented boxes: an angle in radians
)

// ultra is what Ultralytics' exports have beyond boxes and classes: mask
// coefficients, keypoints or an angle.
type ultra struct {
	protos array // [n h w]: the prototypes that masks are mixed from; no shape: none
	points int   // keypoints per box
	width  int   // numbers per keypoint: 2 or 3
	angled bool  // a box has an angle
}

// ultraParts finds the prototypes among the outputs, and the points in the
// metadata that Ultralytics writes ("kpt_shape").
func (f *frame) ultraParts() (main array, u ultra, err error) {
	u.angled = f.task == taskAngled
	for _, a := range f.out {
		switch {
		case len(a.shape) == 4 && a.shape[0] == 1 && u.protos.shape == nil:
			u.protos = a
			u.protos.shape = a.shape[1:]
		case len(a.squeeze(2).shape) == 2 && main.shape == nil:
			main = a.squeeze(2)
		}
	}
	if main.shape == nil {
		return main, u, fmt.Errorf("the head needs one matrix of boxes; the outputs are %s", f.shapes())
	}
	if f.task == taskPose {
		u.points, u.width = 17, 3
		shape := strings.FieldsFunc(f.meta["kpt_shape"], func(r rune) bool { return r < '0' || r > '9' })
		if len(shape) == 2 {
			u.points, _ = strconv.Atoi(shape[0])
			u.width, _ = strconv.Atoi(shape[1])
		}
		if u.points < 1 || u.points > 1000 || u.width < 2 || u.width > 3 {
			return main, u, fmt.Errorf("metadata kpt_shape %.40q is none", f.meta["kpt_shape"])
		}
	}
	return main, u, nil
}

// extra is the number of values that follow a box's classes.
func (u ultra) extra() int {
	n := u.points * u.width
	if u.protos.shape != nil {
		n += u.protos.shape[0]
	}
	if u.angled {
		n++
	}
	return n
}

// shape sets a candidate's box, whose centre and size are b, and its points, by what
// follows the classes.
func (u ultra) shape(c *candidate, b, extra []float32) {
	c.box = centred(float64(b[0]), float64(b[1]), float64(b[2]), float64(b[3]))
	c.points = u.keypoints(extra)
	if u.angled {
		c.turned = &turned{float64(b[0]), float64(b[1]), float64(b[2]), float64(b[3]), float64(extra[len(extra)-1])}
		c.box = c.turned.bounds()
	}
}

// keypoints reads the points from what follows the classes.
func (u ultra) keypoints(v []float32) []Keypoint {
	var out []Keypoint
	for p := range u.points {
		k := Keypoint{X: float64(v[p*u.width]), Y: float64(v[p*u.width+1]), Score: 1}
		if u.width == 3 {
			k.Score = float64(v[p*u.width+2])
		}
		out = append(out, k)
	}
	return out
}

// masks returns a function that makes a candidate's mask: where the sum of the
// prototypes, weighted by the row's coefficients and stretched over the input, is
// positive, at pixels whose left top corner lies in the box (crop_mask of
// Ultralytics' ops.py). Bolya et al. 2019, "YOLACT".
func (u ultra) masks(f *frame, coefficients func(row int) []float32) func(candidate, Box) (*Mask, error) {
	if u.protos.shape == nil {
		return nil
	}
	n, h, w := u.protos.shape[0], u.protos.shape[1], u.protos.shape[2]
	return func(c candidate, b Box) (*Mask, error) {
		mixed, by := make([]float32, h*w), coefficients(c.row)
		for k := range n {
			for i, v := range u.protos.data[k*h*w : (k+1)*h*w] {
				mixed[i] += by[k] * v
			}
		}
		s := maskSource{width: w, height: h, data: mixed, edge: true, flipped: f.g.Flipped}
		crop := Box{math.Ceil(b.X1), math.Ceil(b.Y1), b.X2, b.Y2}
		return s.paste(f.wholeInput(), crop, f.g.Width, f.g.Height, math.SmallestNonzeroFloat64), nil
	}
}

// decodeYOLOv8 reads one output [1, 4+C+…, cells], a column a cell: centre and
// size in the input's pixels, class probabilities, then points, mask coefficients
// or an angle. Ultralytics YOLOv8, YOLOv9, YOLO11, YOLO12.
func decodeYOLOv8(f *frame) (found, error) {
	a, u, err := f.ultraParts()
	if err != nil {
		return found{}, err
	}
	depth, n := a.shape[0], a.shape[1]
	classes := depth - 4 - u.extra()
	if classes < 1 {
		return found{}, fmt.Errorf("output %q is %v; a column needs box and classes, and %d more", a.name, a.shape, u.extra())
	}
	top, class := make([]float32, n), make([]int32, n)
	for i := range class {
		class[i] = -1
	}
	for k := range classes {
		for i, v := range a.data[(4+k)*n : (5+k)*n] {
			if class[i] < 0 && v == v || v > top[i] {
				top[i], class[i] = v, int32(k)
			}
		}
	}
	column := func(i, from, to int) []float32 {
		v := make([]float32, to-from)
		for k := range v {
			v[k] = a.data[(from+k)*n+i]
		}
		return v
	}
	made := found{classes: classes}
	for i := range n {
		if !(float64(top[i]) >= f.score) || class[i] < 0 {
			continue
		}
		c := candidate{score: float64(top[i]), class: int(class[i]), row: i}
		u.shape(&c, column(i, 0, 4), column(i, 4+classes, depth))
		made.candidates = append(made.candidates, c)
	}
	made.mask = u.masks(f, func(row int) []float32 { return column(row, 4+classes+u.points*u.width, depth) })
	return made, nil
}

// decodeYOLOv5 reads one output [1, 3*cells, 5+C+…], a row an anchor: centre and
// size in the input's pixels, objectness, classes, mask coefficients. Ultralytics
// YOLOv5, and YOLOv7.
func decodeYOLOv5(f *frame) (found, error) {
	a, u, err := f.ultraParts()
	if err != nil {
		return found{}, err
	}
	n, width := a.shape[0], a.shape[1]
	classes := width - 5 - u.extra()
	if classes < 1 {
		return found{}, fmt.Errorf("output %q is %v; a row needs box, objectness and classes, and %d more", a.name, a.shape, u.extra())
	}
	made := found{classes: classes}
	for i := range n {
		r := a.row(i)
		if !(float64(r[4]) >= f.score) {
			continue
		}
		k, ok := best(r[5 : 5+classes])
		if score := float64(r[4]) * float64(r[max(5+k, 5)]); ok && score >= f.score {
			c := candidate{score: score, class: k, row: i}
			u.shape(&c, r, r[5+classes:])
			made.candidates = append(made.candidates, c)
		}
	}
	made.mask = u.masks(f, func(row int) []float32 { return a.row(row)[5+classes+u.points*u.width:] })
	return made, nil
}

// decodeYOLOv10 reads one output [1, n, 6+…]: left, top, right, bottom in the
// input's pixels, score, class, then points or mask coefficients; a box at an angle
// is centre and size, and the angle comes last. Nothing overlaps: YOLOv10 and its
// kin are trained to give each object once.
func decodeYOLOv10(f *frame) (found, error) {
	a, u, err := f.ultraParts()
	if err != nil {
		return found{}, err
	}
	if a.shape[1] != 6+u.extra() {
		return found{}, fmt.Errorf("output %q is %v; a row needs %d numbers: box, score, class and what follows", a.name, a.shape, 6+u.extra())
	}
	var made found
	for i := range a.shape[0] {
		r := a.row(i)
		if score := float64(r[4]); score >= f.score {
			c := candidate{score: score, class: classOf(r[5]), row: i}
			u.shape(&c, r, r[6:])
			if !u.angled {
				c.box = Box{float64(r[0]), float64(r[1]), float64(r[2]), float64(r[3])}
			}
			made.candidates = append(made.candidates, c)
		}
	}
	made.mask = u.masks(f, func(row int) []float32 { return a.row(row)[6+u.points*u.width:] })
	return made, nil
}

// mainDims are the dimensions of the first output with three axes, if there is at
// most one other output and that has four.
func (o outputs) mainDims() []int {
	var main []int
	for _, i := range o.all {
		switch d := dims(i); {
		case len(d) == 3 && main == nil:
			main = d
		case len(d) != 4 || len(o.all) > 2:
			return nil
		}
	}
	return main
}

// cells is the number of cells that the input has at strides 8, 16 and 32, 0 if its
// size is open.
func (o outputs) cells() int {
	n := 0
	for _, s := range []int{8, 16, 32} {
		n += (o.width / s) * (o.height / s)
	}
	return max(n, 0)
}

func matchYOLOv8(o outputs) bool {
	d := o.mainDims()
	if d == nil || d[1] < 5 || d[1] >= 1000 {
		return false
	}
	if n := o.cells(); n > 0 && d[2] > 0 {
		return d[2] == n
	}
	return d[2] > d[1] && isGrid(d[2]) || d[2] < 0 && o.meta["stride"] != ""
}

func matchYOLOv8Pose(o outputs) bool {
	d := o.mainDims()
	return matchYOLOv8(o) && len(o.all) == 1 && (o.meta["task"] == taskPose || o.meta["task"] == "" && d[1] == 56)
}

func matchYOLOv8OBB(o outputs) bool { return o.meta["task"] == taskAngled && matchYOLOv8(o) }
func matchYOLO26OBB(o outputs) bool { return o.meta["task"] == taskAngled && matchYOLOv10(o) }

func matchYOLOv5(o outputs) bool {
	d := o.mainDims()
	if d == nil || d[2] < 6 || d[1] > 0 && d[1] < d[2] {
		return false
	}
	if n := o.cells(); n > 0 && d[1] > 0 {
		return d[1] == 3*n
	}
	return o.meta["stride"] != ""
}

// matchYOLOv10 recognises networks that give each object once by their metadata, or by
// a few hundred rows of six numbers, which are no cells.
func matchYOLOv10(o outputs) bool {
	d := o.mainDims()
	if d == nil || o.meta["end2end"] == "True" || strings.Contains(o.meta["args"], "'nms': True") {
		return d != nil
	}
	wide := d[2] == 6 || d[2] == 6+32 && len(o.all) == 2
	return wide && d[1] > 0 && d[1] <= 1000 && d[1] != o.cells() && d[1] != 3*o.cells()
}
