package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/detect"
	"github.com/visionzoo/vision/vision"
)

// savers write what --save, --crop and --show ask for.
type savers struct {
	c          *cli.Context
	save, crop *folder
}

func newSavers(c *cli.Context) (*savers, error) {
	s := &savers{c: c}
	for flag, to := range map[string]**folder{"save": &s.save, "crop": &s.crop} {
		dir := c.String(flag)
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, usage("--%s: %w", flag, err)
		}
		*to = &folder{path: dir, taken: map[string]bool{}}
	}
	return s, nil
}

// folder gives out names in a folder, each once and never that of a source.
type folder struct {
	path  string
	taken map[string]bool // in lower case
}

// name is a path in the folder for a file that is made of source.
func (f *folder) name(source, suffix, ext string) string {
	base := stem(source) + suffix
	for n := 1; ; n++ {
		name := base + ext
		if n > 1 {
			name = fmt.Sprintf("%s-%d%s", base, n, ext)
		}
		path := filepath.Join(f.path, name)
		if f.taken[strings.ToLower(name)] || sameFile(path, source) {
			continue
		}
		f.taken[strings.ToLower(name)] = true
		return path
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

// objects writes one picture's.
func (s *savers) objects(name string, img *vision.Image, objects []detect.Object, d *detect.Detector) error {
	if s.crop != nil {
		for i, o := range objects {
			if err := s.cut(name, img, i, o); err != nil {
				return err
			}
		}
	}
	if s.save == nil && !s.c.Bool("show") {
		return nil
	}
	drawn, err := vision.Draw(img, d.Marks(objects))
	if err != nil {
		return err
	}
	return s.picture(name, drawn)
}

// picture writes and shows a picture that was drawn on.
func (s *savers) picture(name string, drawn *vision.Image) error {
	if s.save != nil {
		if err := drawn.Save(s.save.name(name, "", extension(name))); err != nil {
			return err
		}
	}
	if !s.c.Bool("show") {
		return nil
	}
	// What is machine-readable goes to stdout alone.
	to := s.c.App.Writer
	if s.c.Bool("json") || s.c.Bool("csv") {
		to = s.c.App.ErrWriter
	}
	return vision.Show(to, drawn, vision.ShowOptions{})
}

// cut writes one object as a picture of its own.
func (s *savers) cut(name string, img *vision.Image, i int, o detect.Object) error {
	x0, y0 := int(o.Box.X1), int(o.Box.Y1)
	x1, y1 := min(int(o.Box.X2+0.999), img.Width), min(int(o.Box.Y2+0.999), img.Height)
	part, err := vision.Crop(img, x0, y0, max(x1-x0, 1), max(y1-y0, 1))
	if err != nil {
		return err
	}
	suffix := fmt.Sprintf("_%02d_%s", i+1, strings.ReplaceAll(stem(o.Label), " ", "_"))
	return part.Save(s.crop.name(name, suffix, extension(name)))
}
