package vision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/internal/nearest"
)

// The means and deviations that recipes share.
var (
	imagenetMean  = []float64{0.485, 0.456, 0.406}          // RGB of 0 to 1
	imagenetStd   = []float64{0.229, 0.224, 0.225}          // RGB of 0 to 1
	detectronMean = []float64{102.9801, 115.9465, 122.7717} // BGR
	caffeMean     = []float64{103.939, 116.779, 123.68}     // BGR, VGG's
)

func shorter(n int, f Filter) ResizeRule { return ResizeRule{Mode: Shorter, Width: n, Filter: f} }
func stretch(w, h int, f Filter) ResizeRule {
	return ResizeRule{Mode: Stretch, Width: w, Height: h, Filter: f}
}
func letterbox(n int, f Filter) ResizeRule {
	return ResizeRule{Mode: Letterbox, Width: n, Height: n, Filter: f}
}
func center(n int) CropRule { return CropRule{Mode: CropCenter, Width: n, Height: n} }

var per255 = Scale{1, 255}

// named lists the recipes of the model zoo and of the frameworks that people export
// from. Size follows from the rules.
var named = []Recipe{
	{Name: "none", Remark: "the picture as it is: RGB of 0 to 255"},

	{Name: "imagenet", Resize: shorter(256, Bilinear), Crop: center(224), Scale: per255, Mean: imagenetMean, Std: imagenetStd,
		Remark: "torchvision's evaluation transform, also the ONNX model zoo's README"},
	{Name: "imagenet_ort", Resize: stretch(256, 256, Linear), Crop: center(224), Scale: per255, Mean: imagenetMean, Std: imagenetStd,
		Remark: "onnxrt_inference.ipynb of the ONNX model zoo"},
	{Name: "tf", Resize: shorter(256, Bilinear), Crop: center(224), Scale: Scale{1, 127.5}, Mean: []float64{1},
		Remark: "-1 to 1, as TensorFlow's Inception and MobileNet take it"},
	{Name: "caffe", Resize: shorter(256, Bilinear), Crop: center(224), Channels: "BGR", Mean: []float64{104, 117, 123},
		Remark: "uncertain for the zoo's AlexNet, CaffeNet, R-CNN, ZFNet and VGG: their READMEs say nothing"},
	{Name: "caffe_googlenet", Resize: stretch(224, 224, Bicubic), Channels: "BGR", Mean: caffeMean,
		Remark: "GoogLeNet's README, with Pillow's default filter of today"},
	{Name: "densenet_caffe", Resize: shorter(256, Bilinear), Crop: center(224), Channels: "BGR",
		Mean: []float64{103.94, 116.78, 123.68}, Std: []float64{1 / 0.017},
		Remark: "uncertain: shicai/DenseNet-Caffe's, the zoo's README says nothing"},
	{Name: "lite4", Resize: shorter(256, Linear), Crop: CropRule{Mode: CropCenter, Width: 224, Height: 224, Truncate: true},
		Layout: "NHWC", Mean: []float64{127}, Std: []float64{128}, Remark: "EfficientNet-Lite4's README"},
	{Name: "cifar", Resize: shorter(32, Bilinear), Crop: center(32), Scale: per255,
		Mean: []float64{0.4914, 0.4822, 0.4465}, Std: []float64{0.2470, 0.2435, 0.2616}, Remark: "CIFAR-10 networks of 32x32"},
	{Name: "mnist", Resize: stretch(28, 28, Linear), Channels: "grey", Scale: per255, Remark: "white digit on black; MNIST's README"},
	{Name: "ferplus", Resize: stretch(64, 64, Lanczos), Channels: "grey", Remark: "Emotion-FERPlus' README, converted to luma"},
	{Name: "arcface", Resize: stretch(112, 112, Bilinear), Remark: "of a face that is cut out and aligned"},
	{Name: "resnet_preproc", Layout: "HWC", DType: "uint8", Remark: "the graph itself resizes, crops and normalises"},
	{Name: "superres", Resize: shorter(224, Bicubic), Crop: center(224), Channels: "grey", Scale: per255, Remark: "luma; sub_pixel_cnn_2016's README"},
	{Name: "style", Resize: stretch(224, 224, Bilinear), Remark: "fast neural style: RGB of 0 to 255 in and out"},

	{Name: "rcnn_bgr", Resize: ResizeRule{Mode: Shorter, Width: 800, Longest: 1333, Filter: Bilinear},
		Pad: PadRule{Mode: PadMultiple, Multiple: 32}, Channels: "BGR", Layout: "CHW", Mean: detectronMean,
		Remark: "Faster and Mask R-CNN's READMEs"},
	{Name: "detectron", Resize: ResizeRule{Mode: Shorter, Width: 800, Longest: 1333, Filter: Bilinear},
		Pad: PadRule{Mode: PadMultiple, Multiple: 32}, Channels: "BGR", Layout: "CHW", Mean: detectronMean,
		Remark: "maskrcnn-benchmark and its kin"},
	{Name: "torchvision_detection", Layout: "CHW", Scale: per255, Remark: "the graph itself resizes and normalises"},
	{Name: "retinanet", Resize: stretch(640, 480, Bilinear), Scale: per255, Mean: imagenetMean, Std: imagenetStd, Remark: "the zoo's export is fixed at 640x480"},
	{Name: "ssd1200", Resize: stretch(1200, 1200, Bilinear), Scale: per255, Mean: imagenetMean, Std: imagenetStd, Remark: "SSD's README"},
	{Name: "ssd_mobilenet", Layout: "NHWC", DType: "uint8", Remark: "SSD-MobileNetV1's README: any size"},
	{Name: "yolox", Resize: letterbox(416, Linear), Pad: PadRule{Mode: PadTopLeft, Value: 114}, Channels: "BGR", Remark: "YOLOX 0.1.1 and newer"},
	{Name: "ultralytics", Resize: ResizeRule{Mode: Letterbox, Width: 640, Height: 640, Round: true, Filter: Linear},
		Pad: PadRule{Mode: PadCenter, Value: 114}, Scale: per255, Remark: "detectors: YOLOv5, YOLOv8 to YOLO26"},
	{Name: "ultralytics_classify", Resize: shorter(224, Bilinear), Crop: center(224), Scale: per255, Remark: "classifiers: YOLOv8 to YOLO26; no mean or deviation"},
	{Name: "yolov2", Resize: stretch(416, 416, Bilinear), Scale: per255, Remark: "uncertain: pytorch-yolo2 feeds x/255, the zoo's README says nothing"},
	{Name: "tinyyolov2", Resize: stretch(416, 416, Bilinear), Remark: "uncertain channel order; the graph begins with its own scaling"},
	{Name: "yolov3", Resize: letterbox(416, Bicubic), Pad: PadRule{Mode: PadCenter, Value: 128}, Scale: per255, Remark: "YOLOv3's README"},
	{Name: "yolov4", Resize: letterbox(416, Linear), Pad: PadRule{Mode: PadCenter, Value: 128}, Layout: "NHWC", Scale: per255, Remark: "YOLOv4's README"},
	{Name: "nanodet", Resize: letterbox(320, Linear), Pad: PadRule{Mode: PadTopLeft, Value: 0}, Channels: "BGR",
		Mean: []float64{103.53, 116.28, 123.675}, Std: []float64{57.375, 57.12, 58.395}, Remark: "NanoDet-m"},
	{Name: "rtdetr", Resize: stretch(640, 640, Bilinear), Scale: per255, Remark: "RT-DETR"},
	{Name: "ultraface320", Resize: stretch(320, 240, Linear), Mean: []float64{127}, Std: []float64{128}, Remark: "UltraFace's README"},
	{Name: "ultraface640", Resize: stretch(640, 480, Linear), Mean: []float64{127}, Std: []float64{128}, Remark: "UltraFace's README"},
	{Name: "yunet", Pad: PadRule{Mode: PadMultiple, Multiple: 32}, Channels: "BGR", Remark: "YuNet: any size, sides filled up to 32"},
	{Name: "fcn", Resize: shorter(520, Bilinear), Scale: per255, Mean: imagenetMean, Std: imagenetStd, Remark: "torchvision's evaluation transform; the README takes any size and recommends a shorter side of 520 or more"},
	{Name: "duc", Resize: stretch(800, 800, Bilinear), Mean: []float64{122.675, 116.669, 104.008}, Remark: "uncertain mean; the zoo's export is fixed at 800x800"},
}

// Named returns a recipe by name, such as "imagenet" (torchvision's classifiers),
// "yolox" or "none". Case, "-", "_" and "." do not matter. The error for an unknown
// name lists the known ones.
func Named(name string) (Recipe, error) {
	for _, r := range named {
		if nearest.Fold(r.Name) == nearest.Fold(name) {
			return r.clone(), nil
		}
	}
	return Recipe{}, fmt.Errorf("recipe %q is not known; known are %s", shorten(name), strings.Join(RecipeNames(), ", "))
}

// RecipeNames lists the names that Named knows in alphabetical order.
func RecipeNames() []string {
	names := make([]string, len(named))
	for i, r := range named {
		names[i] = r.Name
	}
	slices.Sort(names)
	return names
}

func (r Recipe) clone() Recipe {
	r.Size, r.Mean, r.Std = slices.Clone(r.Size), slices.Clone(r.Mean), slices.Clone(r.Std)
	if r.Quant != nil {
		q := *r.Quant
		r.Quant = &q
	}
	return r
}
