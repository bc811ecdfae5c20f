package detect_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
)

// torchvision's detectors, exported with random weights, against torch's own
// answers: $VISION_EXPORTS is a folder of NAME.onnx with NAME.npz and NAME.alt.npz
// (another picture size). Boxes that torch lists must come back, in its order
// where scores differ, masks and keypoints with them.
func TestTorchvisionExports(t *testing.T) {
	dir := os.Getenv("VISION_EXPORTS")
	if dir == "" {
		t.Skip("VISION_EXPORTS names no folder of exported networks; export_models.py makes one")
	}
	for _, name := range []string{"maskrcnn_resnet50_fpn", "fasterrcnn_mobilenet_v3_large_320_fpn", "retinanet_resnet50_fpn", "ssd300_vgg16",
		"ssdlite320_mobilenet_v3_large", "keypointrcnn_resnet50_fpn", "fcos_resnet50_fpn"} {
		if _, err := os.Stat(filepath.Join(dir, name+".onnx")); err != nil {
			continue
		}
		m := load(t, filepath.Join(dir, name+".onnx"))
		for _, golden := range []string{name + ".npz", name + ".alt.npz"} {
			t.Run(golden, func(t *testing.T) { compareExport(t, m, filepath.Join(dir, golden)) })
		}
	}
}

func compareExport(t *testing.T, m detect.Model, golden string) {
	f, err := os.Open(golden)
	if err != nil {
		t.Skipf("%v; export_models.py makes it", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	npz, err := tensor.ReadNpz(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	x := npz["image"]
	g := vision.Geometry{Width: x.Dim(2), Height: x.Dim(1), InputWidth: x.Dim(2), InputHeight: x.Dim(1), ScaleX: 1, ScaleY: 1, ResizedWidth: x.Dim(2), ResizedHeight: x.Dim(1)}
	d, err := detect.New(m, detect.Score(0), detect.Max(1000))
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Tensor(context.Background(), x, g)
	if err != nil {
		t.Fatal(err)
	}
	scores, boxes, labels := tensor.Data[float32](npz["scores"]), tensor.Data[float32](npz["boxes"]), tensor.Data[int64](npz["labels"])
	order := make([]int, 0, len(scores)) // torch keeps boxes without an area, and FCOS its levels' order
	for i := range scores {
		if b := boxes[4*i:]; b[2] > b[0] && b[3] > b[1] {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(math.Copysign(1, float64(scores[b]-scores[a]))) })
	if len(got) != len(order) {
		t.Fatalf("%d objects, torch has %d", len(got), len(order))
	}
	used := make([]bool, len(order))
	for k, o := range got {
		found := -1
		for at, i := range order {
			b := boxes[4*i:]
			far := max(math.Abs(o.Box.X1-float64(b[0])), math.Abs(o.Box.Y1-float64(b[1])), math.Abs(o.Box.X2-float64(b[2])), math.Abs(o.Box.Y2-float64(b[3])))
			if !used[at] && far < 0.1 && o.Class == int(labels[i]) && math.Abs(o.Score-float64(scores[i])) < 1e-3 {
				found, used[at] = i, true
				break
			}
		}
		if found < 0 {
			t.Errorf("object %d: %v %.4f %v is none of torch's", k, o.Class, o.Score, o.Box)
			continue
		}
		compareParts(t, k, o, npz, found)
	}
}

// compareParts compares masks, over pixels whose probability is not near a half,
// and keypoints.
func compareParts(t *testing.T, k int, o detect.Object, npz map[string]*tensor.Tensor, i int) {
	if masks := npz["masks"]; masks != nil && !onEdge(tensor.Data[float32](npz["boxes"])[4*i:][:4]) {
		h, w := masks.Dim(2), masks.Dim(3)
		p := tensor.Data[float32](masks)[i*h*w : (i+1)*h*w]
		mine := make([]byte, h*w)
		pic := o.Mask.Picture()
		for y := range pic.Height {
			copy(mine[(pic.Top+y)*w+pic.Left:], pic.Pix[y*pic.Width:(y+1)*pic.Width])
		}
		for at, v := range p {
			if math.Abs(float64(v)-0.5) > 1e-3 && (mine[at] != 0) != (v > 0.5) {
				t.Errorf("object %d: its mask differs at %d, %d, where torch has %.3f", k, at%w, at/w, v)
				return
			}
		}
	}
	if points := npz["keypoints"]; points != nil {
		n := points.Dim(1)
		wrong := 0
		for j, q := range o.Keypoints {
			v := tensor.Data[float32](points)[(i*n+j)*3:]
			if math.Hypot(q.X-float64(v[0]), q.Y-float64(v[1])) > 0.05 {
				wrong++ // two cells of a heatmap may tie
			}
		}
		if wrong > 1 {
			t.Errorf("object %d: %d keypoints differ from torch's", k, wrong)
		}
	}
}

// onEdge reports whether torchvision's pasting, which makes the box a 28th larger
// and cuts its sides to whole pixels, would put the mask elsewhere for a box that
// is a fiftieth of a pixel off.
func onEdge(b []float32) bool {
	for k := range 2 {
		middle, half := float64(b[k]+b[k+2])/2, float64(b[k+2]-b[k])/2*30/28
		for _, side := range []float64{middle - half, middle + half} {
			if math.Abs(side-math.Round(side)) < 0.02 {
				return true
			}
		}
	}
	return false
}
