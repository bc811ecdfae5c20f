package ops

import (
	"slices"
	"unsafe"

	"github.com/visionzoo/vision/engine/tensor"
)

// bitJoin is an operator on bits: those of both operands, masked, XOR those of one,
// masked, XOR flip. A bool is a byte.
type bitJoin struct{ both, one, flip uint64 }

const (
	allBits  = ^uint64(0)
	lastBits = 0x0101010101010101
)

// bitJoins lists the operators. Not joins its operand with itself.
var bitJoins = map[string]bitJoin{
	"And": {both: allBits}, "Or": {both: allBits, one: allBits}, "Xor": {one: allBits}, "Equal": {one: allBits, flip: lastBits}, "Not": {both: allBits, flip: lastBits},
	"BitwiseAnd": {both: allBits}, "BitwiseOr": {both: allBits, one: allBits}, "BitwiseXor": {one: allBits},
}

// joinBits combines operands of one shape, and broadcasts those of one byte.
func (c *Call) joinBits(a, b *tensor.Tensor) (bool, error) {
	join, ok := bitJoins[c.Node.Op]
	same := slices.Equal(a.Shape(), b.Shape())
	if !ok || c.Node.Domain != "" || a.DType() != b.DType() || !same && a.DType().Size() != 1 {
		return false, nil
	}
	shape, err := tensor.Broadcast(a.Shape(), b.Shape())
	if err != nil {
		return true, err
	}
	y, err := c.output(a.DType(), shape...)
	if err != nil {
		return true, err
	}
	dst, x, z := y.Bytes(), a.Bytes(), b.Bytes()
	w := broadcastWalk(shape, a.Shape(), b.Shape())
	if same {
		w = newWalk([]int{len(dst)}, []int{1}, []int{1}, []int{1})
	}
	stepX, stepZ := w.step(1), w.step(2)
	return true, c.rows(w, 0.1, func(n int, at []int) {
		join.row(dst[at[0]:at[0]+n], x[at[1]:], z[at[2]:], stepX, stepZ)
	})
}

func (j bitJoin) row(dst, x, z []byte, stepX, stepZ int) {
	i := 0
	if stepX == 1 && stepZ == 1 {
		to, left, right := eights(dst), eights(x[:len(dst)]), eights(z[:len(dst)])
		left, right = left[:len(to)], right[:len(to)]
		switch {
		case j.one == 0:
			for k := range to {
				to[k] = left[k]&right[k] ^ j.flip
			}
		case j.both == 0:
			for k := range to {
				to[k] = left[k] ^ right[k] ^ j.flip
			}
		default:
			for k := range to {
				to[k] = left[k] | right[k]
			}
		}
		i = 8 * len(to)
	}
	for ; i < len(dst); i++ {
		a, b := x[i*stepX], z[i*stepZ]
		dst[i] = a&b&byte(j.both) ^ (a^b)&byte(j.one) ^ byte(j.flip)
	}
}

// eights views bytes as words of eight, without the rest.
func eights(b []byte) []uint64 {
	if len(b) < 8 {
		return nil
	}
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/8)
}
