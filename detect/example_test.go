package detect_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// Finds people and cars. The model is fetched where it is not in the cache, so
// this example is not run as a test.
func ExampleImage() {
	m, err := zoo.Load("yolox-nano")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	img, err := vision.Open("street.jpg")
	if err != nil {
		log.Fatal(err)
	}
	objects, err := detect.Image(m, img, detect.Score(0.5), detect.Classes("person", "car"))
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range objects {
		fmt.Printf("%s %.0f %% at %v\n", o.Label, 100*o.Score, o.Box)
	}
}

// Draws what was found. New chooses the head once for many pictures.
func ExampleDetector() {
	m, err := zoo.Load("yolox-nano")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	d, err := detect.New(m)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"street.jpg", "park.jpg"} {
		img, err := vision.Open(name)
		if err != nil {
			log.Fatal(err)
		}
		objects, err := d.Image(context.Background(), img)
		if err != nil {
			log.Fatal(err)
		}
		marked, err := vision.Draw(img, d.Marks(objects))
		if err != nil {
			log.Fatal(err)
		}
		if err := marked.Save("marked-" + name); err != nil {
			log.Fatal(err)
		}
	}
}

// Labels each pixel and prints how much of the picture each class takes.
func ExampleSegment() {
	m, err := zoo.Load("fcn-resnet50")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	img, err := vision.Open("street.jpg")
	if err != nil {
		log.Fatal(err)
	}
	classes, err := detect.Segment(m, img)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range classes.Shares() {
		fmt.Printf("%5.1f %% %s\n", 100*s.Share, s.Label)
	}
}

// mine is a detector of one's own, here a network that finds a face in the middle
// of every picture.
type mine struct {
	session *engine.Session
	encoder *vision.Encoder
}

func (m mine) Session() *engine.Session { return m.session }
func (m mine) Encoder() *vision.Encoder { return m.encoder }
func (m mine) Labels() *label.Set       { return label.New("faces", label.Background, "face") }

// A model need not come from the zoo: a network, an encoder and labels will do.
func ExampleModel() {
	b := ir.NewBuilder(21)
	b.Input("picture", tensor.Float32, ir.Dims(1, 3, 240, 320))
	b.Output("scores", b.Node("Identity", []*ir.Value{b.Const("s", tensor.Of([]float32{0.01, 0.99}, 1, 1, 2))}))
	b.Output("boxes", b.Node("Identity", []*ir.Value{b.Const("b", tensor.Of([]float32{0.25, 0.25, 0.75, 0.75}, 1, 1, 4))}))
	network, err := b.Model()
	if err != nil {
		log.Fatal(err)
	}
	session, err := engine.OpenModel(network)
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	recipe, err := vision.Named("ultraface320")
	if err != nil {
		log.Fatal(err)
	}
	encoder, err := vision.NewEncoder(recipe)
	if err != nil {
		log.Fatal(err)
	}
	objects, err := detect.Image(mine{session, encoder}, vision.NewImage(640, 480), detect.Head("ultraface"))
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range objects {
		fmt.Printf("%s %.2f %v\n", o.Label, o.Score, o.Box)
	}
	// Output: face 0.99 {160 120 480 360}
}

func ExampleNMS() {
	boxes := []detect.Box{{X1: 0, Y1: 0, X2: 10, Y2: 10}, {X1: 1, Y1: 0, X2: 11, Y2: 10}, {X1: 50, Y1: 50, X2: 60, Y2: 60}}
	fmt.Println(detect.NMS(boxes, []float64{0.8, 0.9, 0.5}, 0.45))
	// Output: [1 2]
}

// A picture of 640 x 480 was stretched to the network's 320 x 240.
func ExampleDecode() {
	g := vision.Geometry{Width: 640, Height: 480, InputWidth: 320, InputHeight: 240, ScaleX: 0.5, ScaleY: 0.5, ResizedWidth: 320, ResizedHeight: 240}
	out := []detect.Output{
		{Name: "scores", Tensor: tensor.Of([]float32{0.01, 0.99}, 1, 1, 2)},
		{Name: "boxes", Tensor: tensor.Of([]float32{0.25, 0.25, 0.5, 0.75}, 1, 1, 4)},
	}
	objects, err := detect.Decode("ultraface", out, g, label.New("faces", label.Background, "face"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %.2f %v\n", objects[0].Label, objects[0].Score, objects[0].Box)
	// Output: face 0.99 {160 120 320 360}
}

func ExampleMask() {
	m, err := detect.MaskOfPolygons([][]float64{{1, 1, 4, 1, 4, 3, 1, 3}}, 6, 4)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Area(), m.Bounds(), m.RLE(), m.Polygons())
	// Output: 6 {1 1 4 3} 5220007 [[1 1 4 1 4 3 1 3]]
}

// A model found the only object, but too far right: the boxes have an IoU of 34/46,
// which is enough at five of the ten thresholds from 0.50 to 0.95.
func ExampleEvaluateCOCO() {
	truth, err := detect.ReadCOCOTruth(strings.NewReader(`{"images":[{"id":1,"width":100,"height":100}],"categories":[{"id":18,"name":"dog"}],
		"annotations":[{"image_id":1,"category_id":18,"bbox":[10,10,40,40],"area":1600}]}`))
	if err != nil {
		log.Fatal(err)
	}
	results, err := detect.ReadCOCOResults(strings.NewReader(`[{"image_id":1,"category_id":18,"bbox":[16,10,40,40],"score":0.9}]`))
	if err != nil {
		log.Fatal(err)
	}
	metrics, err := detect.EvaluateCOCO(truth, results, detect.COCOBoxes)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range metrics[:3] {
		fmt.Printf("%s at IoU %s: %.2f\n", m.Name, m.IoU, m.Value)
	}
	// Output:
	// AP at IoU 0.50:0.95: 0.50
	// AP50 at IoU 0.50: 1.00
	// AP75 at IoU 0.75: 0.00
}
