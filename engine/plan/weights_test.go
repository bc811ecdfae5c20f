package plan

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// slowPacking is one large constant, whose pieces take a millisecond each.
type slowPacking struct {
	ran  []atomic.Int32
	half func() // called in the middle
}

func (p *slowPacking) Bytes() int   { return 0 }
func (p *slowPacking) Blocks() int  { return 3 }
func (p *slowPacking) Populate(int) {}
func (p *slowPacking) Chunks() int  { return len(p.ran) }

func (p *slowPacking) Chunk(i int) {
	if i == len(p.ran)/4 {
		p.half()
	}
	p.ran[i].Add(1)
	time.Sleep(time.Millisecond)
}

// TestPackingEnds: a context ends packing within a constant; the next run packs the
// rest of it, and no piece twice.
func TestPackingEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var cancelled time.Time
	p := &slowPacking{ran: make([]atomic.Int32, 400), half: func() { cancelled = time.Now(); cancel() }}
	w := newWeights(&Options{Threads: 1, Memory: 1 << 30})
	if err := w.packLater(p, 1<<30); err != nil {
		t.Fatal(err)
	}
	if err := w.pack(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled packing gives %v", err)
	}
	if took := time.Since(cancelled); took > 50*time.Millisecond {
		t.Errorf("packing went on for %v", took)
	}
	if err := w.packLater(&slowPacking{}, 1); err != nil { // of another plan
		t.Fatal(err)
	}
	if err := w.pack(context.Background()); err != nil || len(w.due) > 0 || w.begun != nil {
		t.Fatalf("the rest: %v, %d due", err, len(w.due))
	}
	for i := range p.ran {
		if n := p.ran[i].Load(); n != 1 {
			t.Fatalf("piece %d was packed %d times", i, n)
		}
	}
}

// TestWeightsOfAPlan: constants that planning finds are packed for the plan that found
// them. Those of plans that are gone are not kept, and those of 8 bits not mistaken for
// another plan's.
func TestWeightsOfAPlan(t *testing.T) {
	const k = 5
	for name, build := range map[string]func(n *network, s *ir.Value) []*ir.Value{
		"of float32": func(n *network, s *ir.Value) []*ir.Value {
			return []*ir.Value{n.op("MatMul", []*ir.Value{n.input(8, k), cut(n, n.weights(k, 40), s)})}
		},
		"of 8 bits": func(n *network, s *ir.Value) []*ir.Value {
			scale, zero := n.Constant("", tensor.Scalar(float32(0.1))), n.Constant("", tensor.Scalar(uint8(3)))
			x := n.op("QuantizeLinear", []*ir.Value{n.input(8, k), scale, zero})
			codes := tensor.New(tensor.Uint8, k, 40)
			n.rng.Read(codes.Bytes())
			w := cut(n, n.Constant("", codes), s)
			y := n.op("QLinearMatMul", []*ir.Value{x, scale, zero, w, scale, zero, scale, zero})
			return []*ir.Value{n.op("DequantizeLinear", []*ir.Value{y, scale, zero})}
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			length := n.input(1)
			length.Fact.Shape.Dims[0] = ir.Sym("length")
			n.Outputs = build(n, n.op("Shape", []*ir.Value{length}))
			in := []*tensor.Tensor{nil, n.data(8, k)}
			plain := NewRunner(n.Graph, Options{Memory: 1 << 30, Turns: 1000, Plain: true})
			r := NewRunner(n.Graph, Options{Rung: kernel.Best(), Memory: 1 << 30, Turns: 1000})
			for from := 1; from < 2*keptStages; from++ {
				in[0] = n.data(from)
				want, err := plain.Run(context.Background(), in, nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := r.Run(context.Background(), in, nil)
				if err != nil {
					t.Fatal(err)
				}
				if e := distance(got[0], want[0]); !(e < 1e-5) {
					t.Errorf("columns from %d on: off by %.2g of their rms", from, e)
				}
			}
			if w := r.weights; len(w.gemms)+len(w.quant) > 0 {
				t.Errorf("%d packed constants are kept", len(w.gemms)+len(w.quant))
			}
		})
	}
}

// cut returns four columns of a constant from s on.
func cut(n *network, w, s *ir.Value) *ir.Value {
	end := n.op("Add", []*ir.Value{s, n.Constant("", tensor.Of([]int64{4}))})
	return n.op("Slice", []*ir.Value{w, s, end, n.Constant("", tensor.Of([]int64{1}))})
}

// TestPackedWeightsFit: packing pads channels. Weights of which little else would be left
// are not packed, and those of all layers together do not pass the memory limit.
func TestPackedWeightsFit(t *testing.T) {
	const limit = 2 << 20
	n := newNetwork(t)
	scale, zero := n.Constant("", tensor.Scalar(float32(0.1))), n.Constant("", tensor.Scalar(uint8(3)))
	x := n.op("QuantizeLinear", []*ir.Value{n.input(1, 5, 60, 60), scale, zero})
	w := n.Constant("", tensor.New(tensor.Uint8, 1, 5, 60, 60))
	y := n.op("QLinearConv", []*ir.Value{x, scale, zero, w, scale, zero, scale, zero})
	n.Outputs = []*ir.Value{n.op("DequantizeLinear", []*ir.Value{y, scale, zero})}
	in := []*tensor.Tensor{n.data(1, 5, 60, 60)}
	want, err := NewRunner(n.Graph, Options{Memory: limit, Turns: 1000, Plain: true}).Run(context.Background(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := NewRunner(n.Graph, Options{Rung: kernel.Best(), Memory: limit, Turns: 1000})
	got, err := r.Run(context.Background(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e := distance(got[0], want[0]); !(e < 1e-6) || len(r.weights.quant) > 0 {
		t.Errorf("off by %.2g of its rms, %d packed", e, len(r.weights.quant))
	}

	n = newNetwork(t)
	rows := n.input(8, 4096)
	for range 40 { // 32 KiB each, two to sixteen times that where columns are padded to a vector
		n.Outputs = append(n.Outputs, n.op("MatMul", []*ir.Value{rows, n.weights(4096, 2)}))
	}
	r = NewRunner(n.Graph, Options{Rung: kernel.Best(), Memory: limit, Turns: 1000})
	_, err = r.Run(context.Background(), []*tensor.Tensor{n.data(8, 4096)}, nil)
	var memory *ops.MemoryError
	if !errors.As(err, &memory) || !strings.Contains(err.Error(), "MatMul") {
		t.Errorf("more than %d bytes are packed: %v", limit, err)
	}
}
