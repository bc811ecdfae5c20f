package ops

import (
	"math"
	"testing"

	"github.com/visionzoo/vision/engine/tensor"
)

func TestFastPools(t *testing.T) {
	for i, r := range []struct {
		shape []int
		attrs attrs
	}{
		{[]int{2, 3, 17}, attrs{"kernel_shape": []int{3}, "strides": []int{2}, "pads": []int{1, 0}}},
		{[]int{1, 5, 9, 37}, attrs{"kernel_shape": []int{3, 3}, "pads": []int{1, 1, 1, 1}}},
		{[]int{2, 5, 12, 33}, attrs{"kernel_shape": []int{2, 2}, "strides": []int{2, 2}, "ceil_mode": 1}},
		{[]int{1, 4, 11, 13}, attrs{"kernel_shape": []int{3, 2}, "strides": []int{3, 1}, "dilations": []int{2, 4}, "pads": []int{2, 0, 2, 3}}},
		{[]int{1, 2, 7, 9}, attrs{"kernel_shape": []int{3, 3}, "strides": []int{2, 2}, "auto_pad": "SAME_UPPER"}},
		{[]int{1, 2, 7, 9}, attrs{"kernel_shape": []int{7, 9}}},
		{[]int{1, 2, 3, 9}, attrs{"kernel_shape": []int{4, 12}, "strides": []int{3, 7}, "pads": []int{0, 2, 0, 0}, "ceil_mode": 1}},
		{[]int{1, 3, 5, 8, 21}, attrs{"kernel_shape": []int{3, 3, 3}, "strides": []int{2, 1, 2}, "pads": []int{1, 1, 1, 1, 1, 1}}},
		{[]int{1, 2, 3, 4, 40}, attrs{"kernel_shape": []int{1, 3, 3}, "strides": []int{1, 2, 1}, "pads": []int{0, 1, 1, 0, 1, 1}}},
		{[]int{2, 3, 4, 5, 6}, attrs{"kernel_shape": []int{2, 5, 6}}},                                                              // one row of each frame
		{[]int{1, 3, 9, 1, 11}, attrs{"kernel_shape": []int{3, 3, 2}, "strides": []int{2, 2, 1}, "pads": []int{0, 1, 1, 1, 1, 0}}}, // frames of one row
		{[]int{1, 130, 40, 70}, attrs{"kernel_shape": []int{5, 5}, "pads": []int{2, 2, 2, 2}}},
	} {
		fastRow{op: "MaxPool", version: 12, attrs: r.attrs, in: list(special(int64(i), r.shape...))}.check(t)
		for pad := range 2 {
			r.attrs["count_include_pad"] = pad
			fastRow{op: "AveragePool", version: 19, attrs: r.attrs, in: list(random(int64(i), r.shape...)), relative: 1e-6, absolute: 1e-6}.check(t)
		}
	}
}

func TestFastRecurrent(t *testing.T) {
	for i, r := range []struct {
		op                           string
		gates, steps, batch, in, out int
		attrs                        attrs
		first                        bool // the states and lengths at the start are given
	}{
		{"LSTM", 4, 9, 1, 17, 24, nil, false},
		{"LSTM", 4, 5, 3, 8, 33, attrs{"direction": "bidirectional"}, true},
		{"GRU", 3, 7, 1, 20, 19, attrs{"linear_before_reset": 1}, false},
		{"GRU", 3, 4, 2, 20, 19, attrs{"linear_before_reset": 1, "direction": "bidirectional"}, true},
		{"GRU", 3, 6, 2, 5, 40, attrs{"direction": "reverse"}, true},
		{"RNN", 1, 6, 2, 5, 40, attrs{"direction": "bidirectional"}, true},
		{"RNN", 1, 1, 1, 1, 1, nil, false},
		{"LSTM", 4, 6, 3, 5, 16, attrs{"layout": 1}, false},
		{"LSTM", 4, 7, 6, 20, 130, attrs{"direction": "bidirectional"}, true},
		{"GRU", 3, 7, 7, 33, 140, attrs{"direction": "reverse", "layout": 1}, true},
	} {
		a := attrs{"hidden_size": r.out}
		dirs := 1
		for name, v := range r.attrs {
			a[name] = v
			if v == "bidirectional" {
				dirs = 2
			}
		}
		x := random(int64(i), r.steps, r.batch, r.in)
		if a["layout"] == 1 {
			x = random(int64(i), r.batch, r.steps, r.in)
		}
		states := random(2, dirs, r.gates*r.out, r.out)
		for j, d := 0, tensor.Data[float32](states); j < len(d); j++ {
			d[j] /= float32(math.Sqrt(float64(r.out))) // a state that forgets: roundings are not magnified from step to step
		}
		in := list(x, random(1, dirs, r.gates*r.out, r.in), states)
		if i != 0 {
			in = append(in, random(3, dirs, 2*r.gates*r.out))
		}
		outputs := 2
		if r.op == "LSTM" {
			outputs = 3
		}
		if r.first {
			state := []int{dirs, r.batch, r.out}
			if a["layout"] == 1 {
				state = []int{r.batch, dirs, r.out}
			}
			in = append(in, counted[int32](r.steps+1, 0, r.batch), random(4, state...))
			if r.op == "LSTM" {
				in = append(in, random(5, state...))
			}
		}
		fastRow{op: r.op, version: 14, attrs: a, in: in, outputs: outputs, relative: 1e-4, absolute: 1e-4}.check(t)
	}
	other := attrs{"hidden_size": 3, "activations": []string{"Softsign"}}
	in := list(random(1, 2, 1, 3), random(2, 1, 3, 3), random(3, 1, 3, 3), (*tensor.Tensor)(nil))
	fastRow{op: "RNN", version: 14, attrs: other, in: in, outputs: 2, plain: true}.check(t)
}
