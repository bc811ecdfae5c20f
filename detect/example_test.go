package detect_test

import (
	"fmt"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
)

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
