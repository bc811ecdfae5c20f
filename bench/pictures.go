package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/visionzoo/vision/vision"
)

// pictureRace compares what comes before the network, each step alone and on one
// processor, with Pillow and NumPy: files to pixels, and pixels to the network's
// input.
type pictureRace struct {
	files   []string
	images  []*vision.Image
	encoder *vision.Encoder
	pil     *worker
}

// pictureSteps runs the race and prints it.
func pictureSteps(r *photoRace, rounds int) error {
	recipe, err := vision.Named("imagenet")
	if err != nil {
		return err
	}
	e, err := vision.NewEncoder(recipe, vision.EncodeThreads(1))
	if err != nil {
		return err
	}
	p := &pictureRace{files: r.files, encoder: e}
	if p.pil, err = newWorker(r.python, r.files); err != nil {
		return err
	}
	defer p.pil.stop()
	if err := p.load(); err != nil {
		return err
	}
	fmt.Printf("%d photos, one processor, medians of %d turns\n", len(p.files), rounds)
	for _, step := range []struct {
		name string
		ours func() error
	}{{"decode", p.decode}, {"encode", p.encode}} {
		ours, theirs, err := p.turns(step.name, step.ours, rounds)
		if err != nil {
			return err
		}
		n := float64(len(p.files))
		fmt.Printf("%s   vision %.3f ms a photo, Pillow %.3f: vision / Pillow = %.2f\n", step.name, ours/n, theirs/n, ours/theirs)
	}
	return p.sizes(rounds)
}

// load decodes all photos, with this program and with Pillow.
func (p *pictureRace) load() error {
	for _, f := range p.files {
		m, err := vision.Open(f)
		if err != nil {
			return err
		}
		p.images = append(p.images, m)
	}
	return p.pil.do("load")
}

func (p *pictureRace) decode() error {
	var m vision.Image
	for _, f := range p.files {
		if _, err := vision.Open(f, vision.Into(&m)); err != nil {
			return err
		}
	}
	return nil
}

func (p *pictureRace) encode() error {
	for _, m := range p.images {
		if _, _, err := p.encoder.Encode(m); err != nil {
			return err
		}
	}
	return nil
}

// turns are the median milliseconds of this program's and of Pillow's way through
// all photos.
func (p *pictureRace) turns(name string, ours func() error, rounds int) (a, b float64, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var mine, theirs []float64
	for range rounds + 1 {
		start := time.Now()
		if err := ours(); err != nil {
			return 0, 0, err
		}
		mine = append(mine, since(start))
		start = time.Now()
		if err := p.pil.do(name); err != nil {
			return 0, 0, err
		}
		theirs = append(theirs, since(start))
	}
	return median(mine[1:]), median(theirs[1:]), nil // the first warms up
}

// sizes times the way from pixels to a network's input for a small and a large
// picture, on one processor and on all.
func (p *pictureRace) sizes(rounds int) error {
	for _, size := range [][2]int{{500, 375}, {4032, 3024}} {
		m, err := vision.Resize(p.images[0], size[0], size[1], vision.Bilinear)
		if err != nil {
			return err
		}
		for _, threads := range []int{1, runtime.GOMAXPROCS(0)} {
			e, err := vision.NewEncoder(p.encoder.Recipe(), vision.EncodeThreads(threads))
			if err != nil {
				return err
			}
			var ms []float64
			for range 10*rounds + 1 {
				start := time.Now()
				if _, _, err := e.Encode(m); err != nil {
					return err
				}
				ms = append(ms, since(start))
			}
			fmt.Printf("encode   %dx%d to 224x224, %d threads: %.2f ms\n", size[0], size[1], threads, median(ms[1:]))
		}
	}
	return nil
}
