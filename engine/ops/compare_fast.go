package ops

import (
	"github.com/visionzoo/vision/engine/kernel/num"
	"github.com/visionzoo/vision/engine/tensor"
)

// EvalFast compares operands in their own types.
func (op compareOp) EvalFast(c *Call) (bool, error) {
	a, b := c.In[0], c.In[1]
	switch c.Node.Op {
	case "Equal":
		return c.compare(num.Equal, a, b)
	case "Greater":
		return c.compare(num.Greater, a, b)
	case "GreaterOrEqual":
		return c.compare(num.GreaterOrEqual, a, b)
	case "Less":
		return c.compare(num.Greater, b, a)
	case "LessOrEqual":
		return c.compare(num.GreaterOrEqual, b, a)
	}
	return false, nil
}

// EvalFast shifts integers in their own type.
func (op bitShift) EvalFast(c *Call) (bool, error) { return c.join(op.to, c.In[0], c.In[1]) }

// EvalFast selects elements of up to 8 bytes, row by row on several threads.
func (where) EvalFast(c *Call) (bool, error) {
	cond, a, b := c.In[0], c.In[1], c.In[2]
	size := a.DType().Size()
	if size < 1 || size > 8 || a.DType() != b.DType() {
		return false, nil
	}
	var shape []int
	for _, t := range c.In {
		var err error
		if shape, err = tensor.Broadcast(shape, t.Shape()); err != nil {
			return true, err
		}
	}
	y, err := c.output(a.DType(), shape...)
	if err != nil {
		return true, err
	}
	w := broadcastWalk(shape, cond.Shape(), a.Shape(), b.Shape())
	switch size {
	case 1:
		return true, chooseRows(c, w, y.Bytes(), a.Bytes(), b.Bytes())
	case 2:
		return true, chooseRows(c, w, words[uint16](y), words[uint16](a), words[uint16](b))
	case 4:
		return true, chooseRows(c, w, words[uint32](y), words[uint32](a), words[uint32](b))
	}
	return true, chooseRows(c, w, words[uint64](y), words[uint64](a), words[uint64](b))
}

func chooseRows[T uint8 | uint16 | uint32 | uint64](c *Call, w *walk, y, a, b []T) error {
	cond, unit := tensor.Data[bool](c.In[0]), &num.Plain
	if c.Run.Kernel != nil {
		unit = c.Run.Kernel.Num
	}
	stepK, stepP, stepQ := w.step(1), w.step(2), w.step(3)
	return c.rows(w, 0.5, func(n int, at []int) {
		k, p, q := at[1], at[2], at[3]
		out, yes, no := y[at[0]:at[0]+n], a[p:][:max(1, n*stepP)], b[q:][:max(1, n*stepQ)]
		if stepK == 1 || n == 1 {
			num.Choose(unit, out, cond[k:k+n], yes, no)
			return
		}
		if !cond[k] {
			yes = no
		}
		if copy(out, yes) < n {
			for i := range out {
				out[i] = yes[0]
			}
		}
	})
}

// EvalFast tests the bits of floats.
func (op test) EvalFast(c *Call) (bool, error) {
	if c.Run.Kernel == nil || c.Node.Domain != "" || op.bits == nil {
		return false, nil
	}
	switch c.In[0].DType() {
	case tensor.Float16:
		return true, testBits[uint16](c, op.bits, 10)
	case tensor.BFloat16:
		return true, testBits[uint16](c, op.bits, 7)
	case tensor.Float32:
		return true, testBits[uint32](c, op.bits, 23)
	case tensor.Float64:
		return true, testBits[uint64](c, op.bits, 52)
	}
	return false, nil
}

// bitTest compares the bits of a float, without its sign unless signed is set, with those of
// infinity.
type bitTest struct {
	relation         num.Relation
	signed, negative bool
}

func testBits[T uint16 | uint32 | uint64](c *Call, test *bitTest, mantissa int) error {
	y, err := c.output(tensor.Bool, c.In[0].Shape()...)
	if err != nil {
		return err
	}
	all := ^T(0)
	rest, infinite := []T{all}, []T{all >> 1 >> mantissa << mantissa}
	if !test.signed {
		rest[0] = all >> 1
	} else if test.negative {
		infinite[0] |= all>>1 + 1
	}
	u, src, dst := c.Run.Kernel.Num, words[T](c.In[0]), tensor.Data[bool](y)
	return c.share(len(dst), 0.3, func(from, to int) {
		line := make([]T, min(rowLength, to-from))
		for from < to {
			n := min(len(line), to-from)
			num.Join(u, num.And, line[:n], src[from:from+n], rest)
			num.Compare(u, test.relation, dst[from:from+n], line[:n], infinite)
			from += n
		}
	})
}
