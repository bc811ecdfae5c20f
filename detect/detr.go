package detect

import (
	"fmt"
	"math"
	"strings"
)

func decodeDETR(f *frame) (found, error) { return decodeQueries(f, true) }

// decodeRTDETR reads logits and boxes as decodeQueries does, or what the exports
// of its authors give, whose graph has read them already: labels, boxes in the
// original's pixels (the network was told its size) and scores, [1, n, …].
func decodeRTDETR(f *frame) (found, error) {
	for _, a := range f.out {
		if a.integer() {
			made, err := decodeRCNN(f)
			made.original = true
			return made, err
		}
	}
	return decodeQueries(f, false)
}

// decodeQueries reads what transformers give, a row a query: logits [1, n, C] and
// boxes [1, n, 4], centre and size as fractions of the input. DETR's logits are a
// softmax whose last class is nothing (Carion et al. 2020), those of Deformable
// DETR, RT-DETR and their kin sigmoids, each class by itself.
func decodeQueries(f *frame, softmax bool) (found, error) {
	var logits, boxes array
	for _, named := range []bool{true, false} { // boxes by name, else by width
		for k := len(f.out) - 1; k >= 0 && boxes.shape == nil; k-- {
			a := f.out[k].squeeze(2)
			if len(a.shape) == 2 && a.shape[1] == 4 && (!named || containsFold(a.name, "box") || containsFold(a.name, "dets")) {
				boxes = a
			}
		}
	}
	for _, a := range f.out {
		if a = a.squeeze(2); len(a.shape) == 2 && a.name != boxes.name && logits.shape == nil {
			logits = a
		}
	}
	if logits.shape == nil || boxes.shape == nil || logits.shape[0] != boxes.shape[0] || logits.shape[1] == 0 {
		return found{}, fmt.Errorf("the head needs logits [n classes] and boxes [n 4]; the outputs are %s", f.shapes())
	}
	w, h := float64(f.g.InputWidth), float64(f.g.InputHeight)
	var made found
	for i := range logits.shape[0] {
		row, b := logits.row(i), boxes.row(i)
		box := centred(float64(b[0])*w, float64(b[1])*h, float64(b[2])*w, float64(b[3])*h)
		if softmax {
			last := len(row) - 1
			k, ok := best(row[:last])
			if !ok {
				continue
			}
			if s := softmaxAt(row, k); s >= f.score {
				made.candidates = append(made.candidates, candidate{box: box, score: s, class: k, row: i})
			}
			continue
		}
		least := float32(math.Inf(-1)) // sigmoid(v) >= score where v >= its logit
		if f.score > 0 {
			least = float32(math.Log(f.score/(1-f.score)) - 1e-3)
		}
		for k, v := range row {
			if v >= least {
				made.candidates = append(made.candidates, candidate{box: box, score: sigmoid(v), class: k, row: i})
			}
		}
	}
	return made, nil
}

func (o outputs) queries() (logits, boxes []int) {
	for _, pair := range [][2]string{{"logits", "pred_boxes"}, {"pred_logits", "pred_boxes"}, {"labels", "dets"}} {
		if o.has(pair[0], pair[1]) {
			l, b := dims(*o.at(pair[0])), dims(*o.at(pair[1]))
			if len(l) == 3 && len(b) == 3 && b[2] == 4 {
				return l, b
			}
		}
	}
	return nil, nil
}

func matchDETR(o outputs) bool {
	l, b := o.queries()
	return l != nil && (b[1] == 100 || l[2] == 92)
}

func matchRTDETR(o outputs) bool {
	if l, _ := o.queries(); l != nil {
		return true
	}
	return o.has("labels", "boxes", "scores") && len(dims(*o.at("boxes"))) == 3
}

func containsFold(s, part string) bool { return strings.Contains(strings.ToLower(s), part) }
