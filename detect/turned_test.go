package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// TestProbIoU holds the closed form against the definition: one minus the root of one
// minus the integral of the root of both densities' product.
func TestProbIoU(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	some := func() turned {
		return turned{x: 20 * rng.Float64(), y: 20 * rng.Float64(), w: 8 + 30*rng.Float64(), h: 8 + 30*rng.Float64(), angle: 7 * (rng.Float64() - 0.5)}
	}
	for range 20 {
		a, b := some(), some()
		got, want := a.gauss().probIoU(b.gauss()), 1-math.Sqrt(1-affinity(a, b))
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("%+v and %+v: %v, by the integral %v", a, b, got, want)
		}
		if back := b.gauss().probIoU(a.gauss()); back != got {
			t.Errorf("%+v and %+v: %v, exchanged %v", a, b, got, back)
		}
	}
}

// affinity integrates the root of the product of two normal densities over a grid. Each
// has the mean and the variances of a rectangle: a side's length squared by twelve.
func affinity(a, b turned) float64 {
	const step = 0.5
	sum := 0.0
	for y := -60.0; y < 80; y += step {
		for x := -60.0; x < 80; x += step {
			sum += math.Sqrt(density(a, x, y)*density(b, x, y)) * step * step
		}
	}
	return sum
}

func density(r turned, x, y float64) float64 {
	sin, cos := math.Sincos(r.angle)
	along, across := (x-r.x)*cos+(y-r.y)*sin, (y-r.y)*cos-(x-r.x)*sin
	deviationW, deviationH := r.w/math.Sqrt(12), r.h/math.Sqrt(12)
	return math.Exp(-(along*along/deviationW/deviationW+across*across/deviationH/deviationH)/2) / (2 * math.Pi * deviationW * deviationH)
}

// TestCorners: whichever of its names a rectangle is given by, the corners are the same,
// and lie within its bounds, which they touch.
func TestCorners(t *testing.T) {
	want := turned{x: 10, y: 20, w: 8, h: 4, angle: 0.5}
	for _, same := range []turned{
		{10, 20, 8, 4, 0.5 + math.Pi}, {10, 20, 8, 4, 0.5 - 3*math.Pi},
		{10, 20, 4, 8, 0.5 - math.Pi/2}, {10, 20, 4, 8, 0.5 + 5*math.Pi/2},
	} {
		b := Box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
		for i, p := range same.corners() {
			q := want.corners()[i]
			if math.Hypot(p[0]-q[0], p[1]-q[1]) > 1e-9 {
				t.Errorf("%+v: corner %d is %v, want %v", same, i, p, q)
			}
			b = Box{min(b.X1, p[0]), min(b.Y1, p[1]), max(b.X2, p[0]), max(b.Y2, p[1])}
		}
		if got := same.bounds(); !near(got.X1, b.X1) || !near(got.Y1, b.Y1) || !near(got.X2, b.X2) || !near(got.Y2, b.Y2) {
			t.Errorf("%+v: bounds %v, those of the corners are %v", same, got, b)
		}
	}
}

// TestSuppressTurned holds the suppression against all pairs: a candidate goes if a better
// one of its class is as alike as asked for, even one that goes itself.
func TestSuppressTurned(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, iou := range []float64{0, 0.1, 0.45, 0.7, 1} {
		var all []candidate
		for i := range 400 {
			box := turned{x: 200 * rng.Float64(), y: 200 * rng.Float64(), w: 5 + 60*rng.Float64(), h: 5 + 20*rng.Float64(), angle: 4 * rng.Float64()}
			if i%3 == 0 && i > 0 { // near another
				box = *all[rng.IntN(i)].turned
				box.x, box.angle = box.x+4*rng.Float64(), box.angle+0.1*rng.Float64()
			}
			all = append(all, candidate{row: i, class: rng.IntN(3), turned: &box})
		}
		for _, agnostic := range []bool{false, true} {
			var want, got []int
			for i, c := range all {
				if !slices.ContainsFunc(all[:i], func(b candidate) bool {
					return (agnostic || b.class == c.class) && c.turned.gauss().probIoU(b.turned.gauss()) >= iou
				}) {
					want = append(want, i)
				}
			}
			for _, c := range suppressTurned(all, iou, agnostic) {
				got = append(got, c.row)
			}
			if !slices.Equal(got, want) {
				t.Errorf("IoU %v, classes alike: %v: kept %v, want %v", iou, agnostic, got, want)
			}
		}
	}
}

// TestTurnedOptions: what is asked for is done with boxes at an angle too, or refused.
func TestTurnedOptions(t *testing.T) {
	out := make([]float32, 7*84) // two classes
	set := func(cell int, v ...float32) {
		for k, x := range v {
			out[k*84+cell] = x
		}
	}
	set(3, 32, 32, 30, 10, 0.9, 0, 0.5)
	set(4, 33, 32, 30, 10, 0.8, 0, 0.5)                    // the same object
	set(5, 32, 32, 30, 10, 0.7, 0, 0.5+math.Pi/2)          // across it
	set(6, 32, 32, 30, 10, 0, 0.6, 0.5)                    // of another class
	set(7, 20, 20, 30, 10, 0.95, 0, float32(math.NaN()))   // nothing
	set(8, 20, 20, 30, float32(math.Inf(1)), 0.95, 0, 0.5) // nothing
	outputs := []Output{{"o", tensor.Of(out, 1, 7, 84)}}
	for _, c := range []struct {
		opts []Option
		want []float64
	}{
		{nil, []float64{0.9, 0.7, 0.6}},
		{[]Option{IoU(0.1)}, []float64{0.9, 0.6}},
		{[]Option{IoU(1)}, []float64{0.9, 0.8, 0.7, 0.6}},
		{[]Option{ClassAgnostic()}, []float64{0.9, 0.7}},
		{[]Option{Classes("1")}, []float64{0.6}},
		{[]Option{Max(1)}, []float64{0.9}},
	} {
		objects, err := Decode("yolo11-obb", outputs, plain(64, 64), nil, c.opts...)
		var got []float64
		for _, o := range objects {
			got = append(got, math.Round(o.Score*100)/100)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("scores %v (%v), want %v", got, err, c.want)
		}
	}
	if _, err := Decode("yolov8obb", outputs, plain(64, 64), nil, Soft(0.5)); err == nil {
		t.Error("soft suppression was not refused")
	}
}
