package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/internal/shared"
	"github.com/visionzoo/vision/vision"
)

// vis runs the program and returns what it printed.
func vis(args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = run(context.Background(), append([]string{"vision"}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func TestParted(t *testing.T) {
	for list, want := range map[string]string{"person, car": "person|car", "dog,": "dog", " , 3": "3", ",": ""} {
		if got := strings.Join(parted(list), "|"); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}

// looked is what the tests of detect look at: a photo with a dog and cars, a
// file that is no picture and a picture of nothing, with a network.
type looked struct{ dir, photo, model, broken, blank string }

// detect runs the program with the network.
func (l *looked) detect(args ...string) (code int, out, errOut string) {
	return vis(append([]string{"detect", "--model", l.model}, args...)...)
}

func toDetect(t *testing.T) looked {
	dir := t.TempDir()
	l := looked{
		dir: dir, photo: shared.Path(t, "models", "photos", "dog.jpg"), model: shared.Path(t, "models", "yolox-nano", "model.onnx"),
		broken: filepath.Join(dir, "broken.jpg"), blank: filepath.Join(dir, "blank.png"),
	}
	if err := errors.Join(os.WriteFile(l.broken, []byte("no picture"), 0o644), vision.NewImage(40, 30).Save(l.blank)); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDetect(t *testing.T) {
	l := toDetect(t)
	code, out, errOut := l.detect(l.photo, "--json", l.broken, l.blank)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitFailed || len(lines) != 3 {
		t.Fatalf("code %d\n%s\n%s", code, out, errOut)
	}
	var r detectResult
	if err := json.Unmarshal([]byte(lines[0]), &r); err != nil || len(r.Objects) != 4 || r.Width != 768 || r.Height != 576 || r.Objects[0].Label != "dog" || r.Objects[0].Class != 16 || r.MS == nil {
		t.Errorf("%v: %s", err, lines[0])
	}
	if !strings.Contains(lines[1], `"error":`) || strings.Contains(lines[1], `"objects"`) {
		t.Errorf("the broken one gave %s", lines[1])
	}
	if !strings.Contains(lines[2], `"objects":[]`) {
		t.Errorf("the blank one gave %s", lines[2])
	}
}

// TestDirection: the longer sides' direction, however the corners begin.
func TestDirection(t *testing.T) {
	for _, c := range []struct {
		corners [][2]float64
		want    float64
	}{
		{[][2]float64{{4, 4}, {5, 3}, {1, -1}, {0, 0}}, 45},
		{[][2]float64{{4, -4}, {3, -5}, {-1, -1}, {0, 0}}, 135},
		{[][2]float64{{5, 3}, {1, -1}, {0, 0}, {4, 4}}, 45},
		{[][2]float64{{10, 2}, {10, 0}, {0, 0}, {0, 2}}, 0},
		{[][2]float64{{2, 10}, {2, 0}, {0, 0}, {0, 10}}, 90},
	} {
		if got := direction(c.corners); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v: %v degrees, want %v", c.corners, got, c.want)
		}
	}
}

func TestDetectNothing(t *testing.T) {
	l := toDetect(t)
	code, out, _ := l.detect(l.blank)
	if code != 0 || !strings.Contains(out, "nothing found") {
		t.Errorf("code %d: %s", code, out)
	}
}

// Pictures of one name are looked at side by side: results come in order, and none is overwritten.
func TestDetectInOrder(t *testing.T) {
	l := toDetect(t)
	var args []string
	from, to := t.TempDir(), t.TempDir()
	dog, err := os.ReadFile(l.photo)
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"a", "b", "c", "d", "e"} {
		path := filepath.Join(from, sub, "dog.jpg")
		if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o755), os.WriteFile(path, dog, 0o600)); err != nil {
			t.Fatal(err)
		}
		args = append(args, path, l.broken)
	}
	code, out, _ := l.detect(append(args, "--json", "--save", to, "--crop", to, "--classes", "dog")...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitFailed || len(lines) != len(args) {
		t.Fatalf("code %d, %d lines for %d pictures", code, len(lines), len(args))
	}
	for i, line := range lines {
		var r detectResult
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.File != args[i] || (r.Error != "") != (i%2 == 1) {
			t.Errorf("line %d is %s", i, line)
		}
	}
	for _, n := range []string{"", "-2", "-3", "-4", "-5"} {
		for _, suffix := range []string{".jpg", "_01_dog.jpg"} {
			if _, err := os.Stat(filepath.Join(to, "dog"+n+suffix)); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestDetectRefuses(t *testing.T) {
	l := toDetect(t)
	for _, tt := range []struct {
		why  string
		args []string
		code int
		want string
	}{
		{"no picture", []string{"detect"}, exitUsage, "needs a picture"},
		{"score out of range", []string{"detect", l.photo, "--score", "2"}, exitUsage, "--score 2"},
		{"unknown head", []string{"detect", l.photo, "--model", l.model, "--head", "yolo99"}, exitUsage, "there is no head"},
		{"unknown class", []string{"detect", l.photo, "--model", l.model, "--classes", "unicorn"}, exitUsage, "unicorn"},
		{"labels of another data set", []string{"detect", l.photo, "--model", l.model, "--labels", "cifar10"}, exitFailed, "objects of 80 classes, its label set cifar10 has 10"},
		{"a detector as a classifier", []string{"classify", l.photo, "--model", l.model}, exitUsage, "gives objects, not a score for each class; use vision detect"},
		{"unknown model", []string{"detect", l.photo, "--model", "yolox-nanno"}, exitModel, "yolox-nano"},
	} {
		code, out, errOut := vis(tt.args...)
		if code != tt.code || out != "" || !strings.Contains(errOut, tt.want) {
			t.Errorf("%s: code %d, %q, %q", tt.why, code, out, errOut)
		}
	}
}

func TestDetectWithoutModel(t *testing.T) {
	home := t.TempDir()
	t.Setenv("VISION_HOME", home)
	t.Setenv("VISION_OFFLINE", "1")
	code, out, errOut := vis("detect", "street.jpg")
	if code != exitModel || out != "" || strings.Count(errOut, "\n") != 1 || !strings.HasPrefix(errOut, `vision: the default model "yolox-nano": yolox_nano.onnx (`) ||
		!strings.Contains(errOut, ") at "+home) || !strings.Contains(errOut, "--model PATH.onnx") {
		t.Errorf("code %d, %q", code, errOut)
	}
}

func TestPictureIDs(t *testing.T) {
	var pictures []job
	for _, name := range []string{"cat.jpg", "1.jpg", "b/1.jpg", "000000000397.jpg", "dog.jpg", "0.jpg"} {
		pictures = append(pictures, job{source: vision.FileSource(name)})
	}
	if got, want := pictureIDs(pictures), []int64{7, 1, 3, 397, 5, 0}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
