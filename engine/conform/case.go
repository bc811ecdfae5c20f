// Package conform runs ONNX test cases: a model, inputs, and the outputs that another
// implementation gave for them. A case is a folder as ONNX's own tests have them:
//
//	test_relu/model.onnx
//	test_relu/test_data_set_0/input_0.pb, output_0.pb
package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/clock"
	"github.com/visionzoo/vision/internal/limit"
)

// Case is a folder with model.onnx and test_data_set_* folders.
type Case struct {
	Name string // of the folder
	Dir  string
}

// Find lists the cases at a path: the folder itself, or the folders in it.
func Find(path string) ([]Case, error) {
	if _, err := os.Stat(filepath.Join(path, "model.onnx")); err == nil {
		abs, err := filepath.Abs(path)
		return []Case{{filepath.Base(abs), path}}, err
	}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s: no test case, which is a folder with model.onnx and test_data_set_0; name the folder", path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var out []Case
	for _, e := range entries {
		dir := filepath.Join(path, e.Name())
		if _, err := os.Stat(filepath.Join(dir, "model.onnx")); err == nil {
			out = append(out, Case{e.Name(), dir})
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds no test case: no model.onnx in it or in the folders below it", path)
	}
	return out, nil
}

// Options says how results are compared. Zero tolerances mean the defaults: rtol
// 1e-3 and atol 1e-5, both 1e-2 for floats of 16 bits and fewer. For networks of
// ten convolutions and matrix products or more, atol is at least 5e-4 of the
// expected output's spread.
type Options struct {
	RTol, ATol float64
	Timeout    time.Duration // of a case; 0: none
	Engine     []engine.Option
}

// within bounds a context by the timeout.
func (o Options) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.Timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("took longer than %v", o.Timeout))
}

// Result is the outcome of a case.
type Result struct {
	Case
	Err      error // nil: passed
	Skipped  string
	Note     string     // what Against converted
	MaxError float64    // largest |got-want| of numbers, relative to max(1, |want|)
	Differ   Difference // of all outputs, by Against
	Elapsed  time.Duration
}

// Run runs every data set of a case.
func (c Case) Run(ctx context.Context, opt Options) (r Result) {
	r.Case = c
	start := clock.Now()
	defer func() {
		if p := recover(); p != nil {
			r.Err = fmt.Errorf("panic: %v", p)
		}
		r.Elapsed = clock.Since(start)
	}()
	ctx, cancel := opt.within(ctx)
	defer cancel()
	sets, err := fs.Glob(os.DirFS(c.Dir), "test_data_set_*") // of a folder whose own name may look like a pattern
	if err != nil || len(sets) == 0 {
		r.Skipped = "no test_data_set_* folder"
		return r
	}
	s, err := engine.Open(filepath.Join(c.Dir, "model.onnx"), opt.Engine...)
	if err != nil {
		r.Err = err
		return r
	}
	defer s.Close()
	tol := c.tolerance(opt).deepen(s)
	slices.Sort(sets)
	for _, set := range sets {
		if r.Err = runSet(ctx, s, filepath.Join(c.Dir, set), tol, &r.MaxError); r.Err != nil {
			if len(sets) > 1 {
				r.Err = fmt.Errorf("%s: %w", set, r.Err)
			}
			return r
		}
	}
	return r
}

// Rounding errors add up from layer to layer. With the tolerances that suit a
// single operator, even exact arithmetic misses two of the golden numbers that
// another engine computed for a detector of 113 convolutions. So the outputs of a
// network of many products may also be off by a share of their spread.
const (
	deep       = 10
	deepSpread = 5e-4
)

// deepen adds the share of the spread, unless atol is given.
func (t Tolerance) deepen(s *engine.Session) Tolerance {
	if t.A == 0 && products(s.Graph()) >= deep {
		t.S = deepSpread
	}
	return t
}

// products counts the operators of a graph that sum products.
func products(g *ir.Graph) int {
	n := 0
	for _, node := range g.Nodes {
		switch node.Op {
		case "Conv", "ConvTranspose", "Gemm", "MatMul", "FusedConv", "FusedGemm", "FusedMatMul":
			n++
		}
		for _, r := range node.Regions() {
			n += products(r)
		}
	}
	return n
}

// tolerance is the caller's, else that of the case's data.json, else 0, which means
// the default.
func (c Case) tolerance(opt Options) Tolerance {
	tol := Tolerance{R: opt.RTol, A: opt.ATol}
	data, err := limit.ReadFile(filepath.Join(c.Dir, "data.json"), 1<<16)
	if err != nil {
		return tol
	}
	var file struct{ RTol, ATol float64 }
	if json.Unmarshal(data, &file) == nil {
		if tol.R == 0 {
			tol.R = file.RTol
		}
		if tol.A == 0 {
			tol.A = file.ATol
		}
	}
	return tol
}

func runSet(ctx context.Context, s *engine.Session, dir string, tol Tolerance, worst *float64) error {
	in := engine.Values{}
	inputs := s.Inputs()
	files, err := numbered(dir, "input_")
	if err != nil {
		return err
	}
	if len(files) > len(inputs) {
		return fmt.Errorf("the case has %d inputs, the model takes %d", len(files), len(inputs))
	}
	for i, file := range files {
		if in[inputs[i].Name], err = read(file, inputs[i]); err != nil {
			return err
		}
	}
	out, err := s.Run(ctx, in)
	if err != nil {
		return err
	}
	outputs := s.Outputs()
	files, err = numbered(dir, "output_")
	if err != nil {
		return err
	}
	if len(files) != len(outputs) {
		return fmt.Errorf("the case has %d outputs, the model %d", len(files), len(outputs))
	}
	for i, file := range files {
		want, err := read(file, outputs[i])
		if err != nil {
			return err
		}
		e, err := Compare(out[outputs[i].Name], want, tol)
		*worst = max(*worst, e)
		if err != nil {
			return fmt.Errorf("output %q: %w", outputs[i].Name, err)
		}
	}
	return nil
}

func read(file string, like engine.Info) (*tensor.Tensor, error) {
	data, err := limit.ReadFile(file, limit.Proto)
	if err != nil {
		return nil, err
	}
	t, err := engine.ReadTensor(data, like)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return t, nil
}

// numbered lists prefix0.pb, prefix1.pb … in order.
func numbered(dir, prefix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	byNumber := map[int]string{}
	for _, e := range entries {
		s, ok := strings.CutPrefix(e.Name(), prefix)
		s, pb := strings.CutSuffix(s, ".pb")
		if n, err := strconv.Atoi(s); ok && pb && err == nil {
			byNumber[n] = filepath.Join(dir, e.Name())
		}
	}
	out := make([]string, len(byNumber))
	for i := range out {
		file, ok := byNumber[i]
		if !ok {
			return nil, fmt.Errorf("%s: %s%d.pb is missing", filepath.Base(dir), prefix, i)
		}
		out[i] = file
	}
	return out, nil
}
