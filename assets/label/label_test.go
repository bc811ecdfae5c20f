package label_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/visionzoo/vision/assets/label"
	"github.com/visionzoo/vision/internal/shared"
)

func open(t *testing.T, name string) *label.Set {
	t.Helper()
	s, err := label.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSets(t *testing.T) {
	for _, c := range []struct {
		set          string
		len, classes int
		index        int
		id, name     string
	}{
		{"imagenet1k", 1000, 1000, 281, "n02123045", "tabby"},
		{"imagenet1k", 1000, 1000, 0, "n01440764", "tench"},
		{"imagenet1k", 1000, 1000, 999, "n15075141", "toilet tissue"},
		{"imagenet1k+background", 1001, 1001, 282, "n02123045", "tabby"},
		{"imagenet1k+background", 1001, 1001, 0, "", "background"},
		{"coco80", 80, 80, 5, "", "bus"},
		{"coco80", 80, 80, 79, "", "toothbrush"},
		{"coco80+background", 81, 81, 6, "", "bus"},
		{"coco91", 92, 80, 13, "", "stop sign"},
		{"coco91", 92, 80, 90, "", "toothbrush"},
		{"voc20", 20, 20, 14, "", "person"},
		{"voc20+background", 21, 21, 15, "", "person"},
		{"cityscapes19", 19, 19, 0, "", "road"},
		{"cifar10", 10, 10, 3, "", "cat"},
		{"mnist", 10, 10, 7, "", "7"},
		{"ferplus", 8, 8, 1, "", "happiness"},
		{"adience8", 8, 8, 7, "", "(60-100)"},
	} {
		t.Run(c.set, func(t *testing.T) {
			s := open(t, c.set)
			if s.Len() != c.len || s.Classes() != c.classes || s.Name() != c.set {
				t.Errorf("%s: %d indices, %d classes; want %d, %d", s.Name(), s.Len(), s.Classes(), c.len, c.classes)
			}
			l, ok := s.At(c.index)
			if !ok || l.Index != c.index || l.ID != c.id || l.Name != c.name {
				t.Errorf("index %d is %+v (%v), want %s %s", c.index, l, ok, c.id, c.name)
			}
			if got := len(s.All()); got != c.classes {
				t.Errorf("All gives %d", got)
			}
		})
	}
}

func TestOutside(t *testing.T) {
	s := open(t, "coco91")
	for _, i := range []int{-1, 0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91, 92, 1 << 30} {
		if l, ok := s.At(i); ok || l.Index != i || l.Name != fmt.Sprintf("class %d", i) {
			t.Errorf("index %d is %+v", i, l)
		}
	}
}

func TestShortLabelsAreNotUnique(t *testing.T) {
	s := open(t, "imagenet1k")
	cranes := s.Find("Crane")
	if len(cranes) != 2 || cranes[0].Index != 134 || cranes[1].Index != 517 {
		t.Errorf("cranes: %v", cranes)
	}
	if f := s.Find("n02123045"); len(f) != 1 || f[0].Name != "tabby" {
		t.Errorf("by id: %v", f)
	}
	if f := s.Find("Carassius auratus"); len(f) != 1 || f[0].Index != 1 {
		t.Errorf("by synonym: %v", f)
	}
	if f := s.Find(""); f != nil {
		t.Errorf("the empty name finds %v", f)
	}
}

func TestFit(t *testing.T) {
	s := open(t, "imagenet1k")
	if f, ok := s.Fit(1000); !ok || f != s {
		t.Error("1000 classes are the set itself")
	}
	f, ok := s.Fit(1001)
	if l, _ := f.At(282); !ok || l.Name != "tabby" {
		t.Errorf("1001 classes: index 282 is %v", l)
	}
	if _, ok := s.Fit(21841); ok {
		t.Error("21841 classes fit")
	}
	if _, ok := f.Fit(1002); ok {
		t.Error("a second background was added")
	}
}

func TestOpenUnknown(t *testing.T) {
	for _, name := range []string{"", "imagenet", "../labels/mnist", "coco80+background+background"} {
		if _, err := label.Open(name); !errors.Is(err, label.ErrUnknown) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, text, err string }{
		{"plain", "a\nb\r\n\n", ""},
		{"fields", "0\tn1\ta\ta; aa\n1\tn2\tb\n", ""},
		{"as Windows writes a text", "\ufeffa\r\nb\r\n", ""},
		{"wrong index", "0\tn1\ta\n2\tn2\tb\n", `line 2: index "2" where 1 is due`},
		{"not text", "a\n\xff\xfe\n", "line 2: not UTF-8"},
		{"escape", "a\n\x1b[2J\n", "line 2: a control character"},
		{"nothing", "\n\n", "no label in it"},
		{"a long line", "cat\n" + strings.Repeat("x", 2<<20), "line 2 is too long"},
		{"too many", strings.Repeat("x\n", 1<<20+1), "more than 1048576 lines"},
		{"too much", strings.Repeat(strings.Repeat("x", 1<<20-2)+"\n", 17), "more than 16 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := label.Read("mine", strings.NewReader(c.text))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []string{"a", "b"} {
				if l, ok := s.At(i); s.Len() != 2 || !ok || l.Name != want {
					t.Errorf("%d labels, number %d is %q, want %q", s.Len(), i, l.Name, want)
				}
			}
		})
	}
}

// The sets inside the binary are byte for byte those whose origin the shared
// data documents.
func TestSameAsShared(t *testing.T) {
	for _, f := range []string{"imagenet1k.tsv", "coco80.txt", "coco91.txt", "voc20.txt", "cityscapes19.txt",
		"cifar10.txt", "mnist.txt", "ferplus.txt", "adience8.txt"} {
		want, err := os.ReadFile(shared.Path(t, "labels", strings.Replace(f, "adience8", "adience_age8", 1)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../labels/" + f)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s differs from the shared one (%v)", f, err)
		}
	}
}

func ExampleOpen() {
	s, _ := label.Open("imagenet1k")
	l, _ := s.At(281)
	fmt.Println(l.ID, l.Name, l.Synonyms)
	// Output: n02123045 tabby [tabby cat]
}
