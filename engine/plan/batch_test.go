package plan

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/ir"
	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/ops"
	"github.com/visionzoo/vision/engine/tensor"
)

// TestPicturesOneByOne: where no node mixes pictures, a batch is computed
// picture by picture; where one does, it is not.
func TestPicturesOneByOne(t *testing.T) {
	const pictures, size = 6, 6
	for name, c := range map[string]struct {
		apart bool
		build func(n *network, x *ir.Value) *ir.Value
	}{
		"a classifier": {true, func(n *network, x *ir.Value) *ir.Value {
			x = n.op("Concat", []*ir.Value{x, n.op("Add", []*ir.Value{n.weights(4, 1, 1), x})}, integer("axis", 1))
			x = n.op("Flatten", []*ir.Value{n.op("GlobalAveragePool", []*ir.Value{x})})
			return n.op("Softmax", []*ir.Value{n.op("Gemm", []*ir.Value{x, n.weights(8, 6), n.weights(6)})})
		}},
		"a block with a residual": {true, func(n *network, x *ir.Value) *ir.Value {
			return n.opOf(ops.Internal, 1, "Conv", []*ir.Value{x, n.weights(4, 4, 3, 3), nil, x}, integers("pads", 1, 1, 1, 1))
		}},
		"more weights than activations": {false, func(n *network, x *ir.Value) *ir.Value {
			x = n.op("Flatten", []*ir.Value{n.op("GlobalAveragePool", []*ir.Value{x})})
			return n.op("Gemm", []*ir.Value{x, n.weights(4, 2000), n.weights(2000)})
		}},
		"softmax over the pictures": {false, func(n *network, x *ir.Value) *ir.Value {
			return n.op("Softmax", []*ir.Value{x}, integer("axis", 0))
		}},
		"mean over the pictures": {false, func(n *network, x *ir.Value) *ir.Value {
			return n.op("ReduceMean", []*ir.Value{x}, integers("axes", 0))
		}},
		"channels before pictures": {false, func(n *network, x *ir.Value) *ir.Value {
			return n.op("Transpose", []*ir.Value{x}, integers("perm", 1, 0, 2, 3))
		}},
		"a number for each picture": {false, func(n *network, x *ir.Value) *ir.Value {
			return n.op("Add", []*ir.Value{x, n.weights(pictures, 1, 1, 1)})
		}},
		"pictures that meet rows of others": {false, func(n *network, x *ir.Value) *ir.Value {
			rows := n.op("Flatten", []*ir.Value{n.op("GlobalAveragePool", []*ir.Value{n.op("Concat", []*ir.Value{x, x}, integer("axis", 1))})})
			return n.op("Add", []*ir.Value{n.op("MatMul", []*ir.Value{rows, n.weights(8, size)}), n.op("Conv", []*ir.Value{x, n.weights(pictures, 4, 1, 1)})})
		}},
		"a sum divided by the number of pictures": {false, func(n *network, x *ir.Value) *ir.Value {
			count := n.op("Cast", []*ir.Value{n.op("Shape", []*ir.Value{x}, integer("end", 1))}, integer("to", 1))
			return n.op("Div", []*ir.Value{x, count})
		}},
		"pictures resized": {true, func(n *network, x *ir.Value) *ir.Value {
			return n.op("Resize", []*ir.Value{x, nil, n.Constant("", tensor.Of([]float32{1, 1, 2, 2}))})
		}},
		"more pictures by Resize": {false, func(n *network, x *ir.Value) *ir.Value {
			return n.op("Resize", []*ir.Value{x, nil, n.Constant("", tensor.Of([]float32{2, 1, 1, 1}))})
		}},
		"a cut through the pictures by Resize": {false, func(n *network, x *ir.Value) *ir.Value {
			roi := n.Constant("", tensor.Of([]float32{0.5, 0, 0, 0, 1, 1, 1, 1}))
			return n.op("Resize", []*ir.Value{x, roi, n.Constant("", tensor.Of([]float32{1, 1, 1, 1}))}, ir.AttrString("coordinate_transformation_mode", "tf_crop_and_resize"))
		}},
		"statistics of the batch": {false, func(n *network, x *ir.Value) *ir.Value {
			c := n.weights(4)
			return n.op("BatchNormalization", []*ir.Value{x, c, c, c, c}, integer("training_mode", 1))
		}},
		"the shape of the batch": {false, func(n *network, x *ir.Value) *ir.Value {
			return n.op("Shape", []*ir.Value{x})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			x := n.input(pictures, 3, size, size)
			x.Fact.Shape.Dims[0] = ir.Sym("batch")
			x = n.op("Relu", []*ir.Value{n.op("Conv", []*ir.Value{x, n.weights(4, 3, 3, 3)}, integers("pads", 1, 1, 1, 1))})
			n.Outputs = append(n.Outputs, c.build(n, x))
			in := []*tensor.Tensor{n.data(pictures, 3, size, size)}
			want, err := NewRunner(n.Graph, Options{Memory: 1 << 30, Turns: 1000, Plain: true}).Run(context.Background(), in, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, threads := range []int{1, 3} {
				r := NewRunner(n.Graph, Options{Rung: kernel.Best(), Threads: threads, Memory: 1 << 30, Turns: 1000})
				r.part = 1
				if d, _ := r.divide(in); (d.each == 1) != c.apart {
					t.Errorf("%d at a time", d.each)
				}
				var out []*tensor.Tensor
				for range 2 { // the second time into what the first has made
					if out, err = r.Run(context.Background(), in, out); err != nil {
						t.Fatal(err)
					}
					if e := distance(out[0], want[0]); !(e < 1e-5) {
						t.Errorf("%d threads: off by %.2g of its rms", threads, e)
					}
				}
			}
		})
	}
}

// TestPicturesAndParameters: inputs that are as long as the batch by chance are not
// divided, nor is what depends on the number of pictures, and indices count through the
// batch.
func TestPicturesAndParameters(t *testing.T) {
	const pictures = 3
	for name, c := range map[string]struct {
		parameter []int // the shape of the second input, nil: there is none
		build     func(n *network, x, p *ir.Value) []*ir.Value
	}{
		"scales of LayerNormalization": {[]int{pictures}, func(n *network, x, p *ir.Value) []*ir.Value {
			return []*ir.Value{n.op("LayerNormalization", []*ir.Value{x, p})}
		}},
		"biases of Conv": {[]int{pictures}, func(n *network, x, p *ir.Value) []*ir.Value {
			return []*ir.Value{n.op("Conv", []*ir.Value{x, n.weights(pictures, 4, 1, 1), p})}
		}},
		"matrices that meet several pictures": {[]int{pictures, pictures, pictures, 5}, func(n *network, x, p *ir.Value) []*ir.Value {
			return []*ir.Value{n.op("MatMul", []*ir.Value{n.op("ReduceMean", []*ir.Value{x}, integers("axes", 2), integer("keepdims", 0)), p})}
		}},
		"rows with their numbers": {nil, func(n *network, x, p *ir.Value) []*ir.Value {
			rows := n.op("Flatten", []*ir.Value{x})
			count := n.op("Squeeze", []*ir.Value{n.op("Shape", []*ir.Value{x}, integer("end", 1))})
			number := func(i int64) *ir.Value { return n.Constant("", tensor.Scalar(i)) }
			numbers := n.op("Range", []*ir.Value{number(0), count, number(1)})
			numbers = n.op("Cast", []*ir.Value{n.op("Unsqueeze", []*ir.Value{numbers, n.Constant("", tensor.Of([]int64{1}))})}, integer("to", 1))
			return []*ir.Value{n.op("Concat", []*ir.Value{rows, numbers}, integer("axis", 1))}
		}},
		"weights that depend on the number of pictures": {nil, func(n *network, x, p *ir.Value) []*ir.Value {
			count := n.op("Cast", []*ir.Value{n.op("Shape", []*ir.Value{x}, integer("end", 1))}, integer("to", 1))
			return []*ir.Value{n.op("Conv", []*ir.Value{x, n.op("Mul", []*ir.Value{n.weights(8, 4, 1, 1), count})})}
		}},
		"a limit that depends on the number of pictures": {nil, func(n *network, x, p *ir.Value) []*ir.Value {
			count := n.op("Cast", []*ir.Value{n.op("Squeeze", []*ir.Value{n.op("Shape", []*ir.Value{x}, integer("end", 1))})}, integer("to", 1))
			return []*ir.Value{n.op("Clip", []*ir.Value{n.op("Exp", []*ir.Value{x}), nil, count})}
		}},
		"Indices of MaxPool": {nil, func(n *network, x, p *ir.Value) []*ir.Value {
			y := n.op("MaxPool", []*ir.Value{x}, integers("kernel_shape", 2, 2))
			indices := n.NewValue("indices", ir.Tensor(tensor.Int64, y.Fact.Shape))
			indices.Node, y.Node.Outputs = y.Node, append(y.Node.Outputs, indices)
			return []*ir.Value{y, indices}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			x, in := n.input(pictures, 4, 5, pictures), []*tensor.Tensor{n.data(pictures, 4, 5, pictures)}
			x.Fact.Shape.Dims[0] = ir.Sym("batch")
			var p *ir.Value
			if c.parameter != nil {
				p, in = n.input(c.parameter...), append(in, n.data(c.parameter...))
			}
			n.Outputs = c.build(n, x, p)
			want, err := NewRunner(n.Graph, Options{Memory: 1 << 30, Turns: 1000, Plain: true}).Run(context.Background(), in, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := NewRunner(n.Graph, Options{Rung: kernel.Best(), Threads: 1, Memory: 1 << 30, Turns: 1000})
			r.part = 1
			out, err := r.Run(context.Background(), in, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				got, want := tensor.ToFloat64(out[i]), tensor.ToFloat64(want[i])
				for k, w := range want {
					if !(math.Abs(got[k]-w) <= 1e-4) {
						t.Fatalf("output %d is %v, want %v", i, got, want)
					}
				}
			}
		})
	}
}

// TestBatchesOfOneSize: batches that take as many bytes as one another are told
// apart by their shapes.
func TestBatchesOfOneSize(t *testing.T) {
	n := newNetwork(t)
	x := n.input(2, 3, 6, 11)
	for axis := 1; axis < 4; axis++ {
		x.Fact.Shape.Dims[axis] = ir.Unknown
	}
	n.Outputs = append(n.Outputs, n.op("Tanh", []*ir.Value{n.op("MaxPool", []*ir.Value{x}, integers("kernel_shape", 2, 2), integers("strides", 2, 2))}))
	plain := NewRunner(n.Graph, Options{Memory: 1 << 30, Turns: 1000, Plain: true})
	r := NewRunner(n.Graph, Options{Rung: kernel.Best(), Threads: 1, Memory: 1 << 30, Turns: 1000})
	r.part = 1
	for _, shape := range [][]int{{2, 3, 6, 11}, {2, 3, 11, 6}, {2, 11, 3, 6}, {2, 3, 6, 11}} {
		in := []*tensor.Tensor{n.data(shape...)}
		want, err := plain.Run(context.Background(), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Run(context.Background(), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d, _ := r.divide(in); d.each != 1 {
			t.Errorf("%v: %d at a time", shape, d.each)
		}
		if !slices.Equal(got[0].Shape(), want[0].Shape()) {
			t.Errorf("%v: shape %v, want %v", shape, got[0].Shape(), want[0].Shape())
			continue
		}
		for i, v := range tensor.Data[float32](want[0]) {
			if d := float64(tensor.Data[float32](got[0])[i] - v); math.Abs(d) > 1e-6 {
				t.Fatalf("%v: number %d is off by %v", shape, i, d)
			}
		}
	}
}

// TestRowsTogether: of pictures that are small, as many are computed together as are worth
// a run.
func TestRowsTogether(t *testing.T) {
	n := newNetwork(t)
	n.Outputs = append(n.Outputs, n.op("Softmax", []*ir.Value{n.input(8400, 85)}))
	r := NewRunner(n.Graph, Options{Rung: kernel.Best(), Threads: 1, Memory: 1 << 30, Turns: 1000})
	for rows, each := range map[int]int{8400: 386, 387: 386, 386: 0, 2: 0} {
		if d, _ := r.divide([]*tensor.Tensor{n.data(rows, 85)}); d.each != each {
			t.Errorf("of %d rows %d at a time, want %d", rows, d.each, each)
		}
	}
}
