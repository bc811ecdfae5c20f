package detect

import (
	"math"
	"slices"
)

// turned is a rectangle at an angle: its centre, its sides, and the angle in radians,
// clockwise as y points down, by which its width is turned from the horizontal.
type turned struct{ x, y, w, h, angle float64 }

// corners are the four corners in the order of Ultralytics' xyxyxyxy (ops.py,
// regularize_rboxes and xywhr2xyxyxyxy): the angle is brought to 0 up to 90 degrees by
// exchanging the sides, then the far ends of both half sides are added, then only the
// first, none, only the second.
func (t turned) corners() [][2]float64 {
	angle := math.Mod(math.Mod(t.angle, math.Pi)+math.Pi, math.Pi)
	if angle >= math.Pi/2 {
		t.w, t.h, angle = t.h, t.w, angle-math.Pi/2
	}
	sin, cos := math.Sincos(angle)
	ax, ay, bx, by := t.w/2*cos, t.w/2*sin, -t.h/2*sin, t.h/2*cos
	return [][2]float64{
		{t.x + ax + bx, t.y + ay + by},
		{t.x + ax - bx, t.y + ay - by},
		{t.x - ax - bx, t.y - ay - by},
		{t.x - ax + bx, t.y - ay + by},
	}
}

// bounds is the upright box around the corners.
func (t turned) bounds() Box {
	sin, cos := math.Sincos(t.angle)
	sin, cos = math.Abs(sin), math.Abs(cos)
	return centred(t.x, t.y, t.w*cos+t.h*sin, t.w*sin+t.h*cos)
}

// gauss is the normal distribution that has the mean and the covariances of a point
// drawn evenly from a rectangle at an angle.
type gauss struct{ x, y, xx, yy, xy float64 }

func (t turned) gauss() gauss {
	sin, cos := math.Sincos(t.angle)
	w, h := t.w*t.w/12, t.h*t.h/12
	return gauss{t.x, t.y, w*cos*cos + h*sin*sin, w*sin*sin + h*cos*cos, (w - h) * cos * sin}
}

// probIoU is how alike two distributions are, 0 to 1: one minus the Hellinger distance.
// Murrugarra-Llerena et al. 2021, "Gaussian Bounding Boxes and Probabilistic
// Intersection-over-Union for Object Detection". The tiny numbers are those of
// Ultralytics' metrics.py, batch_probiou.
func (g gauss) probIoU(o gauss) float64 {
	const tiny = 1e-7
	xx, yy, xy, dx, dy := g.xx+o.xx, g.yy+o.yy, g.xy+o.xy, g.x-o.x, g.y-o.y
	det := xx*yy - xy*xy
	own := max(g.xx*g.yy-g.xy*g.xy, 0) * max(o.xx*o.yy-o.xy*o.xy, 0)
	apart := (xx*dy*dy+yy*dx*dx)/(det+tiny)/4 - xy*dx*dy/(det+tiny)/2
	shape := math.Log(det/(4*math.Sqrt(own)+tiny)+tiny) / 2
	bhattacharyya := min(max(apart+shape, tiny), 100)
	return 1 - math.Sqrt(1-math.Exp(-bhattacharyya)+tiny)
}

// suppressTurned drops each candidate that is as alike a better one of its class as
// iou says, or more, whether or not that one is dropped itself: Ultralytics' fast_nms
// (nms.py), after Bolya et al. 2019, "YOLACT". The candidates come best first.
func suppressTurned(all []candidate, iou float64, agnostic bool) []candidate {
	// By the distance of their centres alone two of these are at least d²/4 divided by the
	// sum of all variances apart. Where that is too much already, the rest need not be known.
	far := -4 * math.Log(1-(1-iou)*(1-iou))
	better := map[int][]gauss{}
	var kept []candidate
	for _, c := range all {
		g, class := c.turned.gauss(), c.class
		if agnostic {
			class = 0
		}
		if !slices.ContainsFunc(better[class], func(b gauss) bool {
			dx, dy := g.x-b.x, g.y-b.y
			return dx*dx+dy*dy <= far*(g.xx+g.yy+b.xx+b.yy) && g.probIoU(b) >= iou
		}) {
			kept = append(kept, c)
		}
		better[class] = append(better[class], g)
	}
	return kept
}
