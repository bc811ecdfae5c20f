package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/vision"
)

func TestDetectFiles(t *testing.T) {
	l := toDetect(t)
	to := filepath.Join(l.dir, "out")
	coco := filepath.Join(l.dir, "coco.json")
	code, out, errOut := l.detect(l.broken, l.photo, "--save", to, "--crop", to, "--coco", coco, "--csv", "--classes", "dog,car")
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
}

func TestDetectKeepsTheSource(t *testing.T) {
	l := toDetect(t)
	before, err := os.ReadFile(l.blank)
	if err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := l.detect(l.blank, "--save", l.dir); code != 0 {
		t.Fatal(errOut)
	}
	after, err := os.ReadFile(l.blank)
	if err != nil || !bytes.Equal(before, after) {
		t.Error("the source changed")
	}
	if _, err := os.Stat(filepath.Join(l.dir, "blank-2.png")); err != nil {
		t.Error(err)
	}
}

func TestDetectKeepsItsNeighbours(t *testing.T) {
	l := toDetect(t)
	dir := t.TempDir()
	originals := map[string]string{"a.gif": "", "a.jpg": "", "a-2.jpg": "", "b.bmp": "", "b.jpg": "", "below/c.png": ""}
	img, err := vision.Open(l.blank)
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
		l.detect(append(args, "--save", dir)...)
		l.detect(append(args, "--save", filepath.Join(dir, "below", ".."))...)
		for name, want := range originals {
			if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
				t.Errorf("%v: %s changed", args, name)
			}
		}
	}
}

// Results of an earlier run are replaced, and are no sources of this one.
func TestDetectAgain(t *testing.T) {
	l := toDetect(t)
	dir := t.TempDir()
	to := filepath.Join(dir, "to")
	img, err := vision.Open(l.blank)
	if err != nil {
		t.Fatal(err)
	}
	if err := img.Save(filepath.Join(dir, "p.png")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if code, out, errOut := l.detect(dir, "--save", to, "--threads", "1"); code != 0 || strings.Count(out, "\n") != 1 {
			t.Fatalf("code %d: %s%s", code, out, errOut)
		}
	}
	if files, err := os.ReadDir(to); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	below := filepath.Join(dir, "zz")
	if code, out, errOut := l.detect(filepath.Join(dir, "p.png"), dir, "-r", "--save", below, "--threads", "1"); code != 0 || strings.Contains(out, "zz") {
		t.Errorf("code %d: %s%s", code, out, errOut)
	}
}

func TestDetectKeepsLinks(t *testing.T) {
	l := toDetect(t)
	dir := t.TempDir()
	to := filepath.Join(dir, "to")
	if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(l.blank, filepath.Join(to, "blank.png")); err != nil {
		t.Skipf("%v; run where symbolic links may be made (on Windows with developer mode)", err)
	}
	if code, _, errOut := l.detect(l.blank, "--save", to); code != 0 {
		t.Fatal(errOut)
	}
	if at, err := os.Readlink(filepath.Join(to, "blank.png")); err != nil || at != l.blank {
		t.Errorf("the link was replaced: %v", err)
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
