package ops

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/visionzoo/vision/engine/kernel"
	"github.com/visionzoo/vision/engine/tensor"
)

// Eval moves elements with the same code as EvalFast. So here it is compared with
// a plain walk, for every rung, on one thread and on several.
func TestFastMoves(t *testing.T) {
	for _, shape := range [][]int{{5}, {3, 4}, {17, 33}, {2, 3, 50, 65}, {4, 9, 8, 16}, {1, 197, 12, 64}, {30, 1, 40}, {2, 0, 3}, {1, 3, 20, 33}, {1, 20, 33, 3}, {2, 20, 33, 2}, {45, 2}, {512, 70}} {
		rank := len(shape)
		perms := [][]int{{0}, {1, 0}, {0, 2, 1}, {2, 0, 1}, {2, 1, 0}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {3, 2, 1, 0}, {0, 1, 3, 2}}
		for _, perm := range perms {
			if len(perm) != rank {
				continue
			}
			for _, x := range list(random(1, shape...), counted[int64](1000, 0, shape...), as(tensor.Uint8, counted[int64](256, 0, shape...)), as(tensor.Float16, random(2, shape...))) {
				n := testNode("Transpose", 13, 1, 1, attrs{"perm": perm})
				if err := BindNode(n, Find("", "Transpose", 13)); err != nil {
					t.Fatal(err)
				}
				own := tensor.Strides(shape)
				to, steps := make([]int, rank), make([]int, rank)
				for i, p := range perm {
					to[i], steps[i] = shape[p], own[p]
				}
				want := tensor.New(x.DType(), to...)
				if err := newWalk(to, tensor.Strides(to), steps).move(testRun(), want, x); err != nil {
					t.Fatal(err)
				}
				for _, k := range fastRungs() {
					for _, shared := range []bool{false, true} {
						c := &Call{In: list(x), Out: make([]*tensor.Tensor, 1), Node: n, Run: fastRun(k, shared)}
						if err := n.Operator.(Op).Eval(c); err != nil {
							t.Fatal(err)
						}
						if !slices.Equal(c.Out[0].Bytes(), want.Bytes()) {
							t.Fatalf("%v of %v on %s goes wrong", perm, x, k.Name)
						}
					}
				}
			}
		}
	}
}

func TestFastExpand(t *testing.T) {
	for _, s := range [][2][]int{{{5}, {3, 5}}, {{5, 1}, {5, 9}}, {{1, 4, 1, 1}, {2, 4, 30, 31}}, {{6, 1, 7, 1}, {6, 5, 7, 4}}, {{1, 1, 40, 50}, {3, 4, 40, 50}}, {{1, 300}, {900, 300}}, {{2, 1, 3, 1, 2}, {2, 70, 3, 200, 2}}, {{1, 0}, {4, 0}}} {
		for _, x := range list(random(1, s[0]...), counted[int64](1000, 0, s[0]...), as(tensor.Uint8, counted[int64](256, 0, s[0]...)), as(tensor.Float16, random(2, s[0]...))) {
			want := tensor.New(x.DType(), s[1]...)
			if err := broadcastWalk(s[1], s[0]).move(testRun(), want, x); err != nil {
				t.Fatal(err)
			}
			for _, shared := range []bool{false, true} {
				c := &Call{In: list(x, tensor.Of(as64(s[1]))), Out: make([]*tensor.Tensor, 1), Run: fastRun(kernel.Best(), shared)}
				if err := (expand{}).Eval(c); err != nil || !slices.Equal(c.Out[0].Bytes(), want.Bytes()) {
					t.Fatalf("%v to %v goes wrong: %v", x, s[1], err)
				}
			}
		}
	}
}

func as64(v []int) []int64 {
	out := make([]int64, len(v))
	for i := range v {
		out[i] = int64(v[i])
	}
	return out
}

func TestFastRegions(t *testing.T) {
	x := random(1, 2, 5, 30, 200)
	boxes := tensor.Of([]float32{0, 0, 10, 10, -5, -3, 40.5, 12, 3, 4, 190, 29, 20, 10, 20.5, 10.2, 199, 29, 400, 400, -50, -50, -20, -20, 30, 20, 10, 5, 1, 1, 198, 3}, 8, 4)
	pictures := ints64(0, 1, 0, 1, 0, 1, 0, 1)
	for _, sampling := range []int{0, 1, 2, 5} {
		for _, mode := range []string{"half_pixel", "output_half_pixel"} {
			for _, size := range [][2]int{{7, 7}, {1, 3}, {14, 2}} {
				a := attrs{"output_height": size[0], "output_width": size[1], "sampling_ratio": sampling, "spatial_scale": float32(0.9), "coordinate_transformation_mode": mode}
				fastRow{op: "RoiAlign", version: 16, attrs: a, in: list(x, boxes, pictures), relative: 2e-6, absolute: 3e-6}.check(t)
				a["mode"] = "max"
				fastRow{op: "RoiAlign", version: 16, attrs: a, in: list(x, boxes, pictures)}.check(t)
				fastRow{op: "RoiAlign", version: 16, attrs: a, in: list(special(3, 2, 5, 30, 200), boxes, pictures)}.check(t)
			}
		}
	}
	fastRow{op: "RoiAlign", version: 16, attrs: attrs{"output_height": 7, "output_width": 7}, in: list(x, random(1, 0, 4), tensor.New(tensor.Int64, 0))}.check(t)
}

func TestFastGatherND(t *testing.T) {
	for _, s := range []struct {
		data, index []int
		batch       int
	}{{[]int{9}, []int{4, 1}, 0}, {[]int{9, 7}, []int{5, 2}, 0}, {[]int{9, 7}, []int{5, 1}, 0}, {[]int{3, 9, 7}, []int{3, 4, 1}, 1}, {[]int{3, 9, 7}, []int{3, 400, 2}, 1},
		{[]int{3, 2, 9}, []int{3, 2, 5, 1}, 2}, {[]int{40, 30, 20}, []int{50, 60, 3}, 0}, {[]int{4, 5}, []int{0, 1}, 0}} {
		for _, data := range list(special(1, s.data...), counted[int64](100, 3, s.data...), as(tensor.Float16, special(1, s.data...)), as(tensor.Uint8, counted[int64](100, 0, s.data...))) {
			k := s.index[len(s.index)-1]
			least := slices.Min(s.data[s.batch : s.batch+k])
			idx := counted[int64](2*least, least, s.index...) // from -least to least-1
			fastRow{op: "GatherND", version: 13, attrs: attrs{"batch_dims": s.batch}, in: list(data, idx), plain: idx.Len() == 0}.check(t)
		}
	}
	n := testNode("GatherND", 13, 2, 1, nil)
	if err := BindNode(n, Find("", "GatherND", 13)); err != nil {
		t.Fatal(err)
	}
	c := &Call{In: list(random(1, 3, 4), tensor.Of([]int64{2, 3, -3, -5}, 2, 2)), Out: make([]*tensor.Tensor, 1), Node: n, Run: testRun()}
	if _, err := n.Operator.(Fast).EvalFast(c); err == nil || err.Error() != "index -5 is outside [-4, 3] of dimension 1" {
		t.Errorf("an index out of range: %v", err)
	}
}

func TestFastScatter(t *testing.T) {
	for _, s := range []struct {
		data, index []int
		axis        int
	}{{[]int{9}, []int{4}, 0}, {[]int{9, 7}, []int{4, 7}, 0}, {[]int{9, 7}, []int{9, 20}, -1}, {[]int{3, 9, 700}, []int{3, 5, 700}, 1}, {[]int{3, 0}, []int{0, 0}, 0}} {
		for _, make := range []func(shape ...int) *tensor.Tensor{
			func(shape ...int) *tensor.Tensor { return special(1, shape...) },
			func(shape ...int) *tensor.Tensor { return counted[int64](100, 3, shape...) },
			func(shape ...int) *tensor.Tensor { return counted[int32](100, 3, shape...) },
			func(shape ...int) *tensor.Tensor { return as(tensor.Uint32, counted[int32](100, 3, shape...)) },
			func(shape ...int) *tensor.Tensor { return as(tensor.Float64, special(1, shape...)) },
		} {
			dim := s.data[(s.axis+len(s.data))%len(s.data)]
			idx := counted[int64](2*max(dim, 1), max(dim, 1), s.index...) // from -dim to dim-1
			for _, reduce := range []string{"none", "add", "mul", "max", "min"} {
				fastRow{op: "ScatterElements", version: 18, attrs: attrs{"axis": s.axis, "reduction": reduce}, in: list(make(s.data...), idx, make(s.index...))}.check(t)
			}
			fastRow{op: "GatherElements", version: 13, attrs: attrs{"axis": s.axis}, in: list(make(s.data...), idx)}.check(t)
		}
	}
	for _, s := range []struct{ data, index []int }{{[]int{9}, []int{20, 1}}, {[]int{9, 70}, []int{30, 1}}, {[]int{9, 7}, []int{4, 5, 2}}, {[]int{3, 4}, []int{0, 1}}} {
		x := special(1, s.data...)
		k := s.index[len(s.index)-1]
		least := slices.Min(s.data[:k])
		idx := counted[int64](2*least, least, s.index...)
		updates := random(2, append(slices.Clone(s.index[:len(s.index)-1]), s.data[k:]...)...)
		for _, d := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int32, tensor.Int64, tensor.Uint64} {
			for _, reduce := range []string{"none", "add", "mul", "max", "min"} {
				if tensor.IntTypes.Is(d) {
					x = counted[int32](100, 50, s.data...)
				}
				fastRow{op: "ScatterND", version: 18, attrs: attrs{"reduction": reduce}, in: list(as(d, x), idx, as(d, updates))}.check(t)
			}
		}
	}
	for op, in := range map[string][]*tensor.Tensor{"ScatterElements": list(random(1, 3), nil, random(2, 2)), "GatherElements": list(random(1, 3), nil)} {
		for _, far := range []int64{3, -4, 1 << 32} { // the last is 0 in an int of 32 bits
			in[1] = ints64(0, far)
			n := testNode(op, 16, len(in), 1, attrs{"axis": 0})
			if err := BindNode(n, Find("", op, 16)); err != nil {
				t.Fatal(err)
			}
			c := &Call{In: in, Out: make([]*tensor.Tensor, 1), Node: n, Run: fastRun(kernel.Best(), false)}
			if _, err := n.Operator.(Fast).EvalFast(c); err == nil || err.Error() != fmt.Sprintf("index %d is outside [-3, 2]", far) {
				t.Errorf("%s of index %d: %v", op, far, err)
			}
		}
	}
}

func TestFastPads(t *testing.T) {
	for _, s := range []struct {
		shape []int
		pads  []int64
	}{
		{[]int{7}, []int64{3, 5}}, {[]int{4, 9}, []int64{0, 2, 3, 1}}, {[]int{2, 3, 20, 33}, []int64{0, 0, 3, 2, 0, 0, 1, 7}}, {[]int{2, 3, 20, 33}, []int64{0, 0, -3, 2, 0, 0, 1, -7}},
		{[]int{2, 5, 6, 7}, []int64{0, 2, 0, 0, 0, 1, 0, 0}}, {[]int{2, 5, 20, 31}, []int64{1, 2, 0, 0, 0, 1, 0, 0}}, {[]int{3, 17, 5}, []int64{1, 4, 0, 0, 9, 0}}, {[]int{1, 40, 50, 60}, []int64{0, 0, 1, 1, 0, 0, 1, 1}},
		{[]int{3, 4}, []int64{0, 0, 0, 0}}, {[]int{3, 4}, []int64{-3, 1, 0, 1}}, {[]int{2, 1, 1}, []int64{0, 3, 0, 1, 0, 2}},
	} {
		for _, mode := range []string{"constant", "reflect", "edge", "wrap"} {
			for _, x := range list(special(1, s.shape...), counted[int64](1000, 3, s.shape...), as(tensor.Uint8, counted[int64](256, 0, s.shape...)), as(tensor.Float16, random(2, s.shape...))) {
				in := list(x, tensor.Of(s.pads))
				if mode == "constant" && x.DType() == tensor.Float32 {
					in = append(in, tensor.Scalar(float32(-2)))
				}
				if mode != "constant" && slices.Contains(s.pads, -3) && s.shape[0] == 3 {
					continue // nothing is left to repeat
				}
				fastRow{op: "Pad", version: 19, attrs: attrs{"mode": mode}, in: in}.check(t)
			}
		}
	}
}

func TestFastConvTranspose(t *testing.T) {
	for _, s := range []struct {
		x, w  []int
		attrs attrs
	}{
		{[]int{1, 4, 5}, []int{4, 3, 3}, attrs{"strides": []int{2}}},
		{[]int{2, 32, 7, 9}, []int{32, 20, 2, 2}, attrs{"strides": []int{2, 2}}},
		{[]int{3, 24, 14, 14}, []int{24, 40, 4, 4}, attrs{"strides": []int{2, 2}, "pads": []int{1, 1, 1, 1}}},
		{[]int{1, 6, 5, 5}, []int{6, 2, 3, 3}, attrs{"group": 2, "strides": []int{3, 2}, "output_padding": []int{1, 1}, "dilations": []int{2, 1}}},
		{[]int{2, 3, 4, 5}, []int{3, 2, 3, 3}, attrs{"auto_pad": "SAME_UPPER", "strides": []int{2, 2}}},
		{[]int{1, 3, 3, 4, 5}, []int{3, 4, 2, 3, 2}, attrs{"strides": []int{2, 1, 2}, "pads": []int{0, 1, 0, 0, 1, 0}}},
		{[]int{1, 5, 1, 1}, []int{5, 3, 4, 4}, nil},
		{[]int{3, 130, 7, 9}, []int{130, 20, 3, 3}, attrs{"strides": []int{2, 2}}}, // fewer pixels than channels
		{[]int{2, 81, 4, 5}, []int{81, 7, 3, 3}, attrs{"group": 3, "strides": []int{2, 2}, "pads": []int{1, 0, 1, 2}}},
		{[]int{1, 9, 2, 2, 2}, []int{9, 4, 2, 3, 2}, attrs{"strides": []int{2, 1, 2}}},
		{[]int{1, 2, 1, 9}, []int{2, 3, 1, 2}, attrs{"pads": []int{0, 3, 0, 3}}},
	} {
		group := 1
		if g, ok := s.attrs["group"]; ok {
			group = g.(int)
		}
		in := list(random(1, s.x...), random(2, s.w...), random(3, s.w[1]*group))
		fastRow{op: "ConvTranspose", version: 11, attrs: s.attrs, in: in, relative: 1e-5, absolute: 3e-4}.check(t)
		fastRow{op: "ConvTranspose", version: 11, attrs: s.attrs, in: in[:2], relative: 1e-5, absolute: 3e-4}.check(t)
	}
}

// TestNoMemoryForColumns: where the columns of a transposed convolution take more memory than there is,
// the reference computes it.
func TestNoMemoryForColumns(t *testing.T) {
	n := testNode("ConvTranspose", 11, 2, 1, attrs{"strides": []int{3, 2}, "output_shape": []int{10, 8}})
	if err := BindNode(n, Find("", "ConvTranspose", 11)); err != nil {
		t.Fatal(err)
	}
	c := &Call{In: list(random(1, 1, 1, 50, 50), random(2, 1, 2, 50, 50)), Out: make([]*tensor.Tensor, 1), Node: n, Run: fastRun(kernel.Best(), false)}
	c.Run.limit = 1 << 20
	if done, err := n.Operator.(Fast).EvalFast(c); done || err != nil {
		t.Errorf("done %v, %v", done, err)
	}
	if err := n.Operator.(Op).Eval(c); err != nil {
		t.Error(err)
	}
}

func TestFastResize(t *testing.T) {
	for _, mode := range []string{"nearest", "linear", "cubic"} {
		for _, transform := range []string{"half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"} {
			for _, sizes := range [][]int64{{2, 3, 40, 67}, {2, 3, 9, 7}, {2, 3, 20, 66}, {2, 3, 45, 33}, {2, 3, 1, 1}, {2, 5, 21, 34}} {
				a := attrs{"mode": mode, "coordinate_transformation_mode": transform}
				in := list(random(1, 2, 3, 20, 33), nil, nil, ints64(sizes...))
				fastRow{op: "Resize", version: 13, attrs: a, in: in, relative: 1e-6, absolute: 3e-6, plain: sizes[1] != 3}.check(t)
				for _, extra := range []attrs{{"antialias": 1}, {"exclude_outside": 1}} {
					for k, v := range a {
						extra[k] = v
					}
					if mode != "nearest" {
						fastRow{op: "Resize", version: 18, attrs: extra, in: in, relative: 1e-6, absolute: 3e-6}.check(t)
					}
				}
			}
		}
	}
	for _, x := range list(counted[int32](1000, 0, 2, 5, 7), counted[int64](1000, 0, 2, 5, 7), as(tensor.Uint8, counted[int32](256, 0, 2, 5, 7)), as(tensor.Float16, random(1, 2, 5, 7))) {
		fastRow{op: "Resize", version: 13, attrs: attrs{"mode": "nearest"}, in: list(x, nil, nil, ints64(2, 9, 20))}.check(t)
	}
	for _, transform := range []string{"half_pixel", "align_corners", "asymmetric"} {
		a := attrs{"mode": "linear", "coordinate_transformation_mode": transform}
		for _, d := range []tensor.DType{tensor.Uint8, tensor.Int8} {
			for _, sizes := range [][]int64{{2, 3, 40, 66}, {2, 3, 9, 7}, {2, 3, 45, 33}, {2, 4, 19, 35}} {
				in := list(as(d, counted[int32](251, map[tensor.DType]int{tensor.Int8: 125}[d], 2, 3, 20, 33)), nil, nil, ints64(sizes...))
				fastRow{op: "Resize", version: 13, attrs: a, in: in}.check(t)
				for _, mode := range []string{"linear", "cubic"} {
					fastRow{op: "Resize", version: 18, attrs: attrs{"mode": mode, "coordinate_transformation_mode": transform, "antialias": 1}, in: in}.check(t)
				}
			}
		}
	}
	for _, mode := range []string{"nearest", "linear", "cubic"} { // channels last
		for _, sizes := range [][]int64{{2, 13, 17, 3}, {2, 10, 40, 3}, {2, 5, 11, 3}, {2, 5, 30, 3}} {
			in := list(random(1, 2, 10, 11, 3), nil, nil, ints64(sizes...))
			fastRow{op: "Resize", version: 13, attrs: attrs{"mode": mode}, in: in, relative: 1e-6, absolute: 3e-6, plain: sizes[2] == 11}.check(t)
		}
	}
	roi := tensor.Of([]float32{0, 0, -0.1, 0.2, 1, 1, 1.2, 0.7})
	crop := attrs{"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": float32(5)}
	fastRow{op: "Resize", version: 13, attrs: crop, in: list(random(1, 1, 2, 9, 9), roi, nil, ints64(1, 2, 12, 6)), relative: 1e-6, absolute: 3e-6}.check(t)
}

func TestFastGridSample(t *testing.T) {
	grid := random(2, 2, 9, 70, 2)
	for i, v := range []float32{-1, 1, -1.02, 1.5, float32(math.NaN()), float32(math.Inf(1)), 1e30, 0} {
		tensor.Data[float32](grid)[3*i] = v
	}
	inside := random(3, 2, 9, 70, 2)
	for i := range tensor.Data[float32](inside) {
		tensor.Data[float32](inside)[i] *= 0.1
	}
	infinite := random(1, 2, 3, 20, 33) // in the corner, which stands for what is outside
	tensor.Data[float32](infinite)[0] = float32(math.Inf(1))
	volumes := random(4, 2, 5, 9, 7, 3)
	copy(tensor.Data[float32](volumes), tensor.Data[float32](grid)[:40])
	for _, mode := range []string{"linear", "nearest", "cubic"} {
		for _, padding := range []string{"zeros", "border", "reflection"} {
			for corners := range 2 {
				a := attrs{"mode": mode, "padding_mode": padding, "align_corners": corners}
				for _, g := range list(grid, inside) {
					fastRow{op: "GridSample", version: 20, attrs: a, in: list(random(1, 2, 3, 20, 33), g), relative: 2e-6, absolute: 2e-6}.check(t)
				}
				fastRow{op: "GridSample", version: 20, attrs: a, in: list(infinite, grid), relative: 2e-6, absolute: 2e-6}.check(t)
				fastRow{op: "GridSample", version: 20, attrs: a, in: list(random(1, 2, 3, 6, 10, 11), volumes), relative: 4e-6, absolute: 4e-6}.check(t)
			}
		}
	}
}

func TestFastCumSum(t *testing.T) {
	for _, shape := range [][]int{{7}, {3, 50}, {4, 9, 33}, {5, 2*stripWidth + 3}} {
		for axis := range shape {
			for flags := range 4 {
				a := attrs{"exclusive": flags & 1, "reverse": flags >> 1}
				for _, x := range list(random(1, shape...), as(tensor.Float64, random(1, shape...)), counted[int64](100, 50, shape...), counted[int32](100, 50, shape...)) {
					fastRow{op: "CumSum", version: 14, attrs: a, in: list(x, tensor.Scalar(int64(axis)))}.check(t)
				}
			}
		}
	}
}

// Weights that another node makes meet columns; channels of their own are left to Eval.
func TestFastConv(t *testing.T) {
	for _, s := range []struct {
		x, w  []int
		attrs attrs
	}{
		{[]int{1, 4, 9}, []int{3, 4, 3}, attrs{"strides": []int{2}, "pads": []int{1, 2}}},
		{[]int{2, 32, 7, 9}, []int{20, 32, 1, 1}, nil},
		{[]int{2, 32, 7, 9}, []int{20, 32, 1, 1}, attrs{"strides": []int{2, 2}}},
		{[]int{3, 24, 14, 14}, []int{40, 24, 3, 3}, attrs{"pads": []int{1, 1, 1, 1}}},
		{[]int{1, 6, 11, 12}, []int{4, 3, 3, 3}, attrs{"group": 2, "strides": []int{3, 2}, "dilations": []int{2, 1}, "pads": []int{3, 0, 1, 5}}},
		{[]int{2, 3, 4, 5}, []int{2, 3, 3, 3}, attrs{"auto_pad": "SAME_UPPER", "strides": []int{2, 2}}},
		{[]int{1, 3, 4, 5, 6}, []int{4, 3, 2, 3, 2}, attrs{"strides": []int{2, 1, 2}, "pads": []int{0, 1, 0, 0, 1, 0}}},
		{[]int{1, 2, 1, 3}, []int{3, 2, 1, 2}, attrs{"pads": []int{0, 5, 0, 5}}},
		{[]int{1, 3, 2, 4}, []int{4, 3, 1, 1}, attrs{"strides": []int{2, 1}, "pads": []int{1, 0, 0, 0}}}, // as many windows as pixels, of other pixels
		{[]int{1, 6, 5, 5}, []int{6, 1, 3, 3}, attrs{"group": 6}},
		{[]int{1, 128, 29, 31}, []int{5, 128, 3, 3}, attrs{"pads": []int{1, 2, 0, 1}}}, // several parts, which overlap
		{[]int{2, 24, 22, 25}, []int{40, 24, 3, 3}, attrs{"pads": []int{1, 1, 1, 1}}},  // packed
		{[]int{1, 40, 21, 24}, []int{33, 40, 3, 3}, attrs{"pads": []int{1, 1, 1, 1}}},
		{[]int{2, 33, 24, 29}, []int{40, 33, 3, 3}, attrs{"pads": []int{2, 3, 2, 3}, "dilations": []int{2, 3}}},    // Winograd's form
		{[]int{1, 33, 24, 29}, []int{40, 33, 3, 3}, attrs{"pads": []int{9, 12, 9, 12}, "dilations": []int{9, 12}}}, // too far apart for it
		{[]int{1, 64, 37, 35}, []int{48, 32, 5, 3}, attrs{"group": 2, "strides": []int{2, 1}, "pads": []int{2, 0, 1, 3}, "dilations": []int{1, 2}}},
		{[]int{2, 40, 19, 23}, []int{40, 1, 3, 5}, attrs{"group": 40, "pads": []int{1, 2, 1, 2}}},
		{[]int{1, 20, 30, 33}, []int{20, 1, 8, 8}, attrs{"group": 20}},
		{[]int{1, 48, 30, 33}, []int{1, 48, 8, 8}, nil},
		{[]int{1, 128, 61, 45}, []int{6, 64, 3, 3}, attrs{"group": 2, "strides": []int{2, 2}, "pads": []int{1, 1, 1, 1}}},
	} {
		in := list(random(1, s.x...), random(2, s.w...), random(3, s.w[0])) // Winograd's form is less exact
		fastRow{op: "Conv", version: 11, attrs: s.attrs, in: in, relative: 1e-5, absolute: 1e-3, plain: s.w[1] == 1 && s.w[0] < 16}.check(t)
		fastRow{op: "Conv", version: 11, attrs: s.attrs, in: in[:2], relative: 1e-5, absolute: 1e-3, plain: s.w[1] == 1 && s.w[0] < 16}.check(t)
	}
}

func TestFastAttention(t *testing.T) {
	mask := func(hide int, shape ...int) *tensor.Tensor { // the queries of a multiple of hide see nothing
		m := tensor.New(tensor.Bool, shape...)
		for i := range tensor.Data[bool](m) {
			tensor.Data[bool](m)[i] = i/shape[len(shape)-1]%hide != 0 && i%3 != 0
		}
		return m
	}
	hidden := random(9, 2, 1, 5, 7)
	for i := range 14 {
		tensor.Data[float32](hidden)[i] = float32(math.Inf(-1))
	}
	for _, s := range []struct {
		q, k, v []int
		mask    *tensor.Tensor
		attrs   attrs
	}{
		{[]int{2, 3, 5, 8}, []int{2, 3, 7, 8}, []int{2, 3, 7, 4}, nil, nil},
		{[]int{2, 3, 5, 8}, []int{2, 3, 7, 8}, []int{2, 3, 7, 4}, nil, attrs{"is_causal": 1, "scale": float32(0.3)}},
		{[]int{2, 4, 5, 8}, []int{2, 2, 7, 8}, []int{2, 2, 7, 4}, random(1, 5, 7), attrs{"softcap": float32(2)}},
		{[]int{2, 5, 24}, []int{2, 7, 24}, []int{2, 7, 12}, mask(4, 2, 3, 5, 7), attrs{"q_num_heads": 3, "kv_num_heads": 3}},
		{[]int{2, 5, 32}, []int{2, 7, 8}, []int{2, 7, 6}, mask(2, 1, 1, 5, 7), attrs{"q_num_heads": 4, "kv_num_heads": 1, "is_causal": 1}},
		{[]int{2, 3, 5, 8}, []int{2, 3, 7, 8}, []int{2, 3, 7, 4}, hidden, nil},
		{[]int{2, 3, 5, 8}, []int{2, 3, 7, 8}, []int{2, 3, 7, 4}, random(1, 2, 3, 5, 4), nil},
		{[]int{1, 1, 1, 64}, []int{1, 1, 300, 64}, []int{1, 1, 300, 64}, random(1, 1, 1), nil},
	} {
		in := list(random(1, s.q...), random(2, s.k...), random(3, s.v...), s.mask)
		if s.mask == nil {
			in = in[:3]
		}
		for _, version := range []int{23, 24} {
			fastRow{op: "Attention", version: version, attrs: s.attrs, in: in, relative: 1e-4, absolute: 1e-5}.check(t)
		}
	}
}

func TestFastDeformConv(t *testing.T) {
	for _, s := range []struct {
		x, w  []int
		out   [2]int
		attrs attrs
	}{
		{[]int{2, 4, 9, 11}, []int{6, 4, 3, 3}, [2]int{9, 11}, attrs{"pads": []int{1, 1, 1, 1}}},
		{[]int{1, 8, 30, 31}, []int{6, 4, 3, 2}, [2]int{14, 15}, attrs{"group": 2, "offset_group": 4, "strides": []int{2, 2}}},
		{[]int{1, 4, 9, 9}, []int{2, 4, 2, 2}, [2]int{7, 7}, attrs{"dilations": []int{2, 2}}},
		{[]int{1, 2, 5, 5}, []int{2, 1, 1, 1}, [2]int{5, 5}, attrs{"group": 2}},
		{[]int{1, 64, 35, 41}, []int{3, 64, 3, 3}, [2]int{33, 39}, nil}, // several parts
	} {
		groups := 1
		if g, ok := s.attrs["offset_group"]; ok {
			groups = g.(int)
		}
		taps := groups * s.w[2] * s.w[3]
		offset := random(3, s.x[0], 2*taps, s.out[0], s.out[1])
		for i, v := range []float32{-1, 1e9, float32(math.NaN()), float32(math.Inf(-1)), 0, 3} {
			tensor.Data[float32](offset)[7*i] = v
		}
		in := list(random(1, s.x...), random(2, s.w...), offset, random(4, s.w[0]), random(5, s.x[0], taps, s.out[0], s.out[1]))
		for n := 3; n <= 5; n++ {
			fastRow{op: "DeformConv", version: 19, attrs: s.attrs, in: in[:n], relative: 1e-5, absolute: 1e-4, plain: s.w[1] == 1}.check(t)
		}
		fastRow{op: "DeformConv", version: 19, attrs: s.attrs, in: append(list(special(1, s.x...)), in[1:]...), plain: true}.check(t)
	}
}

func TestFastRotary(t *testing.T) {
	for i, in := range [][]*tensor.Tensor{
		list(random(1, 2, 3, 5, 8), random(2, 2, 5, 4), random(3, 2, 5, 4)), list(random(1, 2, 5, 24), random(2, 2, 5, 4), random(3, 2, 5, 4)), list(random(1, 2, 3, 5, 10), random(2, 2, 5, 4), random(3, 2, 5, 4)),
		list(random(1, 2, 3, 5, 8), random(2, 7, 4), random(3, 7, 4), tensor.Of([]int64{0, 6, 1, 1, 3, 2, 2, 5, 4, 0}, 2, 5)), list(random(1, 1, 12, 400, 64), random(2, 1, 400, 32), random(3, 1, 400, 32)),
	} {
		for interleaved := range 2 {
			a := attrs{"interleaved": interleaved}
			switch i {
			case 1:
				a["num_heads"] = 3
			case 2:
				a["rotary_embedding_dim"] = 8
			}
			fastRow{op: "RotaryEmbedding", version: 23, attrs: a, in: in, relative: 1e-6, absolute: 1e-6}.check(t)
			if len(in) == 4 {
				for _, positions := range list(in[3], ints64(2)) {
					fastRow{op: "RotaryEmbedding", version: 1, domain: Microsoft, attrs: a, in: list(in[0], positions, in[1], in[2]), relative: 1e-6, absolute: 1e-6}.check(t)
				}
			}
		}
	}
}

func TestFastQuantize(t *testing.T) {
	for _, to := range []tensor.DType{tensor.Uint8, tensor.Int8, tensor.Uint16, tensor.Int16} {
		zeros := as(to, counted[int64](5, 0, 7))
		for i, x := range list(special(1, 2, 7, 5, 9), random(2, 7, 5000), special(3, 3, 7, 40)) {
			for j := range tensor.Data[float32](x) { // halves
				if j%3 == 0 {
					tensor.Data[float32](x)[j] = float32(j%70-35) / 4
				}
			}
			scales := tensor.Of([]float32{0.5, 0.01, 3, 1e-4, 1e-30, 0.25, 7})
			fastRow{op: "QuantizeLinear", version: 21, attrs: attrs{"axis": []int{1, 0, -2}[i]}, in: list(x, scales, zeros)}.check(t)
			fastRow{op: "QuantizeLinear", version: 21, in: list(x, tensor.Scalar(float32(0.5)), as(to, counted[int64](7, 0, 1)))}.check(t)
		}
	}
	eachGranularity(func(a attrs, x, scale []int) {
		for _, to := range []tensor.DType{tensor.Uint8, tensor.Int8, tensor.Uint16, tensor.Int16} {
			scales, zeros := random(3, scale...), as(to, counted[int64](5, 0, scale...))
			fastRow{op: "QuantizeLinear", version: 21, attrs: a, in: list(special(5, x...), scales, zeros)}.check(t)
			for _, d := range []tensor.DType{tensor.Float16, tensor.BFloat16} {
				fastRow{op: "QuantizeLinear", version: 21, attrs: a, in: list(as(d, special(5, x...)), as(d, scales), zeros)}.check(t)
			}
		}
	})
	fastRow{op: "QuantizeLinear", version: 13, in: list(special(1, 70), tensor.Scalar(float32(0.1)))}.check(t)
	for _, x := range list(random(1, 3, 5), random(2, 5, 4001), special(3, 7000), tensor.New(tensor.Float32, 0), tensor.Scalar(float32(-3)), tensor.New(tensor.Float32, 9)) {
		fastRow{op: "DynamicQuantizeLinear", version: 11, in: list(x), outputs: 3}.check(t)
	}
}

func TestFastDequantize(t *testing.T) {
	codes := []tensor.DType{tensor.Uint8, tensor.Int8, tensor.Uint16, tensor.Int16, tensor.Int32, tensor.Uint4, tensor.Int4, tensor.Uint2, tensor.Int2}
	eachGranularity(func(a attrs, x, scale []int) {
		for _, from := range codes {
			in := list(numbersOf(from, 1, x...), special(3, scale...), as(from, counted[int64](3, 0, scale...)))
			if from == tensor.Int32 {
				in[2] = nil
			}
			fastRow{op: "DequantizeLinear", version: 25, attrs: a, in: in}.check(t)
			in[2] = nil
			fastRow{op: "DequantizeLinear", version: 25, attrs: a, in: in}.check(t)
			in[1] = as(tensor.Float16, in[1])
			fastRow{op: "DequantizeLinear", version: 25, attrs: a, in: in, plain: from.Size() > 1}.check(t)
		}
	})
}

// eachGranularity calls f with shapes and their scales: one for all, one for each index of an axis, and
// blocks.
func eachGranularity(f func(a attrs, x, scale []int)) {
	f(nil, []int{3, 7, 41}, nil)
	f(nil, []int{70, 71}, []int{1})
	f(attrs{"axis": 0}, []int{3, 1500}, []int{3})
	f(attrs{"axis": 0}, []int{70, 49}, []int{70})
	f(attrs{"axis": 1}, []int{2, 40, 5, 3}, []int{40})
	f(attrs{"axis": -1}, []int{2, 3, 700}, []int{700})
	f(attrs{"axis": -1}, []int{1100, 3}, []int{3})
	f(attrs{"axis": 1}, []int{3, 0, 2}, []int{0})
	f(attrs{"axis": 1}, []int{0, 3, 2}, []int{3})
	f(attrs{"axis": 1, "block_size": 32}, []int{50, 128}, []int{50, 4})
	f(attrs{"axis": 1, "block_size": 1}, []int{50, 90}, []int{50, 90})
	f(attrs{"axis": 1, "block_size": 300}, []int{3, 600}, []int{3, 2})
	f(attrs{"axis": 1, "block_size": 30}, []int{5, 128}, []int{5, 5})
	f(attrs{"axis": 0, "block_size": 4}, []int{10, 33}, []int{3, 33})
	f(attrs{"axis": 1, "block_size": 3}, []int{2, 7, 500}, []int{2, 3, 500})
}

func TestFastCol2Im(t *testing.T) {
	for i, r := range []struct {
		x            []int
		image, block []int64
		attrs        attrs
	}{
		{[]int{2, 3 * 9, 7 * 9}, []int64{7, 9}, []int64{3, 3}, attrs{"pads": []int{1, 1, 1, 1}}},
		{[]int{1, 2 * 12, 6}, []int64{6, 12}, []int64{3, 4}, attrs{"strides": []int{3, 4}}},
		{[]int{1, 5, 13}, []int64{30}, []int64{5}, attrs{"strides": []int{2}, "dilations": []int{1}}},
		{[]int{1, 8, 2 * 3 * 4}, []int64{4, 5, 6}, []int64{2, 2, 2}, attrs{"dilations": []int{2, 2, 2}}},
		{[]int{2, 3 * 4, 3 * 4}, []int64{5, 9}, []int64{2, 2}, attrs{"strides": []int{2, 3}, "pads": []int{1, 1, 0, 1}}},
	} {
		in := list(random(int64(i), r.x...), ints(r.image...), ints(r.block...))
		fastRow{op: "Col2Im", version: 18, attrs: r.attrs, in: in, relative: 1e-6, absolute: 1e-6}.check(t)
	}
}
