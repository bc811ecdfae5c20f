package nearest

import (
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	commands := []string{"classify", "detect", "segment", "eval", "run", "bench", "inspect", "verify", "zoo", "quantize", "doctor", "version"}
	for _, r := range []struct {
		name, word string
		want       []string
	}{
		{"a letter too few", "clasify", []string{"classify"}},
		{"neighbours swapped", "detcet", []string{"detect"}},
		{"another case", "DETECT", []string{"detect"}},
		{"its beginning", "class", []string{"classify"}},
		{"nothing near", "nonsense", nil},
		{"nothing", "", nil},
		{"far too long", strings.Repeat("zoo", 100), nil},
	} {
		if got := Words(r.word, commands, 1); !slices.Equal(got, r.want) {
			t.Errorf("%s: %q gives %q, want %q", r.name, r.word, got, r.want)
		}
	}
	if got := Hint("persn", []string{"bicycle", "person"}); got != "; did you mean person?" {
		t.Errorf("hint is %q", got)
	}
}

func TestEdits(t *testing.T) {
	for _, r := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"resnet", "resnet", 0}} {
		if got := edits(r.a, r.b); got != r.want {
			t.Errorf("%q to %q: %d edits, want %d", r.a, r.b, got, r.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, r := range []struct {
		a, b string
		want int
	}{{"cat", "cat", -3}, {"ca", "cat", 1}, {"cat", "ca", 4}, {"cat", "car", 4}, {"cat", "bat", 6}} {
		if got := Distance(r.a, r.b); got != r.want {
			t.Errorf("%q to %q: %d, want %d", r.a, r.b, got, r.want)
		}
	}
}

func TestFold(t *testing.T) {
	if got := Fold("ResNet_50-v1.5"); got != "resnet50v15" {
		t.Error(got)
	}
}
