package vision

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// computed is the picture of testdata/pillow.py.
func computed(w, h int) *Image {
	m := NewImage(w, h)
	for i := range m.Pix {
		n := int64(i)
		m.Pix[i] = byte((n*n*7 + n*31 + int64(i/(3*w))*57) >> 3)
	}
	return m
}

func TestResizeIsPillows(t *testing.T) {
	data, err := os.ReadFile("testdata/pillow.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(strings.TrimSpace(line), "\t")
		f, err := ParseFilter(row[4])
		if err != nil {
			t.Fatal(err)
		}
		m, err := Resize(computed(number(t, row[0]), number(t, row[1])), number(t, row[2]), number(t, row[3]), f)
		if err != nil {
			t.Fatal(err)
		}
		if sum := fmt.Sprintf("%08x", crc32.ChecksumIEEE(m.Pix)); sum != row[5] {
			t.Errorf("%v: %s", row, sum)
		}
	}
}

// A window of a resized picture is what the whole one has there, and bands that
// several goroutines make fit together.
func TestResampleWindows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		m := computed(1+rng.IntN(120), 1+rng.IntN(120))
		w := window{width: 1 + rng.IntN(120), height: 1 + rng.IntN(120)}
		w.x0, w.y0 = rng.IntN(w.width), rng.IntN(w.height)
		w.x1, w.y1 = w.x0+1+rng.IntN(w.width-w.x0), w.y0+1+rng.IntN(w.height-w.y0)
		f := Filter(rng.IntN(int(filterCount)))
		whole, err := Resize(m, w.width, w.height, f)
		if err != nil {
			t.Fatal(err)
		}
		s := newSampler(m, w, f)
		var mu sync.Mutex
		seen := make([]int, w.y1-w.y0)
		inBands(w.y1-w.y0, 1+rng.IntN(4), func(lo, hi int) {
			s.band(lo, hi, func(y int, row []byte) {
				mu.Lock()
				defer mu.Unlock()
				seen[y]++
				if want := whole.Row(w.y0 + y)[w.x0*3 : w.x1*3]; !slices.Equal(row, want) {
					t.Errorf("%dx%d, %+v, %v: row %d differs", m.Width, m.Height, w, f, y)
				}
			})
		})
		if slices.ContainsFunc(seen, func(n int) bool { return n != 1 }) {
			t.Fatalf("rows made %v times", seen)
		}
	}
}

func TestResizeRefuses(t *testing.T) {
	m := NewImage(4, 4)
	for _, size := range [][2]int{{0, 1}, {1, -1}, {1 << 20, 1}, {20000, 20000}} {
		if _, err := Resize(m, size[0], size[1], Bilinear); err == nil {
			t.Errorf("%v went through", size)
		}
	}
	if _, err := Resize(&Image{Width: 5, Height: 5, Pix: make([]byte, 5)}, 2, 2, Bilinear); err == nil {
		t.Error("a picture with too few bytes went through")
	}
	if _, err := ParseFilter("bicubic"); err == nil {
		t.Error("bicubic without antialias is nobody's")
	}
}
