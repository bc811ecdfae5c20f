package detect

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/spent"
	"github.com/visionzoo/vision/vision"
)

// plain is a picture that was encoded as it is.
func plain(width, height int) vision.Geometry {
	return vision.Geometry{Width: width, Height: height, InputWidth: width, InputHeight: height, ScaleX: 1, ScaleY: 1, ResizedWidth: width, ResizedHeight: height}
}

// letterboxed is a picture of 200 x 100 in the middle of an input of 64 x 64,
// scaled by 0.32 with 16 rows above.
func letterboxed() vision.Geometry {
	return vision.Geometry{Width: 200, Height: 100, InputWidth: 64, InputHeight: 64, ScaleX: 0.32, ScaleY: 0.32, ResizedWidth: 64, ResizedHeight: 32, PadTop: 16}
}

// floats is an output of the given shape with some values set.
func floats(name string, shape []int, set map[int]float32) Output {
	t := tensor.New(tensor.Float32, shape...)
	for i, v := range set {
		tensor.Data[float32](t)[i] = v
	}
	return Output{name, t}
}

func keypoint(x, y, score float64) Keypoint { return Keypoint{X: x, Y: y, Score: score} }

func logit(p float64) float32 { return float32(math.Log(p / (1 - p))) }

// headCase is outputs that stand for one object, worked out by hand.
type headCase struct {
	head string
	g    vision.Geometry
	out  []Output
	want Object
}

func headCases() []headCase {
	boxOf := func(v ...float32) Output { return Output{"boxes", tensor.Of(v, len(v)/4, 4)} }
	lnf := func(v float64) float32 { return float32(math.Log(v)) }
	var all []headCase
	add := func(head string, g vision.Geometry, want Object, out ...Output) {
		all = append(all, headCase{head, g, out, want})
	}

	// 64 x 64 has 8*8 + 4*4 + 2*2 cells; cell 64+4+2 is row 1, column 2 of stride 16.
	at := (64 + 4 + 2) * 7
	add("yolox", letterboxed(), Object{Class: 1, Score: 0.9 * 0.8, Box: Box{(40 - 8) / 0.32, (24 - 4 - 16) / 0.32, (40 + 8) / 0.32, (24 + 4 - 16) / 0.32}},
		floats("o", []int{1, 84, 7}, map[int]float32{at: 0.5, at + 1: 0.5, at + 2: lnf(1), at + 3: lnf(0.5), at + 4: 0.9, at + 6: 0.8}))
	add("yolox", plain(64, 64), Object{Class: 0, Score: 0.72, Box: Box{20, 22, 60, 42}}, // decoded in the graph
		floats("o", []int{1, 84, 7}, map[int]float32{at: 40, at + 1: 32, at + 2: 40, at + 3: 20, at + 4: 0.9, at + 5: 0.8}))

	add("yolov5", plain(64, 64), Object{Class: 1, Score: 0.72, Box: Box{20, 22, 60, 42}},
		floats("o", []int{1, 252, 7}, map[int]float32{at: 40, at + 1: 32, at + 2: 40, at + 3: 20, at + 4: 0.9, at + 6: 0.8}))
	add("yolov8", plain(64, 64), Object{Class: 1, Score: 0.8, Box: Box{20, 22, 60, 42}},
		floats("o", []int{1, 6, 84}, map[int]float32{7: 40, 84 + 7: 32, 168 + 7: 40, 252 + 7: 20, 336 + 7: 0.5, 420 + 7: 0.8}))
	pose := map[int]float32{7: 40, 84 + 7: 32, 168 + 7: 40, 252 + 7: 20, 336 + 7: 0.75}
	points := make([]Keypoint, 17)
	for p := range points {
		points[p] = Keypoint{X: float64(p + 1), Y: float64(p + 2), Score: 0.5}
		pose[(5+3*p)*84+7], pose[(6+3*p)*84+7], pose[(7+3*p)*84+7] = float32(p+1), float32(p+2), 0.5
	}
	add("yolov8pose", plain(64, 64), Object{Class: 0, Score: 0.75, Box: Box{20, 22, 60, 42}, Keypoints: points}, floats("o", []int{1, 56, 84}, pose))
	// 40 x 20, turned until a step of 4 to the right is one of 3 down, and given as 20 x 40 turned
	// by a right angle less: half sides of (16, 12) and (-6, 8). In the letterbox a pixel is 3.125 wide.
	add("yolov8obb", plain(64, 64), Object{Class: 1, Score: 0.8, Box: Box{18, 12, 62, 52}, Corners: [][2]float64{{50, 52}, {62, 36}, {30, 12}, {18, 28}}},
		floats("o", []int{1, 7, 84}, map[int]float32{7: 40, 84 + 7: 32, 168 + 7: 20, 252 + 7: 40, 336 + 7: 0.5, 420 + 7: 0.8, 504 + 7: float32(math.Atan2(3, 4) - math.Pi/2)}))
	// The diagonals of this square lie along the axes: 25 pixels of the original from its centre.
	add("yolo26obb", letterboxed(), Object{Class: 3, Score: 0.5, Box: Box{75, 25, 125, 75}, Corners: [][2]float64{{100, 75}, {125, 50}, {100, 25}, {75, 50}}},
		floats("o", []int{1, 300, 7}, map[int]float32{14: 32, 15: 32, 16: 8 * math.Sqrt2, 17: 8 * math.Sqrt2, 18: 0.5, 19: 3, 20: 3 * math.Pi / 4}))
	add("yolov10", plain(64, 64), Object{Class: 3, Score: 0.5, Box: Box{1, 2, 30, 40}},
		floats("o", []int{1, 300, 6}, map[int]float32{12: 1, 13: 2, 14: 30, 15: 40, 16: 0.5, 17: 3}))

	// A bin of 8 that stands out by 50 is the mean; stride 16, cell (2, 1), whose
	// centre is at (40, 24) and whose corner, the point of NanoDet-Plus, at (32, 16).
	nano := map[int]float32{}
	for side, bin := range []int{1, 0, 2, 1} {
		nano[6*32+side*8+bin] = 50
	}
	add("nanodet", plain(64, 64), Object{Class: 2, Score: 0.6, Box: Box{40 - 16, 24, 64, 24 + 16}},
		floats("cls_pred_stride_16", []int{1, 16, 3}, map[int]float32{6*3 + 2: 0.6}), floats("dis_pred_stride_16", []int{1, 16, 32}, nano))
	plus, row := map[int]float32{}, (64+6)*35 // 64, 16, 4 and 1 cells
	for k, v := range nano {
		plus[row+3+k-6*32] = v
	}
	plus[row+2] = 0.6
	add("nanodet", plain(64, 64), Object{Class: 2, Score: 0.6, Box: Box{32 - 16, 16, 64, 16 + 16}}, floats("output", []int{1, 85, 35}, plus))
	low := map[int]float32{} // an input of 7 rows of 8 pixels: 56, 16, 4 and 1 cells
	for k, v := range plus {
		low[k-8*35] = v
	}
	add("nanodet", plain(64, 56), Object{Class: 2, Score: 0.6, Box: Box{32 - 16, 16, 64, 16 + 16}}, floats("output", []int{1, 77, 35}, low))

	add("ultraface", letterboxed(), Object{Class: 1, Score: 0.9, Box: Box{50, 0, 150, 50}},
		floats("scores", []int{1, 3, 2}, map[int]float32{3: 0.9}), floats("boxes", []int{1, 3, 4}, map[int]float32{4: 0.25, 5: 0.1, 6: 0.75, 7: 0.5}))

	yu := func(stride, n int, hit bool) []Output {
		set := [4]map[int]float32{{}, {}, {}, {}}
		if hit { // the first cell
			set = [4]map[int]float32{{0: 0.81}, {0: 1}, {0: 1, 1: 1, 2: lnf(2), 3: lnf(2)}, {0: 0.5, 1: 0.25}}
		}
		return []Output{floats(fmt.Sprintf("cls_%d", stride), []int{1, n, 1}, set[0]), floats(fmt.Sprintf("obj_%d", stride), []int{1, n, 1}, set[1]),
			floats(fmt.Sprintf("bbox_%d", stride), []int{1, n, 4}, set[2]), floats(fmt.Sprintf("kps_%d", stride), []int{1, n, 10}, set[3])}
	}
	add("yunet", plain(64, 64), Object{Class: 0, Score: 0.9, Box: Box{0, 0, 32, 32}, Keypoints: []Keypoint{keypoint(8, 4, 1), keypoint(0, 0, 1), keypoint(0, 0, 1), keypoint(0, 0, 1), keypoint(0, 0, 1)}},
		append(append(yu(8, 64, false), yu(16, 16, true)...), yu(32, 4, false)...)...)

	labels, scores := Output{"labels", tensor.Of([]int64{7, 3}, 2)}, Output{"scores", tensor.Of([]float32{0.25, 0.75}, 2)}
	rcnn := Object{Class: 3, Score: 0.75, Box: Box{10, 20, 30, 40}}
	add("fasterrcnn", plain(64, 64), rcnn, boxOf(1, 2, 3, 4, 10, 20, 30, 40), labels, scores)
	mask := make([]float32, 2*28*28)
	for i := range 28 * 14 { // the upper half of the second
		mask[28*28+i] = 1
	}
	masked := rcnn
	masked.Mask = maskOf(64, 64, 10, 20, 30, 30, func(int, int) bool { return true })
	add("maskrcnn", plain(64, 64), masked, boxOf(1, 2, 3, 4, 10, 20, 30, 40), labels, scores, Output{"6887", tensor.Of(mask, 2, 1, 28, 28)})
	whole := make([]float32, 2*64*64)
	for y := 20; y < 30; y++ {
		for x := 10; x < 30; x++ {
			whole[(64+y)*64+x] = 0.75
		}
	}
	add("torchvision", plain(64, 64), masked, boxOf(1, 2, 3, 4, 10, 20, 30, 40), labels, scores, Output{"masks", tensor.Of(whole, 2, 1, 64, 64)})
	posed := rcnn
	posed.Keypoints = []Keypoint{keypoint(12, 22, 5.5), keypoint(15, 30, -1)}
	add("torchvision", plain(64, 64), posed, boxOf(1, 2, 3, 4, 10, 20, 30, 40), labels, scores,
		Output{"keypoints", tensor.Of([]float32{0, 0, 0, 0, 0, 0, 12, 22, 1, 15, 30, 1}, 2, 2, 3)}, Output{"keypoints_scores", tensor.Of([]float32{0, 0, 5.5, -1}, 2, 2)})

	// MLPerf's SSD: left, top, right, bottom in fractions; TensorFlow's: the top first,
	// as the zoo's SSD-MobileNetV1 README draws them.
	add("ssd", plain(64, 32), Object{Class: 3, Score: 0.75, Box: Box{16, 8, 48, 24}},
		floats("bboxes", []int{1, 1, 4}, map[int]float32{0: 0.25, 1: 0.25, 2: 0.75, 3: 0.75}), Output{"labels", tensor.Of([]int64{3}, 1, 1)}, Output{"scores", tensor.Of([]float32{0.75}, 1, 1)})
	add("ssd_mobilenet", plain(64, 32), Object{Class: 18, Score: 0.75, Box: Box{16, 0, 48, 16}},
		floats("detection_boxes:0", []int{1, 2, 4}, map[int]float32{1: 0.25, 2: 0.5, 3: 0.75, 6: 1, 7: 1}), floats("detection_classes:0", []int{1, 2}, map[int]float32{0: 18, 1: 4}),
		floats("detection_scores:0", []int{1, 2}, map[int]float32{0: 0.75, 1: 0.75}), floats("num_detections:0", []int{1}, map[int]float32{0: 1}))

	// Level 8: the anchor 0 of cell (3, 2) is a square of 32 about (28, 20); class 1
	// of 2.
	retina := []Output{}
	for i, s := range []int{8, 4, 2, 1, 1} {
		set := map[int]float32{}
		if i == 0 {
			set[64+2*8+3] = 0.6
		}
		retina = append(retina, floats(fmt.Sprint("c", i), []int{1, 18, s, s}, set))
	}
	for i, s := range []int{8, 4, 2, 1, 1} {
		retina = append(retina, floats(fmt.Sprint("b", i), []int{1, 36, s, s}, nil))
	}
	add("retinanet", plain(64, 64), Object{Class: 1, Score: 0.6, Box: Box{28 - 16, 20 - 16, 28 + 16, 20 + 16}}, retina...)

	// Anchor 1 of cell (1, 0) of 2 x 2; 25 numbers an anchor. The zoo's README names
	// machinethink.net's "Real-time object detection with YOLO" for the arithmetic, and
	// pytorch-yolo2's get_region_boxes for the network with 80 classes.
	v2 := map[int]float32{}
	for k, v := range map[int]float32{2: lnf(0.25), 3: lnf(0.25), 4: logit(0.9), 5 + 6: 50} {
		v2[(25+k)*4+1] = v
	}
	add("tinyyolov2", plain(64, 64), Object{Class: 6, Score: 0.9, Box: centred(48, 16, 3.42*8, 4.41*8).Intersect(Box{0, 0, 64, 64})}, floats("grid", []int{1, 125, 2, 2}, v2))
	v2c := map[int]float32{}
	for k, v := range map[int]float32{2: lnf(0.25), 3: lnf(0.25), 4: logit(0.9), 5 + 6: 50} {
		v2c[(85+k)*4+1] = v
	}
	add("yolov2", plain(64, 64), Object{Class: 6, Score: 0.9, Box: centred(48, 16, 1.87446*8, 2.06253*8)}, floats("218", []int{1, 425, 2, 2}, v2c))

	// The zoo's YOLOv3 README: choices are batch, class and box; boxes are keras-yolo3's,
	// the top first, in the original's pixels.
	picks := Output{"yolonms_layer_1:2", tensor.Of([]int32{0, 2, 1, -1, -1, -1}, 1, 2, 3)}
	v3 := []Output{floats("yolonms_layer_1", []int{1, 3, 4}, map[int]float32{4: 10, 5: 20, 6: 30, 7: 60}), floats("yolonms_layer_1:1", []int{1, 80, 3}, map[int]float32{7: 0.5}), picks}
	add("yolov3", letterboxed(), Object{Class: 2, Score: 0.5, Box: Box{20, 10, 60, 30}}, v3...)
	add("tinyyolov3", letterboxed(), Object{Class: 2, Score: 0.5, Box: Box{20, 10, 60, 30}}, v3...)

	// Stride 16, cell (2, 1), anchor 1 (76 x 55); the middle of the cell. By
	// postprocess_bbbox of the zoo's YOLOv4 README.
	v4 := map[int]float32{}
	for k, v := range map[int]float32{2: lnf(0.5), 3: lnf(0.2), 4: 0.9, 5 + 1: 0.5} {
		v4[((1*4+2)*3+1)*7+k] = v
	}
	add("yolov4", plain(64, 64), Object{Class: 1, Score: 0.45, Box: centred(40, 24, 38, 11).Intersect(Box{0, 0, 64, 64})},
		floats("a", []int{1, 8, 8, 3, 7}, nil), floats("b", []int{1, 4, 4, 3, 7}, v4), floats("c", []int{1, 2, 2, 3, 7}, nil))

	// DETR's PostProcess: softmax over all but the last class; RT-DETR's: sigmoids.
	query := floats("pred_boxes", []int{1, 2, 4}, map[int]float32{4: 0.5, 5: 0.5, 6: 0.5, 7: 0.25})
	add("detr", letterboxed(), Object{Class: 1, Score: 1 / (1 + 2*math.Exp(-3)), Box: Box{50, 25, 150, 75}},
		floats("logits", []int{1, 2, 3}, map[int]float32{2: 9, 4: 3}), query)
	add("rtdetr", letterboxed(), Object{Class: 1, Score: 0.8, Box: Box{50, 25, 150, 75}},
		floats("logits", []int{1, 2, 2}, map[int]float32{0: -9, 1: -9, 2: -9, 3: logit(0.8)}), query)
	add("rtdetr", letterboxed(), Object{Class: 3, Score: 0.75, Box: Box{10, 20, 30, 40}},
		Output{"labels", tensor.Of([]int64{3}, 1, 1)}, Output{"boxes", tensor.Of([]float32{10, 20, 30, 40}, 1, 1, 4)}, Output{"scores", tensor.Of([]float32{0.75}, 1, 1)})
	return all
}

// TestRetinaAnchors compares with the anchors that extras/cppapi/export.cpp of
// NVIDIA's retinanet-examples 19.04 spells out, which end in the last pixel.
func TestRetinaAnchors(t *testing.T) {
	for stride, list := range map[float64][]float64{
		8: {-12.0, -12.0, 19.0, 19.0, -8.0, -20.0, 15.0, 27.0, -18.0, -8.0, 25.0, 15.0,
			-16.15, -16.15, 23.15, 23.15, -11.11, -26.23, 18.11, 33.23, -23.71, -11.11, 30.71, 18.11,
			-21.39, -21.39, 28.39, 28.39, -15.04, -34.09, 22.04, 41.09, -30.92, -15.04, 37.92, 22.04},
		32: {-48.0, -48.0, 79.0, 79.0, -30.0, -76.0, 61.0, 107.0, -74.0, -28.0, 105.0, 59.0,
			-64.63, -64.63, 95.63, 95.63, -41.95, -99.91, 72.95, 130.91, -97.39, -39.43, 128.39, 70.43,
			-85.59, -85.59, 116.59, 116.59, -57.02, -130.04, 88.02, 161.04, -126.86, -53.84, 157.86, 84.84},
	} {
		got := retinaAnchors(stride)
		for i, a := range got {
			want := list[4*i:]
			b := centred(stride/2, stride/2, a[0], a[1])
			for k, v := range []float64{b.X1, b.Y1, b.X2 - 1, b.Y2 - 1} {
				if math.Abs(v-want[k]) > 0.011 {
					t.Errorf("stride %v, anchor %d: %v, want %v", stride, i, b, want[:4])
					break
				}
			}
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-3 }

func TestHeads(t *testing.T) {
	tried := map[string]bool{}
	for i, c := range headCases() {
		tried[c.head] = true
		got, err := Decode(c.head, c.out, c.g, nil)
		if err != nil || len(got) != 1 {
			t.Errorf("%d %s: %d objects, %v", i, c.head, len(got), err)
			continue
		}
		o, w := got[0], c.want
		if o.Class != w.Class || !near(o.Score, w.Score) || !near(o.Box.X1, w.Box.X1) || !near(o.Box.Y1, w.Box.Y1) || !near(o.Box.X2, w.Box.X2) || !near(o.Box.Y2, w.Box.Y2) {
			t.Errorf("%d %s: %+v, want %+v", i, c.head, o, w)
		}
		if len(o.Keypoints) != len(w.Keypoints) {
			t.Errorf("%d %s: %d keypoints, want %d", i, c.head, len(o.Keypoints), len(w.Keypoints))
			continue
		}
		for k, p := range w.Keypoints {
			if q := o.Keypoints[k]; !near(p.X, q.X) || !near(p.Y, q.Y) || !near(p.Score, q.Score) {
				t.Errorf("%d %s: point %d is %v, want %v", i, c.head, k, q, p)
			}
		}
		if len(o.Corners) != len(w.Corners) {
			t.Errorf("%d %s: corners %v, want %v", i, c.head, o.Corners, w.Corners)
			continue
		}
		for k, p := range w.Corners {
			if q := o.Corners[k]; !near(p[0], q[0]) || !near(p[1], q[1]) {
				t.Errorf("%d %s: corner %d is %v, want %v", i, c.head, k, q, p)
			}
		}
		if (o.Mask == nil) != (w.Mask == nil) || w.Mask != nil && o.Mask.IoU(w.Mask) != 1 {
			t.Errorf("%d %s: mask\n%s", i, c.head, strings.Join(drawn(o.Mask), "\n"))
		}
	}
	for _, h := range Heads() {
		if !tried[h] {
			t.Errorf("head %s has no case", h)
		}
	}
}

// Masks of Ultralytics: one prototype, positive in the left half.
func TestPrototypes(t *testing.T) {
	proto := make([]float32, 16*16)
	for i := range proto {
		proto[i] = -1
		if i%16 < 8 {
			proto[i] = 1
		}
	}
	out := []Output{
		floats("output0", []int{1, 6, 84}, map[int]float32{7: 32, 84 + 7: 32, 168 + 7: 40, 252 + 7: 20, 336 + 7: 0.9, 420 + 7: 2}),
		{"output1", tensor.Of(proto, 1, 1, 16, 16)}}
	got, err := Decode("yolov8", out, plain(64, 64), nil)
	if err != nil || len(got) != 1 || got[0].Mask == nil {
		t.Fatalf("%v, %v", got, err)
	}
	want := maskOf(64, 64, 12, 22, 32, 42, func(int, int) bool { return true })
	if got[0].Mask.IoU(want) != 1 {
		t.Errorf("\n%s", strings.Join(drawn(got[0].Mask), "\n"))
	}
	tensor.Data[float32](out[0].Tensor)[420+7] = 0 // a sum of 0 is not positive
	if got, err := Decode("yolov8", out, plain(64, 64), nil); err != nil || len(got) != 1 || got[0].Mask.Area() != 0 {
		t.Errorf("nothing of the prototype: %v, %v", got, err)
	}
}

// What TensorFlow 2 lists beside boxes, classes and scores is none of these; and four
// scores with a batch axis are no box.
func TestListing(t *testing.T) {
	row := func(name string, v ...float32) Output { return Output{name, tensor.Of(v, 1, len(v))} }
	boxes := Output{"detection_boxes", tensor.Of([]float32{0, 0, 0.5, 0.5, 0.5, 0.5, 1, 1, 0, 0.5, 0.5, 1, 0.5, 0, 1, 0.5}, 1, 4, 4)}
	out := []Output{row("detection_anchor_indices", 70, 80, 90, 100), row("detection_scores", 0.9, 0.8, 0.2, 0.1), boxes, row("detection_classes", 3, 1, 1, 1),
		floats("detection_multiclass_scores", []int{1, 4, 91}, nil), row("num_detections", 4), floats("raw_detection_boxes", []int{1, 1917, 4}, nil)}
	got, err := Decode("ssd_mobilenet", out, plain(64, 64), nil)
	if err != nil || len(got) != 2 || got[0].Class != 3 || got[1].Box != (Box{32, 32, 64, 64}) {
		t.Errorf("%v, %v", got, err)
	}
}

// With four classes, both kinds of outputs have 36 channels: boxes come second.
func TestFourClasses(t *testing.T) {
	logits := map[int]float32{}
	for i := range 36 * 4 {
		logits[i] = -9
	}
	logits[2*4+3] = 3 // anchor 0, class 2, the last cell
	small := map[int]float32{}
	for i := range 36 {
		small[i] = -9
	}
	got, err := Decode("retinanet", []Output{floats("c1", []int{1, 36, 2, 2}, logits), floats("c2", []int{1, 36, 1, 1}, small),
		floats("b1", []int{1, 36, 2, 2}, nil), floats("b2", []int{1, 36, 1, 1}, nil)}, plain(128, 128), nil)
	if err != nil || len(got) != 1 || got[0].Class != 2 || got[0].Box != (Box{0, 0, 128, 128}) {
		t.Errorf("%v, %v", got, err)
	}
}

// Anchors of 512 and 813 pixels around the only cell of 128: both are all of the
// picture, so that one suppresses the other.
func TestClippedBeforeSuppression(t *testing.T) {
	logits := map[int]float32{}
	for i := range 9 {
		logits[i] = -9
	}
	logits[0], logits[6] = 3, 2
	got, err := Decode("retinanet", []Output{floats("c", []int{1, 9, 1, 1}, logits), floats("b", []int{1, 36, 1, 1}, nil)}, plain(128, 128), nil)
	if err != nil || len(got) != 1 || got[0].Box != (Box{0, 0, 128, 128}) {
		t.Errorf("%v, %v", got, err)
	}
}

// Outputs with nonsense in them: a clean and bounded list, or one clean line.
func TestHostileOutputs(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	poison := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), -1, 0, 1, 0.5, 1e30, -1e30, 100, 1e9}
	check := func(head string, out []Output, g vision.Geometry) {
		t.Helper()
		before := spent.Time()
		got, err := Decode(head, out, g, nil, Score(0))
		if err != nil && (strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "head ")) {
			t.Errorf("%s: %v", head, err)
		}
		if took := spent.Time() - before; len(got) > 100 || took > 20*time.Second {
			t.Errorf("%s: %d objects in %v", head, len(got), took)
		}
		for _, o := range got {
			b := o.Box
			if !(o.Score >= 0 && o.Score <= 1) || !(b.X1 >= 0 && b.Y1 >= 0 && b.X2 <= float64(g.Width) && b.Y2 <= float64(g.Height) && b.X2 > b.X1 && b.Y2 > b.Y1) || o.Class < 0 {
				t.Errorf("%s: %+v", head, o)
			}
			if o.Mask != nil && o.Mask.check() != nil {
				t.Errorf("%s: %v", head, o.Mask.check())
			}
		}
	}
	for _, c := range headCases() {
		for range 20 {
			out := make([]Output, len(c.out))
			for i, o := range c.out {
				x := o.Tensor.Clone()
				if x.DType() == tensor.Float32 {
					for k := range tensor.Data[float32](x) {
						if r.IntN(3) == 0 {
							tensor.Data[float32](x)[k] = poison[r.IntN(len(poison))]
						}
					}
				} else if x.DType() == tensor.Int64 {
					tensor.Data[int64](x)[0] = math.MinInt64
				}
				out[i] = Output{o.Name, x}
			}
			check(c.head, out, c.g)
			// wrong shapes: one output is missing, or is another, or empty
			k := r.IntN(len(out))
			check(c.head, append(append([]Output{}, out[:k]...), out[k+1:]...), c.g)
			odd := [][]int{{}, {0}, {1}, {1, 0, 4}, {0, 4}, {1, 3}, {2, 84, 7}, {1, 7, 7, 7}, {1, 1, 1, 1, 1}, {3, 5}, {1, 6}, {4}, {1, 9, 0, 3}}
			out[k] = floats(out[k].Name, odd[r.IntN(len(odd))], nil)
			check(c.head, out, c.g)
		}
	}
	many := make([]float32, 1_000_000*4)
	labels, scores := make([]int64, 1_000_000), make([]float32, 1_000_000)
	for i := range scores {
		for k := range 4 {
			many[4*i+k] = float32(r.IntN(640))
		}
		scores[i] = r.Float32()
	}
	out := []Output{{"boxes", tensor.Of(many, 1_000_000, 4)}, {"labels", tensor.Of(labels, 1_000_000)}, {"scores", tensor.Of(scores, 1_000_000)}}
	check("torchvision", out, plain(640, 640))
	before := spent.Time()
	if got, err := Decode("torchvision", out, plain(640, 640), nil, Score(0), IoU(0.3)); err != nil || len(got) != 100 || spent.Time()-before > 20*time.Second {
		t.Errorf("a million candidates: %d, %v in %v", len(got), err, spent.Time()-before)
	}
	for _, o := range [][]Output{nil, {{"x", nil}}, {{"x", tensor.OfStrings([]string{"a"}, 1)}}} {
		for _, h := range Heads() {
			if _, err := Decode(h, o, plain(9, 9), nil); err == nil {
				t.Errorf("%s made something of %v", h, o)
			}
		}
		for _, h := range SegmentHeads() {
			if _, err := DecodeMap(h, o, plain(9, 9), nil); err == nil {
				t.Errorf("%s made something of %v", h, o)
			}
		}
	}
}

func info(name string, d tensor.DType, shape ...int) engine.Info {
	f := ir.Fact{DType: d}
	f.Shape.Dims = make([]ir.Dim, len(shape))
	for i, n := range shape {
		f.Shape.Dims[i].N = n
	}
	return engine.Info{Name: name, Fact: f}
}

// Names and shapes as the zoo's files and the frameworks' exports declare them.
func TestGuessHead(t *testing.T) {
	const free = -1
	f32, i64, i32 := tensor.Float32, tensor.Int64, tensor.Int32
	for want, o := range map[string]outputs{
		"yolox":         {width: 416, height: 416, all: []engine.Info{info("output", f32, 1, 3549, 85)}},
		"yolov5":        {width: 640, height: 640, all: []engine.Info{info("output0", f32, 1, 25200, 85)}},
		"yolov8":        {width: 640, height: 640, all: []engine.Info{info("output0", f32, 1, 84, 8400)}},
		"yolov8pose":    {width: 640, height: 640, all: []engine.Info{info("output0", f32, 1, 56, 8400)}},
		"yolov10":       {width: 640, height: 640, all: []engine.Info{info("output0", f32, 1, 300, 6)}},
		"fasterrcnn":    {all: []engine.Info{info("6379", f32, free, 4), info("6381", i64, free), info("6383", f32, free)}},
		"maskrcnn":      {all: []engine.Info{info("6568", f32, free, 4), info("6570", i64, free), info("6572", f32, free), info("6887", f32, free, 1, 28, 28)}},
		"torchvision":   {all: []engine.Info{info("boxes", f32, free, 4), info("scores", f32, free), info("labels", i64, free)}},
		"ssd":           {width: 1200, height: 1200, all: []engine.Info{info("bboxes", f32, 1, free, 4), info("labels", i64, 1, free), info("scores", f32, 1, free)}},
		"ssd_mobilenet": {all: []engine.Info{info("detection_boxes:0", f32, free, free, 4), info("detection_classes:0", f32, free, free), info("detection_scores:0", f32, free, free), info("num_detections:0", f32, free)}},
		"retinanet": {width: 640, height: 480, all: []engine.Info{info("output1", f32, 1, 720, 60, 80), info("output2", f32, 1, 720, 30, 40), info("output3", f32, 1, 720, 15, 20), info("output4", f32, 1, 720, 8, 10), info("output5", f32, 1, 720, 4, 5),
			info("output6", f32, 1, 36, 60, 80), info("output7", f32, 1, 36, 30, 40), info("output8", f32, 1, 36, 15, 20), info("output9", f32, 1, 36, 8, 10), info("output10", f32, 1, 36, 4, 5)}},
		"tinyyolov2": {width: 416, height: 416, all: []engine.Info{info("grid", f32, free, 125, 13, 13)}},
		"yolov2":     {width: 416, height: 416, all: []engine.Info{info("218", f32, 1, 425, 13, 13)}},
		"yolov3":     {all: []engine.Info{info("yolonms_layer_1/ExpandDims_1:0", f32, 1, free, 4), info("yolonms_layer_1/ExpandDims_3:0", f32, 1, 80, free), info("yolonms_layer_1/concat_2:0", i32, free, 3)}},
		"yolov4":     {width: 416, height: 416, all: []engine.Info{info("Identity:0", f32, free, free, free, 3, 85), info("Identity_1:0", f32, free, free, free, 3, 85), info("Identity_2:0", f32, free, free, free, 3, 85)}},
		"detr":       {all: []engine.Info{info("logits", f32, 1, 100, 92), info("pred_boxes", f32, 1, 100, 4)}},
		"rtdetr":     {width: 640, height: 640, all: []engine.Info{info("logits", f32, 1, 300, 80), info("pred_boxes", f32, 1, 300, 4)}},
		"ultraface":  {width: 320, height: 240, all: []engine.Info{info("scores", f32, 1, 4420, 2), info("boxes", f32, 1, 4420, 4)}},
		"nanodet":    {width: 320, height: 320, all: []engine.Info{info("cls_pred_stride_8", f32, 1, 1600, 80), info("dis_pred_stride_8", f32, 1, 1600, 32)}},
		"yunet":      {all: []engine.Info{info("cls_8", f32, 1, free, 1), info("obj_8", f32, 1, free, 1), info("bbox_8", f32, 1, free, 4), info("kps_8", f32, 1, free, 10)}},
	} {
		h, err := guessHead(o)
		if err != nil || h.name != want {
			t.Errorf("%s: %v, %v", want, h, err)
		}
	}
	// Ultralytics' exports for pictures of any size, and those that suppress themselves.
	ultra := func(more ...string) map[string]string {
		meta := map[string]string{"stride": "32", "names": "{0: 'person'}"}
		for i := 0; i < len(more); i += 2 {
			meta[more[i]] = more[i+1]
		}
		return meta
	}
	for _, c := range []struct {
		want string
		o    outputs
	}{
		{"yolov8", outputs{meta: ultra("task", "detect"), all: []engine.Info{info("output0", f32, free, 84, free)}}},
		{"yolov5", outputs{meta: ultra(), all: []engine.Info{info("output0", f32, free, free, 85)}}},
		{"yolov10", outputs{meta: ultra("task", "detect"), all: []engine.Info{info("output0", f32, free, 300, 6)}}},
		{"yolov10", outputs{meta: ultra("task", "detect", "end2end", "True"), all: []engine.Info{info("output0", f32, free, 300, free)}}},
		{"yolov10", outputs{meta: ultra("task", "pose", "kpt_shape", "[17, 3]", "args", "{'nms': True}"), all: []engine.Info{info("output0", f32, 1, 300, 57)}, width: 640, height: 640}},
		{"yolov8obb", outputs{meta: ultra("task", "obb"), all: []engine.Info{info("output0", f32, 1, 20, 21504)}, width: 1024, height: 1024}},
		{"yolo26obb", outputs{meta: ultra("task", "obb", "end2end", "True"), all: []engine.Info{info("output0", f32, 1, 300, 7)}, width: 1024, height: 1024}},
		{"yolov5", outputs{all: []engine.Info{info("one class", f32, 1, 3*21, 6)}, width: 32, height: 32}},
	} {
		if h, err := guessHead(c.o); err != nil || h.name != c.want {
			t.Errorf("%s %v %v: %v, %v", c.want, c.o.meta, c.o.all[0].Shape, h, err)
		}
	}
	if _, err := guessHead(outputs{all: []engine.Info{info("prob", f32, 1, 1000)}}); err == nil || !strings.Contains(err.Error(), "vision classify") {
		t.Errorf("a classifier: %v", err)
	}
	if _, err := guessHead(outputs{all: []engine.Info{info("image", f32, 1, 3, 64, 64)}}); err == nil || !strings.Contains(err.Error(), "--head") {
		t.Errorf("a network that makes pictures: %v", err)
	}
	if _, err := guessHead(outputs{all: []engine.Info{info("out", f32, 1, 21, 60, 80)}}); err == nil || !strings.Contains(err.Error(), "vision segment") {
		t.Errorf("a segmenter: %v", err)
	}
}

func TestSegmentMaps(t *testing.T) {
	// Two classes side by side in 2 x 2 cells: the border is in the middle.
	g := plain(64, 64)
	m, err := DecodeMap("fcn", []Output{floats("aux", []int{1, 1, 1, 1}, nil), {"out", tensor.Of([]float32{1, 0, 1, 0, 0, 1, 0, 1}, 1, 2, 2, 2)}}, g, label.New("x", background, "thing"))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Shares(); len(got) != 2 || got[0].Pixels != 2048 || got[1].Share != 0.5 || m.Name(1) != "thing" || !m.Background(0) || m.Class[31] != 0 || m.Class[32] != 1 {
		t.Errorf("%+v", got)
	}
	if m.Mask(1).Area() != 2048 {
		t.Errorf("the mask has %d pixels", m.Mask(1).Area())
	}
	// Names that are not those of the map's classes are refused; a map of one plane does not tell.
	three := label.New("three", "a", "b", "c")
	if _, err := DecodeMap("fcn", []Output{floats("out", []int{1, 2, 2, 2}, nil)}, g, three); err == nil || !strings.Contains(err.Error(), "the model's map has 2 classes, its label set three has 3") {
		t.Error(err)
	}
	if m, err := DecodeMap("fcn", []Output{floats("out", []int{1, 1, 2, 2}, nil)}, g, three); err != nil || m.Name(2) != "c" {
		t.Error(err)
	}
	// DUC, by the zoo's duc-postprocess.py: 8 x 8 of input is one cell of 4 x 4; the map of class 1 counts its cells.
	duc := make([]float32, 2*64)
	for i := range 64 {
		duc[i] = 0.5
	}
	duc[64+(2*4+1)*4+3] = 1 // part (2, 1) of cell (1, 1) of 2 x 2
	m, err = DecodeMap("duc", []Output{{"seg_loss", tensor.Of(duc, 1, 2, 64)}}, plain(16, 16), nil)
	if err != nil {
		t.Fatal(err)
	}
	if at := m.Mask(1).Bounds(); at != (Box{10, 12, 12, 14}) {
		t.Errorf("the cell is at %v", at)
	}
	for _, shape := range [][]int{{1, 0, 4, 4}, {1, 300, 2, 2}, {1, 2, 0, 2}, {4}, {2, 2, 2, 2, 2}} {
		if _, err := DecodeMap("fcn", []Output{floats("out", shape, nil)}, g, nil); err == nil {
			t.Errorf("%v was read", shape)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := decodeMap(ctx, &mapHeads[1], []Output{floats("out", []int{1, 2, 2, 2}, nil)}, g, nil); err == nil {
		t.Error("went on after it was cancelled")
	}
}
