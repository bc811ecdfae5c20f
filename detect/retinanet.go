package detect

import (
	"fmt"
	"math"
	"slices"
)

// decodeRetinaNet reads the raw heads of five levels: classes [1, 9*C, h, w] and
// boxes [1, 36, h, w]. Nine anchors a cell: areas of 4·2^(i/3) strides squared in
// the ratios 1, 2 and 1/2. Lin et al. 2017, "Focal Loss for Dense Object
// Detection"; the anchors' and boxes' arithmetic is that of NVIDIA's
// retinanet-examples at release 19.04, whose weights the zoo's file has: sides in
// whole pixels before they are scaled (later releases dropped that, for weights
// of their own), boxes clipped to the cells' area before they are suppressed.
func decodeRetinaNet(f *frame) (found, error) {
	const anchors = 9
	all := make([]array, len(f.out))
	alike := true // of four classes: as many channels as a box has
	for i, a := range f.out {
		a = a.squeeze(3)
		if len(a.shape) != 3 || a.shape[0]%anchors != 0 || a.shape[0] == 0 {
			return found{}, fmt.Errorf("output %q is %v; the head needs classes [9*C h w] and boxes [36 h w]", a.name, a.shape)
		}
		all[i], alike = a, alike && a.shape[0] == 4*anchors
	}
	var classes, boxes []array
	for i, a := range all {
		if a.shape[0] == 4*anchors && (!alike || i >= len(all)/2) {
			boxes = append(boxes, a)
		} else {
			classes = append(classes, a)
		}
	}
	if len(boxes) != len(classes) {
		return found{}, fmt.Errorf("%d outputs of classes and %d of boxes", len(classes), len(boxes))
	}
	var made found
	for i, cls := range classes {
		box := boxes[i]
		if !slices.Equal(cls.shape[1:], box.shape[1:]) || cls.shape[1]*cls.shape[2] == 0 {
			return found{}, fmt.Errorf("outputs %q %v and %q %v do not belong together", cls.name, cls.shape, box.name, box.shape)
		}
		level := retinaLevel{cls: cls, box: box, classes: cls.shape[0] / anchors,
			stride: float64(f.g.InputWidth) / float64(cls.shape[2]), logits: hasLogits(cls.data)}
		// A side that is no multiple of the stride is rounded up in the network.
		level.stride = math.Exp2(math.Round(math.Log2(level.stride)))
		level.anchors = retinaAnchors(level.stride)
		made.candidates = level.candidates(made.candidates, f.score)
	}
	return made, nil
}

// retinaLevel is one stride of a RetinaNet.
type retinaLevel struct {
	cls, box array
	classes  int
	anchors  [][2]float64 // width and height in pixels
	stride   float64
	logits   bool
}

// retinaAnchors are the anchors of a stride, around the middle of a cell.
func retinaAnchors(stride float64) [][2]float64 {
	var all [][2]float64
	for i := range 3 {
		for _, ratio := range []float64{1, 2, 0.5} {
			scale, w := 4*math.Exp2(float64(i)/3), math.RoundToEven(stride*math.Sqrt(1/ratio))
			all = append(all, [2]float64{w * scale, math.RoundToEven(w*ratio) * scale})
		}
	}
	return all
}

func (l retinaLevel) candidates(all []candidate, least float64) []candidate {
	h, w := l.cls.shape[1], l.cls.shape[2]
	plane, whole := h*w, Box{0, 0, float64(w) * l.stride, float64(h) * l.stride}
	for at, v := range l.cls.data {
		s := probability(v, l.logits)
		if !(s >= least) {
			continue
		}
		channel, cell := at/plane, at%plane
		anchor, class := channel/l.classes, channel%l.classes
		d := func(k int) float64 { return float64(l.box.data[(anchor*4+k)*plane+cell]) }
		aw, ah := l.anchors[anchor][0], l.anchors[anchor][1]
		x, y := (float64(cell%w)+0.5)*l.stride, (float64(cell/w)+0.5)*l.stride
		all = append(all, candidate{score: s, class: class, row: at,
			box: centred(d(0)*aw+x, d(1)*ah+y, math.Exp(d(2))*aw, math.Exp(d(3))*ah).Intersect(whole)})
	}
	return all
}

// hasLogits reports whether some numbers are not probabilities, so that all must be
// logits.
func hasLogits(data []float32) bool {
	for _, v := range data {
		if v < 0 || v > 1 {
			return true
		}
	}
	return false
}

// probability is v, or its sigmoid where it is a logit.
func probability(v float32, logit bool) float64 {
	if logit {
		return sigmoid(v)
	}
	return float64(v)
}

func sigmoid(v float32) float64 { return 1 / (1 + math.Exp(-float64(v))) }

func matchRetinaNet(o outputs) bool {
	if len(o.all) != 10 {
		return false
	}
	boxes := 0
	for _, i := range o.all {
		d := dims(i)
		if len(d) != 4 || d[1]%9 != 0 {
			return false
		}
		if d[1] == 36 {
			boxes++
		}
	}
	return boxes == 5
}
