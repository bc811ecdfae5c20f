package zoo_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/internal/shared"
	"github.com/visionzoo/vision/zoo"
)

func text(t *testing.T, name string) string {
	t.Helper()
	card, err := zoo.Published().Find(name)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := card.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCardText(t *testing.T) {
	for _, c := range []struct {
		name string
		has  []string
	}{
		{"resnet50", []string{"resnet50-v1-12\nResNet-50 v1. Residual", "input       data: float [N 3 224 224]", "labels      imagenet1k", "top1 74.97 top5 92.33",
			"97.8 MiB (102576593 bytes)", "Apache-2.0", "He et al.", "https://arxiv.org/abs/1512.03385", "vision classify picture.jpg --model resnet50-v1",
			"3f03fdef724b22947eed826f1eef1dc5c34151bb4c37d634f1db89dfa2dd1526", "verify by   validated/vision/classification/resnet/model/resnet50-v1-12.tar.gz\n", "\nsha256      9391137cfc8fbec372d7a1e59e272d67550dab72d93cf7c7d6256782262599ea\nfrom        https://"}},
		{"bvlcalexnet", []string{"UNCERTAIN"}},
		{"squeezenet1.0", []string{"UNCERTAIN"}},
		{"maskrcnn", []string{"head        maskrcnn", "coco80+background", "vision detect picture.jpg --model maskrcnn"}},
		{"fcn", []string{"vision segment picture.jpg --model fcn"}},
		{"builtin", []string{"cifar10", "1.3 MiB", "vision classify"}},
		{"super-resolution", []string{"vision run superresolution --input input=picture.jpg"}},
	} {
		got := text(t, c.name)
		for _, part := range c.has {
			if !strings.Contains(got, part) {
				t.Errorf("%s: the card lacks %q:\n%s", c.name, part, got)
			}
		}
	}
	if strings.Contains(text(t, "resnet50"), "UNCERTAIN") {
		t.Error("resnet50's recipe is documented, and called uncertain")
	}
}

// Every model's example line names that very model.
func TestExamples(t *testing.T) {
	for _, c := range zoo.Published().Cards() {
		found := false
		for _, word := range strings.Fields(c.Example()) {
			if got, err := zoo.Published().Find(word); err == nil && got == c {
				found = true
			}
		}
		if !found {
			t.Errorf("%s: %s", c.Name, c.Example())
		}
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 26454: "25.8 KiB", 1<<20 - 1: "1.0 MiB", 574774380: "548.1 MiB", 5 << 40: "5.0 TiB"} {
		if got := zoo.Size(bytes); got != want {
			t.Errorf("%d bytes are %s, want %s", bytes, got, want)
		}
	}
}

func TestDefaultClassifier(t *testing.T) {
	home := t.TempDir()
	if c, err := zoo.DefaultClassifier(zoo.WithHome(home)); err != nil || c.Name != "builtin" {
		t.Errorf("with an empty cache: %v (%v)", c, err)
	}
	mirror := shared.Path(t, "zoo", "mirror")
	if _, err := zoo.Pull(t.Context(), "mnist@8", zoo.WithHome(home), zoo.WithMirror(mirror)); err != nil {
		t.Fatal(err)
	}
	if c, err := zoo.DefaultClassifier(zoo.WithHome(home)); err != nil || c.Name != "builtin" {
		t.Errorf("digits became the default: %v (%v)", c, err)
	}
	for _, name := range []string{"squeezenet1.1", "mobilenetv2"} { // of the right size is enough to be listed
		path, err := zoo.Path(name, zoo.WithHome(home))
		if err != nil {
			t.Fatal(err)
		}
		card, err := zoo.Published().Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, card.Bytes); err != nil {
			t.Fatal(err)
		}
		if c, err := zoo.DefaultClassifier(zoo.WithHome(home)); err != nil || c != card {
			t.Errorf("after %s: %v (%v)", name, c, err)
		}
	}
}
