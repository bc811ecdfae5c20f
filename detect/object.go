package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/visionzoo/vision/vision"
)

// maxCandidates bounds the candidates that go into suppression; beyond the best
// 30,000 nobody wants to see what survives.
const maxCandidates = 30_000

// objects turns outputs into objects: it drops candidates that are not finite,
// keeps the best of overlapping boxes, and maps boxes to the original's pixels.
func (d *Detector) objects(out []Output, g vision.Geometry) ([]Object, error) {
	all, err := arrays(out)
	if err != nil {
		return nil, fmt.Errorf("head %s: %w", d.head.name, err)
	}
	f := &frame{out: all, g: g, score: d.opts.score, labels: d.labels(), task: d.task(), meta: d.meta}
	if f.score < 0 {
		f.score = d.head.score
	}
	made, err := d.head.decode(f)
	if err != nil {
		return nil, fmt.Errorf("head %s: %w", d.head.name, err)
	}
	if l := f.labels; l != nil && made.classes > 0 && made.classes != l.Len() {
		return nil, fmt.Errorf("the model finds objects of %d classes, its label set %s has %d", made.classes, l.Name(), l.Len())
	}
	keep := d.sieve(made.candidates, f.score)
	keep = d.suppress(keep, f.score)
	objects := make([]Object, 0, min(len(keep), d.opts.max))
	for _, c := range keep {
		if len(objects) == d.opts.max {
			break
		}
		o, ok, err := d.finish(c, made, g)
		if err != nil {
			return nil, fmt.Errorf("head %s: %w", d.head.name, err)
		}
		if ok {
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// sieve drops candidates that are not finite, have no area, too low a score, or a
// class that is the background or was not asked for. The rest is sorted by score,
// the highest first, equal ones in the network's order.
func (d *Detector) sieve(all []candidate, score float64) []candidate {
	labels := d.labels()
	keep := all[:0]
	for _, c := range all {
		if !(c.score >= score) || math.IsInf(c.score, 0) || !c.box.clean() || c.class < 0 {
			continue
		}
		if d.keep != nil && !d.keep[c.class] {
			continue
		}
		if labels != nil {
			if l, ok := labels.At(c.class); ok && l.Name == background {
				continue
			}
		}
		c.score = min(c.score, 1)
		keep = append(keep, c)
	}
	slices.SortStableFunc(keep, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	return keep[:min(len(keep), maxCandidates)]
}

// suppress drops boxes that overlap one with a higher score.
func (d *Detector) suppress(all []candidate, score float64) []candidate {
	iou := d.opts.iou
	if iou < 0 {
		iou = d.head.iou
		if !d.head.suppress && d.opts.soft == 0 {
			return all
		}
	}
	if len(all) > 0 && all[0].turned != nil {
		return suppressTurned(all, iou, d.opts.whole)
	}
	boxes, scores, classes := make([]Box, len(all)), make([]float64, len(all)), make([]int, len(all))
	for i, c := range all {
		boxes[i], scores[i] = c.box, c.score
		if !d.opts.whole {
			classes[i] = c.class
		}
	}
	var kept []int
	if d.opts.soft > 0 {
		kept, scores = SoftNMS(boxes, scores, classes, d.opts.soft, score)
	} else {
		kept = NMSByClass(boxes, scores, classes, iou)
	}
	out := make([]candidate, len(kept))
	for i, k := range kept {
		out[i] = all[k]
		out[i].score = scores[k]
	}
	return out
}

// finish maps a candidate to the original's pixels; it reports false if nothing of
// it lies inside the picture.
func (d *Detector) finish(c candidate, made found, g vision.Geometry) (Object, bool, error) {
	b, points := c.box, c.points
	if !made.original {
		b = original(b, g)
		points = make([]Keypoint, len(c.points))
		for i, p := range c.points {
			p.X, p.Y = g.Point(p.X, p.Y)
			points[i] = p
		}
	}
	inside := b.Intersect(Box{0, 0, float64(g.Width), float64(g.Height)})
	if !inside.clean() {
		return Object{}, false, nil
	}
	o := Object{Class: c.class, Label: fmt.Sprintf("class %d", c.class), Score: c.score, Box: inside}
	if labels := d.labels(); labels != nil {
		l, _ := labels.At(c.class) // a number as the name if there is no label
		o.Label = l.Name
	}
	if c.turned != nil {
		o.Corners = c.turned.corners()
		for i, p := range o.Corners {
			o.Corners[i][0], o.Corners[i][1] = g.Point(p[0], p[1])
		}
	}
	for _, p := range points {
		o.Keypoints = append(o.Keypoints, cleanPoint(p, g))
	}
	if made.mask != nil {
		var err error
		if o.Mask, err = made.mask(c, b); err != nil {
			return Object{}, false, err
		}
	}
	return o, true, nil
}

// original maps a box of the input to the original without clipping it.
func original(b Box, g vision.Geometry) Box {
	x1, y1 := g.Point(b.X1, b.Y1)
	x2, y2 := g.Point(b.X2, b.Y2)
	return Box{min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)}
}

// cleanPoint clips a point to near the picture; one that is not finite gets a score
// of 0.
func cleanPoint(p Keypoint, g vision.Geometry) Keypoint {
	for _, v := range []float64{p.X, p.Y, p.Score} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Keypoint{}
		}
	}
	w, h := float64(g.Width), float64(g.Height)
	return Keypoint{X: min(max(p.X, -w), 2*w), Y: min(max(p.Y, -h), 2*h), Score: p.Score}
}
