package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
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
	s := opened(t, b, engine.Name("wings.h5"))
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
