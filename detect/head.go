package detect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/internal/nearest"
	"github.com/visionzoo/vision/vision"
)

// head says how to read the outputs of one family of networks.
type head struct {
	name   string
	family string // for people
	also   []string
	// decode turns outputs into candidates. f.score is the lowest score asked for;
	// a head may leave out candidates below it.
	decode func(f *frame) (found, error)
	task   string // what the outputs hold beyond boxes, as Ultralytics' metadata says it: "pose", "obb"; "": what the metadata says
	// match recognises a network's outputs by their names and declared shapes.
	match func(o outputs) bool

	suppress bool    // the network does not suppress overlapping boxes
	score    float64 // default thresholds
	iou      float64
	classes  []string // for families that know one kind of object only
}

// heads lists all heads in the order in which recognition tries them: the specific
// before the general.
var heads = []head{
	{name: "yunet", family: "YuNet, faces with five landmarks", decode: decodeYuNet, match: matchYuNet, suppress: true, score: 0.7, iou: 0.3, classes: []string{"face"}},
	{name: "nanodet", family: "NanoDet", also: []string{"nanodetplus"}, decode: decodeNanoDet, match: matchNanoDet, suppress: true, score: 0.3, iou: 0.5},
	{name: "ultraface", family: "UltraFace", decode: decodeUltraFace, match: matchUltraFace, suppress: true, score: 0.7, iou: 0.5, classes: []string{label.Background, "face"}},
	{name: "ssd", family: "SSD with ResNet-34", decode: decodeSSD, match: matchSSD, score: 0.3, iou: 0.5},
	{name: "ssd_mobilenet", family: "TensorFlow's object detection API", also: []string{"ssdmobilenet", "ssdmobilenetv1", "tensorflow"}, decode: decodeSSDMobileNet, match: matchSSDMobileNet, score: 0.3, iou: 0.5},
	{name: "torchvision", family: "torchvision's detectors", also: []string{"keypointrcnn", "ssdlite", "fcos"}, decode: decodeRCNN, match: matchTorchvision, score: 0.5, iou: 0.5},
	{name: "maskrcnn", family: "Detectron's Mask R-CNN", decode: decodeRCNN, match: matchMaskRCNN, score: 0.5, iou: 0.5},
	{name: "fasterrcnn", family: "Detectron's Faster R-CNN", also: []string{"detectron", "rcnn"}, decode: decodeRCNN, match: matchRCNN, score: 0.5, iou: 0.5},
	{name: "retinanet", family: "RetinaNet", decode: decodeRetinaNet, match: matchRetinaNet, suppress: true, score: 0.3, iou: 0.5},
	{name: "tinyyolov2", family: "Tiny YOLOv2", decode: decodeTinyYOLOv2, match: matchRegion(125), suppress: true, score: 0.3, iou: 0.45},
	{name: "yolov2", family: "YOLOv2", decode: decodeYOLOv2, match: matchRegion(425), suppress: true, score: 0.3, iou: 0.45},
	{name: "yolov3", family: "YOLOv3 with suppression in the graph", decode: decodeYOLOv3, match: matchYOLOv3, score: 0.3, iou: 0.45},
	{name: "tinyyolov3", family: "Tiny YOLOv3 with suppression in the graph", decode: decodeYOLOv3, score: 0.3, iou: 0.45},
	{name: "yolov4", family: "YOLOv4", decode: decodeYOLOv4, match: matchYOLOv4, suppress: true, score: 0.3, iou: 0.213},
	{name: "detr", family: "DETR", also: []string{"yolos"}, decode: decodeDETR, match: matchDETR, score: 0.5, iou: 0.7},
	{name: "rtdetr", family: "RT-DETR", also: []string{"rfdetr", "dfine", "deformabledetr"}, decode: decodeRTDETR, match: matchRTDETR, score: 0.5, iou: 0.7},
	{name: "yolo26obb", family: "Ultralytics YOLO26 with boxes at an angle", decode: decodeYOLOv10, task: taskAngled, match: matchYOLO26OBB, score: 0.3, iou: 0.7},
	{name: "yolov10", family: "YOLOv10", also: []string{"yolo26", "end2end"}, decode: decodeYOLOv10, match: matchYOLOv10, score: 0.3, iou: 0.7},
	{name: "yolov8pose", family: "Ultralytics YOLOv8 with keypoints", also: []string{"yolo11pose"}, decode: decodeYOLOv8, task: taskPose, match: matchYOLOv8Pose, suppress: true, score: 0.3, iou: 0.7},
	{name: "yolov8obb", family: "Ultralytics YOLOv8 with boxes at an angle", also: []string{"yolo11obb", "yolov11obb", "yolo12obb"}, decode: decodeYOLOv8, task: taskAngled, match: matchYOLOv8OBB, suppress: true, score: 0.3, iou: 0.7},
	{name: "yolov8", family: "Ultralytics YOLOv8", also: []string{"yolov9", "yolo11", "yolov11", "yolo12", "ultralytics"}, decode: decodeYOLOv8, match: matchYOLOv8, suppress: true, score: 0.3, iou: 0.7},
	{name: "yolov5", family: "Ultralytics YOLOv5", also: []string{"yolov7"}, decode: decodeYOLOv5, match: matchYOLOv5, suppress: true, score: 0.3, iou: 0.45},
	{name: "yolox", family: "YOLOX", decode: decodeYOLOX, match: matchYOLOX, suppress: true, score: 0.3, iou: 0.45},
}

// frame is what a head works on: the outputs for one picture, and where the picture
// lay in the network's input.
type frame struct {
	out    []array
	g      vision.Geometry
	score  float64
	labels *label.Set
	task   string // the head's, or that of the metadata
	meta   map[string]string
}

// found is what a head read from the outputs.
type found struct {
	candidates []candidate
	original   bool // boxes and points are in the original's pixels, not in the input's
	classes    int  // how many classes there are scores for; 0 if the outputs do not tell
	// mask makes the mask of candidate c, whose box b is in the original's pixels
	// and not yet clipped to the picture; nil if the network has no masks.
	mask func(c candidate, b Box) (*Mask, error)
}

// candidate is a possible object, which may still be dropped.
type candidate struct {
	box    Box
	score  float64
	class  int
	row    int // for the head's own use
	points []Keypoint
	turned *turned // the object's box, of which box is the bounds; nil for an upright one
}

// byName returns the output of a name, and whether there is one.
func (f *frame) byName(name string) (array, bool) {
	for _, a := range f.out {
		if a.name == name {
			return a, true
		}
	}
	return array{}, false
}

// foldHead is the form in which names of heads are compared; people write "YOLO v8".
func foldHead(name string) string { return strings.ReplaceAll(nearest.Fold(name), " ", "") }

// headNamed finds a head by its name or another that people use for it.
func headNamed(name string) (*head, bool) {
	plain := foldHead(name)
	for i := range heads {
		if strings.ReplaceAll(heads[i].name, "_", "") == plain || slices.Contains(heads[i].also, plain) {
			return &heads[i], true
		}
	}
	return nil, false
}

// findHead is headNamed with an error that says what there is.
func findHead(name string) (*head, error) {
	if h, ok := headNamed(name); ok {
		return h, nil
	}
	if _, ok := mapHeadNamed(name); ok {
		return nil, fmt.Errorf("head %q gives a map of classes, not objects; use vision segment", name)
	}
	return nil, fmt.Errorf("there is no head %.40q; heads are %s", name, strings.Join(Heads(), ", "))
}

// outputs are a network's outputs as it declares them, by which a head is
// recognised.
type outputs struct {
	all           []engine.Info
	meta          map[string]string
	width, height int // of the picture's input, 0 if the network leaves them open
}

func (o outputs) has(names ...string) bool {
	for _, n := range names {
		if o.at(n) == nil {
			return false
		}
	}
	return true
}

func (o outputs) at(name string) *engine.Info {
	for i := range o.all {
		if o.all[i].Name == name {
			return &o.all[i]
		}
	}
	return nil
}

// dims are an output's dimensions; -1 if one is open.
func dims(i engine.Info) []int {
	d := make([]int, len(i.Shape.Dims))
	for k, v := range i.Shape.Dims {
		d[k] = -1
		if v.N > 0 {
			d[k] = v.N
		}
	}
	return d
}

// recognise finds a head by the outputs.
func recognise(o outputs) (*head, bool) {
	for i := range heads {
		if heads[i].match != nil && heads[i].match(o) {
			return &heads[i], true
		}
	}
	return nil, false
}

// guessHead is recognise with an error that says what the outputs are instead.
func guessHead(o outputs) (*head, error) {
	if h, ok := recognise(o); ok {
		return h, nil
	}
	if _, ok := recogniseMap(o); ok {
		return nil, fmt.Errorf("the model gives a map of classes, not objects; use vision segment")
	}
	if o.areScores() {
		return nil, fmt.Errorf("the model gives a score for each class (%s), not objects; use vision classify", describe(o.all))
	}
	return nil, fmt.Errorf("no head recognises the model's outputs (%s); name one (--head, detect.Head): %s", describe(o.all), strings.Join(Heads(), ", "))
}

// areScores reports whether the only output is one list for each picture.
func (o outputs) areScores() bool {
	if len(o.all) != 1 {
		return false
	}
	d := dims(o.all[0])
	return len(d) >= 2 && d[1] > 1 && !slices.ContainsFunc(d[2:], func(n int) bool { return n != 1 })
}

// describe is a few outputs on one line.
func describe(all []engine.Info) string {
	var b strings.Builder
	for i, o := range all {
		if i == 4 {
			fmt.Fprintf(&b, ", and %d more", len(all)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.40q %v", o.Name, o.Fact)
	}
	return b.String()
}
