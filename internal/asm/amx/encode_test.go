package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// encodings has encoded lines with the same instructions for GNU as and the bytes of
// GNU as 2.40.
var encodings = []struct{ line, source, want string }{
	{tileLoad(4, "R13", "R10", 64), "{disp32} tileloadd 0x40(%r13,%r10,1), %tmm4", "c4 82 7b 4b a4 15 40 00 00 00"},
	{tileLoad(6, "BX", "R11", 1024), "{disp32} tileloadd 0x400(%rbx,%r11,1), %tmm6", "c4 a2 7b 4b b4 1b 00 04 00 00"},
	{tileStore(3, "R12", "R13", 2112), "{disp32} tilestored %tmm3, 0x840(%r12,%r13,1)", "c4 82 7a 4b 9c 2c 40 08 00 00"},
	{tileZero(7), "tilezero %tmm7", "c4 e2 7b 49 f8"},
	{tileConfig("R13"), "ldtilecfg 0(%r13)", "c4 c2 78 49 45 00"},
	{tileRelease(), "tilerelease", "c4 e2 78 49 c0"},
	{dotBF16(3, 5, 7), "tdpbf16ps %tmm7, %tmm5, %tmm3", "c4 e2 42 5c dd"},
	{dotU8S8(2, 4, 6), "tdpbusd %tmm6, %tmm4, %tmm2", "c4 e2 49 5e d4"},
}

func encoded(line string) string {
	code, _, _ := strings.Cut(line, " //")
	var got []string
	for _, b := range strings.Split(code, "; ") {
		var v int
		fmt.Sscanf(b, "BYTE $0x%x", &v)
		got = append(got, fmt.Sprintf("%02x", v))
	}
	return strings.Join(got, " ")
}

func TestEncode(t *testing.T) {
	for _, c := range encodings {
		if got := encoded(c.line); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.source, got, c.want)
		}
	}
}

// TestEncodeAsGNU compares the encodings with those of the installed GNU assembler.
func TestEncodeAsGNU(t *testing.T) {
	as, err := exec.LookPath("as")
	if err != nil {
		t.Skip("no GNU as on PATH; install binutils to compare with it")
	}
	dir := t.TempDir()
	var source strings.Builder
	for _, c := range encodings {
		source.WriteString(c.source + "\n")
	}
	file, list := filepath.Join(dir, "a.s"), filepath.Join(dir, "a.lst")
	if err := os.WriteFile(file, []byte(source.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(as, "--64", "-aln="+list, "--listing-lhs-width=8", "-o", filepath.Join(dir, "a.o"), file).CombinedOutput(); err != nil {
		t.Skipf("as does not know the tile instructions; newer binutils do: %s", out)
	}
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^\s*(\d+) [0-9a-f]{4} ([0-9A-F ]+?)\s*\t`)
	found := line.FindAllStringSubmatch(string(text), -1)
	if len(found) != len(encodings) {
		t.Fatalf("as listed %d instructions, want %d:\n%s", len(found), len(encodings), text)
	}
	for i, f := range found {
		got := strings.ToUpper(strings.ReplaceAll(encoded(encodings[i].line), " ", ""))
		if want := strings.ReplaceAll(f[2], " ", ""); got != want {
			t.Errorf("%s:\n got %s\nwant %s", encodings[i].source, got, want)
		}
	}
}
