package vision

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/visionzoo/vision/internal/await"
)

// DrawMap returns a copy of the picture with a class map drawn over it: class holds
// the class of each pixel, row by row, and names the names of the classes. Pixels
// whose class has no name are left as they are; others are tinted and outlined in
// their class's colour. Each name is written once, where its class is widest.
func DrawMap(m *Image, class []byte, names map[int]string) (*Image, error) {
	return DrawMapContext(context.Background(), m, class, names)
}

// DrawMapContext is DrawMap with a context.
func DrawMapContext(ctx context.Context, m *Image, class []byte, names map[int]string) (*Image, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if err := await.Check(ctx); err != nil {
		return nil, err
	}
	if len(class) != m.Width*m.Height {
		return nil, fmt.Errorf("vision: a class map of %d values for a picture of %dx%d", len(class), m.Width, m.Height)
	}
	c := newCanvas(ctx, m.Clone())
	edge := max(1, c.unit*2/3)
	widest := map[int]span{}
	for y := range m.Height {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for x0 := 0; x0 < m.Width; {
			k, x1 := class[y*m.Width+x0], x0+1
			for x1 < m.Width && class[y*m.Width+x1] == k {
				x1++
			}
			if _, ok := names[int(k)]; ok {
				c.tint(class, y, x0, x1, edge)
				if w, ok := widest[int(k)]; !ok || x1-x0 > w.x1-w.x0 {
					widest[int(k)] = span{y, x0, x1}
				}
			}
			x0 = x1
		}
	}
	c.mapLabels(widest, names)
	return c.m, nil
}

// span is a run of pixels in one row, x1 exclusive.
type span struct{ y, x0, x1 int }

// tint colours a run of one class, more strongly near other classes.
func (c *canvas) tint(class []byte, y, x0, x1, edge int) {
	k := class[y*c.m.Width+x0]
	col := ClassColor(int(k))
	other := func(x, y int) bool {
		return x >= 0 && y >= 0 && x < c.m.Width && y < c.m.Height && class[y*c.m.Width+x] != k
	}
	for x := x0; x < x1; x++ {
		alpha := 0.5
		if other(x-edge, y) || other(x+edge, y) || other(x, y-edge) || other(x, y+edge) {
			alpha = 0.95
		}
		c.blend(x, y, col, alpha)
	}
}

// mapLabels writes the names, those of the widest areas first.
func (c *canvas) mapLabels(widest map[int]span, names map[int]string) {
	order := slices.SortedFunc(maps.Keys(widest), func(a, b int) int {
		x, y := widest[a], widest[b]
		return cmp.Or(cmp.Compare(y.x1-y.x0, x.x1-x.x0), cmp.Compare(a, b))
	})
	for _, k := range order {
		text := (&Mark{Label: names[k]}).text()
		if text == "" {
			continue
		}
		w := widest[k]
		half := float64(c.face.width(text)) / 2
		middle, height := float64(w.x0+w.x1)/2, float64(c.face.ascent+c.face.descent)
		y := min(float64(w.y), float64(c.m.Height-1)-height/2) // what is below the picture has no place
		c.label([4]float64{middle - half, y + height/2, middle + half, y + height}, text, ClassColor(k))
	}
}
