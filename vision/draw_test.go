package vision

import (
	"bytes"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDraw(t *testing.T) {
	m := NewImage(300, 200)
	m.fill([3]byte{120, 130, 140})
	before := bytes.Clone(m.Pix)
	mask := &Mask{Left: 200, Top: 100, Width: 40, Height: 40, Pix: bytes.Repeat([]byte{255}, 1600)}
	out, err := Draw(m, []Mark{
		{Class: 3, Label: "dog\x1b[2J", Score: 0.9, Box: [4]float64{20, 60, 120, 160}},
		{Class: 1, Mask: mask},
		{Class: 2, Points: []Keypoint{{150, 20.5, 1}, {180, 20.5, 1}, {1, 1, 0}}, Bones: [][2]int{{0, 1}, {1, 2}, {5, 9}}},
		{Class: 4, Label: "nowhere", Box: [4]float64{math.NaN(), -5, math.Inf(1), 9}},
		{Class: 5, Box: [4]float64{200, 20, 240, 60}, Corners: [][2]float64{{220, 20}, {240, 40}, {220, 60}, {200, 40}}},
		{Class: 6, Corners: [][2]float64{{math.NaN(), 1}, {math.Inf(1), 2}, {1e9, 3}, {-1, 4}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Pix, before) {
		t.Error("the picture itself was drawn on")
	}
	at := func(x, y int) color.RGBA { r, g, b := out.RGB(x, y); return color.RGBA{R: r, G: g, B: b, A: 255} }
	ground := color.RGBA{R: 120, G: 130, B: 140, A: 255}
	if c := at(22, 130); c != ClassColor(3) {
		t.Errorf("the box's side is %v", c)
	}
	if c := at(70, 110); c != ground {
		t.Errorf("inside the box is %v", c)
	}
	if c := at(220, 120); c == ground || c == ClassColor(1) {
		t.Errorf("the mask is not translucent: %v", c)
	}
	if c := at(165, 20); c != ClassColor(2) {
		t.Errorf("the bone is %v", c)
	}
	for _, p := range [][2]int{{230, 30}, {229, 50}, {210, 50}, {210, 29}} {
		if c := at(p[0], p[1]); c != ClassColor(5) {
			t.Errorf("the side of the box at an angle at %v is %v", p, c)
		}
	}
	for _, p := range [][2]int{{220, 40}, {201, 40 - 15}, {239, 55}} {
		if c := at(p[0], p[1]); c != ground {
			t.Errorf("%v, off the sides of the box at an angle, is %v", p, c)
		}
	}
	if c := at(21, 58); c != ClassColor(3) {
		t.Errorf("the label's plate is %v", c)
	}
	if _, err := Draw(m, []Mark{{Mask: &Mask{Width: 9, Height: 9}}}); err == nil {
		t.Error("a mask without values went through")
	}
}

// On a small picture the labels of many objects do not hide it.
func TestLabelsLeaveRoom(t *testing.T) {
	for _, size := range [][2]int{{60, 80}, {100, 75}, {160, 120}, {320, 240}} {
		m := NewImage(size[0], size[1])
		var marks []Mark
		for i := range 40 {
			x, y := float64(i%5*m.Width/5), float64(i/5*m.Height/8)
			marks = append(marks, Mark{Class: i, Label: "person", Box: [4]float64{x, y, x + 3, y + 3}})
		}
		out, err := Draw(m, marks)
		if err != nil {
			t.Fatal(err)
		}
		black := 0
		for y := range m.Height {
			for x := range m.Width {
				if r, g, b := out.RGB(x, y); r|g|b == 0 {
					black++
				}
			}
		}
		if share := float64(black) / float64(m.Width*m.Height); share < 0.65 || share > 0.95 {
			t.Errorf("%.2f of a picture of %v can be seen", share, size)
		}
	}
}

// The name of a class that lies at the bottom is not cut off there.
func TestMapLabelAtTheBottom(t *testing.T) {
	m := NewImage(100, 80)
	class := make([]byte, 100*80)
	for x := range 100 {
		class[79*100+x] = 1
	}
	out, err := DrawMap(m, class, map[int]string{1: "bird"})
	if err != nil {
		t.Fatal(err)
	}
	for y, want := range map[int]color.RGBA{70: ClassColor(1), 50: {A: 255}} {
		if r, g, b := out.RGB(43, y); r != want.R || g != want.G || b != want.B {
			t.Errorf("row %d is %d %d %d, want %v", y, r, g, b, want)
		}
	}
}

// What the font has no letters for is seen to be there.
func TestLegible(t *testing.T) {
	for s, want := range map[string]string{"Žluťoučký kůň 0.50": "Žluťoučký kůň 0.50", "猫 0.50": "? 0.50", "🙂…": "?…"} {
		if got := newTypeface(12).cut(s, 1000); got != want {
			t.Errorf("%q is written as %q, want %q", s, got, want)
		}
	}
	if got := newTypeface(12).cut(strings.Repeat("m", 1e5), 40); got != "mm…" && got != "mmm…" { // at once
		t.Errorf("a long label is written as %q", got)
	}
}

func TestClassColorsDiffer(t *testing.T) {
	seen := map[color.RGBA]int{}
	for c := range 91 {
		if other, twice := seen[ClassColor(c)]; twice {
			t.Errorf("classes %d and %d look the same", c, other)
		}
		seen[ClassColor(c)] = c
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	m := computed(31, 17)
	for _, name := range []string{"a.png", "b.JPG", "c.jpeg"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := m.Save(path); err != nil {
			t.Fatal(err)
		}
		got, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if d, where := farthest(got, m); name == "a.png" && d != 0 || d == 256 {
			t.Errorf("%s: %d at %s", name, d, where)
		}
	}
	for _, name := range []string{"d.tiff", "none/e.png"} {
		if err := m.Save(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	folder := filepath.Join(dir, "f.png")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := m.Save(folder); err == nil || !strings.HasPrefix(err.Error(), folder+": ") || strings.Contains(err.Error(), ".part") {
		t.Errorf("the error names another file: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 4 {
		t.Errorf("%v is left over, %v", entries, err)
	}
}

// imaging indexes palettes unchecked, in goroutines whose panics nobody can
// recover from: an index past the palette must never reach it.
func TestPaletteIndex(t *testing.T) {
	p := image.NewPaletted(image.Rect(0, 0, 64, 64), color.Palette{color.White})
	for i := range p.Pix {
		p.Pix[i] = 200
	}
	m, err := FromImage(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	small, err := Thumbnail(m, 16, 16)
	if err != nil {
		t.Fatal(err)
	}
	if r, g, b := small.RGB(8, 8); r != 0 || g != 0 || b != 0 {
		t.Errorf("an index past the palette is %d %d %d, want black", r, g, b)
	}
}

func TestGeometryForPeople(t *testing.T) {
	m := computed(40, 20)
	size := func(m *Image, err error) [2]int {
		if err != nil {
			t.Fatal(err)
		}
		return [2]int{m.Width, m.Height}
	}
	if s := size(Fit(m, 10, 10)); s != [2]int{10, 5} {
		t.Error(s)
	}
	if s := size(Rotate(m, 90, nil)); s != [2]int{20, 40} {
		t.Error(s)
	}
	if s := size(Crop(m, 30, 10, 50, 50)); s != [2]int{10, 10} {
		t.Error(s)
	}
	if s := size(ContactSheet([]Captioned{{m, "a"}, {m, "b"}, {m, "c"}}, 2, 32)); s[0] <= 64 || s[1] <= 64 {
		t.Error(s)
	}
	flipped, err := Flip(m, LeftRight)
	if err != nil {
		t.Fatal(err)
	}
	want := m.Clone()
	for y := range want.Height {
		mirror(want.Row(y), m.Row(y))
	}
	if !bytes.Equal(flipped.Pix, want.Pix) {
		t.Error("flipped otherwise")
	}
	if _, err := Crop(m, 50, 50, 5, 5); err == nil {
		t.Error("a part outside was cut out")
	}
}

func TestShow(t *testing.T) {
	m := NewImage(2, 2)
	m.Pix = []byte{255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, tt := range []struct {
		env  func(string) string
		want string
	}{
		{env("COLORTERM", "truecolor"), "\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[38;2;0;255;0;48;2;255;255;255m▀\x1b[0m\n"},
		{env(), "\x1b[38;5;196;48;5;21m▀\x1b[38;5;46;48;5;231m▀\x1b[0m\n"},
		{env("TERM", "tmux-256color", "KITTY_WINDOW_ID", "1"), "\x1b[38;5;196"},
		{env("TERM", "xterm-kitty"), "\x1b_G"},
		{env("TERM_PROGRAM", "iTerm.app"), "\x1b]1337;File="},
		{env("TERM", "foot"), "\x1bP"},
	} {
		var b bytes.Buffer
		if err := Show(&b, m, ShowOptions{Env: tt.env}); err != nil || !strings.HasPrefix(b.String(), tt.want) {
			t.Errorf("%v: %.80q, want %q", err, b.String(), tt.want)
		}
	}
}
