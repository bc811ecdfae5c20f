package main

import (
	"bufio"
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed pillow_photos.py
var pillowScript string

// photos compares the way from files to labels, first the steps before the
// network, then the whole of it: the command vision with all processors, against
// Pillow (decode, resize, crop, normalise) and then ONNX Runtime on as many
// pictures, one process a processor each. What the others need to start and to
// load is not counted; what vision needs is.
func photos(args []string) error {
	f := flag.NewFlagSet("photos", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "bench photos --ort libonnxruntime.so.1 --vision ./vision --recipe caffe squeezenet1.1.onnx photos/")
		f.PrintDefaults()
	}
	library := f.String("ort", os.Getenv("ONNXRUNTIME"), "ONNX Runtime's shared library")
	python := f.String("python", "python3", "the interpreter that has Pillow and NumPy")
	command := f.String("vision", "vision", "the command")
	recipe := f.String("recipe", "caffe", "how the model is fed")
	rounds := f.Int("rounds", 7, "turns of each")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 2 {
		f.Usage()
		return flag.ErrHelp
	}
	model, dir := f.Arg(0), f.Arg(1)
	files, err := pictures(dir)
	if err != nil {
		return err
	}
	r := &photoRace{model: model, files: files, workers: runtime.NumCPU(), library: *library, python: *python, command: *command, recipe: *recipe}
	if err := pictureSteps(r, *rounds); err != nil {
		return err
	}
	defer r.stop()
	if err := r.start(); err != nil {
		return err
	}
	var ours, pillow, ort []float64
	for range *rounds {
		for _, step := range []struct {
			to  *[]float64
			run func() (time.Duration, error)
		}{{&ours, r.vision}, {&pillow, r.pillow}, {&ort, r.ort}} {
			d, err := step.run()
			if err != nil {
				return err
			}
			*step.to = append(*step.to, d.Seconds()*1e3)
			time.Sleep(rest)
		}
	}
	a, b, c := median(ours), median(pillow), median(ort)
	fmt.Printf("%d photos, %d processors, medians of %d turns\n", len(files), r.workers, *rounds)
	fmt.Printf("vision classify       %7.0f ms\nPillow                %7.0f ms\nONNX Runtime          %7.0f ms\n", a, b, c)
	fmt.Printf("(Pillow + ONNX Runtime) / vision = %.2f\n", (b+c)/a)
	return nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func pictures(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".jpg", ".jpeg", ".JPEG"}, filepath.Ext(path)) {
			files = append(files, path)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no JPEG pictures in %s", dir)
	}
	return files, err
}

type photoRace struct {
	model, library, python, command, recipe string
	files                                   []string
	workers                                 int
	pil                                     []*worker
	engines                                 []*child
}

// worker is Pillow: a process that answers each line with one when it is done.
type worker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func newWorker(python string, files []string) (*worker, error) {
	w := &worker{cmd: exec.Command(python, append([]string{"-c", pillowScript}, files...)...)}
	w.cmd.Stderr = os.Stderr
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReader(out)
	return w, w.cmd.Start()
}

// do has the worker go through its photos once.
func (w *worker) do(task string) error {
	if _, err := fmt.Fprintln(w.in, task); err != nil {
		return err
	}
	_, err := w.out.ReadBytes('\n')
	return err
}

func (w *worker) stop() {
	w.in.Close()
	w.cmd.Wait()
}

func (r *photoRace) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	fed, err := feedLine(r.model, sizes{batch: 1}, nil)
	if err != nil {
		return err
	}
	for i := range r.workers {
		var mine []string
		for j := i; j < len(r.files); j += r.workers {
			mine = append(mine, r.files[j])
		}
		w, err := newWorker(r.python, mine)
		if err != nil {
			return err
		}
		r.pil = append(r.pil, w)
		c := &child{row: row{Threads: 1}}
		if err := c.start(context.Background(), self, "contender", "--engine", "ort", "--library", r.library, "--model", r.model, "--feed", fed); err != nil {
			return err
		}
		if c.failed != nil {
			return c.failed
		}
		r.engines = append(r.engines, c)
	}
	return nil
}

func (r *photoRace) stop() {
	for _, w := range r.pil {
		w.stop()
	}
	for _, c := range r.engines {
		c.stop()
	}
}

func (r *photoRace) vision() (time.Duration, error) {
	start := time.Now()
	cmd := exec.Command(r.command, append([]string{"classify", "--json", "--model", r.model, "--recipe", r.recipe}, r.files...)...)
	out, err := cmd.Output()
	if n := strings.Count(string(out), `"predictions"`); err == nil && n != len(r.files) {
		err = fmt.Errorf("%s classified %d of %d photos", r.command, n, len(r.files))
	}
	return time.Since(start), err
}

// together times all processes doing their shares at the same time.
func (r *photoRace) together(do func(i int) error) (time.Duration, error) {
	errs := make([]error, r.workers)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range r.workers {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

func (r *photoRace) pillow() (time.Duration, error) {
	return r.together(func(i int) error { return r.pil[i].do("labels") })
}

// ort is the time of the runs alone: each child warms up first.
func (r *photoRace) ort() (time.Duration, error) {
	took := make([]float64, r.workers)
	_, err := r.together(func(i int) error {
		share := (len(r.files) - i + r.workers - 1) / r.workers
		fmt.Fprintln(r.engines[i].in, strconv.Itoa(share))
		var s sample
		err := r.engines[i].read(&s)
		for _, ms := range s.MS {
			took[i] += ms
		}
		return err
	})
	return time.Duration(slices.Max(took) * 1e6), err
}
