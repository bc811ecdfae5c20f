package detect

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/vision"
)

func oneLine(t *testing.T, err error) {
	if strings.ContainsFunc(err.Error(), unicode.IsControl) {
		t.Fatalf("not one line: %q", err)
	}
}

// FuzzCOCO: whatever annotations and results say, there are numbers from -1 to 1 or an
// error of one line.
func FuzzCOCO(f *testing.F) {
	truth := `{"images":[{"id":1,"file_name":"a.jpg","width":8,"height":6}],"categories":[{"id":1,"name":"cat"}],"annotations":[` +
		`{"image_id":1,"category_id":1,"bbox":[1,1,4,3],"area":12,"iscrowd":0,"num_keypoints":1,"keypoints":[1,2,2],"segmentation":`
	f.Add([]byte(truth+`[[1,1,5,1,5,4,1,4]]}]}`), []byte(`[{"image_id":1,"category_id":1,"bbox":[1,1,4,3],"score":0.9,"keypoints":[1,2,2],"segmentation":{"size":[6,8],"counts":"7331b0"}}]`))
	f.Add([]byte(truth+`{"size":[6,8],"counts":[8,4,36]}}]}`), []byte(`[{"file_name":"x/a.jpg","category_id":1,"score":0.1,"segmentation":{"size":[6,8],"counts":[0,48]},"keypoints":[1,2,2]}]`))
	f.Fuzz(func(t *testing.T, truth, results []byte) {
		known, err := ReadCOCOTruth(bytes.NewReader(truth))
		if err != nil {
			oneLine(t, err)
			return
		}
		found, err := ReadCOCOResults(bytes.NewReader(results))
		if err != nil {
			oneLine(t, err)
			return
		}
		for _, task := range []COCOTask{COCOBoxes, COCOMasks, COCOKeypoints} {
			metrics, err := EvaluateCOCO(known, found, task)
			if err != nil {
				oneLine(t, err)
			}
			for _, m := range metrics {
				if !(m.Value >= -1 && m.Value <= 1) {
					t.Errorf("%s: %s is %v", task, m.Name, m.Value)
				}
			}
		}
	})
}

// FuzzMask: run lengths that are accepted are those of a mask of that size, and come back
// the same.
func FuzzMask(f *testing.F) {
	f.Add("7331b0", 8, 6)
	f.Add("", 0, 5)
	f.Add("PPYo1", 3, 3)
	f.Fuzz(func(t *testing.T, text string, width, height int) {
		m, err := ParseRLE(text, width, height)
		if err != nil {
			return
		}
		again, err := ParseRLE(m.RLE(), width, height)
		if err != nil || again.Area() != m.Area() {
			t.Fatalf("%v came back as %v (%v)", m, again, err)
		}
		if m.Area() < 0 || m.Area() > width*height {
			t.Fatalf("%dx%d has %d pixels inside", width, height, m.Area())
		}
		if width*height > 1<<16 {
			return
		}
		p := m.Picture()
		inside := 0
		for _, v := range p.Pix {
			inside += int(v) / 255
		}
		if inside != m.Area() {
			t.Fatalf("the picture has %d pixels inside, the mask %d", inside, m.Area())
		}
		m.Polygons()
	})
}

// outputNames are those by which heads find their outputs.
var outputNames = []string{"output", "boxes", "scores", "labels", "masks", "keypoints", "keypoints_scores", "num_detections", "detection_boxes", "pred_boxes", "logits",
	"cls_8", "obj_8", "bbox_8", "kps_8", "cls_16", "obj_16", "bbox_16", "kps_16", "cls_32", "obj_32", "bbox_32", "kps_32"}

// FuzzDecode: each head meets outputs of any name, type and shape with any numbers in
// them, and gives objects within the picture that can be written as JSON, or an error of
// one line.
//
// Each output is a byte for its name and type, and one for each dimension; 255 ends it.
func FuzzDecode(f *testing.F) {
	numbers := []byte{0, 0, 128, 63, 0, 0, 0, 63, 205, 204, 204, 61}
	for i := range Heads() {
		f.Add(uint8(i), []byte{0, 1, 8, 6, 255, 1, 1, 8, 4}, numbers)
		f.Add(uint8(i), []byte{1, 5, 4, 255, 128 + 3, 5, 255, 2, 5, 255, 4, 5, 1, 28, 28}, numbers)
		f.Add(uint8(i), []byte{0, 1, 84, 63, 255, 4, 1, 32, 12, 16}, []byte{0, 0, 128, 127})
		f.Add(uint8(i), []byte{0, 4, 255, 0}, numbers) // the second has no axes
	}
	g := vision.Geometry{Width: 64, Height: 48, InputWidth: 64, InputHeight: 48, ResizedWidth: 64, ResizedHeight: 48, ScaleX: 1, ScaleY: 1}
	f.Fuzz(func(t *testing.T, head uint8, described, numbers []byte) {
		var out []Output
		at := 0
		for _, d := range bytes.Split(described, []byte{255}) {
			if len(d) == 0 || len(out) == 12 {
				continue
			}
			shape, n := make([]int, len(d)-1), 1
			for k, side := range d[1:] {
				shape[k] = int(side)
				if n *= max(int(side), 1); n > 1<<14 {
					return
				}
			}
			kind := tensor.Float32
			if d[0] >= 128 {
				kind = tensor.Int32
			}
			x := tensor.New(kind, shape...)
			for b := x.Bytes(); len(b) >= 4 && len(numbers) >= 4; b = b[4:] {
				copy(b, numbers[at:at+4])
				at = (at + 4) % (len(numbers) - 3)
			}
			out = append(out, Output{Name: outputNames[int(d[0]%128)%len(outputNames)], Tensor: x})
		}
		objects, err := Decode(Heads()[int(head)%len(heads)], out, g, nil)
		if err != nil {
			oneLine(t, err)
			return
		}
		if _, err := json.Marshal(objects); err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			b := o.Box
			if !(b.X1 >= 0 && b.Y1 >= 0 && b.X2 <= 64 && b.Y2 <= 48 && b.X1 <= b.X2 && b.Y1 <= b.Y2) {
				t.Fatalf("box %v of a picture of 64x48", b)
			}
			if !(o.Score >= 0 && o.Score <= 1) {
				t.Fatalf("score %v", o.Score)
			}
		}
	})
}
