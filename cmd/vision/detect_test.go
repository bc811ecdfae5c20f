package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

func TestDetect(t *testing.T) {
	photo, model := shared.Path(t, "models", "photos", "dog.jpg"), shared.Path(t, "models", "yolox-nano", "model.onnx")
	dir := t.TempDir()
	broken, blank := filepath.Join(dir, "broken.jpg"), filepath.Join(dir, "blank.png")
	if err := os.WriteFile(broken, []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := vision.NewImage(40, 30).Save(blank); err != nil {
		t.Fatal(err)
	}

	t.Run("one broken picture of three", func(t *testing.T) {
		code, out, errOut := vis("detect", photo, "--json", broken, "--model", model, blank)
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
	})
	t.Run("nothing found is no failure", func(t *testing.T) {
		code, out, _ := vis("detect", blank, "--model", model)
		if code != 0 || !strings.Contains(out, "nothing found") {
			t.Errorf("code %d: %s", code, out)
		}
	})
	t.Run("files", func(t *testing.T) {
		to := filepath.Join(dir, "out")
		coco := filepath.Join(dir, "coco.json")
		code, out, errOut := vis("detect", "--model", model, broken, photo, "--save", to, "--crop", to, "--coco", coco, "--csv", "--classes", "dog,car")
		if code != exitFailed || !strings.HasPrefix(out, "file,class,label,score,x1,y1,x2,y2\n") || strings.Count(out, "\n") != 3 {
			t.Fatalf("code %d\n%s\n%s", code, out, errOut)
		}
		for name, size := range map[string][2]int{"dog.jpg": {768, 576}, "dog_01_dog.jpg": {193, 337}, "dog_02_car.jpg": {227, 93}} {
			img, err := vision.Open(filepath.Join(to, name))
			if err != nil {
				t.Error(err)
			} else if w, h := img.Width-size[0], img.Height-size[1]; w*w > 4 || h*h > 4 {
				t.Errorf("%s is %dx%d, want about %v", name, img.Width, img.Height, size)
			}
		}
		data, err := os.ReadFile(coco)
		var entries []cocoEntry
		if err == nil {
			err = json.Unmarshal(data, &entries)
		}
		if err != nil || len(entries) != 2 || entries[0].CategoryID != 18 || entries[1].CategoryID != 3 || entries[0].ImageID != 2 {
			t.Errorf("%v: %s", err, data)
		}
	})
	t.Run("the source is never overwritten", func(t *testing.T) {
		before, err := os.ReadFile(blank)
		if err != nil {
			t.Fatal(err)
		}
		if code, _, errOut := vis("detect", "--model", model, blank, "--save", dir); code != 0 {
			t.Fatal(errOut)
		}
		after, err := os.ReadFile(blank)
		if err != nil || !bytes.Equal(before, after) {
			t.Error("the source changed")
		}
		if _, err := os.Stat(filepath.Join(dir, "blank-2.png")); err != nil {
			t.Error(err)
		}
	})
	t.Run("no file beside the sources is overwritten", func(t *testing.T) {
		dir := t.TempDir()
		originals := map[string]string{"a.gif": "", "a.jpg": "", "a-2.jpg": "", "b.bmp": "", "b.jpg": "", "below/c.png": ""}
		img, err := vision.Open(blank)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, "below"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name := range originals {
			as := filepath.Join(dir, name+".png") // content decides the format
			if err := errors.Join(img.Save(as), os.Rename(as, filepath.Join(dir, name))); err != nil {
				t.Fatal(err)
			}
			if name == "b.jpg" { // no source
				if err := os.WriteFile(filepath.Join(dir, name), []byte("an original"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			originals[name] = string(data)
		}
		for _, args := range [][]string{{dir}, {dir, "-r"}, {filepath.Join(dir, "b.bmp")}, {filepath.Join(dir, "below")}} {
			vis(append([]string{"detect", "--model", model, "--save", dir}, args...)...)
			vis(append([]string{"detect", "--model", model, "--save", filepath.Join(dir, "below", "..")}, args...)...)
			for name, want := range originals {
				if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
					t.Errorf("%v: %s changed", args, name)
				}
			}
		}
	})
	t.Run("results of an earlier run are replaced, and are no sources of this one", func(t *testing.T) {
		dir := t.TempDir()
		to := filepath.Join(dir, "to")
		img, err := vision.Open(blank)
		if err != nil {
			t.Fatal(err)
		}
		if err := img.Save(filepath.Join(dir, "p.png")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if code, out, errOut := vis("detect", "--model", model, dir, "--save", to, "--threads", "1"); code != 0 || strings.Count(out, "\n") != 1 {
				t.Fatalf("code %d: %s%s", code, out, errOut)
			}
		}
		if files, err := os.ReadDir(to); err != nil || len(files) != 1 {
			t.Errorf("%v, %v", files, err)
		}
		below := filepath.Join(dir, "zz")
		if code, out, errOut := vis("detect", "--model", model, filepath.Join(dir, "p.png"), dir, "-r", "--save", below, "--threads", "1"); code != 0 || strings.Contains(out, "zz") {
			t.Errorf("code %d: %s%s", code, out, errOut)
		}
	})
	t.Run("a link is not followed", func(t *testing.T) {
		dir := t.TempDir()
		to := filepath.Join(dir, "to")
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(blank, filepath.Join(to, "blank.png")); err != nil {
			t.Skipf("%v; run where symbolic links may be made (on Windows with developer mode)", err)
		}
		if code, _, errOut := vis("detect", "--model", model, blank, "--save", to); code != 0 {
			t.Fatal(errOut)
		}
		if at, err := os.Readlink(filepath.Join(to, "blank.png")); err != nil || at != blank {
			t.Errorf("the link was replaced: %v", err)
		}
	})
	t.Run("of one name, looked at side by side: in order, none overwritten", func(t *testing.T) {
		var args []string
		from, to := t.TempDir(), t.TempDir()
		dog, err := os.ReadFile(photo)
		if err != nil {
			t.Fatal(err)
		}
		for _, sub := range []string{"a", "b", "c", "d", "e"} {
			path := filepath.Join(from, sub, "dog.jpg")
			if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o755), os.WriteFile(path, dog, 0o600)); err != nil {
				t.Fatal(err)
			}
			args = append(args, path, broken)
		}
		code, out, _ := vis(append([]string{"detect", "--json", "--model", model, "--save", to, "--crop", to, "--classes", "dog"}, args...)...)
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
	})
	for _, tt := range []struct {
		why  string
		args []string
		code int
		want string
	}{
		{"no picture", []string{"detect"}, exitUsage, "needs a picture"},
		{"score out of range", []string{"detect", photo, "--score", "2"}, exitUsage, "--score 2"},
		{"unknown head", []string{"detect", photo, "--model", model, "--head", "yolo99"}, exitUsage, "there is no head"},
		{"unknown class", []string{"detect", photo, "--model", model, "--classes", "unicorn"}, exitUsage, "unicorn"},
		{"unknown model", []string{"detect", photo, "--model", "yolox-nanno"}, exitModel, "yolox-nano"},
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

// Results have names that every system takes for files: aux.npy is a device on Windows.
func TestNamesOfResults(t *testing.T) {
	saved := &folder{path: t.TempDir(), taken: map[string]bool{}}
	for _, name := range []string{"aux", "con.1", "NUL", "", "..", "a:b", "fire2/concat", "com¹"} {
		picture := filepath.Base(saved.name(stem("https://h/"+name+".png"), ".png"))
		if array := fileName(name) + ".npy"; !filepath.IsLocal(array) || !filepath.IsLocal(picture) {
			t.Errorf("%q: %s, %s", name, array, picture)
		}
	}
}

func TestStem(t *testing.T) {
	for name, want := range map[string]string{"a/b.jpg": "b", "../..": "picture", "-": "picture", "c:\\x\\y.png": "y", "https://h/p.jpg?q=1/2": "p", "a\x1b[2J.png": "a_[2J", ".hidden.png": "hidden"} {
		if got := stem(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
