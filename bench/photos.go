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

// photos compares the whole way from files to labels: the command vision with
// all processors, against Pillow (decode, resize, crop, normalise) and then
// ONNX Runtime on as many pictures, one process a processor each. What the
// others need to start and to load is not counted; what vision needs is.
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
	if err := r.start(); err != nil {
		return err
	}
	defer r.stop()
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

// worker is a process that answers each line with one when it is done.
type worker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (r *photoRace) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for i := range r.workers {
		var mine []string
		for j := i; j < len(r.files); j += r.workers {
			mine = append(mine, r.files[j])
		}
		w := &worker{cmd: exec.Command(r.python, append([]string{"-c", pillowScript}, mine...)...)}
		w.cmd.Stderr = os.Stderr
		if w.in, err = w.cmd.StdinPipe(); err != nil {
			return err
		}
		out, err := w.cmd.StdoutPipe()
		if err != nil {
			return err
		}
		w.out = bufio.NewReader(out)
		if err := w.cmd.Start(); err != nil {
			return err
		}
		r.pil = append(r.pil, w)
		c := &child{row: row{Threads: 1}}
		if err := c.start(context.Background(), self, "contender", "--engine", "ort", "--library", r.library, "--model", r.model); err != nil {
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
		w.in.Close()
		w.cmd.Wait()
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

// together times all processes doing their share at once.
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
	return r.together(func(i int) error {
		fmt.Fprintln(r.pil[i].in)
		_, err := r.pil[i].out.ReadBytes('\n')
		return err
	})
}

func (r *photoRace) ort() (time.Duration, error) {
	return r.together(func(i int) error {
		share := (len(r.files) - i + r.workers - 1) / r.workers
		fmt.Fprintln(r.engines[i].in, strconv.Itoa(share-1)) // one run warms up
		var s sample
		return r.engines[i].read(&s)
	})
}
