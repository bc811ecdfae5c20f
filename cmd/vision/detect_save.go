package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/vision"
)

// savers write the files that --save, --crop and --map ask for, and show pictures
// for --show. They are safe for concurrent use, except that claim and show must
// each be called from one goroutine.
type savers struct {
	c                *cli.Context
	save, crop, maps *folder // nil if the flag is not given
	large            sync.Mutex
}

// largePicture is the number of pixels above which pictures are drawn on and
// written one at a time, because that takes two copies of each.
const largePicture = 32 << 20

func newSavers(c *cli.Context, pictures []job) (*savers, error) {
	s, all := &savers{c: c}, map[string]*folder{}
	for _, f := range []struct {
		flag string
		to   **folder
	}{{"save", &s.save}, {"crop", &s.crop}, {"map", &s.maps}} {
		dir := c.String(f.flag)
		if dir == "" {
			continue
		}
		if err := writableFolder("--"+f.flag, dir); err != nil {
			return nil, err
		}
		dir = filepath.Clean(dir)
		if all[dir] == nil {
			all[dir] = &folder{path: dir, keep: holdsAny(dir, pictures), taken: map[string]bool{}, bases: map[string]bool{}}
		}
		*f.to = all[dir]
	}
	return s, nil
}

// saved holds the paths of the files that are made from a picture; "" means none.
type saved struct {
	picture string // the picture with the results drawn on it
	classes string // the class map
	objects string // of the objects: followed by the number and the label of each
}

// claim chooses the names for a source.
func (s *savers) claim(source string) saved {
	var to saved
	if s.save != nil {
		to.picture = s.save.name(stem(source), extension(source))
	}
	if s.maps != nil {
		to.classes = s.maps.name(stem(source), ".png")
	}
	if s.crop != nil {
		to.objects = s.crop.base(stem(source))
	}
	return to
}

// folder chooses names in a folder, each only once. In a folder of results, files
// of an earlier run are replaced; links, which may lead to a source, are not.
type folder struct {
	path  string
	keep  bool // sources lie here or below: whatever exists stays as it is
	mu    sync.Mutex
	taken map[string]bool // files, in lower case
	bases map[string]bool // beginnings of names, in lower case
}

// name chooses the path for a file.
func (f *folder) name(base, ext string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !filepath.IsLocal(base + ext) { // a device of Windows, such as con.png
		base = "_" + base
	}
	return filepath.Join(f.path, first(base, ext, f.taken, func(name string) bool {
		info, err := os.Lstat(filepath.Join(f.path, name))
		return err == nil && (f.keep || !info.Mode().IsRegular())
	}))
}

// base chooses the common beginning for the names of several files that are made
// from one source.
func (f *folder) base(base string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return first(base, "", f.bases, func(string) bool { return false })
}

// first takes the first of base+ext, base-2+ext and so on that is neither taken nor
// in use.
func first(base, ext string, taken map[string]bool, used func(string) bool) string {
	for n := 1; ; n++ {
		name := base + ext
		if n > 1 {
			name = fmt.Sprintf("%s-%d%s", base, n, ext)
		}
		if key := strings.ToLower(name); !taken[key] && !used(name) {
			taken[key] = true
			return name
		}
	}
}

// holdsAny reports whether a source lies in a folder or below it, by its name or by
// what a link of that name leads to.
func holdsAny(dir string, pictures []job) bool {
	folders := map[string]bool{}
	for _, j := range pictures {
		name, err := filepath.Abs(j.source.Name)
		if err != nil {
			continue
		}
		folders[filepath.Dir(name)] = true
		if real, err := filepath.EvalSymlinks(name); err == nil {
			folders[filepath.Dir(real)] = true
		}
	}
	seen := map[string]bool{}
	for at := range folders {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			at = real
		}
		for !seen[at] {
			if sameFile(at, dir) {
				return true
			}
			seen[at], at = true, filepath.Dir(at)
		}
	}
	return false
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// extension is that of pictures made from a source: .png for a PNG, else .jpg.
func extension(source string) string {
	if strings.EqualFold(filepath.Ext(source), ".png") {
		return ".png"
	}
	return ".jpg"
}

// objects writes the files for one picture's objects, and returns the picture to
// show, nil for none.
func (s *savers) objects(ctx context.Context, j job, img *vision.Image, objects []detect.Object, d *detect.Detector) (*vision.Image, error) {
	if s.crop != nil {
		for i, o := range objects {
			if err := s.cut(ctx, j, img, i, o); err != nil {
				return nil, err
			}
		}
	}
	return s.drawing(ctx, j, img, func() (*vision.Image, error) { return vision.DrawContext(ctx, img, d.Marks(objects)) })
}

// drawing draws on img if the result is to be saved or shown, and saves it. It
// returns the picture to show, nil for none.
func (s *savers) drawing(ctx context.Context, j job, img *vision.Image, draw func() (*vision.Image, error)) (*vision.Image, error) {
	show := s.c.Bool("show")
	if j.files.picture == "" && !show {
		return nil, nil
	}
	if img.Width*img.Height > largePicture {
		s.large.Lock()
		defer s.large.Unlock()
	}
	drawn, err := draw()
	if err != nil {
		return nil, err
	}
	if j.files.picture != "" {
		if err := drawn.SaveContext(ctx, j.files.picture); err != nil {
			return nil, err
		}
	}
	if !show {
		return nil, nil
	}
	return drawn, nil
}

// show shows a picture unless it is nil. If that fails, it prints why and reports
// false.
func (s *savers) show(drawn *vision.Image) bool {
	if drawn == nil {
		return true
	}
	if os.Getenv("NO_COLOR") != "" {
		drawn = greys(drawn)
	}
	if err := vision.Show(screen(s.c), drawn, vision.ShowOptions{}); err != nil {
		tell(s.c, err.Error())
		return false
	}
	return true
}

// screen is where --show draws: with --json and --csv, standard output must stay
// machine-readable.
func screen(c *cli.Context) io.Writer {
	if c.Bool("json") || c.Bool("csv") {
		return c.App.ErrWriter
	}
	return c.App.Writer
}

// checkShow refuses --show where there is no terminal: files and pipes would get its
// escapes.
func checkShow(c *cli.Context) error {
	if c.Bool("show") && !isTerminal(screen(c)) {
		return usage("--show draws in a terminal, but standard output is not one; --save DIR writes the pictures to files")
	}
	return nil
}

// greys is the picture without colours, in the luma of ITU-R BT.601.
func greys(m *vision.Image) *vision.Image {
	grey := m.Clone()
	for i := 0; i < len(grey.Pix); i += 3 {
		p := grey.Pix[i : i+3]
		y := byte((299*int(p[0]) + 587*int(p[1]) + 114*int(p[2]) + 500) / 1000)
		p[0], p[1], p[2] = y, y, y
	}
	return grey
}

// cut writes one object as a picture of its own.
func (s *savers) cut(ctx context.Context, j job, img *vision.Image, i int, o detect.Object) error {
	x0, y0 := int(o.Box.X1), int(o.Box.Y1)
	x1, y1 := min(int(o.Box.X2+0.999), img.Width), min(int(o.Box.Y2+0.999), img.Height)
	part, err := vision.Crop(img, x0, y0, max(x1-x0, 1), max(y1-y0, 1))
	if err != nil {
		return err
	}
	base := fmt.Sprintf("%s_%02d_%s", j.files.objects, i+1, strings.ReplaceAll(stem(o.Label), " ", "_"))
	return part.SaveContext(ctx, s.crop.name(base, extension(j.source.Name)))
}
