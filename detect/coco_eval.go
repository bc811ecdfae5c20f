package detect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// COCOMetric is one of COCO's numbers.
type COCOMetric struct {
	Name    string  // "AP", "AP50", "APs", "AR100", …
	IoU     string  // "0.50:0.95", "0.50", "0.75"
	Area    string  // "all", "small", "medium", "large"
	MaxDets int     // of a picture
	Value   float64 // 0 to 1; -1 where the truth has nothing to find
}

// The thresholds, areas and recalls of COCO.
const (
	cocoThresholds = 10
	cocoRecalls    = 101
)

var cocoAreas = []struct {
	name     string
	from, to float64
}{{"all", 0, 1e10}, {"small", 0, 32 * 32}, {"medium", 32 * 32, 96 * 96}, {"large", 96 * 96, 1e10}}

// threshold is 0.50, 0.55, … 0.95, as numpy's linspace rounds them.
func threshold(i int) float64 {
	from, to := 0.5, 0.95
	if i == cocoThresholds-1 {
		return to
	}
	step := (to - from) / (cocoThresholds - 1)
	return from + float64(float64(i)*step) // no FMA
}

// EvaluateCOCO compares results with the truth as pycocotools does: objects are
// matched greedily, highest score first, for each class and IoU threshold; crowds
// take any number of objects and count for nothing; precision is interpolated at
// 101 recalls and averaged. It gives 12 numbers for boxes and masks, 10 for
// keypoints.
func EvaluateCOCO(truth *COCOTruth, results []COCOResult, task COCOTask) ([]COCOMetric, error) {
	if task != COCOBoxes && task != COCOMasks && task != COCOKeypoints {
		return nil, fmt.Errorf("task %q is none of bbox, segm, keypoints", task)
	}
	if truth == nil {
		return nil, errors.New("there is no truth to compare with; ReadCOCOTruth reads one")
	}
	table, err := newCOCOTable(truth, results, task)
	if err != nil {
		return nil, err
	}
	limits, areas := []int{1, 10, 100}, []int{0, 1, 2, 3}
	if task == COCOKeypoints {
		limits, areas = []int{20}, []int{0, 2, 3}
	}
	e := &cocoEvaluation{task: task, table: table, most: limits[len(limits)-1]}
	for _, class := range table.classes {
		pairs := e.pairs(class)
		for _, a := range areas {
			for _, most := range limits {
				e.add(cocoCell{a, most}, pairs)
			}
		}
	}
	return e.metrics(), nil
}

// cocoCell is one of the settings for which averages are taken separately.
type cocoCell struct {
	area int // index into cocoAreas
	most int // the most objects per picture that count
}

// cocoCurve is precision and recall of one class in a cell.
type cocoCurve struct {
	precision [cocoThresholds][cocoRecalls]float64
	recall    [cocoThresholds]float64
}

type cocoEvaluation struct {
	task   COCOTask
	table  *cocoTable
	most   int
	curves map[cocoCell][]cocoCurve
}

// cocoPair holds the objects of one picture and class with their overlaps; found is
// sorted by score.
type cocoPair struct {
	truth, found []cocoObject
	overlap      [][]float64 // [found][truth]
}

func (e *cocoEvaluation) pairs(class int) []cocoPair {
	var all []cocoPair
	for _, image := range e.table.imagesOf[class] {
		k := cocoKey{image, class}
		p := cocoPair{truth: e.table.truth[k], found: slices.Clone(e.table.found[k])}
		slices.SortStableFunc(p.found, func(a, b cocoObject) int { return cmp.Compare(b.score, a.score) })
		p.found = p.found[:min(len(p.found), e.most)]
		p.overlap = make([][]float64, len(p.found))
		for i := range p.found {
			p.overlap[i] = make([]float64, len(p.truth))
			for k := range p.truth {
				p.overlap[i][k] = e.task.overlap(&p.found[i], &p.truth[k])
			}
		}
		all = append(all, p)
	}
	return all
}

// verdict says at each threshold whether a found object was matched and whether it
// is ignored.
type verdict struct {
	score           float64
	matched, ignore [cocoThresholds]bool
}

// add computes the curve of one class in one cell.
func (e *cocoEvaluation) add(cell cocoCell, pairs []cocoPair) {
	var all []verdict
	count := 0
	for i := range pairs {
		v, n := pairs[i].match(cell)
		all, count = append(all, v...), count+n
	}
	if count == 0 {
		return // nothing to find: the class does not count
	}
	slices.SortStableFunc(all, func(a, b verdict) int { return cmp.Compare(b.score, a.score) })
	var c cocoCurve
	for t := range cocoThresholds {
		c.recall[t] = c.fill(t, all, count)
	}
	if e.curves == nil {
		e.curves = map[cocoCell][]cocoCurve{}
	}
	e.curves[cell] = append(e.curves[cell], c)
}

// match returns the verdict on each found object, and the number of objects to
// find.
func (p *cocoPair) match(cell cocoCell) (all []verdict, count int) {
	area := cocoAreas[cell.area]
	outside := func(a float64) bool { return a < area.from || a > area.to }
	ignore, order := make([]bool, len(p.truth)), make([]int, 0, len(p.truth))
	for i, g := range p.truth {
		ignore[i] = g.ignore || outside(g.area)
		if !ignore[i] {
			order = append(order, i)
		}
	}
	count = len(order)
	for i := range p.truth {
		if ignore[i] {
			order = append(order, i)
		}
	}
	found := p.found[:min(len(p.found), cell.most)]
	all = make([]verdict, len(found))
	for t := range cocoThresholds {
		taken := make([]bool, len(p.truth))
		for i := range found {
			at := p.bestMatch(i, threshold(t), order, taken, ignore)
			all[i].score = found[i].score
			if at < 0 {
				all[i].ignore[t] = outside(found[i].area)
				continue
			}
			taken[at] = true
			all[i].matched[t], all[i].ignore[t] = true, ignore[at]
		}
	}
	return all, count
}

// bestMatch is the object of the truth that found object i fits best, -1 if it fits
// none. An ignored object is taken only if none that counts fits. Of equally good
// fits the later one wins, as in pycocotools.
func (p *cocoPair) bestMatch(i int, least float64, order []int, taken, ignore []bool) int {
	at, best := -1, min(least, 1-1e-10)
	for _, k := range order {
		if taken[k] && !p.truth[k].crowd {
			continue
		}
		if at >= 0 && !ignore[at] && ignore[k] {
			break
		}
		if p.overlap[i][k] >= best {
			at, best = k, p.overlap[i][k]
		}
	}
	return at
}

// fill interpolates the precision at one threshold and returns the final recall.
func (c *cocoCurve) fill(t int, all []verdict, count int) float64 {
	var recall, precision []float64
	right, wrong := 0.0, 0.0
	for _, v := range all {
		if !v.ignore[t] {
			if v.matched[t] {
				right++
			} else {
				wrong++
			}
		}
		// An ignored object still adds a point to the curve: the previous one
		// again.
		recall = append(recall, right/float64(count))
		precision = append(precision, right/(right+wrong+0x1p-52))
	}
	for i := len(precision) - 2; i >= 0; i-- {
		precision[i] = max(precision[i], precision[i+1])
	}
	for r := range cocoRecalls {
		if at := sort.SearchFloat64s(recall, recallAt(r)); at < len(precision) {
			c.precision[t][r] = precision[at]
		}
	}
	if len(recall) == 0 {
		return 0
	}
	return recall[len(recall)-1]
}

// recallAt is 0, 0.01, … 1, as numpy's linspace rounds them.
func recallAt(i int) float64 {
	if i == cocoRecalls-1 {
		return 1
	}
	return float64(i) * (1.0 / (cocoRecalls - 1))
}

// precision averages a cell over classes, recalls, and one threshold or all (-1).
func (e *cocoEvaluation) precision(cell cocoCell, at int) float64 {
	sum, n := 0.0, 0
	for _, c := range e.curves[cell] {
		for t := range cocoThresholds {
			if at >= 0 && at != t {
				continue
			}
			for _, p := range c.precision[t] {
				sum += p
				n++
			}
		}
	}
	return mean(sum, n)
}

// recall averages a cell over classes, and one threshold or all (-1).
func (e *cocoEvaluation) recall(cell cocoCell, at int) float64 {
	sum, n := 0.0, 0
	for _, c := range e.curves[cell] {
		for t, r := range c.recall {
			if at < 0 || at == t {
				sum += r
				n++
			}
		}
	}
	return mean(sum, n)
}

func mean(sum float64, n int) float64 {
	if n == 0 {
		return -1
	}
	return sum / float64(n)
}

// metrics are the numbers in COCO's order.
func (e *cocoEvaluation) metrics() []COCOMetric {
	var all []COCOMetric
	add := func(name string, area, most, at int) {
		cell := cocoCell{area, most}
		var v float64
		if name[1] == 'P' {
			v = e.precision(cell, at)
		} else {
			v = e.recall(cell, at)
		}
		iou := map[int]string{-1: "0.50:0.95", 0: "0.50", 5: "0.75"}[at]
		all = append(all, COCOMetric{name, iou, cocoAreas[area].name, most, v})
	}
	if e.task == COCOKeypoints {
		for _, kind := range []string{"AP", "AR"} {
			add(kind, 0, 20, -1)
			add(kind+"50", 0, 20, 0)
			add(kind+"75", 0, 20, 5)
			add(kind+"m", 2, 20, -1)
			add(kind+"l", 3, 20, -1)
		}
		return all
	}
	add("AP", 0, 100, -1)
	add("AP50", 0, 100, 0)
	add("AP75", 0, 100, 5)
	add("APs", 1, 100, -1)
	add("APm", 2, 100, -1)
	add("APl", 3, 100, -1)
	add("AR1", 0, 1, -1)
	add("AR10", 0, 10, -1)
	add("AR100", 0, 100, -1)
	add("ARs", 1, 100, -1)
	add("ARm", 2, 100, -1)
	add("ARl", 3, 100, -1)
	return all
}
