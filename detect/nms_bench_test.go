package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// crowd is a way to make many boxes.
type crowd struct {
	name string
	make func(r *rand.Rand, n int) ([]Box, []float64)
}

// crowds are the ways to make boxes in which suppression is measured and compared:
// few or nearly all survive, sizes alike or of all scales, in places alike or
// far apart.
var crowds = []crowd{
	{"clusters", objects(256, 0.1)},
	{"clusters-40", objects(40, 0.2)},
	{"uniform", oneByOne(func(r *rand.Rand) Box {
		return at(640*r.Float64(), 640*r.Float64(), between(r, 10, 100), between(r, 10, 100))
	})},
	{"sizes", oneByOne(func(r *rand.Rand) Box {
		return at(640*r.Float64(), 640*r.Float64(), math.Exp2(9*r.Float64()), math.Exp2(9*r.Float64()))
	})},
	{"wide", oneByOne(func(r *rand.Rand) Box {
		return at(640*r.Float64(), 640*r.Float64(), between(r, 10, 200), between(r, 10, 200))
	})},
	{"inside", oneByOne(func(r *rand.Rand) Box {
		w, h := between(r, 10, 200), between(r, 10, 200)
		return at((640-w)*r.Float64(), (640-h)*r.Float64(), w, h)
	})},
	{"corners", oneByOne(func(r *rand.Rand) Box {
		x, y, u, v := 640*r.Float64(), 640*r.Float64(), 640*r.Float64(), 640*r.Float64()
		return Box{min(x, u), min(y, v), max(x, u), max(y, v)}
	})},
	{"any-size", oneByOne(func(r *rand.Rand) Box { return at(640*r.Float64(), 640*r.Float64(), 640*r.Float64(), 640*r.Float64()) })},
	{"equal-size", oneByOne(func(r *rand.Rand) Box { return at(640*r.Float64(), 640*r.Float64(), 50, 50) })},
	{"small", oneByOne(func(r *rand.Rand) Box {
		return at(640*r.Float64(), 640*r.Float64(), between(r, 1, 10), between(r, 1, 10))
	})},
	{"unit-square", oneByOne(func(r *rand.Rand) Box { return at(r.Float64(), r.Float64(), 0.1*r.Float64(), 0.1*r.Float64()) })},
	{"apart", func(r *rand.Rand, n int) ([]Box, []float64) {
		side := int(math.Ceil(math.Sqrt(float64(n))))
		boxes, scores := make([]Box, n), make([]float64, n)
		for i := range boxes {
			boxes[i], scores[i] = at(float64(i%side*10), float64(i/side*10), 8, 8), r.Float64()
		}
		return boxes, scores
	}},
	{"same", oneByOne(func(r *rand.Rand) Box { return at(100, 100, 50, 80) })},
	{"full-hd", oneByOne(func(r *rand.Rand) Box {
		return at(1920*r.Float64(), 1080*r.Float64(), between(r, 8, 300), between(r, 8, 300))
	})},
	{"offset-80", offset(80, 640, oneByOne(func(r *rand.Rand) Box {
		return at(640*r.Float64(), 640*r.Float64(), between(r, 10, 200), between(r, 10, 200))
	}))},
	{"offset-80-yolo", offset(80, 7680, yolo(0))},
	{"yolo", yolo(0)},
	{"yolo-objects", yolo(40)},
}

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

func at(x, y, w, h float64) Box { return Box{x, y, x + w, y + h} }

// oneByOne makes boxes one by one.
func oneByOne(box func(r *rand.Rand) Box) func(*rand.Rand, int) ([]Box, []float64) {
	return func(r *rand.Rand, n int) ([]Box, []float64) {
		boxes, scores := make([]Box, n), make([]float64, n)
		for i := range boxes {
			boxes[i], scores[i] = box(r), r.Float64()
		}
		return boxes, scores
	}
}

// objects makes boxes around objects, with sides off by a share of the object's.
func objects(count int, off float64) func(*rand.Rand, int) ([]Box, []float64) {
	return func(r *rand.Rand, n int) ([]Box, []float64) {
		around := make([]Box, count)
		for i := range around {
			around[i] = at(600*r.Float64(), 600*r.Float64(), between(r, 20, 120), between(r, 20, 120))
		}
		return oneByOne(func(r *rand.Rand) Box {
			o := around[r.IntN(count)]
			w, h := off*o.Width(), off*o.Height()
			return Box{o.X1 + w*r.NormFloat64()/2, o.Y1 + h*r.NormFloat64()/2, o.X2 + w*r.NormFloat64()/2, o.Y2 + h*r.NormFloat64()/2}
		})(r, n)
	}
}

// offset moves the boxes of each class away from those of others, as who has only
// suppression within one class does.
func offset(classes int, by float64, from func(*rand.Rand, int) ([]Box, []float64)) func(*rand.Rand, int) ([]Box, []float64) {
	return func(r *rand.Rand, n int) ([]Box, []float64) {
		boxes, scores := from(r, n)
		for i := range boxes {
			d := by * float64(r.IntN(classes))
			b := &boxes[i]
			*b = Box{b.X1 + d, b.Y1 + d, b.X2 + d, b.Y2 + d}
		}
		return boxes, scores
	}
}

// yolo makes what YOLOv5 gives for 640 x 640 pixels: three anchors a cell of three
// grids, sides and centres moved by an untrained network, or by one that sees
// objects and then draws what lies near them to them.
func yolo(count int) func(*rand.Rand, int) ([]Box, []float64) {
	anchors := [3][3][2]float64{{{10, 13}, {16, 30}, {33, 23}}, {{30, 61}, {62, 45}, {59, 119}}, {{116, 90}, {156, 198}, {373, 326}}}
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	return func(r *rand.Rand, n int) (boxes []Box, scores []float64) {
		seen := make([]Box, count)
		for i := range seen {
			seen[i] = at(600*r.Float64(), 600*r.Float64(), math.Exp2(between(r, 4, 8)), math.Exp2(between(r, 4, 8)))
		}
		for level, stride := range []float64{8, 16, 32} {
			for _, a := range anchors[level] {
				for y := range int(640 / stride) {
					for x := range int(640 / stride) {
						move := func() float64 { return 2 * sigmoid(0.5*r.NormFloat64()) }
						cx, cy := (float64(x)+move()-0.5)*stride, (float64(y)+move()-0.5)*stride
						mw, mh := move(), move()
						b := centred(cx, cy, a[0]*mw*mw, a[1]*mh*mh)
						score := sigmoid(2*r.NormFloat64() - 6)
						for _, o := range seen {
							if cx > o.X1 && cx < o.X2 && cy > o.Y1 && cy < o.Y2 && a[0] < 4*o.Width() && o.Width() < 4*a[0] {
								off := func() float64 { return 2 * r.NormFloat64() }
								b, score = Box{o.X1 + off(), o.Y1 + off(), o.X2 + off(), o.Y2 + off()}, sigmoid(2*r.NormFloat64())
							}
						}
						if boxes, scores = append(boxes, b), append(scores, score); len(boxes) == n {
							return boxes, scores
						}
					}
				}
			}
		}
		return boxes, scores
	}
}

// classesOf draws a class for each of n boxes.
func classesOf(r *rand.Rand, n, count int) []int {
	if count == 1 {
		return nil
	}
	classes := make([]int, n)
	for i := range classes {
		classes[i] = r.IntN(count)
	}
	return classes
}

// benchBoxes is what YOLOv5 gives for 640 x 640.
const benchBoxes = 25_200

// BenchmarkNMS suppresses boxes of each kind at an IoU of 0.45, in one class and in
// 80, and at other thresholds.
func BenchmarkNMS(b *testing.B) {
	for _, c := range crowds {
		for _, classes := range []int{1, 80} {
			benchNMS(b, c, classes, 0.45)
		}
	}
	for _, c := range crowds {
		for _, iou := range []float64{0.3, 0.7, 0.9} {
			benchNMS(b, c, 1, iou)
		}
	}
}

func benchNMS(b *testing.B, c crowd, count int, iou float64) {
	b.Run(fmt.Sprintf("%s/classes-%d/iou-%v", c.name, count, iou), func(b *testing.B) {
		r := rand.New(rand.NewPCG(3, 4))
		boxes, scores := c.make(r, benchBoxes)
		classes := classesOf(r, len(boxes), count)
		b.ReportAllocs()
		kept := 0
		for b.Loop() {
			kept = len(NMSByClass(boxes, scores, classes, iou))
		}
		b.ReportMetric(float64(kept), "kept")
	})
}

// BenchmarkSoftNMS is the same by SoftNMS, of which the best 5,000 take part.
func BenchmarkSoftNMS(b *testing.B) {
	for _, c := range crowds {
		for _, classes := range []int{1, 80} {
			b.Run(fmt.Sprintf("5000/%s/classes-%d", c.name, classes), func(b *testing.B) {
				r := rand.New(rand.NewPCG(3, 4))
				boxes, scores := c.make(r, benchBoxes)
				of := classesOf(r, len(boxes), classes)
				kept := 0
				for b.Loop() {
					got, _ := SoftNMS(boxes, scores, of, 0.5, 0.05)
					kept = len(got)
				}
				b.ReportMetric(float64(kept), "kept")
			})
		}
	}
}
