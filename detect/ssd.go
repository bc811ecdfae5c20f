package detect

// decodeSSD reads the outputs of SSD with ResNet-34 [1, n, …]: boxes as left, top,
// right, bottom in fractions of the picture, labels with the background at 0,
// scores. The network has suppressed overlapping boxes. Liu et al. 2016, "SSD:
// Single Shot MultiBox Detector".
func decodeSSD(f *frame) (found, error) {
	l, err := f.listing()
	if err != nil {
		return found{}, err
	}
	w, h := float64(f.g.InputWidth), float64(f.g.InputHeight)
	var made found
	for i := range l.boxes.shape[0] {
		if score := float64(l.scores.data[i]); score >= f.score {
			b := l.boxes.row(i)
			made.candidates = append(made.candidates, candidate{score: score, class: classOf(l.labels.data[i]), row: i,
				box: Box{float64(b[0]) * w, float64(b[1]) * h, float64(b[2]) * w, float64(b[3]) * h}})
		}
	}
	return made, nil
}

// decodeSSDMobileNet reads the outputs of TensorFlow's object detection API: boxes
// as top, left, bottom, right in fractions of the picture, classes by COCO's ids as
// floats, scores, and how many of the rows count.
func decodeSSDMobileNet(f *frame) (found, error) {
	l, err := f.listing()
	if err != nil {
		return found{}, err
	}
	n := l.boxes.shape[0]
	for _, a := range f.out {
		if len(a.data) == 1 && containsFold(a.name, "num") && a.data[0] >= 0 && float64(a.data[0]) < float64(n) {
			n = int(a.data[0])
		}
	}
	w, h := float64(f.g.InputWidth), float64(f.g.InputHeight)
	var made found
	for i := range n {
		if score := float64(l.scores.data[i]); score >= f.score {
			b := l.boxes.row(i)
			made.candidates = append(made.candidates, candidate{score: score, class: classOf(l.labels.data[i]), row: i,
				box: Box{float64(b[1]) * w, float64(b[0]) * h, float64(b[3]) * w, float64(b[2]) * h}})
		}
	}
	return made, nil
}

func matchSSD(o outputs) bool { return o.has("bboxes", "labels", "scores") }

func matchSSDMobileNet(o outputs) bool {
	boxes, classes := false, false
	for _, i := range o.all {
		boxes = boxes || containsFold(i.Name, "detection_boxes")
		classes = classes || containsFold(i.Name, "detection_classes")
	}
	return boxes && classes
}
