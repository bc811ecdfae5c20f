package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
)

// What is no model, what is not there and what is not known can be told apart.
func ExampleUnsupportedError() {
	m := &ir.Model{IRVersion: 8, Opsets: map[string]int{"": 17}, Graph: &ir.Graph{}}
	x, y := m.Graph.NewValue("x", ir.Tensor(tensor.Float32, ir.Dims(1))), m.Graph.NewValue("y", ir.Fact{})
	n := &ir.Node{Name: "twist", Op: "Frobnicate", Version: 17, Inputs: []*ir.Value{x}, Outputs: []*ir.Value{y}}
	y.Node, m.Graph.Inputs, m.Graph.Outputs, m.Graph.Nodes = n, []*ir.Value{x}, []*ir.Value{y}, []*ir.Node{n}

	_, err := engine.OpenModel(m)
	var unknown *engine.UnsupportedError
	fmt.Println(errors.As(err, &unknown), len(unknown.Nodes))
	_, err = engine.OpenBytes([]byte("<!DOCTYPE html><html></html>"))
	fmt.Println(errors.Is(err, engine.ErrNotModel), err)
	// Output:
	// true 1
	// true model: not an ONNX model: an HTML page
}

// A NodeError tells the place by its parts, with a message of its own.
func TestNodeError(t *testing.T) {
	b := ir.NewBuilder(17)
	b.Output("y", b.Name("fly", b.Node("Reshape", []*ir.Value{b.Input("x", tensor.Float32, ir.Dims(3)), b.Input("to", tensor.Int64, ir.Dims(1))})))
	s := built.Session(t, b, engine.Name("wings.h5"))
	_, err := s.Run(context.Background(), engine.Values{"x": tensor.New(tensor.Float32, 3), "to": tensor.Of([]int64{2}, 1)})
	var at *engine.NodeError
	if !errors.As(err, &at) || at.File != "wings.h5" || at.Node != "fly" || at.Op != "Reshape-17" || !strings.HasPrefix(err.Error(), `wings.h5: node "fly" (Reshape-17): `) {
		t.Errorf("%+v: %v", at, err)
	}
}

func TestOpenErrors(t *testing.T) {
	_, err := engine.Open(filepath.Join(t.TempDir(), "none.onnx"))
	if !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), "open") != 1 {
		t.Errorf("a file that is not there: %v", err)
	}
	for name, opt := range map[string]engine.Option{
		"precision 7":      engine.Precision(7),
		"loop budget of 0": engine.LoopBudget(0),
		`"none"`:           engine.WithoutPass("none"),
		"-1 threads":       engine.Threads(-1),
		"limit -1":         engine.MemoryLimit(-1),
		`"z80"`:            engine.CPU("z80"),
	} {
		if _, err := engine.OpenBytes(assets.Model(), opt); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want an error with %s, got %v", name, err)
		}
	}
}

// TestRunIntoRefuses holds that a run never leaves a tensor of the caller's
// unwritten without a word.
func TestRunIntoRefuses(t *testing.T) {
	s, err := engine.OpenBytes(assets.Model())
	if err != nil {
		t.Fatal(err)
	}
	in := engine.Values{"picture": tensor.New(tensor.Float32, 1, 3, 32, 32)}
	for _, r := range []struct {
		name string
		out  engine.Values
		want string
	}{
		{"a name that is none", engine.Values{"scores": tensor.New(tensor.Float32, 1, 10)}, `no output "scores"; the outputs are "probabilities"`},
		{"another shape", engine.Values{"probabilities": tensor.New(tensor.Float32, 1, 11)}, "does not fit the given float32[1 11]"},
		{"another type", engine.Values{"probabilities": tensor.New(tensor.Int32, 1, 10)}, "does not fit the given int32[1 10]"},
		{"nothing", engine.Values{"probabilities": nil}, `output "probabilities" is nil`},
	} {
		for range 2 { // with a plan and without
			if err := s.RunInto(context.Background(), in, r.out); err == nil || !strings.Contains(err.Error(), r.want) {
				t.Errorf("%s: %v, want %s", r.name, err, r.want)
			}
		}
	}
	out := engine.Values{"probabilities": tensor.New(tensor.Float32, 1, 10)}
	if err := s.RunInto(context.Background(), in, out); err != nil || tensor.Data[float32](out["probabilities"])[0] == 0 {
		t.Errorf("a run that is right: %v, %v", err, out)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(context.Background(), in); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a run after Close: %v", err)
	}
	if err := s.Guard(func() error { return nil }); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("constants that are gone: %v", err)
	}
}

// TestNil: what is left out is told, and is no panic.
func TestNil(t *testing.T) {
	s, err := engine.OpenBytes(assets.Model(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var none *engine.Session
	var ctx context.Context
	_, withoutContext := s.Run(ctx, engine.Values{})
	_, notOpened := none.Run(context.Background(), nil)
	_, withoutGraph := engine.OpenModel(nil)
	for want, err := range map[string]error{
		"the context is nil": withoutContext, "was not opened": notOpened, "there is no graph": withoutGraph,
		"session was not opened": (&engine.Session{}).RunInto(context.Background(), nil, nil),
		"Open makes one":         none.Guard(func() error { return nil }),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "BUG") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestPublicFace calls everything that a program can reach with arguments that are nil or
// empty, of sessions and builders that are: errors may come of it, but no panic.
func TestPublicFace(t *testing.T) {
	opened, err := engine.OpenBytes(assets.Model())
	if err != nil {
		t.Fatal(err)
	}
	closed, err := engine.OpenBytes(assets.Model())
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	calm := func(name string, call func()) {
		defer func() {
			if r := recover(); r != nil {
				t.Errorf("%s panics: %v", name, r)
			}
		}()
		call()
	}
	for name, of := range map[string]any{
		"no session": (*engine.Session)(nil), "an empty session": &engine.Session{}, "a session": opened, "a closed session": closed,
		"an empty builder": &ir.Builder{}, "a builder": ir.NewBuilder(17),
		"an empty graph": &ir.Graph{}, "an empty node": &ir.Node{}, "an empty value": &ir.Value{}, "an empty fact": &ir.Fact{}, "an empty shape": &ir.Shape{},
		"an empty error": &ir.NodeError{Err: fs.ErrClosed}, "no files": (*onnx.Files)(nil),
	} {
		v := reflect.ValueOf(of)
		for i := range v.NumMethod() {
			m := v.Method(i)
			var args []reflect.Value
			for k := range m.Type().NumIn() {
				arg := m.Type().In(k)
				switch {
				case arg == reflect.TypeFor[io.Writer]():
					args = append(args, reflect.ValueOf(io.Discard))
				case arg.Kind() == reflect.Func:
					args = append(args, reflect.MakeFunc(arg, func([]reflect.Value) (out []reflect.Value) {
						for o := range arg.NumOut() {
							out = append(out, reflect.Zero(arg.Out(o)))
						}
						return out
					}))
				case k < m.Type().NumIn()-1 || !m.Type().IsVariadic():
					args = append(args, reflect.Zero(arg))
				}
			}
			calm(name+"'s "+v.Type().Method(i).Name, func() { m.Call(args) })
		}
	}
	var ctx context.Context
	failing := map[string]func() error{
		"ReadTensor of nothing":   func() error { _, err := engine.ReadTensor(nil, engine.Info{}); return err },
		"NewFact of nothing":      func() error { _, err := ir.NewFact(nil); return err },
		"NewValueOf nothing":      func() error { _, err := ir.NewValueOf(nil); return err },
		"NewValueOf an empty one": func() error { _, err := ir.NewValueOf(&onnx.Value{}); return err },
		"Load of nothing":         func() error { _, err := ir.Load(context.Background(), nil, ir.LoadOptions{}); return err },
		"Load of no graph": func() error {
			_, err := ir.Load(context.Background(), &onnx.Model{IRVersion: 8}, ir.LoadOptions{})
			return err
		},
		"Read of nothing":  func() error { _, err := onnx.ReadContext(ctx, nil); return err },
		"Write of nothing": func() error { return onnx.Write(io.Discard, nil) },
		"external data of nothing": func() error {
			_, err := onnx.FilesFrom(nil).Read([]onnx.Entry{{Key: "location", Value: "w"}}, 4)
			return err
		},
		"WriteNpy of nothing":  func() error { return tensor.WriteNpy(io.Discard, nil) },
		"ReadNpy of nothing":   func() error { _, err := tensor.ReadNpy(strings.NewReader("")); return err },
		"ReadNpz of nothing":   func() error { _, err := tensor.ReadNpz(strings.NewReader(""), 0); return err },
		"FromBytes of nothing": func() error { _, err := tensor.FromBytes(tensor.Invalid, nil); return err },
		"an input that is nil": func() error { _, err := opened.Run(context.Background(), engine.Values{"picture": nil}); return err },
		"a part of one that is nil": func() error {
			_, err := sequences(t).Run(context.Background(), engine.Values{"x": tensor.NewContainer(tensor.Sequence, nil)})
			return err
		},
		"a nil attribute": func() error {
			b := ir.NewBuilder(17)
			b.Output("y", b.Node("Relu", []*ir.Value{b.Input("x", tensor.Float32, ir.Dims(1))}, nil))
			_, err := b.Model()
			return err
		},
		"an empty builder":       func() error { _, err := (&ir.Builder{}).Model(); return err },
		"an input that is empty": func() error { _, err := opened.Run(context.Background(), engine.Values{"picture": {}}); return err },
	}
	for name, call := range failing {
		calm(name, func() {
			if err := call(); err == nil || strings.Contains(err.Error(), "BUG") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// sequences is a model whose input is a sequence.
func sequences(t *testing.T) *engine.Session {
	t.Helper()
	elem := &onnx.Type{Kind: onnx.KindSequence, Elem: &onnx.Type{Kind: onnx.KindTensor, ElemType: 1}}
	var b bytes.Buffer
	if err := onnx.Write(&b, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{
		Inputs: []*onnx.ValueInfo{{Name: "x", Type: elem}}, Outputs: []*onnx.ValueInfo{{Name: "y"}},
		Nodes: []*onnx.Node{{OpType: "SequenceLength", Inputs: []string{"x"}, Outputs: []string{"y"}}}}}); err != nil {
		t.Fatal(err)
	}
	s, err := engine.OpenBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
