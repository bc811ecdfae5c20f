package detect

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// An object's JSON is read back as it was, in the form that vision detect --json has
// and, for masks, COCO.
func TestObjectJSON(t *testing.T) {
	mask := &Mask{Width: 3, Height: 12, Counts: []uint32{12, 12, 12}} // 12 is written as <, which HTML escapes
	for _, tt := range []struct {
		o    Object
		want string
	}{
		{Object{Class: 5, Label: "bus <1>", Score: 0.93, Box: Box{1, 2.5, 3, 4}}, `{"class":5,"label":"bus <1>","score":0.93,"box":[1,2.5,3,4]}`},
		{Object{Box: Box{0, 0, 1, 1}, Mask: mask, Keypoints: []Keypoint{{X: 1, Y: 2, Score: 0.5}}},
			`{"class":0,"label":"","score":0,"box":[0,0,1,1],"mask":{"size":[12,3],"counts":"<<<"},"keypoints":[[1,2,0.5]]}`},
	} {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		if err := e.Encode(tt.o); err != nil || out.String() != tt.want+"\n" {
			t.Errorf("%v\n got %swant %s", err, out.String(), tt.want)
		}
		var back Object
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || !reflect.DeepEqual(back, tt.o) {
			t.Errorf("%s: %v, %+v", tt.want, err, back)
		}
	}
	for _, wrong := range []string{`{"box":[1,2,3]}`, `{"box":{}}`, `{"mask":{"size":[1,1],"counts":"~"}}`, `{"mask":{"size":[-1,1]}}`, `{"mask":7}`, `{"keypoints":[[1,2]]}`, `{"keypoints":[{}]}`} {
		if err := json.Unmarshal([]byte(wrong), new(Object)); err == nil {
			t.Errorf("%s is no error", wrong)
		}
	}
}
