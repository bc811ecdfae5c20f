package detect

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The anchors of the Darknet family: widths and heights, in cells for YOLOv2, in
// pixels of a 416 x 416 input for YOLOv4.
var (
	anchorsVOC  = [][2]float64{{1.08, 1.19}, {3.42, 4.41}, {6.63, 11.38}, {9.42, 5.11}, {16.62, 10.52}}
	anchorsCOCO = [][2]float64{{0.57273, 0.677385}, {1.87446, 2.06253}, {3.33843, 5.47434}, {7.88282, 3.52778}, {9.77052, 9.16828}}
	anchorsV4   = [][2]float64{{12, 16}, {19, 36}, {40, 28}, {36, 75}, {76, 55}, {72, 146}, {142, 110}, {192, 243}, {459, 401}}
)

func decodeTinyYOLOv2(f *frame) (found, error) { return decodeRegion(f, anchorsVOC) }
func decodeYOLOv2(f *frame) (found, error)     { return decodeRegion(f, anchorsCOCO) }

// decodeRegion reads one grid [1, 5*(5+C), h, w], Darknet's region layer: for each
// of five anchors centre (sigmoid, in the cell), size (exponent, times the anchor),
// objectness (sigmoid) and classes (softmax). Redmon and Farhadi 2017, "YOLO9000:
// Better, Faster, Stronger".
func decodeRegion(f *frame, anchors [][2]float64) (found, error) {
	a := f.out[0].squeeze(3)
	if len(a.shape) != 3 || a.shape[0]%len(anchors) != 0 || a.shape[0]/len(anchors) < 6 || a.shape[1]*a.shape[2] == 0 {
		return found{}, fmt.Errorf("output %q is %v; the head needs a grid [%d*(5+classes) h w]", a.name, a.shape, len(anchors))
	}
	depth, h, w := a.shape[0]/len(anchors), a.shape[1], a.shape[2]
	sx, sy := float64(f.g.InputWidth)/float64(w), float64(f.g.InputHeight)/float64(h)
	var made found
	classes := make([]float32, depth-5)
	for i := range len(anchors) * h * w {
		anchor, cell := i/(h*w), i%(h*w)
		at := func(k int) float32 { return a.data[(anchor*depth+k)*h*w+cell] }
		object := sigmoid(at(4))
		if !(object >= f.score) {
			continue
		}
		for k := range classes {
			classes[k] = at(5 + k)
		}
		k, ok := best(classes)
		if !ok {
			continue
		}
		score := object * softmaxAt(classes, k)
		if score >= f.score {
			made.candidates = append(made.candidates, candidate{score: score, class: k, row: i,
				box: centred((float64(cell%w)+sigmoid(at(0)))*sx, (float64(cell/w)+sigmoid(at(1)))*sy,
					math.Exp(float64(at(2)))*anchors[anchor][0]*sx, math.Exp(float64(at(3)))*anchors[anchor][1]*sy)})
		}
	}
	return made, nil
}

// softmaxAt is the softmax of v at k.
func softmaxAt(v []float32, k int) float64 {
	sum := 0.0
	for _, x := range v {
		sum += math.Exp(float64(x) - float64(v[k]))
	}
	return 1 / sum
}

// decodeYOLOv4 reads three grids [1, h, w, 3, 5+C] of strides 8, 16 and 32: the
// centre as a sigmoid stretched about the cell's middle, the size as an exponent
// times the anchor, objectness and classes as probabilities (as logits in exports
// that stop earlier). Bochkovskiy et al. 2020, "YOLOv4"; the arithmetic is
// postprocess_bbbox of the zoo's README, whose notebook suppresses from an IoU of
// 0.213 on.
func decodeYOLOv4(f *frame) (found, error) {
	stretch := map[int]float64{8: 1.2, 16: 1.1, 32: 1.05}
	grids := slices.Clone(f.out)
	for i := range grids {
		grids[i] = grids[i].squeeze(4)
		if s := grids[i].shape; len(s) != 4 || s[2] != 3 || s[3] < 6 || s[0] == 0 || s[1] == 0 {
			return found{}, fmt.Errorf("output %q is %v; the head needs grids [h w 3 5+classes]", grids[i].name, s)
		}
	}
	var made found
	for _, a := range grids {
		h, w, depth := a.shape[0], a.shape[1], a.shape[3]
		stride := f.g.InputWidth / w
		level := map[int]int{8: 0, 16: 1, 32: 2}
		if _, ok := level[stride]; !ok || f.g.InputHeight/h != stride {
			return found{}, fmt.Errorf("output %q has %dx%d cells, which no stride of an input of %dx%d gives", a.name, w, h, f.g.InputWidth, f.g.InputHeight)
		}
		anchors, s, logits := anchorsV4[level[stride]*3:], stretch[stride], false
		for i := range h * w * 3 {
			logits = logits || hasLogits(a.data[i*depth+4:(i+1)*depth])
		}
		for i := range h * w * 3 {
			r := a.data[i*depth : (i+1)*depth]
			k, ok := best(r[5:])
			if !ok {
				continue
			}
			score := probability(r[4], logits) * probability(r[5+k], logits)
			if !(score >= f.score) {
				continue
			}
			cell, anchor := i/3, anchors[i%3]
			x := (float64(cell%w) + sigmoid(r[0])*s - (s-1)/2) * float64(stride)
			y := (float64(cell/w) + sigmoid(r[1])*s - (s-1)/2) * float64(stride)
			made.candidates = append(made.candidates, candidate{score: score, class: k, row: i,
				box: centred(x, y, math.Exp(float64(r[2]))*anchor[0], math.Exp(float64(r[3]))*anchor[1])})
		}
	}
	return made, nil
}

// decodeYOLOv3 reads the outputs of the Keras exports, which suppress boxes
// themselves: boxes [1, n, 4] as top, left, bottom, right in the original's pixels
// (the network was told its size), scores [1, C, n], and rows of batch, class and
// box that were chosen. Redmon and Farhadi 2018, "YOLOv3: An Incremental
// Improvement".
func decodeYOLOv3(f *frame) (found, error) {
	var boxes, scores, picks array
	for _, a := range f.out {
		switch a = a.squeeze(2); {
		case len(a.shape) != 2:
		case a.integer() && a.shape[1] == 3:
			picks = a
		case !a.integer() && a.shape[1] == 4 && boxes.shape == nil:
			boxes = a
		default:
			scores = a
		}
	}
	if boxes.shape == nil || scores.shape == nil || picks.shape == nil || scores.shape[1] != boxes.shape[0] {
		return found{}, fmt.Errorf("the head needs boxes [n 4], scores [classes n] and choices [k 3]; the outputs are %s", f.shapes())
	}
	made := found{original: true}
	for i := range picks.shape[0] {
		p := picks.row(i)
		class, at := classOf(p[1]), classOf(p[2])
		if class < 0 || class >= scores.shape[0] || at < 0 || at >= boxes.shape[0] {
			continue // TensorFlow fills up with -1
		}
		b := boxes.row(at)
		made.candidates = append(made.candidates, candidate{score: float64(scores.row(class)[at]), class: class, row: i,
			box: Box{float64(b[1]), float64(b[0]), float64(b[3]), float64(b[2])}})
	}
	return made, nil
}

func matchRegion(channels int) func(o outputs) bool {
	return func(o outputs) bool {
		if len(o.all) != 1 {
			return false
		}
		d := dims(o.all[0])
		return len(d) == 4 && d[1] == channels
	}
}

func matchYOLOv4(o outputs) bool {
	if len(o.all) != 3 {
		return false
	}
	for _, i := range o.all {
		if d := dims(i); len(d) != 5 || d[3] != 3 || d[4] < 6 {
			return false
		}
	}
	return true
}

func matchYOLOv3(o outputs) bool {
	return len(o.all) == 3 && strings.Contains(o.all[0].Name, "yolonms_layer")
}
