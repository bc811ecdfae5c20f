// Package engine runs neural networks in the ONNX format, in Go and Go
// assembly: no shared library, no Python.
//
//	s, err := engine.Open("resnet50.onnx")
//	if err != nil { … }
//	defer s.Close()
//	out, err := s.Run(ctx, engine.Values{"input": x})
package engine

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/plan"
	"github.com/visionzoo/vision/engine/tensor"
)

// Values are tensors by name.
type Values map[string]*tensor.Tensor

// Info describes an input, an output or a layer: its name, element type and
// shape. Dimensions may be symbols ("batch") or unknown.
type Info struct {
	Name string
	ir.Fact
}

// Session is an opened model. It is safe for concurrent use.
type Session struct {
	file    string
	model   *ir.Model
	options options
	closers []io.Closer
	runner  *plan.Runner
}

// Open opens a model file. The file is mapped: it must stay as it is until
// Close.
func Open(path string, opts ...Option) (*Session, error) {
	data, closer, err := onnx.Map(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	files := onnx.NewFiles(filepath.Dir(path))
	s, err := open(data, filepath.Base(path), files, opts)
	if err != nil {
		files.Close()
		if closer != nil {
			closer.Close()
		}
		return nil, err
	}
	if closer != nil {
		s.closers = append(s.closers, closer)
	}
	s.closers = append(s.closers, files)
	return s, nil
}

// OpenBytes opens a model in memory, which must stay as it is until Close.
// External data is found in WithFiles's file system only.
func OpenBytes(data []byte, opts ...Option) (*Session, error) {
	o := newOptions(opts)
	var files *onnx.Files
	if o.files != nil {
		files = onnx.FilesFrom(o.files)
	}
	return open(data, "model", files, opts)
}

func open(data []byte, name string, files *onnx.Files, opts []Option) (s *Session, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("BUG: panic: %v", r)
		}
		if err != nil {
			s, err = nil, fmt.Errorf("%s: %w", strings.Trim(onnx.Quote(name), `"`), err)
		}
	}()
	o := newOptions(opts)
	if o.err != nil {
		return nil, o.err
	}
	file, err := onnx.Read(data)
	if err != nil {
		return nil, err
	}
	m, err := ir.Load(file, ir.LoadOptions{Files: files, Limit: o.fits})
	if err != nil {
		return nil, err
	}
	if err := ops.Bind(m); err != nil {
		return nil, err
	}
	if err := ops.Infer(m.Graph); err != nil {
		return nil, err
	}
	s = &Session{file: name, model: m, options: o}
	return s, s.prepare()
}

// prepare makes the graph that runs out of the one the file holds.
func (s *Session) prepare() error {
	g := s.model.Graph
	if !s.options.plain {
		g = g.Clone()
		if err := ops.Rebind(g); err != nil {
			return err
		}
		if _, err := pass.Optimise(g, nil); err != nil {
			return err
		}
	}
	s.runner = plan.NewRunner(g, s.options.plan())
	return nil
}

// Close gives back what the session holds. No Run may be under way.
func (s *Session) Close() error {
	var first error
	for _, c := range s.closers {
		if err := c.Close(); err != nil && first == nil {
			first = err
		}
	}
	s.closers = nil
	return first
}

// Inputs describes what Run takes, in the model's order.
func (s *Session) Inputs() []Info { return infos(s.model.Graph.Inputs) }

// Outputs describes what Run gives, in the model's order.
func (s *Session) Outputs() []Info { return infos(s.model.Graph.Outputs) }

func infos(values []*ir.Value) []Info {
	out := make([]Info, len(values))
	for i, v := range values {
		out[i] = Info{v.Name, v.Fact}
	}
	return out
}

// Run computes the outputs for one set of inputs. The results are the
// caller's.
func (s *Session) Run(ctx context.Context, in Values) (Values, error) {
	g := s.model.Graph
	args := make([]*tensor.Tensor, len(g.Inputs))
	for i, v := range g.Inputs {
		t := in[v.Name]
		if t == nil {
			return nil, fmt.Errorf("%s: input %s is missing; it takes %s", s.file, onnx.Quote(v.Name), v.Fact)
		}
		if !v.Fact.Admits(t) {
			return nil, fmt.Errorf("%s: input %s takes %s, not %s", s.file, onnx.Quote(v.Name), v.Fact, t)
		}
		args[i] = t
	}
	if len(in) > len(args) {
		return nil, s.unknownInput(in)
	}
	out, err := s.runner.Run(ctx, args, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.file, err)
	}
	results := make(Values, len(out))
	for i, v := range g.Outputs {
		results[v.Name] = out[i]
	}
	return results, nil
}

func (s *Session) unknownInput(in Values) error {
	var names []string
	known := map[string]bool{}
	for _, v := range s.model.Graph.Inputs {
		known[v.Name] = true
		names = append(names, onnx.Quote(v.Name))
	}
	for name := range in {
		if !known[name] {
			return fmt.Errorf("%s: there is no input %s; the inputs are %s", s.file, onnx.Quote(name), strings.Join(names, ", "))
		}
	}
	return nil
}

// WithFiles gives OpenBytes the files that external data may lie in.
func WithFiles(sys fs.FS) Option { return func(o *options) { o.files = sys } }
