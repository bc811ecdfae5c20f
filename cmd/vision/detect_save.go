package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/vision"
)

// savers write what --save, --crop, --map and --show ask for. They serve several
// pictures at a time; claim and show are for one goroutine each.
type savers struct {
	c                *cli.Context
	save, crop, maps *folder // nil where the flag is not given
	large            sync.Mutex
}

// largePicture is from how many pixels on a picture is drawn on and written while
// no other such is: that takes two copies of it.
const largePicture = 32 << 20

func newSavers(c *cli.Context) (*savers, error) {
	s, all := &savers{c: c}, map[string]*folder{}
	for _, f := range []struct {
		flag string
		to   **folder
	}{{"save", &s.save}, {"crop", &s.crop}, {"map", &s.maps}} {
		dir := c.String(f.flag)
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, usage("--%s: %w", f.flag, err)
		}
		dir = filepath.Clean(dir)
		if all[dir] == nil {
			all[dir] = &folder{path: dir, taken: map[string]bool{}, bases: map[string]bool{}}
		}
		*f.to = all[dir]
	}
	return s, nil
}

// saved says where what is made of a picture goes; "" is nowhere.
type saved struct {
	picture string // drawn on
	classes string // the map
	objects string // before the number and the label of each
}

// claim gives out the names for a source.
func (s *savers) claim(source string) saved {
	var to saved
	if s.save != nil {
		to.picture = s.save.name(stem(source), extension(source), source)
	}
	if s.maps != nil {
		to.classes = s.maps.name(stem(source), ".png", source)
	}
	if s.crop != nil {
		to.objects = s.crop.base(stem(source))
	}
	return to
}

// folder gives out names in a folder, each once and never that of a source.
type folder struct {
	path  string
	mu    sync.Mutex
	taken map[string]bool // files, in lower case
	bases map[string]bool // what names begin with, in lower case
}

// name is a path in the folder for a file that is made of source.
func (f *folder) name(base, ext, source string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return filepath.Join(f.path, first(base, ext, f.taken, func(name string) bool {
		return sameFile(filepath.Join(f.path, name), source)
	}))
}

// base is what the names of several files that are made of one source begin with.
func (f *folder) base(base string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return first(base, "", f.bases, func(string) bool { return false })
}

// first takes base+ext, or base-2+ext and so on where that is taken or in use.
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

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// extension is how pictures made of a source are written: as PNG where it is one,
// else as JPEG.
func extension(source string) string {
	if strings.EqualFold(filepath.Ext(source), ".png") {
		return ".png"
	}
	return ".jpg"
}

// objects writes one picture's, and returns the picture to show, nil for none.
func (s *savers) objects(j job, img *vision.Image, objects []detect.Object, d *detect.Detector) (*vision.Image, error) {
	if s.crop != nil {
		for i, o := range objects {
			if err := s.cut(j, img, i, o); err != nil {
				return nil, err
			}
		}
	}
	return s.drawing(j, img, func() (*vision.Image, error) { return vision.Draw(img, d.Marks(objects)) })
}

// drawing makes of img a picture that is to be saved or shown, and writes it. It
// returns the picture to show, nil for none.
func (s *savers) drawing(j job, img *vision.Image, draw func() (*vision.Image, error)) (*vision.Image, error) {
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
		if err := drawn.Save(j.files.picture); err != nil {
			return nil, err
		}
	}
	if !show {
		return nil, nil
	}
	return drawn, nil
}

// show shows a picture, unless it is nil, and reports whether that went well; it
// tells why not.
func (s *savers) show(drawn *vision.Image) bool {
	if drawn == nil {
		return true
	}
	// What is machine-readable goes to stdout alone.
	to := s.c.App.Writer
	if s.c.Bool("json") || s.c.Bool("csv") {
		to = s.c.App.ErrWriter
	}
	if err := vision.Show(to, drawn, vision.ShowOptions{}); err != nil {
		tell(s.c, err.Error())
		return false
	}
	return true
}

// cut writes one object as a picture of its own.
func (s *savers) cut(j job, img *vision.Image, i int, o detect.Object) error {
	x0, y0 := int(o.Box.X1), int(o.Box.Y1)
	x1, y1 := min(int(o.Box.X2+0.999), img.Width), min(int(o.Box.Y2+0.999), img.Height)
	part, err := vision.Crop(img, x0, y0, max(x1-x0, 1), max(y1-y0, 1))
	if err != nil {
		return err
	}
	base := fmt.Sprintf("%s_%02d_%s", j.files.objects, i+1, strings.ReplaceAll(stem(o.Label), " ", "_"))
	return part.Save(s.crop.name(base, extension(j.source.Name), j.source.Name))
}
