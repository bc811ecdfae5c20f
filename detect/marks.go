package detect

import (
	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/vision"
)

// Marks converts objects to the marks that vision.Draw draws, with bones between the
// keypoints of people.
func (d *Detector) Marks(objects []Object) []vision.Mark {
	marks := make([]vision.Mark, len(objects))
	for i, o := range objects {
		marks[i] = vision.Mark{Class: o.Class, Label: o.Label, Score: o.Score, Box: [4]float64{o.Box.X1, o.Box.Y1, o.Box.X2, o.Box.Y2},
			Corners: o.Corners, Points: o.Keypoints}
		if len(o.Keypoints) == 17 {
			marks[i].Bones = personBones
		}
		if o.Mask != nil {
			marks[i].Mask = o.Mask.Picture()
		}
	}
	return marks
}

// personBones join COCO's 17 points of a person: nose, eyes, ears, shoulders,
// elbows, wrists, hips, knees, ankles, left before right.
var personBones = [][2]int{{0, 1}, {0, 2}, {1, 3}, {2, 4}, {5, 6}, {5, 7}, {7, 9}, {6, 8}, {8, 10}, {5, 11}, {6, 12}, {11, 12}, {11, 13}, {13, 15}, {12, 14}, {14, 16}}

// COCOCategories returns COCO's category ids (1 to 90, with gaps) by class index, or
// nil if the model has a class that COCO lacks. Then its class indices serve as ids:
// a mixture would give two classes the same number.
func (d *Detector) COCOCategories() map[int]int {
	labels := d.labels()
	set, err := label.Open("coco91")
	if labels == nil || err != nil {
		return nil
	}
	ids := map[int]int{}
	for _, l := range labels.All() {
		found := set.Find(l.Name)
		if len(found) == 0 && l.Name != background {
			return nil
		}
		if len(found) > 0 {
			ids[l.Index] = found[0].Index
		}
	}
	return ids
}
