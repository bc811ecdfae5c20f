package engine_test

import (
	"context"
	"errors"
	"math/bits"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
	"github.com/visionzoo/vision/internal/built"
	"github.com/visionzoo/vision/internal/spent"
)

// Shapes that are known at a run only reach rewritten graphs and plans too.
func TestStrangersInput(t *testing.T) {
	float := func(n int) *tensor.Tensor { return tensor.New(tensor.Float32, n) }
	norm := func(b *ir.Builder, x *ir.Value) *ir.Value {
		return b.Node("BatchNormalization", []*ir.Value{x, b.Const("", float(1)), b.Const("", float(1)), b.Const("", float(1)), b.Const("", float(1))})
	}
	for _, r := range []struct {
		name  string
		build func(b *ir.Builder, x *ir.Value) *ir.Value
		in    *tensor.Tensor
		fails string
	}{
		{"pictures without pixels, any number of them", func(b *ir.Builder, x *ir.Value) *ir.Value { return b.Node("Relu", []*ir.Value{x}) },
			tensor.New(tensor.Float32, 1<<(bits.UintSize/8*5), 0), ""},
		{"a norm of a scalar", norm, tensor.Scalar(float32(1)), "[N 1"},
		{"a norm of a vector", norm, float(3), ""},
		{"a norm of two channels by one", norm, tensor.New(tensor.Float32, 1, 2, 3), "[N 1"},
		{"codes along a line", func(b *ir.Builder, x *ir.Value) *ir.Value {
			codes := b.Node("QuantizeLinear", []*ir.Value{x, b.Const("", tensor.Scalar(float32(1))), b.Const("", tensor.Scalar(int8(0)))})
			return b.Node("MaxPool", []*ir.Value{codes}, ir.AttrInts("kernel_shape", 2))
		}, tensor.New(tensor.Float32, 1, 3, 32), ""},
		{"a width that nobody has room for", func(b *ir.Builder, x *ir.Value) *ir.Value {
			conv := b.Node("Conv", []*ir.Value{b.Node("Resize", []*ir.Value{x, nil, nil, b.Const("", tensor.Of([]int64{1, 1, 4, 1 << 28}))}, ir.AttrString("mode", "linear")),
				b.Const("", tensor.New(tensor.Float32, 1, 1, 1, 1))})
			return conv
		}, tensor.New(tensor.Float32, 1, 1, 4, 4), "memory"},
	} {
		t.Run(r.name, func(t *testing.T) {
			b := ir.NewBuilder(18)
			b.Output("y", r.build(b, b.Input("x", tensor.Float32, ir.Shape{})))
			s := built.Session(t, b, engine.MemoryLimit(256<<20))
			before := spent.Time()
			_, err := s.Run(context.Background(), engine.Values{"x": r.in})
			if took := spent.Time() - before; took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if r.fails == "" && err != nil || r.fails != "" && (err == nil || !strings.Contains(err.Error(), r.fails) || strings.Contains(err.Error(), "BUG")) {
				t.Errorf("gave %v, want %q", err, r.fails)
			}
		})
	}
}

// allocated is how many bytes of heap the program has asked for so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// What a file declares may be more than any run has room for: opening it takes no
// time and no memory for that.
func TestStrangersDeclaration(t *testing.T) {
	const far = 1 << (bits.UintSize / 16 * 7)
	for _, build := range []func(b *ir.Builder) *ir.Value{
		func(b *ir.Builder) *ir.Value {
			return b.Node("MatMul", []*ir.Value{b.Input("x", tensor.Float32, ir.Dims(far, 32)), b.Const("", tensor.New(tensor.Float32, 32, 32))})
		},
		func(b *ir.Builder) *ir.Value {
			return b.Node("MaxPool", []*ir.Value{b.Input("x", tensor.Float32, ir.Dims(1, 1, far, 32))}, ir.AttrInts("kernel_shape", 2, 2))
		},
		func(b *ir.Builder) *ir.Value {
			planes := b.Node("Relu", []*ir.Value{b.Input("x", tensor.Float32, ir.Dims(1, far, 1, 1))})
			return b.Node("Mul", []*ir.Value{planes, b.Const("", tensor.Scalar(float32(2)))})
		},
	} {
		b := ir.NewBuilder(18)
		b.Output("y", build(b))
		m, err := b.Model()
		if err != nil {
			t.Fatal(err)
		}
		const limit = 256 << 20
		before, memory := spent.Time(), allocated()
		s, err := engine.OpenModel(m, engine.MemoryLimit(limit))
		if err == nil {
			s.Close()
		}
		memory = allocated() - memory
		if took := spent.Time() - before; took > 20*time.Second || memory > limit || err != nil && strings.Contains(err.Error(), "BUG") {
			t.Errorf("took %v and %d MiB and gave %v", took, memory>>20, err)
		}
	}
}

// Outputs count against the memory limit, however they come by their memory, and so does
// what is computed while a run is planned.
func TestStrangersOutputs(t *testing.T) {
	const limit, mib = 16 << 20, 1 << 20
	many := func(give func(b *ir.Builder, x *ir.Value) *ir.Value) func(b *ir.Builder, x *ir.Value) {
		return func(b *ir.Builder, x *ir.Value) {
			for i := range 64 {
				b.Output("y"+strconv.Itoa(i), give(b, x))
			}
		}
	}
	for name, build := range map[string]func(b *ir.Builder, x *ir.Value){
		"the same many times": many(func(b *ir.Builder, x *ir.Value) *ir.Value { return b.Node("Identity", []*ir.Value{x}) }),
		"parts": many(func(b *ir.Builder, x *ir.Value) *ir.Value {
			return b.Node("Unsqueeze", []*ir.Value{x, b.Const("", tensor.Of([]int64{0}))})
		}),
		"many in a sequence": func(b *ir.Builder, x *ir.Value) {
			b.Output("y", b.Node("SequenceConstruct", slices.Repeat([]*ir.Value{x}, 64)))
		},
	} {
		for _, opt := range []engine.Option{nil, engine.Plain()} {
			b := ir.NewBuilder(18)
			build(b, b.Node("Relu", []*ir.Value{b.Input("x", tensor.Float32, ir.ShapeOf(ir.Sym("n")))}))
			s := built.Session(t, b, opt, engine.MemoryLimit(limit))
			for range 2 { // with a plan and without
				before := allocated()
				_, err := s.Run(context.Background(), engine.Values{"x": tensor.New(tensor.Float32, mib/4)})
				var memory *engine.MemoryError
				if took := allocated() - before; !errors.As(err, &memory) || !errors.Is(err, engine.ErrLimit) || took > limit+mib {
					t.Errorf("%s: %d MiB, %v", name, took/mib, err)
				}
			}
		}
	}

	b := ir.NewBuilder(18)
	sum := b.Input("x", tensor.Float32, ir.ShapeOf(ir.Sym("n")))
	size := b.Node("Shape", []*ir.Value{sum})
	for range 60 {
		sum = b.Node("Add", []*ir.Value{sum, b.Node("ConstantOfShape", []*ir.Value{size})})
	}
	b.Output("y", sum)
	s := built.Session(t, b, engine.MemoryLimit(limit))
	before := allocated()
	_, err := s.Run(context.Background(), engine.Values{"x": tensor.New(tensor.Float32, mib/4)})
	if took := allocated() - before; err != nil || took > limit {
		t.Errorf("what is the same for all inputs of a size took %d MiB: %v", took/mib, err)
	}
}

// TestTurnsNobodyAsksFor: results of each turn that the node does not name take no memory
// when their loop is over.
func TestTurnsNobodyAsksFor(t *testing.T) {
	const mib = 1 << 20
	float := ir.Dims(mib / 4)
	loop := func(in *ir.Builder, turns int64, x *ir.Value, body *ir.Builder) *ir.Value {
		return in.Nodes("Loop", 1, []*ir.Value{in.Const("", tensor.Scalar(turns)), nil, x}, ir.AttrGraph("body", body.Graph()))[0]
	}
	begun := func(in *ir.Builder, name string) (body *ir.Builder, x *ir.Value) {
		body = in.Region(name)
		body.Input(name+" turn", tensor.Int64, ir.Dims())
		body.Output(name+" goes on", body.Node("Identity", []*ir.Value{body.Input(name+" went on", tensor.Bool, ir.Dims())}))
		return body, body.Input(name+" x", tensor.Float32, float)
	}
	b := ir.NewBuilder(18)
	x := b.Input("x", tensor.Float32, float)
	outer, y := begun(b, "outer")
	inner, z := begun(outer, "inner")
	inner.Output("next", inner.Node("Neg", []*ir.Value{z}))
	inner.Output("each", inner.Node("Abs", []*ir.Value{z}))
	outer.Output("outer next", loop(outer, 1, y, inner))
	b.Output("y", loop(b, 64, x, outer))
	s := built.Session(t, b, engine.MemoryLimit(16*mib))
	if _, err := s.Run(context.Background(), engine.Values{"x": tensor.New(tensor.Float32, mib/4)}); err != nil {
		t.Error(err)
	}
}
