package engine_test

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/assets"
	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/onnx"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
)

// tracedRun is a session and the inputs of a run.
type tracedRun struct {
	s  *engine.Session
	in engine.Values
}

// traced opens a network that is planned as a whole and one in stages.
func traced(t *testing.T, trace engine.Option) map[string]tracedRun {
	t.Helper()
	planned, err := engine.OpenBytes(assets.Model(), trace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { planned.Close() })
	g := cutGraph(3)
	staged, err := engine.OpenModel(g.model(), trace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { staged.Close() })
	return map[string]tracedRun{"planned": {planned, engine.Values{"picture": tensor.New(tensor.Float32, 1, 3, 32, 32)}}, "staged": {staged, g.inputs}}
}

// TestTracePanics: the panic of the caller's function is told as its own, in plans,
// in stages and in loops, and the session goes on.
func TestTracePanics(t *testing.T) {
	var with any
	fuse := 0 // events before the panic
	trace := engine.Trace(func(engine.Event) {
		if fuse--; fuse < 0 && with != nil {
			panic(with)
		}
	})
	for name, r := range traced(t, trace) {
		events := 0
		for ; ; events++ {
			with, fuse = "boom", events
			out, err := r.s.Run(context.Background(), r.in)
			if err == nil {
				break
			}
			if !strings.Contains(err.Error(), "the trace function panicked: boom") || strings.Contains(err.Error(), "BUG") {
				t.Errorf("%s, event %d: %v", name, events, err)
			}
			if out != nil {
				t.Errorf("%s: a failed run gives %v", name, out)
			}
		}
		if events < 5 {
			t.Errorf("%s: %d events", name, events)
		}
		with, fuse = fs.ErrClosed, 1
		if _, err := r.s.Run(context.Background(), r.in); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRunIntoInputs: outputs may lie where inputs do, of one picture or of several that run
// one after the other.
func TestRunIntoInputs(t *testing.T) {
	const size = 64
	for _, n := range []int{1, 3} {
		b := ir.NewBuilder(18)
		x := b.Input("x", tensor.Float32, ir.Dims(n, size))
		b.Output("y", b.Node("Neg", []*ir.Value{x}))
		b.Output("z", b.Node("Reshape", []*ir.Value{x, b.Const("", tensor.Of([]int64{-1, 4, size / 4}, 3))}))
		s := built.Session(t, b)
		both := tensor.New(tensor.Float32, (n+1)*size)
		for i := range tensor.Data[float32](both) {
			tensor.Data[float32](both)[i] = float32(i)
		}
		part := func(from int) *tensor.Tensor {
			return tensor.View(tensor.Float32, both.Bytes()[4*size*from:][:4*size*n], []int{n, size})
		}
		y, z := part(1), tensor.New(tensor.Float32, n, 4, size/4)
		if err := s.RunInto(context.Background(), engine.Values{"x": part(0)}, engine.Values{"y": y, "z": z}); err != nil {
			t.Fatal(err)
		}
		for i, v := range tensor.Data[float32](y) {
			if v != -float32(i) || tensor.Data[float32](z)[i] != float32(i) {
				t.Fatalf("%d pictures: number %d is %v and %v", n, i, v, tensor.Data[float32](z)[i])
			}
		}
	}
}

// TestNothingBesideAnError: what failed gives no value that could be used.
func TestNothingBesideAnError(t *testing.T) {
	s, err := engine.OpenBytes(assets.Model())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Run(context.Background(), engine.Values{}); out != nil || err == nil {
		t.Errorf("a run without its input: %v, %v", out, err)
	}
	if part, err := s.Slice("", "nowhere"); part != nil || err == nil || strings.Count(err.Error(), "model: ") != 1 {
		t.Errorf("a slice to nowhere: %v, %v", part, err)
	}
	var weights string
	for _, l := range s.Layers() {
		for _, in := range l.Inputs {
			if in.Const != nil {
				weights = in.Name
			}
		}
	}
	if part, err := s.Slice(weights, ""); part != nil || err == nil || !strings.Contains(err.Error(), "constants do not count") {
		t.Errorf("a slice from %s: %v, %v", weights, part, err)
	}
	none, err := engine.OpenBytes(nil)
	if closed := none.Close(); err == nil || closed != nil {
		t.Errorf("of nothing: %v, %v", err, closed)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if part, err := s.Slice("", ""); part != nil || !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a slice of a closed session: %v, %v", part, err)
	}
}

// TestClosed: a slice ends with the session that it came from, which may have been built,
// and what reads constants does not read them where they were.
func TestClosed(t *testing.T) {
	b := ir.NewBuilder(21)
	x := b.Input("x", tensor.Float32, ir.ShapeOf(ir.Sym("n")))
	b.Output("y", b.Node("Tile", []*ir.Value{x, b.Const("times", tensor.Of([]int64{2}, 1))}))
	built := built.Session(t, b)
	path := filepath.Join(t.TempDir(), "tile.onnx")
	vector := &onnx.Type{Kind: onnx.KindTensor, ElemType: 1, HasShape: true, Dims: []onnx.Dim{{Param: "n"}}}
	if err := onnx.WriteFile(path, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: &onnx.Graph{
		Inputs: []*onnx.ValueInfo{{Name: "x", Type: vector}}, Outputs: []*onnx.ValueInfo{{Name: "y"}},
		Nodes:        []*onnx.Node{{OpType: "Tile", Inputs: []string{"x", "times"}, Outputs: []string{"y"}}},
		Initializers: []*onnx.Tensor{{Name: "times", DataType: 7, Dims: []int64{1}, Raw: []byte{2, 0, 0, 0, 0, 0, 0, 0}, HasRaw: true}},
	}}); err != nil {
		t.Fatal(err)
	}
	mapped, err := engine.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*engine.Session{"built": built, "mapped": mapped} {
		part, err := s.Slice("", "")
		if err != nil {
			t.Fatal(err)
		}
		if cost, err := s.CostOf(map[string][]int{"x": {3}}); err != nil || cost.Values < 4*(3+6) {
			t.Errorf("%s: costs %+v, %v", name, cost, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, run := part.Run(context.Background(), engine.Values{"x": tensor.New(tensor.Float32, 3)})
		_, cost := s.CostOf(map[string][]int{"x": {3}})
		for what, err := range map[string]error{"a run": run, "a cost": cost, "a guard": s.Guard(func() error { return nil })} {
			if !errors.Is(err, engine.ErrClosed) {
				t.Errorf("%s: %s after Close: %v", name, what, err)
			}
		}
	}
}

// TestOpeningEnds: a cancelled context ends each way of opening a network, with its
// cause.
func TestOpeningEnds(t *testing.T) {
	sound, err := engine.OpenBytes(assets.Model())
	if err != nil {
		t.Fatal(err)
	}
	defer sound.Close()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	for name, open := range map[string]func(context.Context) (*engine.Session, error){
		"a file": func(ctx context.Context) (*engine.Session, error) {
			return engine.OpenContext(ctx, "../assets/model.onnx")
		},
		"bytes": func(ctx context.Context) (*engine.Session, error) {
			return engine.OpenBytesContext(ctx, assets.Model())
		},
		"a model": func(ctx context.Context) (*engine.Session, error) {
			return engine.OpenModelContext(ctx, cutGraph(3).model())
		},
		"a slice": func(ctx context.Context) (*engine.Session, error) { return sound.SliceContext(ctx, "", "") },
	} {
		if s, err := open(ctx); s != nil || !errors.Is(err, cause) {
			t.Errorf("%s: cancelled opening gives %v, %v", name, s, err)
		}
		if s, err := open(nil); s != nil || err == nil || !strings.Contains(err.Error(), "context is nil") {
			t.Errorf("%s: opening without a context gives %v, %v", name, s, err)
		}
	}
}

// TestOpeningEndsSoon cancels the opening of networks that take long: one of very many
// nodes, wherever it is, and one whose constants take long to compute.
func TestOpeningEndsSoon(t *testing.T) {
	const patience = time.Second // of a busy machine; 50 ms are promised
	folding := ir.NewBuilder(17)
	w := folding.Const("w", tensor.New(tensor.Float32, 2048, 2048))
	for range 4 {
		w = folding.Node("MatMul", []*ir.Value{w, w})
	}
	folding.Output("y", folding.Node("Add", []*ir.Value{folding.Input("x", tensor.Float32, ir.Dims(2048)), w}))
	m, err := folding.Model()
	if err != nil {
		t.Fatal(err)
	}
	many := chain(100_000)
	for name, open := range map[string]func(context.Context) (*engine.Session, error){
		"many nodes":      func(ctx context.Context) (*engine.Session, error) { return engine.OpenBytesContext(ctx, many) },
		"large constants": func(ctx context.Context) (*engine.Session, error) { return engine.OpenModelContext(ctx, m) },
	} {
		for _, after := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(context.Background(), after)
			start := time.Now()
			s, err := open(ctx)
			if late := time.Since(start) - after; err != nil && !errors.Is(err, context.DeadlineExceeded) || late > patience {
				t.Errorf("%s, after %v: %v late: %v", name, after, late, err)
			}
			s.Close()
			cancel()
		}
	}
}

// TestCostOfRefuses: shapes that the model cannot take are no cost but an error.
func TestCostOfRefuses(t *testing.T) {
	s, err := engine.OpenBytes(assets.Model())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	one, err := s.CostOf(nil)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := s.CostOf(map[string][]int{"picture": {2, 3, 32, 32}}); err != nil || two.FLOPs != 2*one.FLOPs {
		t.Errorf("of two pictures: %v, %v; of one %v", two, err, one)
	}
	for want, shapes := range map[string]map[string][]int{
		`input "picture" takes float32[N 3 32 32], not [1 3 64 64]`: {"picture": {1, 3, 64, 64}},
		`not [2 3]`:                 {"picture": {2, 3}},
		`not [-1 3 32 32]`:          {"picture": {-1, 3, 32, 32}},
		`there is no input "photo"`: {"picture": {1, 3, 32, 32}, "photo": {1}},
	} {
		if _, err := s.CostOf(shapes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", shapes, err, want)
		}
	}
	if got := s.Inputs()[0].String(); got != `"picture" float32[N 3 32 32]` {
		t.Error(got)
	}
}
