package ops

import "github.com/visionzoo/vision/engine/tensor"

// EvalFast compares float32, int64, int32, uint8 and bool in their own types.
func (op compareOp) EvalFast(c *Call) (bool, error) {
	a, b := c.In[0], c.In[1]
	if c.Node.Domain != "" || a.DType() != b.DType() {
		return false, nil
	}
	switch a.DType() {
	case tensor.Float32:
		return compareRows[float32](c, a, b)
	case tensor.Int64:
		return compareRows[int64](c, a, b)
	case tensor.Int32:
		return compareRows[int32](c, a, b)
	case tensor.Uint8:
		return compareRows[uint8](c, a, b)
	case tensor.Bool:
		return c.joinBits(a, b)
	}
	return false, nil
}

// compareRows compares operands of one type, each with its loop for the operator.
func compareRows[T float32 | int64 | int32 | uint8](c *Call, a, b *tensor.Tensor) (bool, error) {
	holds, ok := map[string]func(dst []bool, x, z []T, stepX, stepZ int){
		"Equal": equalRow[T], "Greater": greaterRow[T], "Less": lessRow[T], "GreaterOrEqual": greaterEqualRow[T], "LessOrEqual": lessEqualRow[T],
	}[c.Node.Op]
	if !ok {
		return false, nil
	}
	shape, err := tensor.Broadcast(a.Shape(), b.Shape())
	if err != nil {
		return true, err
	}
	y, err := c.output(tensor.Bool, shape...)
	if err != nil {
		return true, err
	}
	w := broadcastWalk(shape, a.Shape(), b.Shape())
	dst, x, z := tensor.Data[bool](y), tensor.Data[T](a), tensor.Data[T](b)
	stepX, stepZ := w.step(1), w.step(2)
	return true, c.rows(w, 0.7, func(n int, at []int) {
		holds(dst[at[0]:at[0]+n], x[at[1]:], z[at[2]:], stepX, stepZ)
	})
}

// These loops are written out because calling a function for each element costs more
// than the comparison. x and z are read stepX and stepZ apart.

func equalRow[T float32 | int64 | int32 | uint8](dst []bool, x, z []T, stepX, stepZ int) {
	i, j := 0, 0
	for k := range dst {
		dst[k] = x[i] == z[j]
		i, j = i+stepX, j+stepZ
	}
}

func greaterRow[T float32 | int64 | int32 | uint8](dst []bool, x, z []T, stepX, stepZ int) {
	i, j := 0, 0
	for k := range dst {
		dst[k] = x[i] > z[j]
		i, j = i+stepX, j+stepZ
	}
}

func greaterEqualRow[T float32 | int64 | int32 | uint8](dst []bool, x, z []T, stepX, stepZ int) {
	i, j := 0, 0
	for k := range dst {
		dst[k] = x[i] >= z[j]
		i, j = i+stepX, j+stepZ
	}
}

func lessRow[T float32 | int64 | int32 | uint8](dst []bool, x, z []T, stepX, stepZ int) {
	greaterRow(dst, z, x, stepZ, stepX)
}

func lessEqualRow[T float32 | int64 | int32 | uint8](dst []bool, x, z []T, stepX, stepZ int) {
	greaterEqualRow(dst, z, x, stepZ, stepX)
}

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
