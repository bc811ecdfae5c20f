package quantize

import (
	"math"
	"math/rand"
	"testing"

	"github.com/visionzoo/vision/engine"
	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestShares: what the inputs behind one take over of its error leaves the least error,
// so that its derivative by each of them is 0.
func TestShares(t *testing.T) {
	const k, count = 5, 40
	r := rand.New(rand.NewSource(1))
	b := block{sums: make([]float64, k), products: make([]float64, k*k)}
	for range count {
		x, common := [k]float64{}, r.NormFloat64()
		for i := range x {
			x[i] = 3 + common + r.NormFloat64()
		}
		b.add(x[:])
	}
	h, trace := [k][k]float64{}, 0.0
	for i := range k {
		for j := range k {
			h[i][j] = b.products[max(i, j)*k+min(i, j)]/count - b.sums[i]*b.sums[j]/count/count
		}
		trace += h[i][i]
	}
	for i := range k {
		h[i][i] += damping * trace / k
	}
	share := b.shares(count)
	for i := range k {
		for j := i + 1; j < k; j++ {
			slope := h[j][i]
			for l := i + 1; l < k; l++ {
				slope += h[j][l] * share[i*k+l]
			}
			if math.Abs(slope) > 1e-12 {
				t.Errorf("input %d behind %d: slope %v", j, i, slope)
			}
		}
	}
	if (&block{sums: make([]float64, k), products: make([]float64, k*k)}).shares(count) != nil {
		t.Error("shares among inputs that never change")
	}
}

// TestCompensate: on smooth pictures, whose neighbouring pixels are alike, layers of each
// form have less than half of the error that weights rounded one by one give them.
func TestCompensate(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	random := func(dims ...int) *tensor.Tensor {
		w := tensor.New(tensor.Float32, dims...)
		for i := range tensor.Data[float32](w) {
			tensor.Data[float32](w)[i] = float32(r.NormFloat64())
		}
		return w
	}
	smooth := func() engine.Values {
		x := tensor.New(tensor.Float32, 1, 4, 24, 24)
		for c := range 4 {
			fx, fy, at := r.Float64()/4, r.Float64()/4, r.Float64()*6
			for i := range 24 * 24 {
				tensor.Data[float32](x)[c*24*24+i] = float32(math.Sin(fx*float64(i%24) + fy*float64(i/24) + at))
			}
		}
		return engine.Values{"x": x}
	}
	var pictures []engine.Values
	for range 20 {
		pictures = append(pictures, smooth())
	}
	for name, layer := range map[string]func(b *ir.Builder, x *ir.Value) *ir.Value{
		"convolution": func(b *ir.Builder, x *ir.Value) *ir.Value {
			return b.Node("Conv", []*ir.Value{x, b.Const("w", random(16, 4, 5, 5))}, ir.AttrInts("pads", 0, 2, 1, 0))
		},
		"several blocks": func(b *ir.Builder, x *ir.Value) *ir.Value {
			return b.Node("Conv", []*ir.Value{x, b.Const("w", random(8, 4, 11, 11))}, ir.AttrInts("strides", 2, 2))
		},
		"groups, dilated": func(b *ir.Builder, x *ir.Value) *ir.Value {
			return b.Node("Conv", []*ir.Value{x, b.Const("w", random(8, 2, 5, 5))}, ir.AttrInt("group", 2), ir.AttrInts("dilations", 2, 1))
		},
		"depthwise": func(b *ir.Builder, x *ir.Value) *ir.Value {
			return b.Node("Conv", []*ir.Value{x, b.Const("w", random(4, 1, 5, 5))}, ir.AttrInt("group", 4))
		},
		"product": func(b *ir.Builder, x *ir.Value) *ir.Value {
			return b.Node("MatMul", []*ir.Value{x, b.Const("w", random(24, 30))})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := ir.NewBuilder(13)
			b.Output("y", layer(b, b.Input("x", tensor.Float32, ir.Dims(1, 4, 24, 24))))
			m, err := b.Model()
			if err != nil {
				t.Fatal(err)
			}
			s, err := engine.OpenModel(m, Prepare())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			samples := Samples{Count: 10, Load: func(i int) (engine.Values, error) { return pictures[i], nil }}
			q, err := newQuantizer(t.Context(), s, samples, Options{Observe: func(string, int, int) {}})
			if err != nil {
				t.Fatal(err)
			}
			p := q.place(nil)
			if err := q.calibrate(p); err != nil {
				t.Fatal(err)
			}
			if q.ranges, err = q.spans(MinMax); err != nil {
				t.Fatal(err)
			}
			n := p.layers[0]
			made := q.code(p, n)
			fresh := q.code(p, n) // now from memory
			one := *q
			one.moments = nil
			plain := one.code(p, n)
			errorOf := func(c coding) (sum float64) {
				for _, v := range pictures[10:] {
					sum += outputError(t, n, c, v["x"])
				}
				return math.Sqrt(sum)
			}
			got, want := errorOf(made), errorOf(plain)
			t.Logf("%.3g instead of %.3g", got, want)
			if got > want/2 || errorOf(fresh) != got {
				t.Errorf("the error is %v, then %v; rounded one by one %v", got, errorOf(fresh), want)
			}
		})
	}
}

// outputError is the squared error of a layer's outputs, but for their means.
func outputError(t *testing.T, n *ir.Node, c coding, x *tensor.Tensor) (sum float64) {
	b := ir.NewBuilder(13)
	w := n.Inputs[1].Const()
	d := tensor.New(tensor.Float32, w.Shape()...)
	outs := len(c.scales)
	for i, code := range c.codes {
		o := i / (w.Len() / outs)
		if outAxis(n) == 1 {
			o = i % outs
		}
		tensor.Data[float32](d)[i] = float32(code)*c.scales[o] - tensor.Data[float32](w)[i]
	}
	b.Output("y", b.Node(n.Op, []*ir.Value{b.Input("x", tensor.Float32, ir.Dims(x.Shape()...)), b.Const("d", d)}, n.Attrs...))
	m, err := b.Model()
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.OpenModel(m)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(t.Context(), engine.Values{"x": x})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range tensor.Data[float32](out["y"]) {
		sum += float64(v) * float64(v)
	}
	return sum
}
