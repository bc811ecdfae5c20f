package main

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/clock"
	"github.com/visionzoo/vision/internal/pipeline"
	"github.com/visionzoo/vision/vision"
	"github.com/visionzoo/vision/zoo"
)

// eachSource calls do for each picture that the arguments name, until the user
// interrupts.
func eachSource(c *cli.Context, do func(vision.Source, error)) error {
	for src, err := range pictureSources(c, c.Args().Slice()) {
		if err := c.Context.Err(); err != nil {
			return err
		}
		do(src, err)
	}
	return c.Context.Err()
}

// pictureSources are the pictures that the arguments name, decoded as the flags and the
// environment say.
func pictureSources(c *cli.Context, args []string) iter.Seq2[vision.Source, error] {
	return func(yield func(vision.Source, error) bool) {
		decode := decodeOptions()
		for src, err := range vision.Sources(args, sourceOptions(c)...) {
			if !yield(src.With(decode...), err) {
				return
			}
		}
	}
}

// decodeOptions are the options that the environment sets for decoding pictures.
func decodeOptions() []vision.Option {
	if n, err := memoryLimit(); err == nil && n > 0 { // an error has ended the program before
		return []vision.Option{vision.MemoryLimit(n)}
	}
	return nil
}

func sourceOptions(c *cli.Context) []vision.SourceOption {
	opts := []vision.SourceOption{vision.Stdin(c.App.Reader)}
	if c.Bool("offline") || zoo.Offline() {
		opts = append(opts, vision.Client(&http.Client{Transport: noNetwork{}}))
	}
	if c.Bool("recursive") {
		opts = append(opts, vision.Recursive())
	}
	return opts
}

// noNetwork answers every request with an error.
type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%w (--offline or VISION_OFFLINE); download the picture and name the file", zoo.ErrOffline)
}

// countSources is the number of pictures that the arguments name; nothing is opened.
// Unless a bar needs all of them, it stops at two: a tree of folders may be large, and
// the results are to begin.
func countSources(c *cli.Context) (int, error) {
	n := 0
	for range pictureSources(c, c.Args().Slice()) {
		if n++; n == 2 && !hasPictureBar(c) || c.Context.Err() != nil {
			break
		}
	}
	return n, c.Context.Err()
}

// job is one of several pictures, with the files to write for it.
type job struct {
	source vision.Source
	err    error // why there is no picture
	files  saved
}

// crew holds the pictures, and says how many are processed at the same time. They
// are listed before the work begins, so that no file written into their folder
// becomes one of them.
type crew struct {
	pictures []job // without files
	workers  int
	threads  []zoo.Option // options that bound the threads of each
}

// jobs yields the pictures. The names of files are chosen here, in order, so that
// they do not depend on which picture is finished first.
func (w crew) jobs(files *savers) iter.Seq[job] {
	return func(yield func(job) bool) {
		for _, j := range w.pictures {
			j.files = files.claim(j.source.Name)
			if !yield(j) {
				return
			}
		}
	}
}

// maxWorkers bounds the pictures that a detector processes at the same time: each
// needs memory for all values inside the network.
const maxWorkers = 4

// newCrew divides the processors among the pictures: processing several at the same
// time is faster than several threads on each. With --threads, they are processed
// one at a time.
func newCrew(c *cli.Context) (crew, error) {
	w := crew{workers: 1}
	err := eachSource(c, func(src vision.Source, err error) {
		w.pictures = append(w.pictures, job{source: src, err: err})
	})
	total := len(w.pictures)
	if total > 1 {
		collectRarely()
	}
	if total > 1 && c.Int("threads") == 0 {
		cores := runtime.GOMAXPROCS(0)
		w.workers = min(cores, maxWorkers)
		each := (cores + w.workers - 1) / w.workers
		w.threads = []zoo.Option{zoo.WithEngine(engine.Threads(each)), zoo.WithEncoder(vision.EncodeThreads(each))}
	}
	return w, err
}

// desk is the place, with reusable memory, where one picture at a time is decoded,
// encoded and run.
type desk struct {
	*pipeline.Desk
	model *zoo.Model
	runs  pipeline.Gate
}

// eachPicture does the jobs, several at the same time, and prints their results in
// order.
func eachPicture[R any](c *cli.Context, w crew, m *zoo.Model, files *savers, do func(context.Context, desk, job) R, print func(R)) error {
	desks, runs := make([]pipeline.Desk, pipeline.Desks(w.workers)), make(pipeline.Gate, w.workers)
	bar := newPictureBar(c, len(w.pictures))
	defer bar.finish()
	for r := range pipeline.Map(c.Context, len(desks), w.jobs(files), func(ctx context.Context, n int, j job) R {
		return do(ctx, desk{&desks[n], m, runs}, j)
	}) {
		print(r)
		bar.step()
	}
	return c.Context.Err()
}

// prepared is a picture with the network's input that was made from it, and the
// geometry that maps back to the picture's pixels.
type prepared struct {
	img      *vision.Image
	x        *tensor.Tensor
	geometry vision.Geometry
	ms       stageTimes
}

// encode decodes and encodes a picture.
func (d desk) encode(ctx context.Context, j job) (e prepared, err error) {
	if j.err != nil {
		return e, j.err
	}
	img, took, err := d.Open(ctx, j.source)
	if err != nil {
		return e, err
	}
	e.img, e.ms.Decode = img, milliseconds(took)
	start := clock.Now()
	encoder := d.model.Encoder()
	shape, err := encoder.Shape(img.Width, img.Height)
	if err != nil {
		return e, err
	}
	e.x = d.Input(encoder.DType(), shape)
	e.geometry, err = encoder.EncodeInto(ctx, e.x, 0, img)
	e.ms.Encode = since(start)
	return e, err
}

// run waits for its turn, calls do and records how long that took.
func (d desk) run(ctx context.Context, e *prepared, do func() error) error {
	if err := d.runs.Enter(ctx); err != nil {
		return err
	}
	defer d.runs.Leave()
	start := clock.Now()
	err := do()
	e.ms.Infer = since(start)
	return err
}
