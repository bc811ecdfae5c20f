package detect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/engine/tensor"
)

// list is the output of networks that do all post-processing themselves: boxes [n,
// 4] with as many classes and scores.
type list struct{ boxes, labels, scores array }

// listing finds the three by name, then those that are left by type: without a batch
// axis, boxes are the first matrix of width 4, labels the first list of whole
// numbers, scores the first other list.
func (f *frame) listing() (l list, err error) {
	for _, a := range f.out {
		l.take(a, true)
	}
	for _, a := range f.out {
		l.take(a, false)
	}
	if l.boxes.shape == nil || l.labels.shape == nil || l.scores.shape == nil {
		return l, fmt.Errorf("the head needs boxes [n 4], labels [n] and scores [n]; the outputs are %s", f.shapes())
	}
	n := l.boxes.shape[0]
	if l.labels.shape[0] != n || l.scores.shape[0] != n {
		return l, fmt.Errorf("%d boxes, %d labels, %d scores", n, l.labels.shape[0], l.scores.shape[0])
	}
	return l, nil
}

// take takes an output for one of the three that is not there yet, if it has such a
// name or, unless named, such a type.
func (l *list) take(a array, named bool) {
	name, rows, flat := strings.ToLower(a.name), a.squeeze(2), a.squeeze(1)
	called := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	switch {
	case called("keypoint", "mask", "num", "raw"):
	case len(rows.shape) == 2 && rows.shape[1] == 4 && l.boxes.shape == nil && (called("box") || !named && !a.integer()):
		l.boxes = rows
	case len(flat.shape) != 1:
	case l.labels.shape == nil && (called("label", "class") || !named && a.integer()):
		l.labels = flat
	case l.scores.shape == nil && (called("score") || !named && !a.integer()):
		l.scores = flat
	}
}

// shapes lists the outputs with their shapes for a message.
func (f *frame) shapes() string {
	var b strings.Builder
	for i, a := range f.out[:min(len(f.out), 6)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.40q %v", a.name, a.shape)
	}
	return b.String()
}

// decodeRCNN reads the outputs of Faster, Mask and Keypoint R-CNN, from Detectron
// and from torchvision, and of torchvision's SSD, RetinaNet and FCOS: boxes in the
// input's pixels, labels with the background at 0, scores; masks [n, 1, m, m] of
// the box (28 x 28) or [n, 1, height, width] of the input; keypoints [n, k, 3] with
// scores [n, k]. The network has suppressed overlapping boxes.
func decodeRCNN(f *frame) (found, error) {
	l, err := f.listing()
	if err != nil {
		return found{}, err
	}
	n := l.boxes.shape[0]
	masks, points, sure, err := f.extras(n)
	if err != nil {
		return found{}, err
	}
	made := found{candidates: make([]candidate, 0, min(n, 1000))}
	for i := range n {
		score := float64(l.scores.data[i])
		if !(score >= f.score) {
			continue
		}
		b := l.boxes.row(i)
		c := candidate{box: Box{float64(b[0]), float64(b[1]), float64(b[2]), float64(b[3])}, score: score, class: classOf(l.labels.data[i]), row: i}
		if points.shape != nil {
			c.points = keypointsOf(points, sure, i)
		}
		made.candidates = append(made.candidates, c)
	}
	if masks.shape != nil {
		made.mask = func(c candidate, b Box) (*Mask, error) { return f.rcnnMask(masks, c.row, b), nil }
	}
	return made, nil
}

// classOf is a class that the network may give as a float; -1 if it is not a class.
func classOf(v float32) int {
	if v >= 0 && v < 1<<20 {
		return int(v)
	}
	return -1
}

// extras finds the masks and keypoints of n boxes; an array that is missing has no
// shape.
func (f *frame) extras(n int) (masks, points, sure array, err error) {
	for _, a := range f.out {
		name := strings.ToLower(a.name)
		switch {
		case name == "keypoints_scores" && len(a.shape) == 2:
			sure = a
		case name == "keypoints" && len(a.shape) == 3:
			points = a
		case a.dtype == tensor.Bool && len(a.shape) >= 3, strings.Contains(name, "mask") && len(a.shape) >= 3, len(a.shape) == 4 && a.shape[1] == 1 && !a.integer():
			masks = a
			if len(a.shape) == 4 && a.shape[1] == 1 {
				masks.shape = []int{a.shape[0], a.shape[2], a.shape[3]}
			}
		}
	}
	if masks.shape != nil && (len(masks.shape) != 3 || masks.shape[0] != n) {
		return masks, points, sure, fmt.Errorf("output %q is %v; the head needs %d masks", masks.name, masks.shape, n)
	}
	if points.shape != nil && (points.shape[0] != n || points.shape[2] < 2) {
		return masks, points, sure, fmt.Errorf("output %q is %v; the head needs the points of %d boxes", points.name, points.shape, n)
	}
	if sure.shape != nil && (points.shape == nil || sure.shape[0] != n || sure.shape[1] != points.shape[1]) {
		return masks, points, sure, fmt.Errorf("output %q is %v, which does not fit the points", sure.name, sure.shape)
	}
	return masks, points, sure, nil
}

func keypointsOf(points, sure array, i int) []Keypoint {
	k, width := points.shape[1], points.shape[2]
	out := make([]Keypoint, k)
	for p := range out {
		v := points.data[(i*k+p)*width:]
		out[p] = Keypoint{X: float64(v[0]), Y: float64(v[1]), Score: 1}
		if sure.shape != nil {
			out[p].Score = float64(sure.data[i*k+p])
		}
	}
	return out
}

// rcnnMask pastes mask i: over the whole input if it is as large as the input, else
// over the box.
func (f *frame) rcnnMask(masks array, i int, b Box) *Mask {
	h, w := masks.shape[1], masks.shape[2]
	s := maskSource{width: w, height: h, data: masks.data[i*h*w : (i+1)*h*w], flipped: f.g.Flipped}
	if h != f.g.InputHeight || w != f.g.InputWidth {
		return s.paste(b, b, f.g.Width, f.g.Height, 0.5)
	}
	// torchvision's own pasting reaches 1/28 of the box beyond it.
	dx, dy := b.Width()*0.05+2, b.Height()*0.05+2
	return s.paste(f.wholeInput(), Box{b.X1 - dx, b.Y1 - dy, b.X2 + dx, b.Y2 + dy}, f.g.Width, f.g.Height, 0.5)
}

// wholeInput is the area of the network's input in the original's pixels.
func (f *frame) wholeInput() Box {
	return original(Box{0, 0, float64(f.g.InputWidth), float64(f.g.InputHeight)}, f.g)
}

// matchTorchvision: named as torchvision names them, without a batch axis.
func matchTorchvision(o outputs) bool {
	return o.has("boxes", "labels", "scores") && len(dims(*o.at("boxes"))) == 2
}

// matchRCNN: Detectron's exports have numbers for names.
func matchRCNN(o outputs) bool {
	if len(o.all) != 3 && len(o.all) != 4 {
		return false
	}
	b, l, s := dims(o.all[0]), o.all[1], dims(o.all[2])
	return len(b) == 2 && b[1] == 4 && len(dims(l)) == 1 && l.DType == tensor.Int64 && len(s) == 1
}

func matchMaskRCNN(o outputs) bool { return matchRCNN(o) && len(o.all) == 4 }
