package ops

import (
	"math"

	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/kernel/vec"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast computes Softmax and LogSoftmax of float32: line by line if lines are
// contiguous, else in strips of neighbouring lines.
func (op *lines) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	log := c.Node.Op == "LogSoftmax"
	if c.vec(x) == nil || c.Node.Domain != "" || !log && c.Node.Op != "Softmax" || x.Len() == 0 {
		return false, nil
	}
	axis, err := op.resolve(x.Rank())
	if err != nil {
		return true, err
	}
	length, step := tensor.MustCount(x.Shape()[axis:]), 1
	if !op.rest && axis < x.Rank() {
		length, step = x.Dim(axis), tensor.Strides(x.Shape())[axis]
	}
	y, err := c.output(tensor.Float32, x.Shape()...)
	if err != nil {
		return true, err
	}
	if step == 1 {
		return true, c.softmaxRows(y, x, length, log)
	}
	return true, c.softmaxStrips(y, x, length, step, log)
}

// softmaxRows processes contiguous lines of the given length.
func (c *Call) softmaxRows(y, x *tensor.Tensor, length int, log bool) error {
	v, src, dst := c.vec(), tensor.Data[float32](x), tensor.Data[float32](y)
	return c.share(len(dst)/length, 0.5*float64(length)+30, func(from, to int) {
		v.SoftmaxLines(dst[from*length:to*length], src[from*length:to*length], length, log)
	})
}

// stripWidth is the largest number of lines in a strip: neighbouring lines along an axis that is
// not the last one, whose elements at one index lie side by side. Kernels work on such rows of a
// strip.
const stripWidth = 512

// softmaxStrips processes lines whose elements are step apart, a strip at a time: the maxima of all
// its lines, then the exponentials and their sums, then the quotients.
func (c *Call) softmaxStrips(y, x *tensor.Tensor, length, step int, log bool) error {
	v, src, dst := c.vec(), tensor.Data[float32](x), tensor.Data[float32](y)
	strips := (step + stripWidth - 1) / stripWidth
	width := (step + strips - 1) / strips
	return c.share(len(dst)/length/step*strips, 0.7*float64(length*width)+50, func(from, to int) {
		var tops, sums, work [stripWidth]float32
		for i := from; i < to; i++ {
			first := i % strips * width
			n := min(width, step-first)
			if n <= 0 {
				continue
			}
			at := i/strips*step*length + first
			top, sum, e := tops[:n], sums[:n], work[:n]
			copy(top, src[at:])
			for j := 1; j < length; j++ {
				v.Zip(num.Max, top, top, src[at+j*step:][:n])
			}
			clear(sum)
			for j := range length {
				out := dst[at+j*step:][:n]
				if n == 1 { // a strip of width 1
					e[0] = src[at+j*step] - top[0]
				} else {
					v.Zip(num.Sub, e, src[at+j*step:][:n], top)
				}
				if log {
					copy(out, e)
				}
				v.Apply(vec.Exp, e, e, 0, 0)
				v.Zip(num.Add, sum, sum, e)
				if !log {
					copy(out, e)
				}
			}
			if log {
				for j, s := range sum {
					sum[j] = float32(math.Log(float64(s)))
				}
			}
			for j := range length {
				out := dst[at+j*step:][:n]
				if log {
					v.Zip(num.Sub, out, out, sum)
				} else {
					v.Zip(num.Div, out, out, sum)
				}
			}
		}
	})
}

// EvalFast normalises float32 lines if scale and shift have one element for each
// element of a line and the mean and deviation are not requested.
func (op *lineNorm) EvalFast(c *Call) (bool, error) {
	x, scale, shift := c.In[0], c.In[1], c.input(2)
	v := c.vec(x, scale)
	if v == nil || x.Len() == 0 || c.wants(1) || c.wants(2) || len(c.Out) > 1 {
		return false, nil
	}
	axis, err := tensor.Axis(op.axis, x.Rank())
	if err != nil {
		return true, err
	}
	inner := tensor.MustCount(x.Shape()[axis:])
	if scale.Len() != inner || scale.Rank() > x.Rank()-axis || shift != nil && (shift.DType() != tensor.Float32 || shift.Len() != inner || shift.Rank() > x.Rank()-axis) {
		return false, nil
	}
	gain, bias := tensor.Data[float32](scale), []float32(nil)
	if shift != nil {
		bias = tensor.Data[float32](shift)
	} else {
		if err := c.Run.reserveList(inner, 4); err != nil {
			return true, err
		}
		bias = make([]float32, inner)
	}
	y, err := c.output(tensor.Float32, x.Shape()...)
	if err != nil {
		return true, err
	}
	src, dst := tensor.Data[float32](x), tensor.Data[float32](y)
	return true, c.share(len(src)/inner, 0.35*float64(inner)+30, func(from, to int) {
		for i := from; i < to; i++ {
			line := src[i*inner : (i+1)*inner]
			mean, variance := 0.0, 0.0
			if op.centred {
				mean, variance = v.Moments(line)
			} else {
				variance = v.Squares(line, 0) / float64(inner)
			}
			v.Affix(dst[i*inner:(i+1)*inner], line, gain, bias, float32(mean), float32(1/math.Sqrt(variance+op.epsilon)))
		}
	})
}

// EvalFast normalises float32 groups, then scales and shifts channel by channel.
func (op *groupNorm) EvalFast(c *Call) (bool, error) {
	x := c.In[0]
	v := c.vec(c.In...)
	if v == nil || x.Len() == 0 || x.Rank() < 2 {
		return false, nil
	}
	if _, err := op.Infer(factsOf(c.In)); err != nil {
		return true, err
	}
	y, err := c.output(tensor.Float32, x.Shape()...)
	if err != nil {
		return true, err
	}
	src, dst, scale, shift := tensor.Data[float32](x), tensor.Data[float32](y), tensor.Data[float32](c.In[1]), tensor.Data[float32](c.In[2])
	channels, groups := x.Dim(1), op.groups
	if groups == 0 {
		groups = channels
	}
	size := len(src) / x.Dim(0) / channels
	each := channels / groups
	return true, c.share(x.Dim(0)*groups, 0.4*float64(size*each)+30, func(from, to int) {
		for i := from; i < to; i++ {
			mean, variance := v.Moments(src[i*each*size : (i+1)*each*size])
			inverse := 1 / math.Sqrt(variance+op.epsilon)
			for j := range each {
				k, at := i%groups*each+j, (i*each+j)*size
				if op.perGroup {
					k = i % groups
				}
				// Subtract first: x·a + b would cancel if the mean is large.
				out := dst[at : at+size]
				v.Apply(vec.Affine, out, src[at:at+size], 1, float32(-mean))
				v.Apply(vec.Affine, out, out, float32(inverse*float64(scale[k])), shift[k])
			}
		}
	})
}
