// Package engine runs neural networks in the ONNX format, in Go and Go
// assembly: no shared library, no Python.
//
//	s, err := engine.Open("resnet50.onnx")
//	if err != nil { … }
//	defer s.Close()
//	x := tensor.New(tensor.Float32, 1, 3, 224, 224) // filled by tensor.Data[float32](x), row by row
//	out, err := s.Run(ctx, engine.Values{"input": x})
//	logits := tensor.Data[float32](out["output"])
//
// Session.Inputs and Session.Outputs tell names, element types and shapes. Package
// vision makes tensors of pictures; packages classify and detect read outputs.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/pass"
	"github.com/visionzoo/vision/engine/plan"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/await"
	"github.com/visionzoo/vision/internal/clock"
)

// Values are tensors by name.
type Values map[string]*tensor.Tensor

// Info describes an input, an output or another value of the graph: its name,
// element type (DType) and Shape. Dimensions may be symbols ("batch") or unknown;
// Shape.Ints returns them if all are numbers.
type Info struct {
	Name string
	ir.Fact
}

// String is the name with element type and shape: "data" float32[1 3 224 224].
func (i Info) String() string { return onnx.Quote(i.Name) + " " + i.Fact.String() }

// Session is an opened model. It is safe for concurrent use: several runs may be
// under way at the same time, each with its own memory for inner values, all
// sharing one copy of the weights. A session that was not opened, nil or the zero value,
// describes an empty model, and its runs fail.
type Session struct {
	file    string    // the model's name in messages
	model   *ir.Model // as in the file
	options options
	mapped  *mapped       // the files in which constants lie; nil: none
	closers []io.Closer   // in turn: mapped first; none of a slice
	runner  *plan.Runner  // runs the optimised graph
	spare   sync.Pool     // of *arguments
	reports []pass.Report // what each pass did
	opened  time.Duration // how long opening took
	closed  atomic.Bool
	given   *givenDefaults // nil: the model has no defaults
}

// Open opens a model file. The file is mapped into memory and must not change until
// Close; if it becomes shorter, runs fail with ErrChanged. The error is an fs.PathError
// if the file cannot be read, ErrNotModel if it is not an ONNX file, and an
// UnsupportedError if it holds operators that the engine does not support; other errors
// say in one line what is broken.
func Open(path string, opts ...Option) (*Session, error) {
	return OpenContext(context.Background(), path, opts...)
}

// OpenContext is Open with a context that can end it: reading, optimisation, planning
// and the packing of weights.
func OpenContext(ctx context.Context, path string, opts ...Option) (*Session, error) {
	data, closer, err := onnx.Map(path)
	if err != nil {
		return nil, err
	}
	o := newOptions(opts)
	files := o.external
	if !o.elsewhere {
		files = onnx.NewFiles(filepath.Dir(path))
	}
	if m, ok := closer.(interface{ Forget() }); ok {
		o.planned = m.Forget
	}
	s, err := open(ctx, data, filepath.Base(path), files, newMapped(closer, files), o, nil)
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

// OpenBytes opens a model from memory, which must not change until Close. External
// data is read only from the file system that WithFiles gives.
func OpenBytes(data []byte, opts ...Option) (*Session, error) {
	return OpenBytesContext(context.Background(), data, opts...)
}

// OpenBytesContext is OpenBytes with a context that can end it.
func OpenBytesContext(ctx context.Context, data []byte, opts ...Option) (*Session, error) {
	o := newOptions(opts)
	s, err := open(ctx, data, "model", o.external, newMapped(o.external), o, nil)
	if err != nil {
		o.external.Close()
		return nil, err
	}
	s.closers = append(s.closers, o.external)
	return s, nil
}

// Opening a model is a chain of steps, each of which is a package:
//
//	bytes -> onnx.Read -> ir.Load -> ops.Bind -> ops.Infer -> pass.Optimise -> plan.NewRunner

// open opens a model in which the given defaults are inputs. in are the mapped files in which its
// constants lie.
func open(ctx context.Context, data []byte, name string, files *onnx.Files, in *mapped, o options, given []string) (s *Session, err error) {
	name = cmp.Or(o.name, name)
	defer guard(name, in, &s, &err)()
	start := clock.Now()
	if err := o.check(ctx); err != nil {
		return nil, err
	}
	file, err := onnx.ReadContext(ctx, data)
	if err != nil {
		return nil, err
	}
	m, err := ir.Load(ctx, file, ir.LoadOptions{Files: files, Limit: o.fits, Given: given})
	if err != nil {
		return nil, err
	}
	if s, err = begin(ctx, m, name, o); err != nil {
		return nil, err
	}
	s.mapped, s.closers = in, []io.Closer{in}
	if given == nil && len(m.Defaults) > 0 {
		s.given = newGivenDefaults(func(ctx context.Context, given []string) (*Session, error) {
			return open(ctx, data, name, files, in, o, given)
		})
	}
	if err := checkDeclared(file, m); err != nil {
		return nil, err
	}
	err = s.prepare(ctx)
	s.opened = clock.Since(start)
	return s, err
}

// OpenModel opens a model that was built in memory, for instance by an importer of
// another format; see ir.Builder. The session owns the model from then on. The model's
// Defaults are constants: Run cannot be given other values for them.
func OpenModel(m *ir.Model, opts ...Option) (*Session, error) {
	return OpenModelContext(context.Background(), m, opts...)
}

// OpenModelContext is OpenModel with a context that can end it.
func OpenModelContext(ctx context.Context, m *ir.Model, opts ...Option) (s *Session, err error) {
	o := newOptions(opts)
	name := cmp.Or(o.name, "model")
	defer guard(name, nil, &s, &err)()
	switch {
	case m == nil || m.Graph == nil:
		return nil, errors.New("there is no graph; ir.Builder makes one")
	case o.elsewhere:
		return nil, errors.New("WithFiles: a model that was built has no external data")
	}
	start := clock.Now()
	if err := o.check(ctx); err != nil {
		return nil, err
	}
	whole := *m
	whole.Defaults = nil // another value would take the file to open anew
	if s, err = begin(ctx, &whole, name, o); err != nil {
		return nil, err
	}
	s.mapped = newMapped()
	s.closers = []io.Closer{s.mapped}
	err = s.prepare(ctx)
	s.opened = clock.Since(start)
	return s, err
}

// begin binds the nodes of a model to their operators and infers the types of its
// values.
func begin(ctx context.Context, m *ir.Model, name string, o options) (*Session, error) {
	if err := ops.Bind(m); err != nil {
		return nil, err
	}
	if err := ops.Infer(ctx, m.Graph); err != nil {
		return nil, err
	}
	s := &Session{file: name, model: m, options: o}
	return s, s.expose(o.outputs)
}

// guard prepares for faults in mapped files, and returns what has to be deferred while a model is
// opened: it turns a panic, which is a bug of ours or a file that has changed, into an error, and
// prefixes any error with the model's name.
func guard(name string, in *mapped, s **Session, err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if r := recover(); r != nil {
			*err = ops.Bug(r)
		}
		if *err != nil {
			*s, *err = nil, inFile(strings.Trim(onnx.Quote(name), `"`), in.explain(*err))
		}
	}
}

// inFile adds the model's name to an error.
func inFile(name string, err error) error {
	var at *NodeError
	if errors.As(err, &at) {
		at.File = name
	}
	return fmt.Errorf("%s: %w", name, err)
}

// checkDeclared refuses a model whose outputs do not have the element types that
// the file declares: types are inferred, and a file that declares others is broken.
func checkDeclared(file *onnx.Model, m *ir.Model) error {
	for i, out := range file.Graph.Outputs {
		if out.Type == nil || i >= len(m.Graph.Outputs) {
			continue
		}
		declared, err := ir.NewFact(out.Type)
		if got := m.Graph.Outputs[i].Fact; err == nil && declared.DType.IsElement() && got.DType.IsElement() && got.DType != declared.DType {
			return fmt.Errorf("output %s is declared %s, but it is %s", onnx.Quote(out.Name), declared.DType, got.DType)
		}
	}
	return nil
}

// prepare makes the graph that runs from the one in the file, and plans for the
// declared input shapes if all are known.
func (s *Session) prepare(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	g := s.model.Graph
	if !s.options.plain {
		g = g.Clone()
		if err := ops.Rebind(g); err != nil {
			return err
		}
		reports, err := pass.Optimise(ctx, g, s.options.without)
		if err != nil {
			return err
		}
		s.reports = reports
	}
	s.runner = plan.NewRunner(g, s.options.plan())
	facts := make([]ir.Fact, len(g.Inputs))
	for i, v := range g.Inputs {
		facts[i] = v.Fact
		if !v.Fact.Shape.Full() || v.Fact.DType == tensor.String {
			return nil
		}
	}
	if s.options.plain {
		return nil
	}
	return s.runner.Prepare(ctx, facts)
}

// Close waits for the runs under way, those of slices too, and frees what the session
// holds; later runs fail with ErrClosed. The function given to Trace must not call it.
// Closing a session twice does nothing, and neither does closing the nil session that
// Open returns with an error.
func (s *Session) Close() error {
	if s == nil || s.closed.Swap(true) {
		return nil
	}
	var first error
	for _, c := range s.closers {
		if err := c.Close(); err != nil && first == nil {
			first = err
		}
	}
	s.closers = nil
	return first
}

// Inputs describes the inputs that Run takes, in the model's order; Defaults are
// further ones.
func (s *Session) Inputs() []Info { return infos(s.orEmpty().runner.Inputs()) }

// Outputs describes the outputs that Run returns, in the model's order.
func (s *Session) Outputs() []Info { return infos(s.orEmpty().runner.Outputs()) }

// orEmpty is the session, or one of an empty model if it was not opened.
func (s *Session) orEmpty() *Session {
	if s != nil && s.runner != nil {
		return s
	}
	g := &ir.Graph{}
	return &Session{file: "model", model: &ir.Model{Graph: g}, runner: plan.NewRunner(g, plan.Options{})}
}

// infos describes values.
func infos(values []*ir.Value) []Info {
	out := make([]Info, len(values))
	for i, v := range values {
		out[i] = Info{v.Name, v.Fact}
	}
	return out
}

// Run computes the outputs for one set of inputs. in holds one tensor for each of
// Inputs, with its element type and shape, and for those of Defaults that are to have
// another value, and nothing else; Run only reads them.
// The results, one for each of Outputs, belong to the caller; with an error there
// are none. The first run on inputs of new shapes plans for them, which takes
// longer. A cancelled context ends the run between two pieces of work, with the
// context's error.
func (s *Session) Run(ctx context.Context, in Values) (Values, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	out := make(Values, len(s.runner.Outputs()))
	if err := s.run(ctx, in, out, true); err != nil {
		return nil, err
	}
	return out, nil
}

// RunInto computes outputs into the caller's tensors: out holds one of the right
// dtype and shape for each output that is wanted. It allocates nothing once a plan
// for these shapes exists, except for outputs that lie where inputs do. After an error
// the contents of the tensors are undefined.
func (s *Session) RunInto(ctx context.Context, in, out Values) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	return s.run(ctx, in, out, false)
}

// ready checks what every run needs: an open session and a context.
func (s *Session) ready(ctx context.Context) error {
	switch {
	case s == nil || s.runner == nil:
		return errors.New("engine: the session was not opened; Open makes one")
	case s.closed.Load():
		return fmt.Errorf("%s: %w", s.file, ErrClosed)
	case ctx == nil:
		return fmt.Errorf("%s: %w", s.file, await.ErrNil)
	case s.mapped.hasChanged():
		return fmt.Errorf("%s: %w", s.file, ErrChanged)
	}
	return nil
}

// arguments are a run's inputs and outputs in the graph's order; the slices are
// reused between runs.
type arguments struct{ in, out []*tensor.Tensor }

// run computes outputs. With all, it adds every output to out; otherwise it writes into the tensors
// that out holds.
func (s *Session) run(ctx context.Context, in, out Values, all bool) (err error) {
	if !s.mapped.enter() {
		return fmt.Errorf("%s: %w", s.file, ErrClosed)
	}
	defer s.mapped.leave()
	inputs, outputs := s.runner.Inputs(), s.runner.Outputs()
	args, _ := s.spare.Get().(*arguments)
	if args == nil {
		args = &arguments{make([]*tensor.Tensor, len(inputs)), make([]*tensor.Tensor, len(outputs))}
	}
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if r := recover(); r != nil {
			err = inFile(s.file, s.mapped.explain(ops.Bug(r)))
		}
		clear(args.in)
		clear(args.out)
		s.spare.Put(args)
	}()
	for i, v := range inputs {
		t := in[v.Name]
		if t == nil {
			return fmt.Errorf("%s: input %s is missing; it takes %s", s.file, onnx.Quote(v.Name), v.Fact)
		}
		if !v.Fact.Admits(t) {
			return fmt.Errorf("%s: input %s takes %s, not %s", s.file, onnx.Quote(v.Name), v.Fact, t)
		}
		args.in[i] = t
	}
	if len(in) > len(inputs) {
		other, err := s.with(ctx, in)
		if err != nil {
			return err
		}
		return other.run(ctx, in, out, all)
	}
	if !all {
		wanted := 0
		for i, v := range outputs {
			if args.out[i] = out[v.Name]; args.out[i] != nil {
				wanted++
			}
		}
		if wanted < len(out) {
			return s.unknown("output", out, outputs)
		}
	}
	results, err := s.runner.Run(ctx, args.in, args.out)
	if err != nil {
		return inFile(s.file, s.mapped.explain(err))
	}
	return s.deliver(results, out, all)
}

// deliver hands the results of a run to its caller, as run says.
func (s *Session) deliver(results []*tensor.Tensor, out Values, all bool) error {
	for i, v := range s.runner.Outputs() {
		want := out[v.Name]
		switch {
		case all:
			out[v.Name] = results[i]
		case want == nil || results[i] == want:
		case want.DType() == results[i].DType() && want.DType().IsElement() && want.DType() != tensor.String && slices.Equal(want.Shape(), results[i].Shape()):
			copy(want.Bytes(), results[i].Bytes()) // the result lies elsewhere: made by a stage, or a view
		default:
			return fmt.Errorf("%s: output %s is %s, which does not fit the given %s", s.file, onnx.Quote(v.Name), results[i], want)
		}
	}
	return nil
}

// unknown reports a name among a run's inputs or outputs that the model does not
// have, or a nil tensor.
func (s *Session) unknown(kind string, given Values, values []*ir.Value) error {
	var names []string
	known := map[string]bool{}
	for _, v := range values {
		known[v.Name] = true
		names = append(names, onnx.Quote(v.Name))
	}
	if kind == "input" {
		for _, d := range s.model.Defaults {
			known[d.Const.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch {
		case !known[name]:
			return fmt.Errorf("%s: there is no %s %s; the %ss are %s", s.file, kind, onnx.Quote(name), kind, strings.Join(names, ", "))
		case given[name] == nil:
			return fmt.Errorf("%s: %s %s is nil", s.file, kind, onnx.Quote(name))
		}
	}
	return nil
}
