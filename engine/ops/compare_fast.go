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

// chooseRows selects by masks: branches on conditions are hard to predict.
func chooseRows[T uint8 | uint16 | uint32 | uint64](c *Call, w *walk, y, a, b []T) error {
	cond := tensor.Data[bool](c.In[0])
	stepK, stepP, stepQ := w.step(1), w.step(2), w.step(3)
	return c.rows(w, 1, func(n int, at []int) {
		k, p, q := at[1], at[2], at[3]
		out := y[at[0] : at[0]+n]
		switch {
		case stepK == 0 && stepP == 1 && cond[k]:
			copy(out, a[p:])
		case stepK == 0 && stepQ == 1 && !cond[k]:
			copy(out, b[q:])
		case stepK == 1 && stepP == 1 && stepQ == 1:
			yes, no, holds := a[p:p+n], b[q:q+n], cond[k:k+n]
			for i, v := range no {
				out[i] = v ^ (v^yes[i])&-oneIf[T](holds[i])
			}
		default:
			for i := range out {
				out[i] = b[q] ^ (b[q]^a[p])&-oneIf[T](cond[k])
				k, p, q = k+stepK, p+stepP, q+stepQ
			}
		}
	})
}

// oneIf is 1 where the condition holds, otherwise 0, without a branch.
func oneIf[T uint8 | uint16 | uint32 | uint64](holds bool) (one T) {
	if holds {
		one = 1
	}
	return one
}
