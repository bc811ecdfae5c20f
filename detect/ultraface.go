package detect

// decodeUltraFace reads "scores" [1, n, 2], background and face, and "boxes"
// [1, n, 4]: left, top, right, bottom as fractions of the picture.
// Linzaer, Ultra-Light-Fast-Generic-Face-Detector-1MB.
func decodeUltraFace(f *frame) (found, error) {
	scores, boxes, err := f.pair("scores", "boxes", 4)
	if err != nil {
		return found{}, err
	}
	w, h := float64(f.g.InputWidth), float64(f.g.InputHeight)
	last := scores.shape[1] - 1
	var made found
	for i := range boxes.shape[0] {
		s := float64(scores.row(i)[last])
		if !(s >= f.score) {
			continue
		}
		b := boxes.row(i)
		made.candidates = append(made.candidates, candidate{
			box:   Box{float64(b[0]) * w, float64(b[1]) * h, float64(b[2]) * w, float64(b[3]) * h},
			score: s, class: last, row: i})
	}
	return made, nil
}

// matchUltraFace: scores of two classes and boxes, nothing else.
func matchUltraFace(o outputs) bool {
	if len(o.all) != 2 || !o.has("scores", "boxes") {
		return false
	}
	s, b := dims(*o.at("scores")), dims(*o.at("boxes"))
	return len(s) == 3 && len(b) == 3 && s[2] == 2 && b[2] == 4
}
