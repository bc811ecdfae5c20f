package zoo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
)

// guessRecipe guesses from its inputs, outputs and metadata how an unknown network
// wants its picture, and says why. The rules go from the specific to the general; the
// last is the most common recipe, ImageNet's mean and deviation.
func guessRecipe(p pictureInput, inputs, outputs []engine.Info, metadata map[string]string) (name, why string) {
	names := make([]string, len(outputs))
	for i, o := range outputs {
		names[i] = o.Name
	}
	has := func(n string) bool { return slices.Contains(names, n) }
	batch := strings.HasPrefix(p.layout, "N")
	switch {
	case p.dtype == tensor.Uint8 || p.dtype == tensor.Int8:
		return "none", "it takes bytes"
	case isUltralytics(metadata) && metadata["task"] == "classify":
		return "ultralytics_classify", "its metadata is that of Ultralytics' classifiers"
	case isUltralytics(metadata) && len(outputs) > 0 && !isVector(outputs[0]): // YOLOv5's classifiers are torchvision's
		return "ultralytics", "its metadata is that of Ultralytics' exports"
	case has("cls_8") && has("kps_8"):
		return "yunet", "its outputs are YuNet's"
	case has("cls_pred_stride_8") && has("dis_pred_stride_8"):
		return "nanodet", "its outputs are NanoDet's"
	case !batch && has("boxes") && has("scores"):
		return "torchvision_detection", "its outputs are torchvision's"
	case !batch:
		return "rcnn_bgr", "it takes one picture without a batch axis, as Detectron's exports do"
	case has("boxes") && has("scores") && len(outputs) == 2:
		return "ultraface320", "its outputs are UltraFace's"
	case has("logits") && has("pred_boxes"), has("labels") && has("boxes") && len(inputs) > 1:
		return "rtdetr", "its outputs are those of an RT-DETR"
	}
	if name, why := guessGrid(p, outputs); name != "" {
		return name, why
	}
	switch {
	case p.channels == 1 && p.height == 28:
		return "mnist", "it takes 28 x 28 grey pixels"
	case p.channels == 1 && p.height == 64:
		return "ferplus", "it takes 64 x 64 grey pixels"
	case p.channels == 1:
		return "superres", "it takes grey pixels"
	case p.height == 32 && p.width == 32:
		return "cifar", "it takes 32 x 32 pixels"
	case strings.HasSuffix(p.name, "data_0"):
		return "caffe", "its input is named as Caffe2's converter names it"
	case p.layout == "NHWC":
		return "tf", "it takes NHWC, as TensorFlow's exports do"
	case len(outputs) > 0 && outputs[0].Shape.Rank() == 4 && !isVector(outputs[0]):
		return "fcn", "its output is a map"
	}
	return "imagenet", "the most common recipe for three channels"
}

// isUltralytics reports whether a file has the metadata that Ultralytics' exports
// have had since YOLOv5.
func isUltralytics(metadata map[string]string) bool {
	return metadata["stride"] != "" && metadata["names"] != ""
}

// trainedSize is the [height, width] for which Ultralytics' metadata says that a
// network with an input of any size was made; nil if it does not say it.
func trainedSize(metadata map[string]string) []int {
	if !isUltralytics(metadata) {
		return nil
	}
	var height, width int
	if _, err := fmt.Sscanf(metadata["imgsz"], "[%d, %d]", &height, &width); err != nil {
		return nil
	}
	return []int{height, width}
}

// guessGrid recognises networks of the YOLO family with one output by its number of
// cells: YOLOX has one row for each cell of three grids, YOLOv5 three rows, YOLOv8
// one column. YOLOv10 has a row for each of a few hundred objects.
func guessGrid(p pictureInput, outputs []engine.Info) (name, why string) {
	if len(outputs) == 0 || outputs[0].Shape.Rank() != 3 {
		return "", ""
	}
	cells := 0
	for _, stride := range []int{8, 16, 32} {
		cells += (p.height / stride) * (p.width / stride)
	}
	dims := outputs[0].Shape.Dims
	switch rows := dims[1].N; {
	case cells > 0 && rows == cells:
		return "yolox", "its output has a row for each cell, like YOLOX's"
	case cells > 0 && (rows/3 == cells || dims[2].N == cells):
		return "ultralytics", "its output is shaped like Ultralytics's"
	case rows > 0 && rows <= 1000 && dims[2].N == 6:
		return "ultralytics", "its output has box, score and class in a row, like YOLOv10's"
	}
	return "", ""
}

// isVector reports whether an output is one vector per picture: it has exactly one
// dimension other than 1 after the first.
func isVector(o engine.Info) bool {
	wide := 0
	for i, d := range o.Shape.Dims {
		if i > 0 && d.N != 1 {
			wide++
		}
	}
	return o.Shape.Rank() >= 2 && wide == 1
}

// width is the number of classes of an output that is a vector per picture, 0 if it
// is not known.
func width(o engine.Info) int {
	if !isVector(o) {
		return 0
	}
	for _, d := range o.Shape.Dims[1:] {
		if d.N != 1 {
			return max(d.N, 0)
		}
	}
	return 0
}

// guessLabels finds the labels of an unknown network: in its own metadata, unless its
// only output is a vector of another length, else by the number of classes if that
// is conclusive. It returns nil if it is not.
func guessLabels(recipe string, outputs []engine.Info, metadata map[string]string) *label.Set {
	for _, key := range []string{"labels", "names", "classes"} {
		if names := listedNames(metadata[key]); len(names) > 0 && (len(outputs) != 1 || !isVector(outputs[0]) || width(outputs[0]) == len(names)) {
			return label.New(key, names...)
		}
	}
	if len(outputs) == 0 {
		return nil
	}
	set := ""
	switch n := width(outputs[0]); {
	case n == 1000:
		set = "imagenet1k"
	case n == 1001:
		set = "imagenet1k+background"
	case recipe == "mnist" && n == 10, recipe == "ferplus" && n == 8:
		set = recipe
	case recipe == "torchvision_detection":
		set = "coco91"
	case recipe == "rcnn_bgr":
		set = "coco80+background"
	case recipe == "yunet":
		return label.New("face", "face")
	case recipe == "ultraface320":
		return label.New("face", label.Background, "face")
	case slices.Contains([]string{"yolox", "nanodet", "ultralytics", "rtdetr"}, recipe) && gives80(outputs[0]):
		set = "coco80"
	}
	if set == "" {
		return nil
	}
	s, err := label.Open(set)
	if err != nil {
		return nil
	}
	return s
}

// gives80 reports whether an output has the scores of 80 classes, alone, after the
// 4 numbers of a box, or after those and an objectness.
func gives80(o engine.Info) bool {
	return slices.ContainsFunc(o.Shape.Dims, func(d ir.Dim) bool { return d.N == 80 || d.N == 84 || d.N == 85 })
}

// recipeOf returns the recipe that a card names or holds.
func (c *Card) recipeOf() (r vision.Recipe, known bool, err error) {
	switch {
	case len(c.RecipeData) > 0:
		r, err = vision.ParseRecipe(c.RecipeData)
	case c.Recipe != "":
		r, err = vision.Named(c.Recipe)
	default:
		return r, false, nil
	}
	return r, true, err
}

// LabelSet returns the card's label set, nil if it has none.
func (c *Card) LabelSet() (*label.Set, error) {
	if len(c.Classes) > 0 {
		return label.New(c.Name, c.Classes...), nil
	}
	if c.Labels == "" {
		return nil, nil
	}
	return label.Open(c.Labels)
}
