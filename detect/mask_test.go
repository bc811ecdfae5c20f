package detect

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

// Goldens by testdata/paste.py, torch 1.13. A pixel may differ where the value is
// 0.5 to rounding; there is none among them.
func TestPaste(t *testing.T) {
	data, err := os.ReadFile("testdata/paste.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Box  [4]float64
		Mask []float32
		Rows []string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		b := Box{c.Box[0], c.Box[1], c.Box[2], c.Box[3]}
		got := maskSource{width: 28, height: 28, data: c.Mask}.paste(b, b, 64, 48, 0.5)
		if rows := drawn(got); !slices.Equal(rows, c.Rows) {
			t.Errorf("%v:\n%s\nwant\n%s", b, strings.Join(rows, "\n"), strings.Join(c.Rows, "\n"))
		}
	}
}

// What is as large as the threshold belongs to a mask.
func TestPasteThreshold(t *testing.T) {
	pixel := Box{1, 0, 2, 1}
	if got := drawn(maskSource{width: 1, height: 1, data: []float32{0.5}}.paste(pixel, pixel, 3, 1, 0.5)); got[0] != ".#." {
		t.Errorf("%v", got)
	}
}

// drawn is a mask in letters.
func drawn(m *Mask) []string {
	rows := make([][]byte, m.Height)
	for y := range rows {
		rows[y] = []byte(strings.Repeat(".", m.Width))
	}
	m.eachRun(func(from, to int) {
		for at := from; at < to; at++ {
			rows[at%m.Height][at/m.Height] = '#'
		}
	})
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = string(r)
	}
	return out
}

// fromLetters is a mask of a drawing.
func fromLetters(rows ...string) *Mask {
	return maskOf(len(rows[0]), len(rows), 0, 0, len(rows[0]), len(rows), func(x, y int) bool { return rows[y][x] == '#' })
}

func TestMask(t *testing.T) {
	a := fromLetters("....", ".##.", ".##.", "....")
	b := fromLetters("....", "..##", "..##", "....")
	if a.Area() != 4 || a.Bounds() != (Box{1, 1, 3, 3}) || a.check() != nil {
		t.Errorf("%+v: area %d, bounds %v", a, a.Area(), a.Bounds())
	}
	if got := a.IoU(b); got != 2.0/6 {
		t.Errorf("IoU %v, want a third", got)
	}
	if got := a.IoU(fromLetters("...", "...")); got != 0 {
		t.Errorf("masks of other sizes overlap by %v", got)
	}
	p := b.Picture()
	if p.Left != 2 || p.Top != 1 || p.Width != 2 || p.Height != 2 || p.Pix[3] != 255 {
		t.Errorf("%+v", p)
	}
	if none := fromLetters("..", ".."); none.Area() != 0 || none.Bounds() != (Box{}) || none.IoU(none) != 0 {
		t.Errorf("an empty mask: %+v", none)
	}
	if full := fromLetters("##", "##"); full.Area() != 4 || full.Bounds() != (Box{0, 0, 2, 2}) || full.Counts[0] != 0 {
		t.Errorf("a full mask: %+v", full)
	}
}

// The first two are strings as pycocotools writes them, worked out by hand from
// the format; the rest goes there and back.
func TestRLE(t *testing.T) {
	for _, tt := range []struct {
		counts []uint32
		want   string
	}{
		{[]uint32{5, 2, 2, 2, 5}, "52203"}, // 5; 2; 2; 2-2=0; 5-2=3
		{[]uint32{0, 100, 44}, "0T3\\1"},   // 100 = 4 + 3*32, 44 = 12 + 32
	} {
		m := &Mask{Counts: tt.counts}
		if got := m.RLE(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.counts, got, tt.want)
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		w, h := 1+r.IntN(90), 1+r.IntN(90)
		p := r.Float64()
		m := maskOf(w, h, 0, 0, w, h, func(x, y int) bool { return r.Float64() < p })
		back, err := ParseRLE(m.RLE(), w, h)
		if err != nil || !slices.Equal(back.Counts, m.Counts) {
			t.Fatalf("%dx%d: %v", w, h, err)
		}
	}
	for _, s := range []string{"\x7f", "5", "o", "oooooooooooooooooooo0", "00000000000", "N"} {
		if _, err := ParseRLE(s, 4, 4); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}

// Pixels that rleFrPoly gives, worked out by hand: a column changes sides where
// the outline passes its middle, rounded down the rows.
// A polygon of a few corners far apart takes no memory for its outline.
func TestLongOutline(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := MaskOfPolygons([][]float64{{-5e5, 1, 5e5, 1, 0, 3}}, 6, 4)
	runtime.ReadMemStats(&after)
	if err != nil || m.Area() == 0 {
		t.Errorf("%v, %v", m, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("took %d bytes", took)
	}
}

func TestMaskOfPolygons(t *testing.T) {
	for _, tt := range []struct {
		why      string
		polygons [][]float64
		want     []string
	}{
		{"whole pixels", [][]float64{{1, 1, 4, 1, 4, 3, 1, 3}}, []string{"......", ".###..", ".###..", "......"}},
		{"and back", [][]float64{{1, 1, 1, 3, 4, 3, 4, 1}}, []string{"......", ".###..", ".###..", "......"}},
		{"two that overlap", [][]float64{{0, 0, 2, 0, 2, 2, 0, 2}, {1, 1, 3, 1, 3, 3, 1, 3}}, []string{"##....", "###...", ".##...", "......"}},
		{"out of the picture", [][]float64{{-5, -5, 2, -5, 2, 2, -5, 2}}, []string{"##....", "##....", "......", "......"}},
		{"all of it", [][]float64{{0, 0, 6, 0, 6, 4, 0, 4}}, []string{"######", "######", "######", "######"}},
		{"none", nil, []string{"......", "......", "......", "......"}},
		{"a steep side", [][]float64{{0, 0, 2, 0, 4, 3.4}}, []string{".#....", "..#...", "...#..", "......"}},
	} {
		m, err := MaskOfPolygons(tt.polygons, 6, 4)
		if err != nil {
			t.Fatal(err)
		}
		if got := drawn(m); !slices.Equal(got, tt.want) || m.check() != nil {
			t.Errorf("%s:\n%s", tt.why, strings.Join(got, "\n"))
		}
	}
	for _, p := range [][]float64{{1, 2, 3, 4}, {1, 2, 3, 4, 5, 6, 7}, {0, 0, 1e300, 0, 0, 1}, {0, 0, -1e6, 1e6, 1e6, 1e6, 7, math.NaN()}} {
		if _, err := MaskOfPolygons([][]float64{p}, 6, 4); err == nil {
			t.Errorf("%v was drawn", p)
		}
	}
}

func TestPolygons(t *testing.T) {
	got := fromLetters("......", ".##...", ".##...", "......").Polygons()
	if len(got) != 1 || !slices.Equal(got[0], []float64{1, 1, 3, 1, 3, 3, 1, 3}) {
		t.Errorf("%v", got)
	}
	ring := fromLetters("####.", "#..#.", "#..#.", "####.", "....#").Polygons() // and a pixel at its corner
	if len(ring) != 3 {
		t.Errorf("a ring and a pixel: %v", ring)
	}
	r := rand.New(rand.NewPCG(9, 10))
	for range 300 { // there and back, holes by turning the sign of what they enclose
		w, h := 1+r.IntN(12), 1+r.IntN(12)
		m := maskOf(w, h, 0, 0, w, h, func(x, y int) bool { return r.IntN(5) < 3 })
		area := 0.0
		var all [][]float64
		for _, p := range m.Polygons() {
			for i := 0; i < len(p); i += 2 {
				j := (i + 2) % len(p)
				area += (p[i]*p[j+1] - p[j]*p[i+1]) / 2
			}
			all = append(all, p)
		}
		if int(math.Round(area)) != m.Area() {
			t.Fatalf("outlines enclose %v of %d pixels\n%s\n%v", area, m.Area(), strings.Join(drawn(m), "\n"), all)
		}
	}
}

// A network that sees the picture mirrored gives the mirror of its masks: those of a
// box, of the whole input, and mixed from prototypes.
func TestFlippedMasks(t *testing.T) {
	const left = 20 // of 64 columns
	g := plain(64, 64)
	g.Flipped = true
	columns := func(name string, h, w, from, to int) Output { // 1 in columns from … to-1
		set := map[int]float32{}
		for i := range h * w {
			set[i] = -1
			if x := i % w; x >= from && x < to {
				set[i] = 1
			}
		}
		return floats(name, []int{1, 1, h, w}, set)
	}
	torch := func(masks Output) []Output {
		return []Output{floats("boxes", []int{1, 4}, map[int]float32{0: 64 - 50, 1: 10, 2: 64 - left, 3: 30}),
			{"labels", tensor.Of([]int64{1}, 1)}, floats("scores", []int{1}, map[int]float32{0: 0.9}), masks}
	}
	ultra := map[int]float32{}
	for row, v := range []float32{64 - (left+50)/2, 20, 50 - left, 20, 0.9, 1} {
		ultra[row*84] = v
	}
	for name, r := range map[string]struct {
		head string
		out  []Output
	}{
		"box":        {"torchvision", torch(columns("masks", 28, 28, 14, 28))},
		"input":      {"torchvision", torch(columns("masks", 64, 64, 64-35, 64-left))},
		"prototypes": {"yolov8", []Output{floats("o", []int{1, 6, 84}, ultra), columns("p", 64, 64, 64-35, 64-left)}},
	} {
		objects, err := Decode(r.head, r.out, g, nil)
		if err != nil || len(objects) != 1 {
			t.Errorf("%s: %v, %v", name, objects, err)
			continue
		}
		if b := objects[0].Box; b != (Box{left, 10, 50, 30}) {
			t.Errorf("%s: box %v", name, b)
		}
		for y, row := range drawn(objects[0].Mask)[12:28] {
			if from, to := strings.Index(row, "#"), strings.LastIndex(row, "#")+1; from != left || to < 34 || to > 36 {
				t.Errorf("%s: row %d is set from %d to %d, want %d to 35", name, y+12, from, to, left)
			}
		}
	}
}
