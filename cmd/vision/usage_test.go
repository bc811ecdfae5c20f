package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Help fits the terminal, and loses no word; commands to copy and names of flags stay on one
// line.
func TestHelpFits(t *testing.T) {
	for _, args := range [][]string{{"help", "detect"}, {"help", "verify"}, {"help", "eval"}, {"help"}} {
		_, text, _ := vis(args...)
		for _, width := range []int{40, 80, 200} {
			wrapped := wrapHelp(text, width)
			if !slices.Equal(strings.Fields(wrapped), strings.Fields(text)) {
				t.Errorf("%v at %d columns has other words:\n%s", args, width, wrapped)
			}
			for line := range strings.Lines(wrapped) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width && !strings.Contains(text, "\n"+line) && !strings.HasPrefix(line, "   --") {
					t.Errorf("%v: %d columns of %d: %s", args, n, width, line)
				}
			}
		}
		if wrapHelp(text, 10_000) != text {
			t.Errorf("%v is changed where there is room", args)
		}
	}
	text := "   --head HEAD       read the outputs as those of HEAD: detr, fasterrcnn, maskrcnn\n"
	if got, want := wrapHelp(text, 61), "   --head HEAD       read the outputs as those of HEAD: detr,\n                     fasterrcnn, maskrcnn\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := wrapHelp(text, 40), "   --head HEAD\n      read the outputs as those of HEAD:\n      detr, fasterrcnn, maskrcnn\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
