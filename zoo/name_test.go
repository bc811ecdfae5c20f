package zoo_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/visionzoo/vision/zoo"
)

func TestFind(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"resnet50-v1-12", "resnet50-v1-12"},
		{"resnet50", "resnet50-v1-12"},
		{"ResNet_50", "resnet50-v1-12"},
		{"RESNET.50-V1", "resnet50-v1-12"},
		{"resnet50@7", "resnet50-v1-7"},
		{"resnet50-int8", "resnet50-v1-12-int8"},
		{"resnet50_INT8", "resnet50-v1-12-int8"},
		{"resnet50@12-qdq", "resnet50-v1-12-qdq"},
		{"resnet50-qdq@12", "resnet50-v1-12-qdq"},
		{"resnet50-f32", "resnet50-v1-12"},
		{"resnet50-fp32", "resnet50-v1-12"},
		{"resnet50-v2", "resnet50-v2-7"},
		{"vgg16", "vgg16-12"},
		{"vgg19-caffe2@6", "vgg19-caffe2-6"},
		{"squeezenet1.1", "squeezenet1.1-7"},
		{"squeezenet1.0-qdq", "squeezenet1.0-13-qdq"},
		{"mobilenetv2", "mobilenetv2-12"},
		{"mobilenetv2-1.0", "mobilenetv2-10"},
		{"maskrcnn", "MaskRCNN-12"},
		{"mask-rcnn@10", "MaskRCNN-10"},
		{"densenet121-int8", "densenet-12-int8"},
		{"mnist", "mnist-12"},
		{"mnist@8", "mnist-8"},
		{"ssd_mobilenet_v1", "ssd_mobilenet_v1_12"},
		{"ultraface", "version-RFB-320"},
		{"ultraface-int8", "version-RFB-320-int8"},
		{"shufflenet", "shufflenet-v2-12"},
		{"shufflenet@7", "shufflenet-7"}, // v2 has no opset 7; the line of that name has
		{"inception-v2", "inception-v2-9"},
		{"rcnn-ilsvrc13", "rcnn-ilsvrc13-9"},
		{"yolo", "yolov4"},
		{"yolov4@11", "yolov4"},
		{"yolox", "yolox-s"},
		{"yunet-int8", "yunet-int8"},
		{"builtin", "builtin"},
	} {
		card, err := zoo.Published().Find(c.name)
		if err != nil || card.Name != c.want {
			t.Errorf("%s: %v (%v), want %s", c.name, card, err, c.want)
		}
	}
}

func TestNotInZoo(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"resnet5", `model "resnet5" is not in the zoo; did you mean resnet50, resnet18, resnet34? (vision zoo list)`},
		{"sqeezenet", "did you mean squeezenet, "},
		{"mobilnet", "did you mean mobilenet, "},
		{"vgg61", "did you mean vgg16, "},
		{"maskrcn", "did you mean maskrcnn, "},
		{"resnet50@8", "resnet50-v1 has no opset 8 f32 (opsets and variants: 12 f32, 7 f32, 12 int8, 12 qdq); did you mean resnet50-v1-12, "},
		{"resnet50-fp16", "resnet50-v1 has no fp16"},
		{"yolox-nano-int8", "yolox-nano has no int8 (opsets and variants: f32)"},
		{"resnet50.a1_in1k", "did you mean resnet50, "},
		{"maskrcnn_resnet50_fpn", "did you mean maskrcnn, "},
		{"yolov3-tiny", "did you mean yolov3, yolox-tiny, "},
		{"resnet50@", `"" is not an opset version; did you mean resnet50, `},
		{"resnet50@x", `"x" is not an opset version`},
		{"resnet50@-3", "is not an opset version"},
		{"", `model "" is not in the zoo (vision zoo list)`},
		{"@", "is not an opset version"},
		{"../../etc/passwd", `model "../../etc/passwd" is not in the zoo`},
		{"a\x1b[2J\n", `model "a\x1b[2J\n" is not in the zoo`},
		{strings.Repeat("x", 100_000), "…"},
	} {
		_, err := zoo.Published().Find(c.name)
		var not *zoo.NotInZooError
		if !errors.Is(err, zoo.ErrNotInZoo) || !errors.As(err, &not) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: %v, want %q", c.name, err, c.want)
		}
		if err != nil && (strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 500 || len(not.Near) > 3) {
			t.Errorf("%.40q: not one short line: %q", c.name, err)
		}
	}
}

// Every canonical name, alias and line leads to a model of that name.
func TestEveryName(t *testing.T) {
	all := zoo.Published()
	for _, c := range all.Cards() {
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			if got, err := all.Find(name); err != nil || got != c {
				t.Errorf("%s leads to %v (%v)", name, got, err)
			}
		}
		if _, err := all.Find(c.Line); err != nil {
			t.Errorf("the line of %s: %v", c.Name, err)
		}
	}
	if n := len(all.Cards()); n != 195 { // the built-in one, 172 of the ONNX model zoo, 22 others
		t.Errorf("%d models", n)
	}
}

func TestSearch(t *testing.T) {
	all := zoo.Published()
	for _, c := range []struct {
		words []string
		least int
		has   string
	}{
		{[]string{"resnet", "int8"}, 1, "resnet50-v1-12-int8"},
		{[]string{"FACE"}, 5, "version-RFB-320"},
		{[]string{"detect", "apache"}, 5, "yolox-s"},
		{[]string{"mask rcnn"}, 0, ""},
		{[]string{"maskrcnn"}, 4, "MaskRCNN-12"},
		{nil, 195, "builtin"},
		{[]string{"no such thing"}, 0, ""},
	} {
		found, has := all.Search(c.words...), false
		for _, card := range found {
			has = has || card.Name == c.has
		}
		if len(found) < c.least || has != (c.has != "") {
			t.Errorf("%q: %d cards, %s among them: %v", c.words, len(found), c.has, has)
		}
	}
}
